import pytest
from django.urls import reverse

from devices.access.groups import DeviceGroup
from devices.camera_settings import group_views, queue
from devices.protocol.camera_settings import Report
from tests.builders import make_device, make_user

SEVERAL = reverse("devices:camera_several")


@pytest.fixture
def garden(db, client):
    client.force_login(make_user("alice", "owner"))
    garden = DeviceGroup.objects.create(name="Garden")
    for code in ("owl", "hen", "ant", "porch"):
        make_device(code, name=code.title(), groups=[garden] if code != "porch" else [])
    return garden


def understand(*codes: str, can: tuple[str, ...] = ()) -> None:
    for device in group_views.Device.objects.filter(code__in=codes):
        queue.note_report(device, Report(can=can))


def versions() -> dict[str, int]:
    return dict(group_views.CameraSettings.objects.values_list("device__code", "version"))


def test_whom_it_concerns_is_shown_before_anybody_is_asked(garden, client):
    understand("owl", "porch")
    understand("hen", can=("quality",))
    page = client.post(SEVERAL, {"group": garden.pk, "led": "off"}).content.decode()
    assert "This asks 1 camera" in page and ">Owl<" in page and ">Porch<" not in page
    assert (
        "do not have one of these settings" in page
        and ">Hen<" in page
        and "1 more device is left out" in page
    )
    assert set(versions().values()) == {0}


def test_who_was_shown_is_asked(garden, client):
    understand("owl", "hen", "porch")
    sent = {"group": garden.pk, "led": "off", "sleep_s": "600", "confirmed": "yes"}
    page = client.post(SEVERAL, sent, follow=True).content.decode()
    assert "2 cameras are told as soon as they are there." in page
    assert versions() == {"owl": 1, "hen": 1, "porch": 0}


def test_what_is_left_empty_stays_as_it_is(garden, client):
    understand("owl")
    owl = group_views.Device.objects.get(code="owl")
    queue.wish(owl, {"quality": 40})
    client.post(SEVERAL, {"frame_size": "vga", "confirmed": "yes"})
    assert queue.read(owl).desired == {"frame_size": "VGA", "quality": 40}


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [({}, "Fill in at least one setting."), ({"frame_size": "huge"}, "Choose a size by its name")],
)
def test_what_cannot_be_wished_is_said(garden, client, sent, sentence):
    page = client.post(SEVERAL, sent | {"confirmed": "yes"})
    assert page.status_code == 422 and sentence in page.content.decode()


def test_more_than_can_be_asked_at_once_are_not_asked(garden, client, monkeypatch):
    monkeypatch.setattr(group_views, "AT_MOST", 1)
    understand("owl", "hen")
    page = client.post(SEVERAL, {"led": "off", "confirmed": "yes"}).content.decode()
    assert "Choose a smaller group" in page and set(versions().values()) == {0}
