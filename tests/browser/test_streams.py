"""Live pictures in a real browser: two cameras move on two pages while an upload comes in."""

import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from simulators.scenes import Scene
from tests.browser.new_user import OWNER, PASSWORD, owner_in, powered, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import running_hub

HURRY = "WebSocket is closed before the connection is established"
# What the image shows now, as text.
LOOK = """img => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  canvas.getContext("2d").drawImage(img, 0, 0, 64, 48);
  return img.naturalWidth > 1 ? canvas.toDataURL() : "";
}"""
HIDE = """() => {
  Object.defineProperty(document, "hidden", { value: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        yield hub


@pytest.fixture
def open_page(browser, hub):
    """Open pages of people who are logged in; their consoles must stay empty."""
    complaints: list[str] = []

    def opened() -> Page:
        page = owner_in(browser, hub, viewport={"width": 1280, "height": 800}).new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert [c for c in complaints if HURRY not in c] == []


def pi(hub, code: str, scene: str) -> RaspberryPi:
    made = hub.add_device(code, "raspberry-pi")
    config = RaspberryPiConfig(port=hub.stream_port, code=code, key=made["key"], fps=3)
    return RaspberryPi(config, Scene(scene, camera=code, width=320, height=240, day_s=60))


def sees_it_move(page: Page, selector: str) -> None:
    """Wait until the image shows three pictures that differ."""
    image, shown = page.locator(selector), set()
    for _ in range(100):
        shown.add(image.evaluate(LOOK))
        if len(shown - {""}) >= 3:
            return
        page.wait_for_timeout(150)
    raise AssertionError(f"{selector} showed {len(shown - {''})} pictures")


def upload(hub, key: str) -> None:
    request = urllib.request.Request(f"{hub.url}/api/upload/{key}", make_jpeg(), {"Name-Pic": "a"})
    assert urllib.request.urlopen(request, timeout=10).status == 200


def test_two_cameras_move_on_two_pages_while_an_upload_comes_in(hub, open_page):
    uploader = hub.add_device("uploader")
    with powered(pi(hub, "east", "harbour")), powered(pi(hub, "west", "garden")):
        pages = {code: open_page() for code in ("east", "west")}
        for code, page in pages.items():
            page.goto(f"{hub.url}/devices/{code}/live/")
        upload(hub, uploader["key"])
        for page in pages.values():
            sees_it_move(page, "img[data-stream]")
            expect(page.locator("#going")).to_contain_text("frames a second", timeout=8_000)
        pages["east"].click("text=Keep this frame")
        pages["west"].goto(hub.url)
        expect(pages["west"].locator(".tile")).to_have_count(2, timeout=10_000)
        plays_while_pointed_at(pages["west"])


def plays_while_pointed_at(page: Page) -> None:
    expect(page.locator("#card-west .ribbon")).to_be_visible(timeout=10_000)
    page.hover("#card-west .card__name")
    sees_it_move(page, "#card-west .card__live")
    page.mouse.move(0, 0)
    expect(page.locator(".card__live")).to_have_count(0)


def test_a_hidden_page_lets_go_of_its_stream(hub, open_page):
    with powered(pi(hub, "north", "workshop")):
        page = open_page()
        page.goto(f"{hub.url}/devices/north/live/")
        sees_it_move(page, "img[data-stream]")
        assert connections_to(hub.http_port) > 1
        page.evaluate(HIDE)
        for _ in range(100):
            if connections_to(hub.http_port) == 1:
                break
            page.wait_for_timeout(150)
        assert connections_to(hub.http_port) == 1, "only the live line's socket may be left"


def connections_to(port: int) -> int:
    """Return how many connections this machine's kernel has open at a server's port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_the_live_tab_does_not_scroll_sideways(hub, open_page):
    hub.add_device("wide", "k230")
    assert scroll_sideways(open_page(), [f"{hub.url}/devices/wide/live/"], (360, 1440)) == []
