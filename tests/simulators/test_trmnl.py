"""The TRMNL panel against a tiny hub on real sockets: what it draws, keeps, refuses and reports."""

import json

import pytest

from simulators.__main__ import build_cameras, build_parser
from simulators.trmnl import CannotDraw, Trmnl, TrmnlConfig, check_picture
from tests.simulators.fake_hub import answer, fake_hub

PNG = b"\x89PNG" + bytes(60)
SHOW = {"status": 0, "filename": "a.png", "refresh_rate": 1800}


def says(**values) -> bytes:
    return answer(json.dumps(values).encode())


def picture(data: bytes = PNG) -> bytes:
    return answer(data)


def panel(hub, **values) -> Trmnl:
    return Trmnl(TrmnlConfig(hub.url, **values))


async def test_a_new_panel_asks_for_its_key_and_draws_what_it_is_given():
    async with fake_hub() as hub:
        hub.answers[:] = [
            says(status=200, api_key="k", friendly_id="desk", image_url=f"{hub.url}/s", message="Hi"),
            picture(),
            says(**SHOW, image_url=f"{hub.url}/i"),
            picture(PNG + b"2"),
        ]
        one = panel(hub)
        await one.wake()
        lines = [request.line.split()[1] for request in hub.requests]
    assert lines == ["/api/setup", "/s", "/api/display", "/i"]
    assert (one.key, one.friendly_id, one.screen, one.refresh_s) == ("k", "desk", PNG + b"2", 1800)


async def test_it_says_of_itself_what_the_firmware_says():
    async with fake_hub(says(status=202)) as hub:
        await panel(hub, key="k").wake()
        headers = hub.requests[0].headers
    assert (
        headers["Access-Token"] == "k" and headers["Battery-Voltage"] == "4.05" and headers["RSSI"] == "-61"
    )


async def test_a_name_that_it_has_is_not_fetched_again():
    async with fake_hub() as hub:
        show = says(**SHOW, image_url=f"{hub.url}/i")
        hub.answers[:] = [
            show,
            picture(),
            says(**SHOW | {"filename": "b"}, image_url=f"{hub.url}/b"),
            picture(),
            show,
        ]
        one = panel(hub, key="k")
        for _ in range(4):
            await one.wake()
    assert one.counters["fetched"] == 2 and one.counters["from flash"] == 1 and one.counters["unchanged"] == 1


@pytest.mark.parametrize(("status", "key"), [(202, "k"), (500, "")])
async def test_a_refusal_makes_it_wait_and_one_of_them_forget(status, key):
    async with fake_hub(says(status=status)) as hub:
        one = panel(hub, key="k")
        await one.wake()
    assert one.key == key and one.refresh_s == 5


async def test_a_panel_that_nobody_expects_shows_why():
    async with fake_hub(says(status=404, message="Enter the address.")) as hub:
        one = panel(hub)
        await one.wake()
    assert one.message == "Enter the address." and not one.key


async def test_what_it_cannot_draw_is_reported_and_what_it_shows_stays():
    async with fake_hub() as hub:
        hub.answers[:] = [says(**SHOW, image_url=f"{hub.url}/i"), picture(b"text"), says(status=200)]
        one = panel(hub, key="k")
        await one.wake()
        report = json.loads(hub.requests[-1].body)
    assert report["logs"][0]["message"] == "wrong image format" and one.screen == b""


@pytest.mark.parametrize("data", [b"", b"BM" + bytes(60), PNG + bytes(90_000)])
def test_pictures_that_the_firmware_refuses(data):
    with pytest.raises(CannotDraw):
        check_picture(data)


def test_it_is_started_from_the_command_line():
    line = "trmnl --hub http://hub:8000 --address 94:A9:90:8C:6D:19 --sleep-at-most 2"
    [one] = build_cameras(build_parser().parse_args(line.split()))
    assert (one.config.address, one.config.sleep_at_most_s) == ("94:A9:90:8C:6D:19", 2)
