import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from devices.panels.deliveries import leases, preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.rendering import profiles as render_profiles
from devices.panels.rendering.models import RenderProfile
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from tests.builders import make_capture, make_device, make_jpeg, make_user

SHOW = reverse("devices:show", args=["hall"])
BW = "epaper-296x128-bw"


@pytest.fixture
def hall(db, client, settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    render_profiles.offer_ready_made()
    client.force_login(make_user("bob", "operator"))
    return make_device("hall", profile="panel", name="Hall")


def posted(client, act: str = "send", **values):
    return client.post(SHOW, {"act": act, **values})


def file(picture: bytes = b"") -> SimpleUploadedFile:
    return SimpleUploadedFile("garden.jpg", picture or make_jpeg(320, 240), "image/jpeg")


def picture_at(client, page: str) -> Image.Image:
    """Return the picture behind the preview on a page."""
    url = page.split('src="' + reverse("devices:drawn"))[1].split('"')[0]
    answer = client.get(reverse("devices:drawn") + url.replace("&amp;", "&"))
    return Image.open(io.BytesIO(answer.content))


def test_a_picture_of_the_history_is_sent(hall, client):
    capture = make_capture(make_device("porch"))
    answer = posted(client, capture=capture.pk, render=BW, caption="Porch")

    delivery = Delivery.objects.get()
    assert answer["Location"] == SHOW + "#on-the-way" and delivery.asked_by.username == "bob"
    assert (delivery.origin_ref, delivery.render_name, delivery.caption) == (str(capture.pk), BW, "Porch")


def test_the_preview_is_exactly_what_will_arrive(hall, client):
    page = posted(client, "preview", source="file", file=file(), render=BW).content.decode()

    image = picture_at(client, page)
    assert image.size == (296, 128) and len(image.convert("RGB").getcolors()) == 2
    assert "296 × 128" in page and "4 packets" in page and not Delivery.objects.exists()


def test_a_picture_that_the_address_names_is_drawn_at_once_for_whoever_may_send_it(hall, client):
    Panel.objects.filter(device=hall).update(render_profile=RenderProfile.objects.get(name=BW))
    address = f"{SHOW}?capture={make_capture(make_device('porch')).pk}"
    assert picture_at(client, client.get(address).content.decode()).size == (296, 128)
    client.force_login(make_user("vic", "viewer"))
    assert "drawn" not in client.get(address).context


def test_a_previewed_file_need_not_be_sent_again(hall, client):
    page = posted(client, "preview", source="file", file=file())
    kept = page.context["draft"].token
    posted(client, source="file", kept=kept)

    delivery = Delivery.objects.get()
    assert delivery.origin_ref == "garden.jpg" and outbox.read(delivery.original_sha256) == make_jpeg(
        320, 240
    )


def test_a_kept_file_is_only_for_whoever_chose_it(hall, client):
    kept = posted(client, "preview", source="file", file=file()).context["draft"].token
    client.force_login(make_user("eve", "operator"))

    assert "Choose a file first." in posted(client, source="file", kept=kept).content.decode()


def test_what_was_drawn_for_one_person_is_hidden_from_another(hall, client):
    token = posted(client, "preview", source="file", file=file()).context["drawn"].token
    client.force_login(make_user("eve", "operator"))

    assert client.get(reverse("devices:drawn"), {"of": token}).status_code == 404


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"source": "capture"}, "Choose a picture first."),
        ({"source": "capture", "capture": "nope"}, "no such picture"),
        ({"source": "url", "url": "http://example.org:8080/x.jpg"}, "is not allowed"),
        ({"source": "url"}, "Enter an address first."),
        ({"source": "file"}, "Choose a file first."),
    ],
)
@pytest.mark.parametrize("act", ["send", "preview"])
def test_what_cannot_be_sent_is_explained(hall, client, act, values, sentence):
    answer = posted(client, act, **values)

    assert answer.status_code == (422 if act == "send" else 200) and sentence in answer.content.decode()
    assert not Delivery.objects.exists()


def test_a_file_that_is_no_picture_is_explained_before_it_is_sent(hall, client):
    page = posted(client, "preview", source="file", file=file(b"not a picture"), render=BW)

    assert "not a readable picture" in page.content.decode()


def test_a_disk_that_refuses_is_explained(hall, client, monkeypatch):
    monkeypatch.setattr(outbox, "keep", lambda picture: (_ for _ in ()).throw(OSError("full")))
    page = posted(client, "preview", source="file", file=file())

    assert page.status_code == 507 and "could not be stored on the hub" in page.content.decode()


def test_an_address_is_sent_without_being_fetched_first(hall, client, settings):
    settings.FETCH_FROM = "public"
    posted(client, source="url", url="https://example.org/a.jpg")

    assert Delivery.objects.get().original_sha256 == ""


def test_the_page_shows_what_the_panel_shows(hall, client):
    delivery = arrived(hall, BW)
    page = client.get(SHOW).content.decode()
    answer = client.get(reverse("devices:shown", args=["hall"]))

    assert "What Hall shows" in page and "garden.jpg" in page
    assert Image.open(io.BytesIO(answer.content)).size == (296, 128)
    assert client.get(reverse("devices:delivery_picture", args=[delivery.pk])).content == answer.content


def arrived(device: Device, render: str) -> Delivery:
    """Return a delivery that the device has acknowledged."""
    wish = deliveries.Wish("upload", "garden.jpg", picture=make_jpeg(320, 240), render=render)
    delivery = deliveries.deliver(device, wish)
    preparing.prepare_one(delivery.pk)
    delivery.refresh_from_db()
    assert leases.begin_all([delivery]) and deliveries.note_delivered(delivery)
    return delivery


def test_nothing_shown_is_no_picture(hall, client):
    assert client.get(reverse("devices:shown", args=["hall"])).status_code == 404
    assert "Nothing has arrived yet." in client.get(SHOW).content.decode()


def test_a_panel_that_was_never_there_is_pointed_out(hall, client):
    assert "has never connected" in client.get(SHOW).content.decode()


def test_the_fragment_follows_what_is_on_its_way(hall, client):
    delivery = deliveries.deliver(hall, deliveries.Wish("upload", "garden.jpg", picture=make_jpeg()))
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", packets_total=40, packets_acked=10)
    page = client.get(reverse("devices:show_now", args=["hall"])).content.decode()

    assert "packet 10 of 40" in page and re.search(r'max="40"\s+value="10"', page) and "Cancel" in page


def test_a_camera_can_be_made_to_take_pictures(hall, client):
    client.force_login(make_user("alice", "owner"))
    make_device("porch")
    page = client.get(reverse("devices:show", args=["porch"])).content.decode()
    client.post(reverse("devices:take_pictures", args=["porch"]))

    porch = Device.objects.get(code="porch")
    assert "does not take pictures" in page and porch.picture_topic == "photohub/porch/picture"
    assert porch.picture_ack_topic == "photohub/porch/picture/ack"


def test_only_owners_change_topics_and_only_operators_send(hall, client):
    topics = reverse("devices:take_pictures", args=["hall"])
    assert client.post(topics).status_code == 403
    client.force_login(make_user("vera", "viewer"))
    page = client.get(SHOW)
    assert page.status_code == 200 and "Send" not in page.content.decode()
    assert posted(client, source="file", file=file()).status_code == 403
    client.force_login(make_user("mallory", ""))
    assert client.get(SHOW).status_code == client.post(topics).status_code == 404


def test_a_picture_is_previewed_for_one_panel(hall, client):
    Panel.objects.update_or_create(
        device=hall, defaults={"render_profile": RenderProfile.objects.get(name=BW)}
    )
    capture = make_capture(make_device("porch"))
    answer = client.get(reverse("devices:capture_preview", args=["hall"]), {"capture": capture.pk})

    assert Image.open(io.BytesIO(answer.content)).size == (296, 128)
