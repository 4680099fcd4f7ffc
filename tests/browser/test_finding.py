"""Finding everything that exists: the palette, the list of devices, and a panel on its first minutes, in a real browser."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in, scroll_sideways
from tests.hub_process import running_hub

ADDRESS = "94:A9:90:8C:6D:19"
LANGUAGES = ("en", "zh-hans")
WIDTHS = (360, 390, 768, 1024, 1280, 1366, 1440, 1920)
# A word that stands on two lines has been cut. Chinese may be cut anywhere, and is left out.
CUT_WORDS = """() => {
    const cut = [], walker = document.createTreeWalker(document.querySelector('#device-rows'), NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    while (walker.nextNode()) {
        const {textContent: text} = walker.currentNode;
        for (const found of text.matchAll(/[A-Za-z0-9.%]+/g)) {
            range.setStart(walker.currentNode, found.index);
            range.setEnd(walker.currentNode, found.index + found[0].length);
            const lines = new Set([...range.getClientRects()].filter((r) => r.width).map((r) => Math.round(r.top)));
            if (lines.size > 1) cut.push(found[0]);
        }
    }
    return cut;
}"""


@pytest.fixture(scope="module")
def hub():
    """A hub with cameras of every kind and a panel, none of them connected."""
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        for code, profile in (
            ("porch", "generic"),
            ("garden-at-the-back", "esp8266-stm32"),
            ("hall", "panel"),
        ):
            hub.add_device(code, profile)
        yield hub


@pytest.fixture
def page(browser, hub):
    context = owner_in(browser, hub, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_the_palette_leads_everywhere_by_keys(page: Page, hub):
    page.goto(f"{hub.url}/status")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Render profiles")).to_be_visible()
    field.fill("por")
    expect(page.get_by_role("option", name="porch")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{hub.url}/devices/porch/")

    page.keyboard.press("Control+k")
    field.fill("time-l")
    expect(page.get_by_role("option", name="Time-lapses")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_the_palette_is_tapped_on_a_phone(browser, hub):
    context = owner_in(browser, hub, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(hub.url)
    page.locator("[data-palette-open]").tap()
    page.get_by_role("option", name="Firmware").tap()
    page.wait_for_url(f"{hub.url}/firmware/")
    context.close()


def test_without_scripts_the_search_has_a_page(browser, hub):
    context = owner_in(browser, hub, java_script_enabled=False)
    page = context.new_page()
    page.goto(hub.url)
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("hall")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="hall").first.click()
    assert page.url == f"{hub.url}/devices/hall/"
    context.close()


def test_the_list_of_devices_cuts_no_word(page: Page, hub):
    cut = {}
    for language in LANGUAGES:
        page.context.add_cookies([{"name": "photohub_language", "value": language, "url": hub.url}])
        page.goto(f"{hub.url}/devices/")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if words := page.evaluate(CUT_WORDS):
                cut[f"{language} at {width}"] = words
    assert cut == {}


def test_no_page_is_wider_than_its_window(page: Page, hub):
    paths = "panels/ panels/playlists/ devices/ devices/hall/ devices/hall/settings/ groups search".split()
    addresses = [f"{hub.url}/{path}" for path in paths]

    assert scroll_sideways(page, addresses, (360, 1024, 1920)) == []


def test_a_panel_that_sets_itself_up_is_added_and_seen_to_come(page: Page, hub):
    page.goto(f"{hub.url}/panels/")
    page.get_by_role("link", name="Add a panel").click()
    page.get_by_label("Name").fill("Kitchen")
    page.get_by_label("Hardware address").fill(ADDRESS)
    page.get_by_role("button", name="Add the panel").click()
    expect(page.get_by_role("heading", name="Nothing to copy")).to_be_visible()
    expect(page.get_by_text("Waiting for the panel to fetch its key…")).to_be_visible()

    with httpx.Client(base_url=hub.url, trust_env=False) as panel:
        key = panel.get("/api/setup", headers={"ID": ADDRESS}).json()["api_key"]
        panel.get("/api/display", headers={"ID": ADDRESS, "Access-Token": key})
    expect(page.get_by_text("It has fetched its first picture")).to_be_visible(timeout=15_000)
