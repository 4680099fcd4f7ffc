from datetime import timedelta

import pytest
from django.utils import timezone

from media_pipeline.alerts import queue
from media_pipeline.alerts.kinds import looking
from media_pipeline.alerts.models import Alert, AlertMessage, AlertRule
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture
from tests.builders import make_capture, make_device, make_jpeg, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def hook(owner):
    return make_webhook(owner, "https://example.org/a")


@pytest.fixture
def porch():
    return make_device("porch", name="Porch")


def told() -> list:
    looking.look()
    alerts = Alert.objects.order_by("began_at").values_list("capture_id", flat=True)
    return list(alerts)


def test_each_new_picture_is_told_once(owner, hook, porch):
    make_capture(porch, name="before", received_at=timezone.now() - timedelta(seconds=30))
    make_rule(owner, hook, "picture", device=porch)
    first, second = (make_capture(porch, name=name) for name in ("one", "two"))
    make_capture(make_device("other"))
    assert told() == [first.pk, second.pk]
    assert told() == [first.pk, second.pk]
    assert AlertMessage.objects.count() == 2


def test_after_one_picture_none_is_told_for_the_pause(owner, hook, porch):
    make_rule(owner, hook, "picture", pause_s=60)
    AlertRule.objects.update(created_at=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    made = [make_capture(porch, name=str(s), received_at=now - timedelta(seconds=s)) for s in (58, 40, 0)]
    assert told() == [made[0].pk]
    late = make_capture(porch, name="late", received_at=now + timedelta(seconds=10))
    assert told() == [made[0].pk, late.pk]


def test_only_between_these_hours(owner, hook, porch):
    now = timezone.now()
    minute = now.hour * 60 + now.minute
    hours = {"from_minute": (minute + 120) % 1440, "until_minute": (minute + 180) % 1440}
    make_rule(owner, hook, "picture", **hours)
    make_capture(porch)
    assert told() == []


def test_a_picture_that_looks_like_the_one_before_is_not_told(owner, hook, porch):
    make_rule(owner, hook, "picture", only_unlike=True)
    pictures = [make_jpeg(320, 240, "navy", quality=quality) for quality in (70, 80)]
    made = [make_capture(porch, data, name=str(n)) for n, data in enumerate(pictures)]
    # Nobody knows what they look like before their previews are made.
    assert told() == []
    Capture.objects.filter(pk=made[1].pk).update(received_at=made[0].received_at + timedelta(seconds=1))
    thumbnails.make_all([capture.pk for capture in made])
    assert told() == [made[0].pk]


def test_pictures_of_quiet_hours_are_noted_and_not_told(owner, hook, porch):
    now = timezone.now()
    minute = now.hour * 60 + now.minute
    quiet = {"quiet_from": (minute - 60) % 1440, "quiet_until": (minute + 60) % 1440}
    make_rule(owner, hook, "picture", **quiet)
    make_capture(porch)
    assert len(told()) == 1 and not AlertMessage.objects.exists()


def test_what_was_told_long_ago_is_forgotten(owner, hook, porch, monkeypatch):
    make_rule(owner, hook, "picture")
    for name in "abc":
        make_capture(porch, name=name)
    told()
    AlertMessage.objects.update(state="sent")
    monkeypatch.setattr(queue, "KEEP_OF_A_RULE", 2)
    assert queue.prune() == 1
    Alert.objects.update(began_at=timezone.now() - timedelta(days=91))
    assert queue.prune() == 2
