"""Pictures whose previews were made before the hub could tell what is wrong with a picture."""

import pytest

from devices.events.models import Event, EventType
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import judging
from photohub.lib.messaging import load
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db


def make_unjudged(*colours: str) -> list[Capture]:
    device = make_device()
    captures = [make_capture(device, make_jpeg(320, 240, c), name=f"{n}") for n, c in enumerate(colours)]
    thumbnails.make_all([capture.pk for capture in captures])
    Capture.objects.update(fault=None, fault_values=None)
    return captures


def faults() -> list[str | None]:
    return list(Capture.objects.order_by("name").values_list("fault", flat=True))


def test_all_are_judged_once_by_their_previews_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(judging, "AT_ONCE", 2)
    captures = make_unjudged("black", "peru", "black")
    Event.objects.all().delete()
    assert [judging.catch_up() for _turn in range(4)] == [2, 1, 0, 0]
    assert faults() == ["black", None, "black"]
    changed = Event.objects.filter(type=EventType.CAPTURE_CHANGED).values_list("subject", flat=True)
    assert set(changed) == {captures[0].pk, captures[2].pk}


def test_what_has_no_preview_or_is_judged_stays_as_it_is():
    captures = make_unjudged("black", "black", "black")
    Capture.objects.filter(pk=captures[0].pk).update(fault="blurred")
    Capture.objects.filter(pk=captures[1].pk).update(thumbnail_state="failed")
    judging.store.thumbnail_path(captures[2].pk).unlink()
    assert judging.catch_up() == 3
    assert faults() == ["blurred", None, None]


def test_it_goes_on_behind_a_picture_that_is_gone_and_waits_while_cameras_are_served(monkeypatch):
    monkeypatch.setattr(judging, "AT_ONCE", 1)
    captures = make_unjudged("black", "black", "black")
    judging.catch_up()
    captures[2].delete()
    monkeypatch.setattr(load, "is_high", lambda: True)
    assert judging.catch_up() == 0
    monkeypatch.setattr(load, "is_high", lambda: False)
    judging.catch_up()
    assert faults() == [None, "black"]
