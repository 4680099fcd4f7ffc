import io

import pytest
from PIL import Image

from devices.access.groups import DeviceGroup
from devices.panels.deliveries import screens
from devices.panels.deliveries.screens import NothingToSee, has_screens, screens_of, see, see_shown
from devices.panels.rendering import drawing
from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profiles import settings_of
from devices.panels.sources import outbox
from devices.registry.models import Panel
from tests.builders import make_device, make_jpeg, make_user

OLED = drawing.PROFILES["oled-128x64-bw"]


@pytest.fixture(autouse=True)
def _outbox(db, settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"


def size_of(seen: screens.Seen) -> tuple[int, int]:
    return Image.open(io.BytesIO(seen.data)).size


def test_devices_with_topics_or_a_panel_take_pictures():
    hall, porch, kiosk = make_device("hall", profile="panel"), make_device("porch"), make_device("kiosk")
    Panel.objects.create(device=kiosk)
    assert [device.takes_pictures for device in (hall, porch, kiosk)] == [True, False, True]
    assert [device.code for device in screens_of(make_user("ada", "owner"))] == ["hall", "kiosk"]


def test_only_panels_that_somebody_may_command_and_that_are_on():
    farm = DeviceGroup.objects.create(name="Farm")
    make_device("barn", profile="panel", group=farm), make_device("hall", profile="panel")
    make_device("off", profile="panel", group=farm, enabled=False)
    assert [d.code for d in screens_of(make_user("bob", "operator", farm))] == ["barn"]
    assert screens_of(make_user("vera", "viewer")) == []


def test_whether_there_are_screens_is_told_without_looking_at_each(django_assert_num_queries):
    farm, shop = DeviceGroup.objects.create(name="Farm"), DeviceGroup.objects.create(name="Shop")
    bob, vera = make_user("bob", "operator", farm), make_user("vera", "viewer")
    make_device("kiosk", profile="panel", group=shop)
    make_device("off", profile="panel", group=farm, enabled=False)
    assert [has_screens(user) for user in (make_user("ada", "owner"), bob, vera)] == [True, False, False]
    make_device("barn", profile="panel", group=farm)
    with django_assert_num_queries(1):
        assert has_screens(bob)


def test_packed_bytes_are_read_back():
    made = drawing.render(make_jpeg(200, 200), OLED)
    seen = see(outbox.keep(made.data), made.content_type, settings_of(OLED), (None, None))
    assert seen.content_type == "image/png" and seen.data == drawing.preview(
        made.data, OLED, made.width, made.height
    )


def test_what_a_browser_reads_is_left_as_it_is():
    jpeg = make_jpeg()
    assert see(outbox.keep(jpeg), "image/jpeg", {}, (64, 48)).data == jpeg


def test_a_panel_that_hangs_turned_is_seen_upright():
    profile = drawing.Profile(60, 40, format="jpeg", mounting=90)
    made = drawing.render(make_jpeg(), profile)
    seen = see(outbox.keep(made.data), made.content_type, settings_of(profile), (made.width, made.height))
    assert size_of(seen) == (made.height, made.width)


def test_what_a_panel_shows_without_a_delivery_is_read_by_its_own_profile():
    made = drawing.render(make_jpeg(200, 200), OLED)
    hall, sha256 = make_device("hall", profile="panel"), outbox.keep(made.data)
    shown = {"shown_sha256": sha256, "shown_content_type": made.content_type}
    panel = Panel.objects.update_or_create(device=hall, defaults=shown)[0]
    with pytest.raises(NothingToSee):
        see_shown(hall)
    panel.render_profile = RenderProfile.objects.create(name="oled", settings=settings_of(OLED))
    panel.save()
    assert size_of(see_shown(hall)) == (128, 64)


def test_bytes_that_are_gone_are_nothing_to_see():
    with pytest.raises(NothingToSee):
        see("0" * 64, "image/jpeg", {}, (1, 1))
