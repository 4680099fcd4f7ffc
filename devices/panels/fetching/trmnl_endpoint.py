"""The three addresses that the TRMNL firmware asks: set-up, what to show, and its log."""

import logging
import time

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from devices.events import record as events
from devices.keys import identity
from devices.protocol.json_fields import read_json
from devices.registry.models import Device
from photohub.lib.database.db import in_thread
from photohub.lib.http.rates import Buckets
from photohub.lib.log.logs import mask
from photohub.lib.pages.sentences import said

from . import trmnl, unclaimed
from .requests import Refused, base_of, hear, panel_for
from .settings import read_hardware_address
from .unclaimed import UnclaimedPanel

logger = logging.getLogger(__name__)

LOG_AT_MOST_BYTES = 16 * 1024
_MESSAGE_AT_MOST = 200
# A panel that fails at every wake-up says so once in a while.
_told = Buckets(per_second=1 / 3600, burst=2)


@csrf_exempt
async def setup(request: HttpRequest) -> JsonResponse:
    """Give an expected panel its key; tell any other what its owner has to do."""
    return await in_thread(_setup, request)


@csrf_exempt
async def display(request: HttpRequest) -> JsonResponse:
    """Tell a panel what to show, and how long to sleep."""
    return await in_thread(_display, request)


@csrf_exempt
async def log(request: HttpRequest) -> JsonResponse:
    """Take what a panel says went wrong."""
    return await in_thread(_log, request)


def _setup(request: HttpRequest) -> JsonResponse:
    address = read_hardware_address(request.headers.get("ID", "")[:40])
    if address is None:
        return _body(trmnl.unknown_answer("ID"))
    claimed = trmnl.claim(address)
    if claimed is not None:
        unclaimed.forget(address)
        hear(claimed.device, request, _telemetry(request))
        return _body(trmnl.setup_answer(claimed, base_of(request)))
    words = {name: _clean(request.headers.get(name.title(), ""), 40) for name in ("model", "width", "height")}
    unclaimed.note(UnclaimedPanel(address, **words, asked_at=time.time()))
    return _body(trmnl.unknown_answer(address))


def _display(request: HttpRequest) -> JsonResponse:
    device = _device_of(request)
    if device is None:
        return _body(trmnl.refusal(_("Device not found. Reset the panel, so that it sets itself up again.")))
    try:
        panel = panel_for(device)
    except Refused as refused:
        return _body(trmnl.refusal(str(refused)))
    hear(device, request, _telemetry(request))
    return _body(trmnl.display(panel, base_of(request)))


def _log(request: HttpRequest) -> JsonResponse:
    device = _device_of(request)
    if device is None or not device.enabled:
        return _body({"status": 401, "error": _("Device not found.")}, 401)
    message = _read_message(request)
    if message:
        logger.info("The panel %s reports: %s", device.code, mask(message))
        if not _told.take(device.pk, time.monotonic()):
            events.record_change(device, None, said("The panel reports: %(message)s", message=mask(message)))
    return _body({"status": 200})


def _read_message(request: HttpRequest) -> str:
    """Return the newest message of a log, in the form of either generation of the firmware; empty: none is readable."""
    try:
        if int(request.headers.get("Content-Length") or 0) > LOG_AT_MOST_BYTES:
            return ""
        body = read_json(request.body, LOG_AT_MOST_BYTES)
        logs = body.get("logs") or body.get("log", {}).get("logs_array") or []
        last = logs[-1]
        text = last.get("message") or last.get("log_message") or ""
    except (ValueError, AttributeError, LookupError, TypeError):
        return ""
    return _clean(text, _MESSAGE_AT_MOST) if isinstance(text, str) else ""


def _device_of(request: HttpRequest) -> Device | None:
    key = request.headers.get("Access-Token", "")
    return identity.find_device(key) if key and key.isascii() and key.isprintable() else None


def _telemetry(request: HttpRequest) -> dict:
    said: dict[str, object] = {
        "rssi_dbm": request.headers.get("RSSI"),
        "firmware_version": request.headers.get("FW-Version"),
    }
    try:
        said["battery_mv"] = round(float(request.headers.get("Battery-Voltage", "")) * 1000)
    except (ValueError, OverflowError):
        pass
    return said


def _clean(text: str, at_most: int) -> str:
    return "".join(char for char in text if char.isprintable())[:at_most]


def _body(values: dict, status: int = 200) -> JsonResponse:
    answer = JsonResponse(values, status=status, json_dumps_params={"ensure_ascii": False})
    answer["Cache-Control"] = "no-store"
    return answer
