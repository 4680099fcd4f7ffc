"""A scheduled picture that did not come is told, once, and that they come again."""

from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from devices.commands.models import CommandState
from devices.schedules.models import ScheduledRun
from media_pipeline.alerts.kinds import looking
from media_pipeline.alerts.models import Alert
from tests.builders import make_device, make_user
from tests.devices.schedules.builders import START, finish, go, make_schedule
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    with mock.patch.object(timezone, "now", return_value=START) as now:
        yield now


@pytest.fixture
def owner():
    return make_user("olga", "owner")


def one_day(clock, state: CommandState, word: str = "") -> None:
    """Let the schedule ask, the order end so, and the look see it."""
    go(clock, minutes=3)
    finish(state, word)
    go(clock, minutes=10)
    looking.look()
    clock.return_value += timedelta(days=1, minutes=-13)


def told() -> list[tuple[str, str]]:
    return [(alert.what_text, alert.end_text) for alert in Alert.objects.order_by("began_at")]


def test_a_missed_time_is_told_once_until_a_picture_comes_at_its_time(clock, owner):
    make_schedule(make_device("porch", name="Porch"))
    make_rule(owner, make_webhook(owner, "https://example.org/a"), "missed")
    one_day(clock, CommandState.UPLOADED)
    assert told() == []
    one_day(clock, CommandState.EXPIRED, "offline")
    one_day(clock, CommandState.EXPIRED, "offline")
    [(what, end)] = told()
    assert what.startswith("The picture of Porch for ") and end == ""
    one_day(clock, CommandState.UPLOADED)
    assert told()[0][1] == "The scheduled pictures of Porch come again."
    one_day(clock, CommandState.EXPIRED, "offline")
    assert len(told()) == 2


def test_others_cameras_and_what_was_missed_before_are_not_told(clock, owner):
    make_schedule(make_device("porch"))
    one_day(clock, CommandState.EXPIRED, "offline")
    assert ScheduledRun.objects.missed().count() == 1
    viewer = make_user("vera", "")
    for person in (owner, viewer):
        make_rule(person, make_webhook(person, "https://example.org/a"), "missed")
    looking.look()
    assert told() == []
    one_day(clock, CommandState.EXPIRED, "offline")
    assert [alert.rule.user for alert in Alert.objects.all()] == [owner]
