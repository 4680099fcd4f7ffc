import io

import pytest
from django.urls import reverse
from PIL import Image

from devices.panels.rendering import profiles as render_profiles
from devices.panels.rendering.models import RenderProfile
from devices.panels.showing.forms import RenderForm
from devices.registry.models import Panel
from tests.builders import make_capture, make_device, make_user

LIST = reverse("devices:renders")
NEW = reverse("devices:new_render")


@pytest.fixture
def alice(db, client, settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    render_profiles.offer_ready_made()
    client.force_login(make_user("alice", "owner"))


def typed(**changes) -> dict:
    """Return what the form of a new profile would post."""
    form = RenderForm()
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value is not None and value is not False}
    return data | {"name": "kitchen", "label": "Kitchen", "act": "store"} | changes


def drawn(client, page) -> Image.Image:
    answer = client.get(reverse("devices:drawn"), {"of": page.context["drawn"].token})
    return Image.open(io.BytesIO(answer.content))


def test_own_and_ready_made_ones_are_listed(alice, client):
    render_profiles.save_profile("kitchen", "Kitchen", {"format": "png", "width": 200, "height": 100})
    page = client.get(LIST).content.decode()
    assert (
        page.index("Kitchen") < page.index("2.9 inch e-paper, black and white") and "200 × 100 · PNG" in page
    )


def test_a_new_one_is_stored(alice, client):
    answer = client.post(NEW, typed(format="raw1", colours="palette:bw", width=64, height=32))
    assert answer["Location"] == reverse("devices:render", args=["kitchen"])
    settings = RenderProfile.objects.get(name="kitchen").settings
    assert settings["width"] == 64 and settings["format"] == "raw1" and "quality" not in settings


def test_a_copy_begins_with_the_values_of_the_other(alice, client):
    page = client.get(NEW, {"from": "oled-128x64-bw"})
    assert 'value="oled-128x64-bw-2"' in page.content.decode() and drawn(client, page).size == (128, 64)


def test_mistakes_stand_at_their_fields(alice, client):
    page = client.post(NEW, typed(format="raw1", colours="colour"))
    assert page.status_code == 422 and page.context["form"].errors["colours"] == [
        "This format needs a palette."
    ]
    page = client.post(NEW, typed(colours="own", own_colours="#fff", format="png"))
    assert page.context["form"].errors["own_colours"]


def test_the_preview_follows_what_is_typed_and_stores_nothing(alice, client):
    page = client.post(NEW, typed(act="preview", format="raw1", colours="palette:bw", width=40, height=20))
    assert drawn(client, page).size == (40, 20) and len(drawn(client, page).convert("RGB").getcolors()) <= 2
    assert not RenderProfile.objects.filter(name="kitchen").exists()


def test_a_preview_of_mistakes_says_them(alice, client):
    page = client.post(NEW, typed(act="preview", format="raw1", colours="colour"))
    assert page.status_code == 200 and page.context["problem"] == "Colours: This format needs a palette."


def test_the_preview_can_be_of_a_picture_of_the_history(alice, client):
    capture = make_capture(make_device("porch"))
    page = client.post(NEW, typed(act="preview", format="png", fit="fit", capture=capture.pk))
    assert drawn(client, page).size == (64, 48)
    page = client.post(NEW, typed(act="preview", capture="nope"))
    assert "no such picture" in page.content.decode()


def test_a_palette_of_ones_own_comes_back_into_its_field(alice, client):
    client.post(NEW, typed(format="png", colours="own", own_colours="#000000, #ff0000"))
    page = client.get(reverse("devices:render", args=["kitchen"])).content.decode()
    assert 'value="#000000,#ff0000"' in page and '<option value="own" selected>' in page


def test_the_bytes_as_they_are_need_no_other_value(alice, client):
    client.post(NEW, typed(format="original"))
    assert RenderProfile.objects.get(name="kitchen").settings == {"format": "original"}


def test_ready_made_ones_stay(alice, client):
    url = reverse("devices:render", args=["as-is"])
    page = client.post(url, typed(name="as-is", format="png"))
    assert page.status_code == 422 and "make a copy" in page.content.decode()
    client.post(reverse("devices:delete_render", args=["as-is"]))
    assert RenderProfile.objects.filter(name="as-is", ready_made=True).exists()


def test_one_that_is_used_is_not_deleted_until_it_is_not(alice, client):
    kitchen = render_profiles.save_profile("kitchen", "", {"format": "png"})
    Panel.objects.update_or_create(
        device=make_device("hall", profile="panel", name="Hall"), defaults={"render_profile": kitchen}
    )
    url = reverse("devices:delete_render", args=["kitchen"])
    assert "Hall still uses this profile" in client.post(url, follow=True).content.decode()
    Panel.objects.update(render_profile=None)
    assert client.post(url)["Location"] == LIST and not RenderProfile.objects.filter(pk=kitchen.pk)


@pytest.mark.parametrize("url", [LIST, NEW, reverse("devices:render", args=["as-is"])])
def test_only_owners_come_here(alice, client, url):
    client.force_login(make_user("bob", "operator"))
    assert client.get(url).status_code == 403
