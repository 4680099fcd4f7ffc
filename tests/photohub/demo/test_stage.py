"""What the demo makes, and that it goes with one click."""

import pytest

from devices.access.groups import DeviceGroup
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget
from devices.panels.playlists.models import PlaylistItem
from devices.panels.rendering.profiles import offer_ready_made
from devices.registry.models import Device
from devices.setup import simulated
from photohub.demo import stage
from photohub.demo.cast import BOARDS, CAMERAS, PANEL
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def _stage(settings, tmp_path):
    settings.FIRMWARE_DIR = tmp_path
    offer_ready_made()
    for _twice in range(2):
        stage.make_devices()
        stage.fill_playlist()
        stage.begin_rollout()


def test_made_twice_everything_is_there_once(_stage):
    assert simulated.devices().count() == Device.objects.count() == len(CAMERAS) + len(BOARDS) + 2
    panel = Device.objects.get(code=PANEL[0])
    assert panel.playlist.count() == len(CAMERAS) and panel.panel.render_profile is not None
    assert Rollout.objects.get().state == RolloutState.RUNNING
    assert RolloutTarget.objects.count() == len(BOARDS)
    assert sorted(set(RolloutTarget.objects.values_list("step", flat=True))) == [0, 1, 2]


def test_what_is_removed_is_all_of_it_and_nothing_else(_stage):
    make_device("porch")
    assert simulated.remove_all() == len(CAMERAS) + len(BOARDS) + 2
    assert [device.code for device in Device.objects.all()] == ["porch"]
    assert not DeviceGroup.objects.exists() and not PlaylistItem.objects.exists()
    assert not Firmware.objects.exists() and not SigningKey.objects.exists() and not Rollout.objects.exists()
