"""Fills the month before: a process paints, `ingest_batch` stores, newest first, until all is there or the demo is gone."""

import asyncio
import json
import logging
import struct
import sys
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from devices.registry.models import Device
from media_pipeline.captures.models import Capture, Source
from media_pipeline.formats.images import inspect
from media_pipeline.intake.ingest import Receipt, Upload, ingest_batch
from media_pipeline.maintenance.counting import mark_changed
from media_pipeline.picture_files import store
from photohub.lib.database.db import in_thread
from photohub.lib.pages.timezones import hub_timezone

from .cast import CAMERAS
from .month import Moment, moments

log = logging.getLogger(__name__)

_BATCH = 8
_RETRY_S = 5.0
_TRIES = 10
_CODES = [camera.code for camera in CAMERAS]


class Painting:
    """Paints what is missing of the month before `run` was called."""

    async def run(self) -> None:
        """Return when all is there, or when it cannot go on; the log says why."""
        left = await in_thread(_missing)
        if not left:
            return
        painter = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulators.past",
            cwd=Path(settings.BASE_DIR),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            for start in range(0, len(left), _BATCH):
                batch = left[start : start + _BATCH]
                pictures = [await _painted(painter, moment) for moment in batch]
                if not await _stored(list(zip(batch, pictures, strict=True))):
                    return
        except (OSError, asyncio.IncompleteReadError) as error:
            log.warning("The demo's past is not painted to its end (%s); the next start goes on.", error)
        finally:
            with suppress(ProcessLookupError):
                painter.kill()
            await painter.wait()


def _missing() -> list[Moment]:
    known = {
        code: set(Capture.everything.filter(device__code=code).values_list("name", flat=True))
        for code in _CODES
    }
    return [
        moment
        for moment in moments(timezone.localtime(timezone=hub_timezone()))
        if moment.name not in known[moment.camera.code]
    ]


async def _painted(painter: asyncio.subprocess.Process, moment: Moment) -> bytes:
    if painter.stdin is None or painter.stdout is None:
        raise RuntimeError("A process with pipes has none.")
    painter.stdin.write(json.dumps(moment.wish()).encode() + b"\n")
    await painter.stdin.drain()
    (length,) = struct.unpack(">I", await painter.stdout.readexactly(4))
    return await painter.stdout.readexactly(length)


async def _stored(painted: list[tuple[Moment, bytes]]) -> bool:
    """Store a batch, patiently. False when there is nobody left to store it for, or no room."""
    for _try in range(_TRIES):
        outcomes = await in_thread(_store, painted)
        if outcomes is None:
            return False
        refused = next((o for o in outcomes if not isinstance(o, Receipt)), None)
        if refused is None:
            return True
        if refused.word == "disk_full":
            log.warning("The demo's past is not painted to its end: the disk is full.")
            return False
        await asyncio.sleep(_RETRY_S)
    return False


def _store(painted: list[tuple[Moment, bytes]]) -> list | None:
    devices = {d.code: d for d in Device.objects.filter(code__in=_CODES, simulated=True)}
    here = [(moment, picture) for moment, picture in painted if moment.camera.code in devices]
    if not here or store.free_bytes() < settings.DISK_FLOOR_BYTES:
        return None
    outcomes = ingest_batch(
        [_upload(devices[moment.camera.code], moment, picture) for moment, picture in here]
    )
    # Its hours were counted without it.
    mark_changed(Capture.objects.filter(pk__in=[o.id for o in outcomes if isinstance(o, Receipt)]))
    return outcomes


def _upload(device: Device, moment: Moment, picture: bytes) -> Upload:
    # What the board said of itself then is not said of it now.
    body = store.Spool()
    body.write(picture)
    return Upload(Source.HTTP, device, moment.name, body, inspect(picture), received_at=moment.at)
