import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from devices.access.groups import DeviceGroup
from devices.panels.playlists import turns as playlists
from devices.panels.playlists.models import PlaylistItem
from devices.panels.playlists.views import every
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from tests.builders import make_capture, make_device, make_jpeg, make_user

PAGE = reverse("devices:playlist", args=["hall"])


@pytest.fixture
def hall(db, client):
    client.force_login(make_user("bob", "operator"))
    return make_device("hall", profile="panel", name="Hall")


@pytest.fixture
def yard(db):
    return make_device("yard", name="Yard")


def page(client) -> str:
    return client.get(PAGE).content.decode()


def file(data: bytes = b"") -> SimpleUploadedFile:
    return SimpleUploadedFile("garden.jpg", data or make_jpeg(640, 480), "image/jpeg")


def url_of(act: str, item: PlaylistItem) -> str:
    return reverse(f"devices:playlist_{act}", args=["hall", item.pk])


def captions(device: Device) -> list[str]:
    return [item.caption for item in playlists.items_of(device)]


def fill(device: Device, *texts: str) -> list[PlaylistItem]:
    return [playlists.add_picture(device, make_jpeg(text=text), text, text) for text in texts]


def test_an_empty_one_says_what_it_is_for(hall, client):
    assert "The playlist is empty" in page(client) and "Add the camera" not in page(client)


def test_a_cameras_newest_picture_is_added(hall, client, yard):
    make_capture(yard)
    answer = client.post(PAGE, {"source": "camera", "camera": "yard", "caption": "Garden"})
    item = PlaylistItem.objects.get()
    assert answer["Location"] == PAGE and (item.camera.code, item.caption) == ("yard", "Garden")
    assert reverse("latest", args=["yard"]) in page(client) and "<q>Garden</q>" in page(client)


def test_cameras_with_pictures_are_offered_first(hall, client, yard):
    make_device("attic", name="Attic")
    make_capture(yard)
    assert [camera.name for camera in client.get(PAGE).context["cameras"]] == ["Yard", "Attic"]


def test_a_camera_without_a_picture_is_said_to_be_passed_over(hall, client, yard):
    playlists.add_camera(hall, yard)
    assert "It has no picture yet, so it is skipped." in page(client)


def test_a_picture_of_the_history_is_added_and_known_by_its_time(hall, client, yard):
    capture = make_capture(yard)
    client.post(PAGE, {"source": "capture", "capture": capture.pk})
    item = PlaylistItem.objects.get()
    assert item.label.startswith("picture of 20") and outbox.read(item.original_sha256)
    assert item.label in page(client)


def test_a_file_is_added_and_seen_small(hall, client):
    client.post(PAGE, {"source": "file", "file": file(), "caption": "Roses"})
    item = PlaylistItem.objects.get()
    answer = client.get(url_of("picture", item))
    assert item.label == "garden.jpg" and url_of("picture", item) in page(client)
    assert Image.open(io.BytesIO(answer.content)).size == (288, 216)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"source": "camera", "camera": "nope"}, "Choose the camera."),
        ({"source": "camera", "camera": "hall"}, "A panel cannot show its own pictures."),
        ({"source": "capture"}, "Choose a picture first."),
        ({"source": "capture", "capture": "nope"}, "no such picture"),
        ({"source": "file"}, "Choose a file first."),
    ],
)
def test_what_cannot_be_added_is_explained(hall, client, values, sentence):
    answer = client.post(PAGE, values)
    assert answer.status_code == 422 and sentence in answer.content.decode()
    assert not PlaylistItem.objects.exists()


def test_a_file_that_is_no_picture_is_refused_at_once(hall, client):
    answer = client.post(PAGE, {"source": "file", "file": file(b"not a picture")})
    assert answer.status_code == 422 and "not a readable picture" in answer.content.decode()
    assert not PlaylistItem.objects.exists()


def test_a_disk_that_refuses_is_explained(hall, client, monkeypatch):
    monkeypatch.setattr(outbox, "keep", lambda picture: (_ for _ in ()).throw(OSError("full")))
    answer = client.post(PAGE, {"source": "file", "file": file()})
    assert answer.status_code == 507 and "The playlist is unchanged." in answer.content.decode()


def test_a_device_that_takes_no_pictures_gets_no_playlist(hall, client, yard):
    answer = client.post(reverse("devices:playlist", args=["yard"]), {"source": "camera", "camera": "hall"})
    assert answer.status_code == 422 and "cannot show pictures" in answer.content.decode()
    assert not Panel.objects.filter(device=yard).exists()


def test_items_are_moved_and_taken_out(hall, client):
    first, _second, third = fill(hall, "a", "b", "c")
    client.post(url_of("move", third), {"by": "up"})
    assert captions(hall) == ["a", "c", "b"]
    client.post(url_of("move", first), {"by": "down"})
    assert captions(hall) == ["c", "a", "b"]
    assert client.post(url_of("remove", first))["Location"] == PAGE
    assert captions(hall) == ["c", "b"] and client.post(url_of("remove", first)).status_code == 404


def test_the_first_stays_first(hall, client):
    first, _second = fill(hall, "a", "b")
    client.post(url_of("move", first), {"by": "up"})
    assert captions(hall) == ["a", "b"] and page(client).count(" disabled") == 2


def test_an_item_of_another_panel_is_none_of_this_ones(hall, client):
    [other] = fill(make_device("desk", profile="panel", simulated=True), "x")
    answers = [client.post(url_of(act, other)) for act in ("move", "remove")]
    answers.append(client.get(url_of("picture", other)))
    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_it_says_whose_turn_it_is_and_how_often_it_goes_on(hall, client):
    _first, second = fill(hall, "a", "b")
    Panel.objects.filter(device=hall).update(playlist_index=1, poll_interval_s=900)
    text = page(client)
    assert f'id="item-{second.pk}" data-next' in text and "is sent every 15 minutes" in text
    Device.objects.update(picture_topic="", picture_ack_topic="")
    assert "each time the panel fetches: every 15 minutes" in page(client)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7200, "every 2 hours"), (3600, "every hour"), (60, "every minute"), (90, "every 90 seconds")],
)
def test_times_between_are_said_in_the_largest_unit_that_fits(seconds, words):
    assert every(seconds) == words


def test_the_tab_leads_to_it(hall, client):
    fill(hall, "a", "b")
    tab = client.get(reverse("devices:show", args=["hall"])).content.decode()
    assert f'href="{PAGE}"' in tab and "Playlist: 2 pictures" in tab


def test_a_viewer_looks_and_changes_nothing(hall, client):
    [item] = fill(hall, "a")
    client.force_login(make_user("vera", "viewer"))
    assert "<q>a</q>" in page(client) and url_of("remove", item) not in page(client)
    posts = [client.post(PAGE), client.post(url_of("move", item)), client.post(url_of("remove", item))]
    assert [answer.status_code for answer in posts] == [403, 403, 403]
    assert client.get(url_of("picture", item)).status_code == 200 and captions(hall) == ["a"]


def test_a_stranger_finds_nothing(hall, client):
    [item] = fill(hall, "a")
    client.force_login(make_user("mallory"))
    assert [client.get(url).status_code for url in (PAGE, url_of("picture", item))] == [404, 404]


def test_a_camera_of_another_group_is_neither_named_nor_added(hall, client, yard):
    indoors = DeviceGroup.objects.create(name="Indoors")
    hall.groups.add(indoors)
    playlists.add_camera(hall, yard)
    client.force_login(make_user("olga", "operator", indoors))
    assert "a camera you do not have access to" in page(client) and "Yard" not in page(client)
    assert client.post(PAGE, {"source": "camera", "camera": "yard"}).status_code == 422
