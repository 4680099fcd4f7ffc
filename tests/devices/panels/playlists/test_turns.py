from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.events.models import Event
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.deliveries.wording import said_for
from devices.panels.playlists import turns as playlists
from devices.panels.playlists.turns import Entry
from devices.panels.rendering.drawing import NotImage
from devices.panels.sources import making
from devices.registry.models import Device, LinkState, Panel
from photohub.lib.pages.sentences import kept
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def hall():
    return make_device("hall", profile="panel")


def labels(device) -> list[str]:
    return [str(item) for item in playlists.items_of(device)]


def fill(device, *texts: str):
    return [playlists.add_picture(device, make_jpeg(text=text), text) for text in texts]


def later(seconds: float) -> None:
    Panel.objects.update(last_poll_at=timezone.now() - timedelta(seconds=seconds))


def test_cameras_and_pictures_stand_in_the_order_in_which_they_were_added(hall):
    playlists.add_camera(hall, make_device("yard", name="Yard"), "Now")
    fill(hall, "map")
    assert labels(hall) == ["Yard", "map"]
    assert Event.objects.filter(sentence="Its playlist was changed.").count() == 2


def test_items_are_moved_and_taken_out(hall):
    _a, b, c = fill(hall, "a", "b", "c")
    assert playlists.move(hall, c.pk, 0) and labels(hall) == ["c", "a", "b"]
    assert playlists.move(hall, c.pk, 99) and labels(hall) == ["a", "b", "c"]
    assert playlists.remove(hall, b.pk) and labels(hall) == ["a", "c"]
    assert not playlists.remove(hall, b.pk) and not playlists.move(hall, b.pk, 0)


def test_a_playlist_is_replaced_as_a_whole(hall):
    a, _b = fill(hall, "a", "b")
    playlists.replace(hall, [Entry(picture=make_jpeg(), label="new"), Entry(item=a, caption="Again")])
    assert labels(hall) == ["new", "a"] and playlists.items_of(hall)[1].caption == "Again"


@pytest.mark.parametrize("entries", [[Entry()], [Entry(picture=b"x")] * 101])
def test_what_cannot_be_shown_is_refused_whole(hall, entries):
    fill(hall, "a")
    with pytest.raises(ValidationError):
        playlists.replace(hall, entries)
    assert labels(hall) == ["a"]


def test_a_panel_does_not_show_itself(hall):
    with pytest.raises(ValidationError):
        playlists.add_camera(hall, hall)


def test_a_camera_without_a_picture_is_passed_over(hall):
    playlists.add_camera(hall, make_device("yard"))
    (item,) = fill(hall, "map")
    passed, made, next_item = playlists.make_next(hall.panel)
    assert (passed, next_item) == (1, item) and made.size_bytes


def test_a_cameras_turn_is_its_newest_picture(hall):
    yard = make_device("yard")
    item = playlists.add_camera(hall, yard)
    make_capture(yard, name="old")
    newest = make_capture(yard, name="new")
    assert playlists.take_turn(item).reference == str(newest.pk)


def test_a_panel_on_mqtt_is_pushed_the_next_picture_when_its_time_has_come(hall):
    fill(hall, "a", "b")
    assert playlists.push_due() == 1 and playlists.push_due() == 0
    deliveries.note_delivered(Delivery.objects.get())
    later(890)
    assert playlists.push_due() == 0
    later(901)
    assert playlists.push_due() == 1
    assert [d.origin_ref for d in Delivery.objects.order_by("created_at")] == ["a", "b"]


def test_nothing_piles_up_on_a_panel_that_stays_away(hall):
    fill(hall, "a", "b")
    for _ in range(3):
        playlists.push_due()
        later(901)
    assert Delivery.objects.count() == 1
    Delivery.objects.all().delete()
    Device.objects.update(link_state=LinkState.LOST)
    assert playlists.push_due() == 0


def test_a_picture_that_is_shown_already_is_not_sent_again(hall):
    fill(hall, "a")
    playlists.push_due()
    deliveries.note_delivered(Delivery.objects.get())
    later(901)
    assert playlists.push_due() == 0 and Delivery.objects.count() == 1


@pytest.mark.parametrize("values", [{"enabled": False}, {"picture_topic": ""}])
def test_only_panels_that_can_be_sent_pictures_are_pushed_to(hall, values):
    fill(hall, "a")
    Device.objects.filter(pk=hall.pk).update(**values)
    assert playlists.push_due() == 0


def test_a_clock_that_was_ahead_stops_no_playlist(hall):
    fill(hall, "a")
    later(-10_000)
    assert playlists.push_due() == 1


def open_troubles(device) -> list[tuple[str, dict]]:
    return [(trouble.word, trouble.values) for trouble in device.troubles.open()]


def test_an_item_that_cannot_be_shown_is_told_on_the_panels_page(hall, monkeypatch):
    def refuse(picture: bytes, *_args):
        if picture == make_jpeg(text="bad"):
            raise NotImage
        return making.Made

    monkeypatch.setattr(making, "make_once", refuse)
    fill(hall, "bad", "good")
    passed, _made, item = playlists.make_next(hall.panel)
    assert (passed, str(item)) == (1, "good")
    assert open_troubles(hall) == [("playlist_item", {"number": 1, "reason": kept(said_for("not_image"))})]
    playlists.remove(hall, playlists.items_of(hall)[0].pk)
    assert open_troubles(hall) == []


def test_a_playlist_that_cannot_go_on_says_why_until_it_can(hall, monkeypatch):
    fill(hall, "a", "b")
    with monkeypatch.context() as broken:
        broken.setattr(deliveries, "deliver", refuse_delivery)
        assert playlists.push_due() == 0
    assert open_troubles(hall) == [("playlist_stopped", {"number": 1, "reason": "It is too large."})]
    later(10_000)
    assert playlists.push_due() == 1 and open_troubles(hall) == []


def refuse_delivery(*_args):
    raise deliveries.CannotDeliver("too_large", "It is too large.")


def test_a_panel_whose_picture_makes_the_hub_stumble_keeps_no_other_from_its_turn(hall, monkeypatch):
    desk = make_device("desk", profile="panel")
    fill(hall, "a"), fill(desk, "b")
    take = playlists.take_turn

    def stumble(item):
        if item.device == hall:
            raise RuntimeError("what nobody thought of")
        return take(item)

    monkeypatch.setattr(playlists, "take_turn", stumble)
    assert playlists.push_due() == 1 and Delivery.objects.get().device == desk
