"""In which language the demo's names are."""

import pytest
from django.utils import translation

from devices.access.groups import DeviceGroup
from devices.hub_settings import choices
from devices.panels.playlists.models import PlaylistItem
from devices.registry.models import Device
from devices.setup import simulated
from photohub.demo import naming, stage
from photohub.demo.cast import CAMERAS

pytestmark = pytest.mark.django_db


@pytest.fixture
def english(monkeypatch):
    monkeypatch.setattr(naming.locale, "getlocale", lambda category: (None, None))
    stage.make_devices()
    stage.fill_playlist()


def names() -> list[str]:
    return [Device.objects.get(code=code).name for code in ("demo-yard", "demo-board-2", "demo-panel")]


def test_names_follow_the_first_owner_and_again_when_made_twice(english):
    assert names() == ["Back yard", "Meter 2", "Hall display"]
    choices.learn_language("zh-hans")
    for _twice in range(2):
        naming.rename()
        stage.make_devices()
    assert names() == ["后院", "电表 2", "门厅屏幕"]
    assert DeviceGroup.objects.get().name == "演示"
    assert PlaylistItem.objects.filter(caption="后院").exists()
    assert not PlaylistItem.objects.filter(caption__in=[camera.name for camera in CAMERAS]).exists()


def test_a_name_that_somebody_gave_stays(english):
    Device.objects.filter(code="demo-yard").update(name="Hens")
    choices.learn_language("zh-hans")
    naming.rename()
    assert names()[0] == "Hens"


@pytest.mark.parametrize(("spoken", "name"), [("zh_CN", "后院"), ("de_DE", "Back yard"), (None, "Back yard")])
def test_until_an_owner_is_heard_the_machine_says_it(monkeypatch, spoken, name):
    monkeypatch.setattr(naming.locale, "getlocale", lambda category: (spoken, "UTF-8"))
    stage.make_devices()
    assert names()[0] == name


def test_what_a_chinese_demo_made_goes_with_one_click():
    choices.learn_language("zh-hans")
    stage.make_devices()
    with translation.override("en"):
        simulated.remove_all()
    assert not DeviceGroup.objects.exists() and not Device.objects.exists()
