"""The one way in: a picture from any endpoint becomes a durable file and its rows, in one commit.

Order, because code 0 is a promise: file → rename → folder, all synced → rows committed with full sync → answer.
What an upload says of its device is handed on after the commit (`devices.registry.sightings`).
Uploads that arrive together share the syncs and the commit (`Committer`); a lone one waits for nobody.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.registry.models import Device
from devices.registry.sightings import sightings
from media_pipeline.captures.models import Capture, Freshness, Source, Step
from media_pipeline.formats.images import PictureFacts
from media_pipeline.links import publish
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused
from media_pipeline.search import index as text_index
from media_pipeline.show_rules.watch import watch
from photohub.lib import failpoints
from photohub.lib.database import rows
from photohub.lib.database.db import note_absence, one_writer, require_database, tidy
from photohub.lib.database.outage import failed_at_disk
from photohub.lib.ids import new_id
from photohub.lib.messaging import enqueue, load, measures, notify

from . import copies, freshness, lookups, moving
from .committer import Committer

log = logging.getLogger(__name__)

BATCH_AT_MOST = 64
# A camera that sends one picture after the other is known as such by then, and its pictures' previews wait until it
# pauses. Who looks at a picture before gets its preview made for him.
_PREVIEWS_AFTER_S = 1.0

TIMES = measures.Times(
    "photohub_ingest_duration_seconds",
    "Time from a whole picture to its durable file and row, of pictures that were new.",
    "source",
    Source.values,
)


@dataclass(frozen=True)
class Upload:
    """A whole picture as an endpoint hands it in. `command` is set when the issued name was the device's proof.

    `moves`: asked when it is stored, whether another process may have been handed the same picture (`moving`).
    """

    source: Source
    device: Device
    name: str
    body: store.Spool
    facts: PictureFacts
    received_at: datetime
    captured_at: datetime | None = None
    command: Command | None = None
    key_id: int | None = None
    sent_from: str = ""
    telemetry: dict = field(default_factory=dict)
    # By the clock that does not jump.
    came_s: float = field(default_factory=time.monotonic)
    moves: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Receipt:
    """The picture is durable. `new` is False when these bytes under this name were already here."""

    id: UUID
    code: str
    new: bool


def ingest(upload: Upload) -> Receipt:
    """Store one picture durably, once. Raises Refused; then nothing of it is kept."""
    (outcome,) = ingest_batch([upload])
    sightings.write()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def ingest_batch(uploads: list[Upload], *, again: bool = True) -> list[Receipt | Refused]:
    """Store pictures that came together with one folder sync and one commit. One outcome for each, in order."""
    try:
        # Most pictures are new, so nobody looks first: the database's constraint says when one is not.
        # A name that was issued is looked at, because it may have been spent on this very picture.
        return _ingest(uploads, _find_known([u for u in uploads if u.command is not None]))
    except IntegrityError as error:
        # A device was removed between our look and the commit. Alone, each picture finds out whether it was its own.
        if again:
            return [outcome for upload in uploads for outcome in ingest_batch([upload], again=False)]
        return [_away(error) for _ in uploads]
    except (DatabaseError, InterfaceError) as error:
        return [_away(error) for _ in uploads]
    except Refused as refusal:
        return _retry_alone(uploads, refusal)


def _away(error: Exception) -> Refused:
    log.warning("Pictures were not stored, their cameras were asked to come again: %s", error)
    return Refused("db", "The hub's database is away; send the picture again.", 5)


def _retry_alone(uploads: list[Upload], refusal: Refused) -> list[Receipt | Refused]:
    # A file that could not be written must not cost its neighbours their place.
    if len(uploads) == 1:
        return [refusal]
    return [outcome for upload in uploads for outcome in ingest_batch([upload])]


def _ingest(uploads: list[Upload], known: dict[tuple, Receipt]) -> list[Receipt | Refused]:
    require_database()
    node = _where_it_lies()
    outcomes: dict[int, Receipt | Refused] = {}
    fresh: dict[tuple, tuple[int, Capture]] = {}
    for index, upload in enumerate(uploads):
        key = _identity(upload)
        if key in known:
            outcomes[index] = known[key]
        elif key not in fresh:
            fresh[key] = (index, _capture_of(upload, node))
    bodies = {capture.path: uploads[index].body for index, capture in fresh.values()}
    store.place(bodies)
    try:
        with one_writer():
            settled = _commit(uploads, fresh)
    except BaseException as error:
        # The connection was an old one, and there was no other within 2 s: to wait once more would take twice as long
        # as the camera was promised an answer in.
        note_absence(error)
        _remove_unnamed([capture for _, capture in fresh.values()], error)
        raise
    failpoints.hit("ingest.committed")
    for key, (index, capture) in fresh.items():
        outcomes[index] = settled.get(key) or Receipt(capture.id, capture.code, True)
    store.remove([store.full_path(capture.path) for key, (_, capture) in fresh.items() if key in settled])
    told = [outcomes.get(i) or _again(outcomes[fresh[_identity(u)][0]]) for i, u in enumerate(uploads)]
    for upload, outcome in zip(uploads, told, strict=True):
        if isinstance(outcome, Receipt):
            sightings.note(upload.device, address=upload.sent_from, telemetry=upload.telemetry)
    _measure([uploads[index] for key, (index, _) in fresh.items() if key not in settled])
    return told


def _measure(stored: list[Upload]) -> None:
    now_s, taken_s = time.monotonic(), defaultdict[str, list[float]](list)
    for upload in stored:
        taken_s[upload.source].append(now_s - upload.came_s)
    for source, each_s in taken_s.items():
        TIMES.observe(source, each_s)


def _remove_unnamed(captures: list[Capture], error: BaseException) -> None:
    """Remove the files of a commit that failed, as far as the database says that no row names them.

    A connection that breaks at COMMIT leaves open whether the rows are there. Then the files stay, because the
    camera's next try would find the rows and be told that its picture is safe; the sweep takes what has no row. So does
    a disk that fails at COMMIT: SQLite takes the rows back, and may find them in its log again at the next start.
    """
    if failed_at_disk(error):
        return
    try:
        require_database()
        named = set(Capture.everything.filter(pk__in=[c.pk for c in captures]).values_list("pk", flat=True))
    except (DatabaseError, InterfaceError):
        return
    store.remove([store.full_path(c.path) for c in captures if c.pk not in named])


def _identity(upload: Upload) -> tuple[int, str, str]:
    return upload.device.pk, upload.body.sha256, upload.name


def _again(outcome: Receipt | Refused) -> Receipt | Refused:
    # The same picture twice in one batch: the second is told what the first was told, as a repetition.
    return Receipt(outcome.id, outcome.code, False) if isinstance(outcome, Receipt) else outcome


def _find_known(uploads: list[Upload]) -> dict[tuple, Receipt]:
    if not uploads:
        return {}
    rows = Capture.everything.filter(
        device__in={u.device.pk for u in uploads},
        sha256__in={u.body.sha256 for u in uploads},
        name__in={u.name for u in uploads},
    )
    found = rows.values_list("device_id", "sha256", "name", "id", "code")
    return {(device, sha256, name): Receipt(id_, code, False) for device, sha256, name, id_, code in found}


def _where_it_lies() -> int | None:
    """Return what rows say of this machine. Raises Refused where it may not use its folder."""
    try:
        return here.mark()
    except here.NodeRefused as error:
        raise Refused("busy", str(error), 5) from error


def _capture_of(upload: Upload, node: int | None) -> Capture:
    device, facts, id_ = upload.device, upload.facts, new_id()
    return rows.new(
        Capture,
        id=id_,
        device=device,
        name=upload.name,
        source=upload.source,
        path=store.picture_path(id_, device.code, upload.received_at, facts.extension),
        sha256=upload.body.sha256,
        size_bytes=upload.body.size_bytes,
        content_type=facts.content_type,
        width=facts.width,
        height=facts.height,
        flags=list(facts.flags),
        telemetry=upload.telemetry,
        sent_from=upload.sent_from,
        node=node,
        captured_at=upload.captured_at,
        received_at=upload.received_at,
    )


def _commit(uploads: list[Upload], fresh: dict[tuple, tuple[int, Capture]]) -> dict[tuple, Receipt | Refused]:
    """Insert all rows of a batch in one transaction. Returns what came of those that were not inserted.

    Whoever is refused is refused before anything is changed for him. Rows are locked in the order of
    docs/architecture.md: commands, then captures, each in the order of their keys; no row of a device.
    """
    with transaction.atomic():
        now = timezone.now()
        named = {key: uploads[index] for key, (index, _) in fresh.items()}
        settled = _settle_moved(named, now)
        told = lookups.look_up(
            {u.key_id for u in named.values() if u.key_id is not None},
            {u.device.pk for u in named.values()},
            {u.name for u in named.values()},
            now,
        )
        settled |= {key: refusal for key, upload in named.items() if (refusal := _refuse_ended(upload, told))}
        answered = _answer_commands({k: u for k, u in named.items() if k not in settled}, told, now)
        settled |= _settle_spent({k: u for k, u in named.items() if k not in settled and k not in answered})
        captures = {key: capture for key, (_, capture) in fresh.items() if key not in settled}
        for key, capture in captures.items():
            capture.command, capture.stored_at = answered.get(key), now
        _want_links(captures.values())
        again = _judge(list(captures.values()))
        taken = _insert(captures, now)
        text_index.note_late((capture.received_at for capture in captures.values()), now)
        settled |= _receipts_of([named[key] for key in taken])
        stored = [capture for key, capture in captures.items() if key not in taken]
        events.record_all([event for capture in stored for event in _events_of(capture)] + again)
        failpoints.hit("ingest.inserted")
        transaction.on_commit(lambda: _notify(stored), robust=True)
        if done := list(answered.values()):
            transaction.on_commit(lambda: commands.note_ended(done, CommandState.UPLOADED), robust=True)
    return settled


def _settle_moved(uploads: dict[tuple, Upload], now: datetime) -> dict[tuple, Receipt | Refused]:
    """Return the receipts of pictures that another process stored, which heard them as well. First, for their locks."""
    moved = {key: upload for key, upload in uploads.items() if upload.moves is not None and upload.moves()}
    found = moving.find_stored((key[:2] for key in moved), now)
    stored = {key: found[key[:2]] for key in moved if key[:2] in found}
    return {key: Receipt(id_, code, False) for key, (id_, code) in stored.items()}


def _refuse_ended(upload: Upload, told: lookups.Known) -> Refused | None:
    if upload.device.pk not in told.devices or upload.key_id not in told.live_keys | {None}:
        return Refused("auth", "The key was revoked, or the device is switched off.")
    return None


def _answer_commands(
    uploads: dict[tuple, Upload], told: lookups.Known, now: datetime
) -> dict[tuple, Command]:
    """Close the open commands that these pictures answer. A name is good for one picture."""
    found: dict[tuple, Command] = {}
    for key, upload in uploads.items():
        if command := told.commands.pop((upload.device.pk, upload.name), None):
            found[key] = command
    return {
        key: command
        for key, command in sorted(found.items(), key=lambda item: item[1].pk)
        if Command.objects.filter(pk=command.pk, state__in=Command.OPEN).update(
            state=CommandState.UPLOADED, finished_at=now, answered_sha256=uploads[key].body.sha256
        )
    }


def _want_links(captures: Iterable[Capture]) -> None:
    """Have the hub publish the links that somebody asked for or listens for."""
    awaited: dict[int, bool] = {}
    for capture in captures:
        if capture.command is not None:
            is_awaited = publish.is_due_from_hub(capture.device)
        elif (is_awaited := awaited.get(capture.device_id)) is None:
            is_awaited = awaited[capture.device_id] = publish.is_awaited(capture.device)
        if is_awaited:
            capture.publish_state, capture.publish_next_try_at = Step.PENDING, capture.received_at


def _judge(captures: list[Capture]) -> list[Event]:
    """Say of each answer whether it is fresh, and ask once more where it is not. Returns what is to be recorded."""
    told: list[Event] = []
    for capture in captures:
        if capture.command is not None:
            freshness.judge(capture, capture.command)
            if capture.freshness == Freshness.SAME:
                told += commands.ask_again(capture.command, capture.device)
    return told


def _settle_spent(uploads: dict[tuple, Upload]) -> dict[tuple, Receipt | Refused]:
    """Refuse pictures whose name was their proof and is spent, unless it was spent on this very picture."""
    spent = [upload for upload in uploads.values() if upload.command is not None]
    refusal = Refused("auth", "This picture name was already used; ask for a new one.")
    known = _find_known(spent)
    return {_identity(upload): known.get(_identity(upload), refusal) for upload in spent}


def _receipts_of(uploads: list[Upload]) -> dict[tuple, Receipt | Refused]:
    """Return the receipts of pictures that another process stored a moment ago."""
    known = _find_known(uploads)
    gone = Refused("busy", "The same picture was deleted in this moment; send it again.", 2)
    return {_identity(upload): known.get(_identity(upload), gone) for upload in uploads}


def _insert(captures: dict[tuple, Capture], now: datetime) -> list[tuple]:
    """Insert captures with what hangs on them. Returns the keys of those that were there already."""
    inserted = rows.insert_new(list(captures.values()), ("device", "sha256", "name"))
    rows.insert([_object_of(c, now) for c in captures.values() if c.pk in inserted])
    return [key for key, capture in captures.items() if capture.pk not in inserted]


def _events_of(capture: Capture) -> list[Event]:
    happened = [(EventType.CAPTURE_CREATED, capture.id)]
    if capture.command_id is not None:
        happened.append((EventType.COMMAND_CHANGED, capture.command_id))
    return [rows.new(Event, type=type_, device=capture.device, subject=id_) for type_, id_ in happened]


def _object_of(capture: Capture, now: datetime) -> OSSObject:
    off = settings.PHOTOHUB_MIRROR == "none"
    return rows.new(
        OSSObject,
        capture=capture,
        node=capture.node,
        key=capture.path,
        state=MirrorState.OFF if off else MirrorState.PENDING,
        next_try_at=now,
    )


def _notify(captures: list[Capture]) -> None:
    ids = [c.id for c in captures]
    if not ids:
        return
    if not load.is_high():
        enqueue.send_task("media_pipeline.tasks.make_thumbnails", ids, _PREVIEWS_AFTER_S, load.is_high)
    # What its answer waits for is copied by who waits; the sweep finds it when nobody does any more.
    to_copy = [c.id for c in captures if not copies.is_copied_by_answer(c.source)]
    if settings.PHOTOHUB_MIRROR != "none" and to_copy:
        enqueue.send_task("media_pipeline.tasks.mirror_captures", to_copy)
    if cameras := watch.among(c.device_id for c in captures):
        enqueue.send_task("media_pipeline.tasks.run_show_rules", cameras)
    if any(c.publish_state == Step.PENDING for c in captures):
        notify.send(notify.GATEWAY, [{"type": "gateway.publish"}])


def _refuse_crowd() -> Refused:
    return Refused("busy", "The hub is slow to store pictures just now; send it again.", 5)


committer = Committer(
    lambda uploads: tidy(ingest_batch, uploads),
    BATCH_AT_MOST,
    waiting_at_most=settings.UPLOADS_AT_ONCE,
    weigh=lambda upload: 0 if upload.body.spilled else upload.body.size_bytes,
    refuse=_refuse_crowd,
    afterwards=lambda: tidy(sightings.write),
)
