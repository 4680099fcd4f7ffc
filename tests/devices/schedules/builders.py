"""Making schedules, and letting their time come."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands.models import Command, CommandState
from devices.schedules import queue as schedules
from devices.schedules.models import Schedule, ScheduledRun
from devices.schedules.rules import save_schedule
from tests.builders import make_device

START = datetime(2026, 12, 1, 11, 58, tzinfo=UTC)


def go(clock, **ahead) -> None:
    clock.return_value += timedelta(**ahead)
    schedules.run_due()


def make_schedule(device=None, **values) -> Schedule:
    if "group" not in values:
        values["device"] = device or make_device()
    return save_schedule({"name": "noon", "kind": "times", "times": ["12:00"]} | values)


def runs() -> list[tuple[str, str]]:
    return [
        (f"{r.due_at:%d %H:%M}", r.state) for r in ScheduledRun.objects.order_by("due_at", "device__code")
    ]


def finish(state: CommandState, word: str = "", **values) -> None:
    Command.objects.update(state=state, reason_word=word, finished_at=timezone.now(), **values)


def make_group(*codes: str):
    group = DeviceGroup.objects.create(name="yard")
    return group, [make_device(code, group=group) for code in codes]
