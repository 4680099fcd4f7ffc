"""How the hub fares, part by part: for the status page, `/readyz`, the API and `manage.py doctor`.

Asking costs a few short queries. A part that cannot be asked says so itself and spoils no other part.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.events import heartbeats, overload
from devices.events.models import ServiceBeat, Trouble
from devices.events.wording import sentence_of
from devices.hub_settings import choices as hub_settings
from devices.mqtt import dynsec, unheard_topics
from devices.registry import broker_names, removing
from devices.registry.models import BrokerAccount
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import deleting, orphans
from media_pipeline.maintenance import figures as figures_of
from media_pipeline.maintenance.models import Removal
from media_pipeline.nodes import here, known
from media_pipeline.picture_files import store
from photohub.lib.network import errors as fetch_errors
from photohub.lib.pages import vendor
from photohub.lib.pages.sentences import say
from photohub.lib.pages.sizes import size_in_words
from photohub.lib.pages.times.wording import exact
from photohub.lib.pages.timezones import hub_timezone
from photohub.status.machines import look_at_machines, look_at_this_machine, with_workers
from photohub.status.outside import look_at_address, look_at_live, look_at_mirror
from photohub.status.part import Part
from photohub.status.processes import stuck_since_of_several, with_gateways, with_schedule
from photohub.status.retention import look_at_retention
from photohub.status.storage import look_at_storage

log = logging.getLogger(__name__)

STALE_AFTER_S = 60
SLOW_QUERY_MS = 200
_FOUND_FOR_S = 24 * 3600
# A picture can be stored no earlier than PhotoHub exists; boards without a clock battery wake up in 1970.
EARLIEST_TIME = datetime(2025, 1, 1, tzinfo=UTC)

_started_s = time.monotonic()


@dataclass(frozen=True)
class Status:
    """All parts, and the worst of them in one sentence. `since` belongs to the sentence."""

    ok: bool
    sentence: str
    parts: list[Part]
    since: datetime | None = None

    @property
    def look(self) -> str:
        states = {part.state for part in self.parts}
        return "bad" if "problem" in states else "warn" if "warning" in states else "good"


def collect() -> Status:
    """Look at every part."""
    parts = _ask_all(_questions())
    troubles = [p for p in parts if p.state == "problem"] + [p for p in parts if p.state == "warning"]
    if not troubles:
        return Status(True, _("All is well."), parts)
    return Status(troubles[0].state != "problem", troubles[0].sentence, parts, troubles[0].since)


NEEDED = ("database", "broker", "worker", "disk", "machine")


def collect_needed(chosen: Collection[str] = NEEDED) -> list[Part]:
    """Look only at the parts without which no picture and no command gets through, or at those of them that are chosen."""
    return _ask_all([q for q in _questions() if q[0] in NEEDED and q[0] in chosen])


Question = tuple[str, str, Callable[[], Part]]


def _questions() -> list[Question]:
    return _of_the_hub() + (_of_machines() if here.is_one_of_several() else [])


def _of_machines() -> list[Question]:
    return [
        ("machine", _("This machine"), look_at_this_machine),
        ("machines", _("All machines"), look_at_machines),
    ]


def _of_the_hub() -> list[Question]:
    return [
        ("database", _("Database"), _database),
        ("disk", _("Disk"), _disk),
        ("storage", _("Storage"), look_at_storage),
        ("files", _("Picture files"), _files),
        ("worker", _("Worker"), _worker),
        ("broker", _("Message broker"), _broker),
        ("mirror", _("Mirror"), look_at_mirror),
        ("retention", _("Retention"), look_at_retention),
        ("live", _("Live pages"), look_at_live),
        ("address", _("Outside address"), look_at_address),
        ("clock", _("Clock"), _clock),
        ("devices", _("Devices"), _devices),
        ("lightbox", _("Picture viewer"), _lightbox),
    ]


def _ask_all(questions: list[Question]) -> list[Part]:
    """Ask in turn. While the database is away, what stands in it is not asked: each question would wait."""
    parts: list[Part] = []
    for key, label, look in questions:
        if (
            parts
            and parts[0].state == "problem"
            and key in ("files", "worker", "broker", "mirror", "address", "clock", "devices", "machines")
        ):
            sentence = _("%(part)s: not known while the database does not answer.") % {"part": label}
            parts.append(Part("problem", sentence, key=key, label=label))
        else:
            parts.append(_ask(key, label, look))
    return parts


def _ask(key: str, label: str, look: Callable[[], Part]) -> Part:
    """Ask one part; whatever it raises becomes its sentence. The details go to the log, not to the page."""
    try:
        return replace(look(), key=key, label=label)
    except (DatabaseError, OSError) as error:
        log.warning("The part %s could not be looked at: %s", key, error)
        sentence, help_ = _("Not responding."), _("Check PhotoHub's log for the reason.")
    except Exception:
        log.exception("Looking at the part %s failed.", key)
        sentence, help_ = (
            _("The check failed."),
            _("Please report this with the lines from PhotoHub's log."),
        )
    return Part("problem", f"{label}: {sentence}", help=help_, key=key, label=label)


def _database() -> Part:
    started_s = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    took_ms = (time.perf_counter() - started_s) * 1000
    kind = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    figures = [
        (_("Kind"), kind),
        (_("Query time"), f"{took_ms:.1f} ms"),
        (_("Pictures stored"), f"{figures_of.read('stored').count:,}"),
    ]
    if took_ms > SLOW_QUERY_MS:
        sentence = _("The database answers slowly: %(ms)d ms.") % {"ms": took_ms}
        return Part("warning", sentence, figures=figures, help=_("Check how busy its disk is."))
    return Part("ok", _("Responding."), figures=figures)


def _disk() -> Part:
    free, floor = store.free_bytes(), settings.DISK_FLOOR_BYTES
    figures = [(_("Free"), size_in_words(free)), (_("Uploads stop below"), size_in_words(floor))]
    if free < floor:
        state, sentence = "problem", _("The disk is full: new pictures are refused.")
    elif free < floor * 2:
        state, sentence = (
            "warning",
            _("The disk is nearly full: %(free)s are free.") % {"free": size_in_words(free)},
        )
    else:
        return Part("ok", _("Enough space."), figures=figures)
    help_ = _(
        "Delete old pictures or other files on the disk of %(folder)s. Everything already stored is safe."
    )
    help_ %= {"folder": settings.PHOTOHUB_DATA}
    return Part(state, sentence, figures=figures, help=help_)


def _files() -> Part:
    """Say for a day that files were found which belong to no picture."""
    stuck = Removal.objects.failed().exclude(error=deleting.FORMER_MIRROR.text).order_by("error")
    if (count := figures_of.read("stuck removals").count) and (row := stuck.first()):
        text = ngettext(
            "%(n)d deleted picture still has a file or a copy, which is removed later: %(why)s",
            "%(n)d deleted pictures still have files or copies, which are removed later: %(why)s",
            count,
        )
        help_ = _("Check the disk of the data folder and the mirror; the hub keeps trying.")
        sentence = text % {"n": count, "why": row.error_text}
        return Part("warning", sentence, since=row.created_at, help=help_)
    found = ServiceBeat.objects.filter(pk__in=known.names(orphans.HEARTBEAT))
    heartbeat = found.order_by("-at").first()
    if heartbeat is None or heartbeats.is_stale(heartbeat, _FOUND_FOR_S):
        return Part("ok", _("No stray files."))
    help_ = _(
        "A crash or a restored backup can leave such files. If pictures are missing, run manage.py verify."
    )
    return Part("warning", heartbeat.text, since=heartbeat.at, help=help_)


def _worker() -> Part:
    silent = _(
        "No worker is running: pictures are stored, but nothing is mirrored and no thumbnails are made."
    )
    help_ = _("Restart PhotoHub's worker, or check its log.")
    return with_workers(with_schedule(_by_heartbeat("worker", _("Worker"), _("Working."), silent, help_)))


def _broker() -> Part:
    silent = _("The gateway to the message broker is silent: cameras on MQTT are not heard.")
    help_ = _("Restart PhotoHub's gateway, or check its log. Uploads over HTTP are not affected.")
    found = with_gateways(_by_heartbeat("broker", _("Message broker"), _("Connected."), silent, help_))
    noted = ServiceBeat.objects.filter(pk="messages", ok=False).first()
    stuck_since = noted.changed_at if noted else stuck_since_of_several()
    if found.state == "ok" and stuck_since is not None:
        sentence = sentence_of("messages_stuck", {})
        help_ = _("Check PhotoHub's log for the reason, and restart its gateway if this does not pass.")
        return replace(found, state="problem", sentence=sentence, since=stuck_since, help=help_)
    if found.state == "problem" and found.sentence != silent:
        help_ = _(
            "Start the message broker, or correct PHOTOHUB_MQTT_URL. Uploads over HTTP are not affected."
        )
        return replace(found, help=help_)
    unmended = ServiceBeat.objects.filter(
        pk__in=(unheard_topics.HEARTBEAT, dynsec.HEARTBEAT), ok=False
    ).first()
    if found.state == "ok" and unmended is not None:
        help_ = _("Correct the permissions of the hub's account at the message broker.")
        return replace(found, state="warning", sentence=unmended.text, since=unmended.changed_at, help=help_)
    refused = BrokerAccount.objects.filter(device=None).exclude(error="").order_by("username").first()
    if found.state == "ok" and refused is not None:
        sentence = _("The message broker rejected the account of %(name)s: %(why)s")
        told = sentence % {"name": refused.username, "why": say({}, refused.error)}
        return replace(found, state="warning", sentence=told, since=refused.changed_at)
    if found.state == "ok" and (count := len(broker_names.collisions())):
        text = ngettext(
            "%(n)d name is used twice at the message broker.",
            "%(n)d names are used twice at the message broker.",
            count,
        )
        help_ = _("Run python3 manage.py doctor to see which names, and who is locked out.")
        return replace(found, state="warning", sentence=text % {"n": count}, help=help_)
    return found


def _by_heartbeat(name: str, label: str, fine: str, silent: str, help_: str) -> Part:
    """Describe a process by its heartbeat."""
    row = ServiceBeat.objects.filter(pk=name).first()
    stale = row is None or heartbeats.is_stale(row, STALE_AFTER_S)
    if row is None and time.monotonic() - _started_s < STALE_AFTER_S:
        return Part("warning", _("%(part)s: it has not reported yet.") % {"part": label}, help=help_)
    if stale:
        return Part("problem", silent, since=row.at if row else None, help=help_)
    if not row.ok:
        return Part("problem", row.text or silent, since=row.changed_at, help=help_)
    return Part("ok", fine, since=row.changed_at)


def _clock() -> Part:
    now = timezone.now()
    help_ = _("Set this machine's clock, preferably with NTP. Signed links and picture times depend on it.")
    newest = Capture.objects.order_by("-received_at", "-id").values_list("received_at", flat=True).first()
    if now < EARLIEST_TIME:
        return Part(
            "problem", _("The clock is wrong: it shows the year %(year)d.") % {"year": now.year}, help=help_
        )
    if newest and newest > now + timedelta(minutes=1):
        return Part(
            "warning",
            _("The clock was set back: there are pictures from the future."),
            since=newest,
            help=help_,
        )
    return Part(
        "ok",
        _("Running."),
        figures=[(_("Now"), exact(now)), (_("Time zone of the hub"), _zone_in_words())],
    )


def _zone_in_words() -> str:
    is_chosen = settings.HUB_TIME_ZONE or hub_settings.chosen_timezone()
    return str(hub_timezone()) if is_chosen else _("UTC, because nobody has chosen one")


def _devices() -> Part:
    found = _troubled_devices()
    going = removing.under_way()
    if not going:
        return found
    gone = sum(removal.pictures_gone for removal in going)
    total = sum(max(removal.pictures_total or 0, removal.pictures_gone) for removal in going)
    figures = [
        (_("Being removed"), f"{len(going):,}"),
        (
            _("Their pictures deleted"),
            _("%(gone)s of %(total)s") % {"gone": f"{gone:,}", "total": f"{total:,}"},
        ),
    ]
    return replace(found, figures=[*found.figures, *figures])


def _troubled_devices() -> Part:
    count = Trouble.objects.open().values("device").distinct().count()
    if crowd := overload.found():
        row, help_ = crowd
        return Part("warning", row.text, since=row.changed_at, help=str(help_))
    if not count:
        return Part("ok", _("No known problems."))
    unfetched = (
        Trouble.objects.open().filter(word__in=fetch_errors.SENTENCES).values("device").distinct().count()
    )
    figures = [(_("Cannot fetch from it"), f"{unfetched:,}")] if unfetched else []
    if unfetched == count:
        text = ngettext("%(n)d camera cannot be fetched.", "%(n)d cameras cannot be fetched.", count)
    else:
        text = ngettext("%(n)d device needs attention.", "%(n)d devices need attention.", count)
    help_ = _("The list of devices says which, and each device's page says why.")
    return Part("warning", text % {"n": count}, figures=figures, help=help_)


def _lightbox() -> Part:
    if vendor.available():
        return Part("ok", _("All files are present."))
    help_ = _("Run npm ci in PhotoHub's folder and start it again to browse pictures in full size.")
    return Part("off", _("Not installed: pictures open on their own pages."), help=help_)
