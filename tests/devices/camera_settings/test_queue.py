"""What a camera is asked to be, what it says, and how a wish ends."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.camera_settings import queue, saying
from devices.camera_settings.models import CameraSettings, RestartState, WishState
from devices.camera_settings.wording import lines_of
from devices.events.models import Event
from devices.protocol.camera_settings import Report
from devices.registry.models import Device, LinkState
from tests.builders import make_device

WISH = {"frame_size": "SVGA", "quality": 80}


@pytest.fixture
def owl(db):
    device = make_device("owl")
    queue.vouch(device, True)
    return device


def connect(device: Device, after_s: float = 0) -> None:
    now = timezone.now() + timedelta(seconds=after_s)
    Device.objects.filter(pk=device.pk).update(link_state=LinkState.CONNECTED, link_changed_at=now)


def everybody(code: str, topic: str) -> bool:
    return True


def say_all() -> list[dict]:
    """Say what is due, as the gateway does."""
    due = saying.claim(everybody)
    saying.note_said([say for say in due if say.version])
    return [(say.topic, say.payload) for say in due]


def words_of(device: Device) -> dict[str, str]:
    return {line.name: line.words for line in lines_of(device, queue.read(device)) if line.words}


def newest_event() -> str:
    return Event.objects.latest("seq").text


def test_nothing_is_wished_of_a_camera_that_does_not_understand(db):
    with pytest.raises(queue.CannotSet, match="has not said"):
        queue.wish(make_device("porch"), WISH)
    assert not CameraSettings.objects.exists()


def test_a_camera_that_reports_understands(db):
    porch = make_device("porch")
    queue.note_report(porch, Report(settings={"quality": 60}))
    assert queue.wish(porch, WISH) == ["frame_size", "quality"]


def test_a_wish_grows_by_what_is_changed_and_has_a_number(owl):
    queue.wish(owl, WISH)
    assert queue.wish(owl, {"led": "auto", "quality": None, "frame_size": "svga"}) == ["quality", "led"]
    row = queue.read(owl)
    assert (row.version, row.desired) == (2, {"frame_size": "SVGA", "led": "auto"})
    assert queue.wish(owl, {"led": "auto"}) == [] and queue.read(owl).version == 2
    assert newest_event() == "Camera settings asked for: JPEG quality, light."


@pytest.mark.parametrize(
    "values", [{"quality": 0}, {"led": "blue"}, {"frame_size": "huge"}, {"interval_s": "x"}, {"other": 1}]
)
def test_a_wish_that_cannot_be_is_refused_with_a_sentence(owl, values):
    with pytest.raises((ValidationError, KeyError)):
        queue.wish(owl, values)
    assert queue.read(owl).version == 0


def test_what_the_camera_does_not_have_cannot_be_wished(owl):
    queue.note_report(owl, Report(can=("quality",)))
    with pytest.raises(ValidationError, match="does not have"):
        queue.wish(owl, {"led": "on"})


def test_who_is_to_sleep_is_not_called_offline_meanwhile(owl):
    queue.wish(owl, {"sleep_s": 1800})
    owl.refresh_from_db()
    assert owl.reporting_interval_s == 1800


def test_an_answer_ends_the_wish(owl):
    queue.wish(owl, WISH)
    queue.note_report(owl, Report(1, WISH | {"led": "off"}))
    assert queue.read(owl).wish_state == WishState.APPLIED
    assert newest_event() == "The camera has the settings that were asked for."
    assert words_of(owl) == {"frame_size": "as asked", "quality": "as asked"}


def test_what_the_camera_refuses_stands_beside_with_its_reason(owl):
    queue.wish(owl, WISH)
    queue.note_report(owl, Report(1, {"frame_size": "VGA", "quality": 60}, {"frame_size": "no PSRAM"}))
    assert queue.read(owl).wish_state == WishState.REFUSED
    assert words_of(owl) == {
        "frame_size": "the camera refused it: no PSRAM",
        "quality": "the camera did not take it",
    }
    assert newest_event() == "The camera refused settings: picture size, JPEG quality."
    assert Event.objects.latest("seq").problem


def test_an_answer_to_an_older_wish_leaves_the_newer_one_waiting(owl):
    queue.wish(owl, WISH)
    queue.wish(owl, {"quality": 50})
    queue.note_report(owl, Report(1, dict(WISH)))
    assert queue.read(owl).wish_state == WishState.WAITING


def test_a_camera_that_has_it_already_need_not_know_the_number(owl):
    queue.wish(owl, WISH)
    queue.note_report(owl, Report(settings=dict(WISH)))
    assert queue.read(owl).wish_state == WishState.APPLIED


def test_a_camera_that_forgot_is_told_again_once(owl):
    connect(owl)
    queue.wish(owl, WISH)
    say_all()
    queue.note_report(owl, Report(1, dict(WISH)))
    queue.note_report(owl, Report(0, {"quality": 12}))
    assert queue.read(owl).wish_state == WishState.WAITING and len(say_all()) == 1
    queue.note_report(owl, Report(0, {"quality": 12}))
    assert say_all() == []


def test_a_restart_is_told_once_and_ends_by_the_cameras_word(owl):
    connect(owl)
    name = queue.restart(owl).restart_name
    assert say_all() == [("photohub/owl/command", b'{"action":1,"name":"%s"}' % name.encode())]
    assert say_all() == []
    queue.note_report(owl, Report(restarted="restart-other"))
    assert queue.read(owl).restart_state == RestartState.SENT
    queue.note_report(owl, Report(restarted=name))
    assert queue.read(owl).restart_state == RestartState.DONE
    queue.restart(owl)


def test_two_restarts_at_once_are_one(owl):
    queue.restart(owl)
    with pytest.raises(queue.CannotSet, match="already"):
        queue.restart(owl)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_restart_that_nobody_carried_out_is_over(owl, is_there):
    queue.restart(owl)
    if is_there:
        connect(owl)
        say_all()
    CameraSettings.objects.update(restart_until=timezone.now() - timedelta(seconds=1))
    assert queue.expire_restarts() == 1 and queue.expire_restarts() == 0
    assert queue.read(owl).restart_state == RestartState.EXPIRED
    assert newest_event().startswith("The camera was told" if is_there else "The camera was not there")
    connect(owl)
    assert say_all() == []


def test_a_later_report_without_reasons_keeps_the_reason(owl):
    queue.wish(owl, WISH)
    queue.note_report(owl, Report(1, {"quality": 80}, {"frame_size": "no PSRAM"}))
    queue.note_report(owl, Report(1, {"quality": 80}))
    assert words_of(owl)["frame_size"] == "the camera refused it: no PSRAM"
