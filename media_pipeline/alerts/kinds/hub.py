"""What is wrong with the hub itself, and rollouts that stopped: for owners. Each is few rows, which are looked at all."""

import socket
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from devices.firmware.rollouts import wording as rollout_wording
from devices.firmware.rollouts.models import Rollout, RolloutState
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import Alert, AlertRule
from media_pipeline.mirror import copying
from media_pipeline.picture_files import store
from photohub.lib.pages.sentences import Said, said, said_of

from .kind import Kind

# A broken line that mends itself is no news.
_PATIENCE = timedelta(seconds=60)
_BEATS = (copying.HEARTBEAT, heartbeats.BROKER)
_DISK_IS_FINE_AT = 2.2


def find_troubles(rules: list[AlertRule]) -> None:
    """Tell when the mirror, the message broker or the disk has trouble, and when that is over."""
    found = _troubles()
    for rule in rules:
        _tell(rule, found)


def _troubles() -> dict[str, Said | None]:
    """Return each part that is known with what is wrong with it, or None; one that is neither is left as it was."""
    now = timezone.now()
    found: dict[str, Said | None] = {}
    for beat in ServiceBeat.objects.filter(pk__in=_BEATS):
        if beat.ok:
            found[beat.name] = None
        elif abs(now - beat.changed_at) >= _PATIENCE:
            # A row keeps the sentence apart, so that each reader gets it in his language.
            why = beat.sentence_said or beat.sentence or said("Not responding.")
            found[beat.name] = _sentence_of(beat.name, why)
    found |= _trouble_of_disk()
    return found


def _sentence_of(name: str, why: object) -> Said:
    if name == copying.HEARTBEAT:
        return said("The mirror has trouble: %(why)s", why=why)
    return said("The message broker has trouble: %(why)s", why=why)


def _trouble_of_disk() -> dict[str, Said | None]:
    """Ask this machine's disk. Of several machines each asks its own, whenever the look comes to it."""
    key = f"disk:{socket.gethostname()}"
    try:
        free, floor = store.free_bytes(), settings.DISK_FLOOR_BYTES
    except OSError as error:
        return {key: said("The picture folder cannot be read: %(why)s", why=error.strerror or "")}
    if free < floor:
        return {key: said("The disk is full: new pictures are refused.")}
    if free < 2 * floor:
        return {key: said("The disk is nearly full: %(free)s MB are free.", free=free // 2**20)}
    return {key: None} if free >= _DISK_IS_FINE_AT * floor else {}


def _tell(rule: AlertRule, found: dict[str, Said | None]) -> None:
    open_ = {alert.key: alert for alert in Alert.objects.open().filter(rule=rule)}
    for key, what in found.items():
        if what is not None and key not in open_:
            queue.begin(rule, key, what)
        elif what is None and key in open_:
            queue.finish(
                open_[key], said("It is over: %(what)s", what=open_[key].what_said or open_[key].what)
            )


def find_rollouts(rules: list[AlertRule]) -> None:
    """Tell of rollouts that the hub paused by itself, and when they go on or end."""
    paused = Rollout.objects.filter(state=RolloutState.PAUSED).exclude(reason_word="person")
    stopped = {f"rollout:{row.pk}": row for row in paused.select_related("firmware")}
    for rule in rules:
        open_ = {alert.key: alert for alert in Alert.objects.open().filter(rule=rule)}
        for key, row in stopped.items():
            if key not in open_:
                why = said_of(rollout_wording.SENTENCES.get(row.reason_word, row.reason_word))
                queue.begin(
                    rule, key, said("The rollout of %(name)s is paused: %(why)s", name=row.firmware, why=why)
                )
        for key in open_.keys() - stopped.keys():
            queue.finish(open_[key], said("The rollout is no longer paused."))


TROUBLES = Kind(
    "hub",
    gettext_lazy("The hub has trouble"),
    gettext_lazy("The mirror, the message broker or the disk."),
    "hard-drive",
    "hub",
    find_troubles,
    began_title=gettext_noop("PhotoHub has trouble"),
    over_title=gettext_noop("PhotoHub is well again"),
)
ROLLOUTS = Kind(
    "rollout",
    gettext_lazy("A rollout stops"),
    gettext_lazy("The hub paused a firmware update by itself."),
    "circle-pause",
    "hub",
    find_rollouts,
    began_title=gettext_noop("A firmware rollout is paused"),
    over_title=gettext_noop("A firmware rollout goes on"),
)
