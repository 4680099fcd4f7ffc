"""Tasks of the devices: thin, may run twice."""

from django.contrib.sessions.models import Session

from devices.firmware.rollouts import link_check, sweeping
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget
from devices.panels.deliveries import leases, preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.playlists import turns as playlists
from photohub.lib.messaging import enqueue
from photohub.lib.messaging.steps import each_in_turn
from photohub.lib.messaging.tasks import looking, task
from photohub.lib.pages import sessions

from .access.models import BrowserSession, DeviceRemoval
from .audit import record as audit
from .camera_settings import queue as camera_settings
from .camera_settings.models import CameraSettings
from .commands import queue as commands
from .commands.models import Command
from .events import clock_watch, heartbeats, troubles
from .events import record as events
from .leases import holding
from .leases.models import LeaseKind
from .registry import removing
from .schedules import ending as schedule_ends
from .schedules import queue as schedules
from .telemetry import thinning

_PRUNE_S = 1.0


@task
def prepare_deliveries(delivery_ids: list[str]) -> int:
    """Make the bytes of these deliveries."""
    return preparing.prepare_all(delivery_ids)


@task
def remove_devices(keys: list[int]) -> int:
    """Clear for a while what hangs on devices that are being removed."""
    return removing.go_on(keys)


def _something_waits() -> bool:
    """Tell whether time alone may make something due: an order, a picture on its way, an update, a turn."""
    going = Rollout.objects.filter(state__in=(RolloutState.RUNNING, RolloutState.PAUSED))
    rows = (
        Command.objects.not_ended(),
        CameraSettings.objects.restarting(),
        Delivery.objects.sending(),
        Delivery.objects.queued().filter(prepared_at=None),
        playlists.panels_in_turn(),
        going,
        RolloutTarget.objects.active(),
        DeviceRemoval.objects.all(),
    )
    return any(each.exists() for each in rows) or schedules.waits() or link_check.is_due()


@looking(_something_waits)
def sweep() -> None:
    """End what has waited too long, see to updates, drop old events, and enqueue what was missed."""
    each_in_turn(
        commands.expire_due,
        camera_settings.expire_restarts,
        deliveries.bound_waiting,
        deliveries.expire_due,
        leases.put_back_lost,
        playlists.push_due,
        schedules.run_due,
        _enqueue,
        _prune,
        _thin_out,
        sweeping.sweep,
    )


def _enqueue() -> None:
    if ids := preparing.due():
        enqueue.send_task(deliveries.PREPARE_TASK, ids)
    if keys := removing.due():
        enqueue.send_task(removing.TASK, keys)


def _prune() -> None:
    if clock_watch.doubt() is None:
        # A busy hub makes several hundred a second, as many must go.
        events.prune(_PRUNE_S)
        troubles.prune()
        schedule_ends.prune()


def _thin_out() -> None:
    if thinning.is_due():
        thinning.thin_out(may_delete=clock_watch.doubt() is None)


@task
def tidy_up() -> None:
    """Delete sessions that ended, and leases that nobody takes up again."""
    if clock_watch.look() is None:
        each_in_turn(sessions.drop_ended, _drop_browsers, _drop_leases, audit.prune)


def _drop_browsers() -> None:
    """Forget the browsers whose sessions are gone."""
    BrowserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()


def _drop_leases() -> None:
    for kind in (LeaseKind.SCHEDULE, LeaseKind.BEAT):
        holding.drop_old(kind)


@task
def beat() -> None:
    """Say that a worker is alive."""
    heartbeats.beat(heartbeats.WORKER, True)
