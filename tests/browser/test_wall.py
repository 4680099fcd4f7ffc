"""A wall of eight live cameras in a real browser, which opens no more than six connections to a hub."""

import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.browser.new_user import OWNER, PASSWORD, owner_in, powered, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import HubProcess, running_hub

HURRY = "WebSocket is closed before the connection is established"
CAMERAS = [f"eye-{n}" for n in range(8)]
LOOK = """canvas => {
  const copy = Object.assign(document.createElement("canvas"), { width: 16, height: 12 });
  copy.getContext("2d").drawImage(canvas, 0, 0, 16, 12);
  return canvas.width > 4 ? copy.toDataURL() : "";
}"""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Blinker:
    """A scene that costs next to nothing: each picture is of another colour than the one before."""

    def jpeg(self, at: float, number: int) -> bytes:
        return make_jpeg(160, 120, ("red", "green", "blue")[number % 3], text=str(number))


def eye(hub: HubProcess, code: str) -> RaspberryPi:
    made = hub.add_device(code, "raspberry-pi")
    config = RaspberryPiConfig(port=hub.stream_port, code=code, key=made["key"], fps=3, restarts=True)
    return RaspberryPi(config, Blinker())


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub, ExitStack() as boards:
        for code in CAMERAS:
            boards.enter_context(powered(eye(hub, code)))
        yield hub


@pytest.fixture
def wall(browser, hub):
    """The wall with all eight cameras; its console must stay empty."""
    context = owner_in(browser, hub, viewport={"width": 1280, "height": 800})
    page, complaints = context.new_page(), []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{hub.url}/wall")
    expect(page.locator("[data-camera]")).to_have_count(8, timeout=20_000)
    yield page
    context.close()
    assert [c for c in complaints if HURRY not in c] == []


def all_move(page: Page, codes: list[str], pictures: int = 3) -> None:
    """Wait until every one of these screens showed pictures that differ."""
    shown: dict[str, set[str]] = {code: set() for code in codes}
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        for code, seen in shown.items():
            seen.add(page.locator(f"#screen-{code} canvas").evaluate(LOOK))
        if all(len(seen - {""}) >= pictures for seen in shown.values()):
            return
        page.wait_for_timeout(150)
    raise AssertionError({code: len(seen - {""}) for code, seen in shown.items()})


def test_eight_cameras_move_at_once_and_the_page_still_works(wall, hub):
    all_move(wall, CAMERAS)
    expect(wall.locator("#screen-eye-7 [data-fps]")).to_contain_text("fps")
    expect(wall.locator("#screen-eye-7 [data-age]")).to_contain_text(" s")
    began_s = time.monotonic()
    fetched = wall.evaluate(
        "() => Promise.all([1, 2, 3, 4, 5, 6].map(() => fetch('/history').then(a => a.status)))"
    )
    assert fetched == [200] * 6 and time.monotonic() - began_s < 10
    wall.click("#screen-eye-3 form[data-keep] button")
    expect(wall.locator(".toast")).to_contain_text("kept", timeout=8_000)


def test_a_hidden_wall_rests_and_wakes(wall):
    all_move(wall, CAMERAS[:2], 2)
    wall.evaluate(HIDE, True)
    expect(wall.locator("#screen-eye-0")).to_have_attribute("data-kind", "paused")
    still = wall.locator("#screen-eye-0 canvas").evaluate(LOOK)
    wall.wait_for_timeout(1500)
    assert wall.locator("#screen-eye-0 canvas").evaluate(LOOK) == still
    wall.evaluate(HIDE, False)
    all_move(wall, CAMERAS[:2], 2)


def test_what_is_out_of_sight_is_not_sent(wall):
    sent: list[dict] = []
    wall.on("websocket", lambda line: line.on("framesent", lambda text: sent.append(text)))
    wall.set_viewport_size({"width": 360, "height": 500})
    wall.reload()
    all_move(wall, CAMERAS[:1], 2)
    asked = [text for text in sent if "show" in str(text)]
    assert asked and "eye-0" in asked[-1] and "eye-7" not in asked[-1]


def test_the_keyboard_walks_pauses_and_opens(wall, hub):
    wall.keyboard.press("ArrowRight")
    wall.keyboard.press("ArrowRight")
    wall.keyboard.press("ArrowDown")
    expect(wall.locator("#screen-eye-4")).to_be_focused()
    wall.keyboard.press(" ")
    expect(wall.locator("#screen-eye-4 [data-word]")).to_have_text("paused")
    wall.keyboard.press(" ")
    all_move(wall, ["eye-4"], 2)
    wall.keyboard.press("Enter")
    wall.wait_for_url(f"{hub.url}/devices/eye-4/live/")


def test_the_wall_does_not_scroll_sideways(wall, hub):
    assert scroll_sideways(wall, [f"{hub.url}/wall"], (360, 1440)) == []
