"""What a new user does in his first five minutes, in a real browser against a real hub."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.new_user import (
    OWNER,
    PASSWORD,
    become_owner,
    log_in,
    owner_in,
    powered,
    scroll_sideways,
    setup_link,
)
from tests.builders import make_jpeg
from tests.flows.story import board
from tests.hub_process import running_hub

HURRY = "WebSocket is closed before the connection is established"
WINDOW = {"width": 1280, "height": 800}
SIXTY_CAMERAS = """
from django.db import transaction
from devices.setup.adding import add_device
with transaction.atomic():
    for number in range(60):
        add_device(code=f"row-{number:02}", name="", profile="generic")
"""


@pytest.fixture(scope="module")
def hub():
    """A hub with its owner, one camera and one picture."""
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        key = hub.add_device("door", "esp32s3")["key"]
        answer = httpx.post(f"{hub.url}/api/upload/{key}", content=make_jpeg(320, 240), trust_env=False)
        assert answer.status_code == 200
        yield hub


@pytest.fixture
def stranger(browser):
    """The page of somebody who is not logged in; its console must stay empty."""
    with closing(browser.new_context(viewport=WINDOW)) as context:
        yield from watching(context.new_page())


@pytest.fixture
def watched(browser, hub):
    """The owner's page, whose console must stay empty."""
    with closing(owner_in(browser, hub, viewport=WINDOW)) as context:
        yield from watching(context.new_page())


def watching(page) -> Iterator[Page]:
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    # Going on to the next page at once closes a socket that was just being opened.
    assert [c for c in complaints if HURRY not in c] == []


def test_a_new_user_becomes_owner_adds_a_camera_and_sees_its_picture_on_every_page(stranger, browser):
    with running_hub(prepared=False) as hub:
        become_owner(stranger, hub.url, hub.log)
        expect(stranger.locator("main")).to_contain_text("Add a camera")
        made = add_camera(stranger, hub.url)
        topics = {"command_topic": "/light/deviceIn", "result_topic": "/light/deviceOut"}
        with powered(board(hub.url, hub.mqtt_port, topics, made)):
            expect(stranger.locator("#first-light")).to_contain_text("127.0.0.1", timeout=10_000)
            press_on_one_page_and_see_on_another(stranger, browser, hub)
        the_link_is_dead_now(browser, hub)
        # A page that is left open would complain, rightly, when its hub goes.
        stranger.goto("about:blank")


def add_camera(page, url: str) -> dict[str, str]:
    page.goto(f"{url}/devices/add/")
    page.click("text=ESP32-S3 camera")
    page.fill("input[name=name]", "Front door")
    page.fill("input[name=code]", "door")
    page.click("main form button.button--primary")
    return {"code": "door", "key": page.inner_text("#the-key").strip()}


def press_on_one_page_and_see_on_another(page, browser, hub) -> None:
    other = browser.new_context().new_page()
    log_in(other, hub.url)
    expect(other.locator("html")).to_have_attribute("data-live", "live", timeout=10_000)
    other.evaluate("() => { window.stayed = true }")
    page.goto(hub.url)
    page.click("#card-door .shutter")
    expect(other.locator("#card-door .card__picture img")).to_be_visible(timeout=10_000)
    expect(other.locator(".tile")).to_have_count(1, timeout=5_000)
    expect(page.locator("#card-door")).to_contain_text("here in", timeout=10_000)
    assert other.evaluate("() => window.stayed"), "the other page was reloaded"
    other.context.close()


def the_link_is_dead_now(browser, hub) -> None:
    stranger = browser.new_context().new_page()
    answer = stranger.goto(hub.url + setup_link(hub.log))
    assert answer.status == 410
    expect(stranger.locator("body")).to_contain_text("Log in")
    assert not stranger.query_selector("input[type=password]")
    stranger.context.close()


def test_the_capture_page_tells_the_way_of_the_picture(watched, hub):
    watched.goto(f"{hub.url}/history")
    watched.goto(hub.url + watched.get_attribute("main a[href*='/captures/']", "href"))
    for stage in ("requested", "sent", "received", "stored", "mirrored", "published"):
        expect(watched.locator("main")).to_contain_text(stage, ignore_case=True)
    expect(watched.locator("main")).to_contain_text("no mirror is set up", ignore_case=True)


def test_no_page_scrolls_sideways(watched, hub):
    paths = ("/", "/history", "/devices/", "/devices/door/", "/status", "/account")
    assert scroll_sideways(watched, [f"{hub.url}{path}" for path in paths], (360, 390, 1440)) == []


def test_the_keyboard_goes_places(watched, hub):
    watched.goto(hub.url)
    watched.keyboard.press("g")
    watched.keyboard.press("h")
    watched.wait_for_url("**/history")
    watched.keyboard.press("?")
    expect(watched.locator("dialog[open]")).to_be_visible()


def test_the_language_can_be_changed(watched, hub):
    watched.context.set_extra_http_headers({"accept-language": "zh-CN"})
    watched.goto(hub.url)
    expect(watched.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(watched.locator("nav").first).to_contain_text("历史")


def test_a_page_without_javascript_still_takes_pictures(browser, hub):
    context = owner_in(browser, hub, java_script_enabled=False)
    page = context.new_page()
    page.goto(hub.url)
    # It is marked as one that does not listen; a form sends all the same, and the hub says how it ends.
    page.click("#card-door .shutter", force=True)
    expect(page.locator("#card-door")).to_be_visible()
    assert hub.rows("select count(*) n from devices_command")[0]["n"] == 1
    context.close()


def test_a_long_wall_goes_on_as_somebody_scrolls(watched, hub):
    """Last, because the hub has many cameras from here on."""
    hub.console.run("shell", "-c", SIXTY_CAMERAS)
    watched.goto(hub.url)
    cards = watched.locator("article.card")
    expect(cards).to_have_count(48)
    watched.locator(".wall__more").scroll_into_view_if_needed()
    expect(cards).to_have_count(61)
    expect(watched.locator(".wall__more")).to_have_count(0)
    assert len(set(cards.evaluate_all("all => all.map(card => card.id)"))) == 61
