"""Steps, order, and which image fits which device."""

import pytest

from devices.firmware.errors import RolloutError
from devices.firmware.rollouts import planning
from devices.registry.models import Device
from tests.builders import make_device
from tests.devices.firmware.builders import make_devices, make_firmware

STEPS = planning.DEFAULT_STEPS


@pytest.mark.parametrize(("total", "sizes"), [(1, [1]), (3, [1, 2]), (20, [1, 1, 18]), (500, [1, 49, 450])])
def test_a_canary_goes_first_then_a_tenth_then_the_rest(total, sizes):
    steps, step_of = planning.split(STEPS, total)
    assert [step_of.count(n) for n in range(len(steps))] == sizes
    assert step_of == sorted(step_of) and len(step_of) == total


def test_steps_are_read_in_both_forms():
    read = planning.read_steps([{"devices": 2, "soak_s": 30}, 25, {"percent": 100}])
    assert [(s["devices"], s["percent"], s["soak_s"]) for s in read] == [(2, 0, 30), (0, 25, 0), (0, 100, 0)]


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [10],
        [100, 100],
        [50, 20, 100],
        [0, 100],
        [101],
        [True, 100],
        ["10", 100],
        [{"percent": 10, "devices": 1}, 100],
        [{"percent": 10, "soak_s": -1}, 100],
        [{"percent": 10, "soak": 1}, 100],
        [*range(1, 21), 100],
    ],
)
def test_steps_that_lead_nowhere_are_refused_in_words(steps):
    with pytest.raises(RolloutError, match=r"steps: .*\.$"):
        planning.read_steps(steps)


@pytest.mark.django_db
def test_devices_that_can_be_reached_come_first_and_nobody_is_lost():
    devices = make_devices(9)
    Device.objects.filter(code__in=("cam-003", "cam-007")).update(link_state="connected")
    drawn = planning.in_order(list(Device.objects.all()))
    assert {d.code for d in drawn[:2]} == {"cam-003", "cam-007"}
    assert set(drawn) == set(devices)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "image", "word"),
    [
        ({}, {}, ""),
        ({"profile": "k230"}, {}, "product"),
        ({"product_key": "pk1", "device_name": "d"}, {}, "product"),
        ({"product_key": "pk1", "device_name": "d"}, {"product": "pk1"}, ""),
        ({}, {"hardware": "rev-b"}, "hardware"),
        ({"hardware": "rev-a"}, {"hardware": "rev-b"}, "hardware"),
        ({"hardware": "rev-b"}, {"hardware": "rev-b"}, ""),
        ({"hardware": "rev-b"}, {}, ""),
        ({"firmware_version": "2.0.0"}, {}, "already"),
        ({"modules": {"default": "2.0.0"}}, {}, "already"),
        ({"modules": {"stm32": "2.0.0"}}, {}, ""),
        ({"modules": {"stm32": "2.0.0"}}, {"module": "stm32"}, "already"),
        ({"firmware_version": "unheard of"}, {}, ""),
    ],
)
def test_an_image_is_for_its_own_product_hardware_and_module(values, image, word):
    assert planning.misfit(make_device("porch", **values), make_firmware(**image)) == word


@pytest.mark.django_db
def test_nobody_goes_back_unless_the_rollout_allows_it():
    make_firmware(b"\xe9newer", version="3.0.0", counter=3)
    porch, older = make_device("porch", firmware_version="3.0.0"), make_firmware()
    assert planning.misfit(porch, older) == "counter"
    assert planning.misfit(porch, older, rollback=True) == ""
