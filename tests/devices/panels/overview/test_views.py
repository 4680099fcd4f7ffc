from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.panels.playlists import turns
from devices.panels.sources import outbox
from devices.registry.models import Panel
from tests.builders import make_capture, make_device, make_jpeg, make_user

LIST, PLAYLISTS = reverse("panels:list"), reverse("panels:playlists")


@pytest.fixture
def hall(db, client):
    client.force_login(make_user("bob", "operator"))
    return make_device("hall", profile="panel", name="Hall")


def show_on(device, **values) -> None:
    sha256 = outbox.keep(make_jpeg(text=device.code))
    values = {"shown_sha256": sha256, "shown_content_type": "image/jpeg", "shown_at": timezone.now()} | values
    Panel.objects.filter(device=device).update(**values)


def text_of(client, url: str) -> str:
    return client.get(url).content.decode()


def test_without_a_panel_the_owner_can_add_one(db, client):
    client.force_login(make_user("alice", "owner"))

    assert "No panel yet" in text_of(client, LIST) and "?profile=panel" in text_of(client, LIST)


def test_each_panel_stands_there_with_what_is_on_it(hall, client):
    make_device("yard", name="Yard")
    show_on(hall, shown_label="garden.jpg")
    page = text_of(client, LIST)

    assert reverse("devices:shown", args=["hall"]) in page and "garden.jpg" in page and "Yard" not in page


def test_only_panels_of_ones_own_group_are_listed(db, client):
    group = DeviceGroup.objects.create(name="House")
    make_device("hall", profile="panel", name="Hall", group=group)
    make_device("shed", profile="panel", name="Shed")
    client.force_login(make_user("vera", "viewer", group))
    page = text_of(client, LIST)

    assert "Hall" in page and "Shed" not in page


def test_a_panel_of_another_groups_picture_does_not_name_it(db, client):
    group = DeviceGroup.objects.create(name="House")
    hall = make_device("hall", profile="panel", name="Hall", group=group)
    capture = make_capture(make_device("yard", name="Yard"), name="secret.jpg")
    show_on(hall, shown_label=str(capture.pk))
    client.force_login(make_user("vera", "viewer", group))

    assert str(capture.pk) not in text_of(client, LIST)


def test_playlists_are_listed_with_their_pictures(hall, client):
    turns.add_camera(hall, make_device("yard", name="Yard"))
    turns.add_picture(hall, make_jpeg(), "garden")
    make_device("desk", profile="panel", name="Desk")
    page = text_of(client, PLAYLISTS)

    assert page.index("Hall") < page.index("Desk") and "2 pictures" in page and "no playlist" in page
    assert reverse("latest", args=["yard"]) in page


def test_a_long_list_goes_on(hall, client, monkeypatch):
    monkeypatch.setattr("devices.panels.overview.views.PANELS_ON_PAGE", 1)
    make_device("desk", profile="panel", name="Desk")

    assert "Hall" not in text_of(client, LIST) and "?start=1" in text_of(client, LIST)
    assert "Hall" in text_of(client, f"{LIST}?start=1")


def test_a_panels_overview_says_what_is_on_it_and_what_comes(hall, client):
    show_on(hall)
    page = text_of(client, reverse("devices:detail", args=["hall"]))

    assert reverse("devices:shown", args=["hall"]) in page and "when one is sent" in page
    assert "shutter" not in page and "No picture yet" not in page and "command topic" not in page


def test_a_panel_that_sends_pictures_too_is_a_camera(hall, client):
    make_capture(hall)

    assert reverse("latest", args=["hall"]) in text_of(client, reverse("devices:detail", args=["hall"]))


def test_a_late_panel_is_told_of(hall, client):
    hall.picture_topic = hall.picture_ack_topic = ""
    hall.save()
    come_at = timezone.now() - timedelta(hours=2)
    Panel.objects.filter(device=hall).update(last_poll_at=come_at, poll_interval_s=900)

    assert "has not come" in text_of(client, LIST)
    assert "has not come" in text_of(client, reverse("devices:now", args=["hall"]))


def test_the_pages_of_a_panel_lie_in_the_room_of_panels(hall, client):
    make_device("yard")
    for code, room in (("hall", "panels"), ("yard", "devices")):
        rail = client.get(reverse("devices:detail", args=[code])).context["rail"]
        assert [line.room.key for line in rail if line.current] == [room]
