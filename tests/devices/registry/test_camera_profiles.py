import pytest

from devices.registry.camera_profiles import PROFILES, fill_in
from devices.registry.models import Device
from devices.registry.rules import check_device
from tests.builders import make_device


def test_the_first_board_gets_the_topics_of_the_published_firmware(db):
    porch = make_device("porch", profile="esp32s3")

    assert (porch.command_topic, porch.result_topic) == ("/light/deviceIn", "/light/deviceOut")
    assert porch.issued_name_upload


def test_the_second_board_gets_topics_of_its_own(db):
    make_device("porch", profile="esp32s3")
    barn = make_device("barn", profile="esp32s3")

    assert (barn.command_topic, barn.result_topic) == ("photohub/barn/command", "photohub/barn/result")


def test_a_fixed_topic_that_stands_in_another_column_counts_as_taken(db):
    make_device("porch", frame_topic="/light/deviceOut")

    assert make_device("barn", profile="esp32s3").result_topic == "photohub/barn/result"


def test_a_simulated_board_leaves_the_fixed_topics_free(db):
    assert make_device("demo-1", profile="esp32s3", simulated=True).command_topic == "photohub/demo-1/command"


def test_two_devices_do_not_share_the_modules_of_their_profile():
    one, other = (
        fill_in(Device(code=c, profile="esp8266-stm32"), fixed_topics=False) for c in ("one", "other")
    )
    one.modules["stm32"] = "1.0"

    assert other.modules["stm32"] == ""


def test_only_the_pulled_firmware_gets_an_aliyun_identity(db):
    stm = make_device("stm", profile="esp8266-stm32")

    assert (stm.product_key, stm.device_name) == ("photohub", "stm")
    assert make_device("porch").product_key == ""


@pytest.mark.parametrize("slug", PROFILES)
def test_every_profile_fills_in_what_the_rules_allow_twice(db, slug):
    for code in ("one", "two"):
        check_device(make_device(code, profile=slug))
