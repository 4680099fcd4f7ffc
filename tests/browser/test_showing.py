"""A picture on its way to a panel, seen in a real browser against a real hub and a simulated panel."""

from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from simulators.panel_base import PanelBase, PanelConfig
from tests.browser.new_user import OWNER, PASSWORD, owner_in, powered, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import running_hub

HURRY = "WebSocket is closed before the connection is established"
# By the time that /healthz is answered, the page has begun what it does when it is told to look again.
A_FORM_IS_ON_ITS_WAY = """() => {
    const form = document.body.appendChild(document.createElement('form'));
    form.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}));
    document.dispatchEvent(new CustomEvent('photohub:poll', {detail: {}}));
    return fetch('/healthz').then(() => null);
}"""
PREVIEW_WIDTH = "() => document.querySelector('#preview img')?.naturalWidth"


@pytest.fixture(scope="module")
def hub():
    """A hub with a camera that took one picture, and a panel that is not connected yet."""
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        hub.camera_key = hub.add_device("porch")["key"]
        send(hub, make_jpeg(320, 240))
        hub.panel = hub.add_device("hall", "panel")
        yield hub


def send(hub, picture: bytes) -> None:
    """Let the camera send a picture."""
    answer = httpx.post(f"{hub.url}/api/upload/{hub.camera_key}", content=picture, trust_env=False)
    assert answer.status_code == 200


@pytest.fixture
def page(browser, hub):
    context = owner_in(browser, hub, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [c for c in complaints if HURRY not in c] == []


def panel_of(hub, slow_s: float) -> PanelBase:
    config = PanelConfig(port=hub.mqtt_port, code="hall", key=hub.panel["key"], slow_s=slow_s)
    return PanelBase(config)


def test_a_picture_is_chosen_previewed_sent_and_seen_to_arrive(page: Page, hub):
    with powered(panel_of(hub, slow_s=0.2)) as panel:
        page.goto(f"{hub.url}/devices/hall/show/")
        page.locator(".pick").first.click()
        page.select_option("#render", "epaper-400x300-bw")
        page.wait_for_function(f"{PREVIEW_WIDTH} === 400")
        page.get_by_role("button", name="Send", exact=True).click()
        newest = page.locator(".delivery").first
        expect(newest).to_contain_text("of 11", timeout=15_000)
        expect(newest.locator("progress")).to_be_visible()
        expect(newest).to_contain_text("delivered", timeout=20_000)
        expect(page.locator("#show-now .screen img")).to_be_visible(timeout=10_000)
        assert len(panel.picture) == 400 * 300 // 8


def test_the_page_of_a_picture_leads_to_a_panel_which_is_remembered(page: Page, hub):
    page.goto(f"{hub.url}/history")
    picture = hub.url + page.get_attribute("main a[href*='/captures/']", "href")
    page.goto(picture)
    page.click("text=Show on a panel…")
    expect(page.locator("[name=panel]")).to_be_checked()
    page.locator("main form button[value=send]").click()
    page.wait_for_url("**/devices/hall/show/#on-the-way")
    page.locator(".delivery").first.get_by_role("button", name="Cancel").click()
    expect(page.locator(".delivery").first).to_contain_text("cancelled", timeout=10_000)


def test_a_selection_of_the_history_asks_for_its_panel(page: Page, hub):
    page.goto(f"{hub.url}/history")
    page.click("text=Select")
    page.locator(".photo a").first.click()
    page.locator(".selection").get_by_role("button", name="Show on a panel…").first.click()
    expect(page.locator("h1")).to_have_text("Show on a panel")
    expect(page.locator(".strip img")).to_have_count(1)


def test_a_render_profile_shows_what_it_does_while_it_is_typed(page: Page, hub):
    page.goto(f"{hub.url}/devices/render-profiles/new?from=oled-128x64-bw")
    page.wait_for_function(f"{PREVIEW_WIDTH} === 128")
    page.fill("#id_width", "96")
    page.wait_for_function(f"{PREVIEW_WIDTH} === 96")
    page.select_option("#id_colours", "colour")
    expect(page.locator("#preview")).to_contain_text("This format needs a palette.")


def test_a_rule_is_made_and_its_runs_are_seen_while_the_camera_takes_pictures(page: Page, hub):
    page.goto(f"{hub.url}/rules/new")
    page.fill("[name=name]", "Porch to hall")
    page.select_option("[name=camera]", label="porch")
    page.locator(".choices").get_by_label("hall").check()
    page.fill("[name=caption]", "Somebody is at the door")
    page.locator("main").get_by_role("button", name="Store").click()
    expect(page.locator("h1")).to_have_text("Porch to hall")
    expect(page.locator("#run-rows")).to_contain_text("Its camera has sent no picture")
    with powered(panel_of(hub, slow_s=0.05)) as panel:
        send(hub, make_jpeg(320, 240, text="visitor"))
        line = page.locator("#run-rows .delivery").first
        expect(line.locator(".run__sent")).to_contain_text("hall", timeout=15_000)
        expect(line.locator(".run__sent")).to_contain_text("delivered", timeout=20_000)
        assert panel.picture
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.evaluate(A_FORM_IS_ON_ITS_WAY)
    # It may remove the rule, so nothing is asked about the rule any more.
    assert asked == ["/healthz"]
    page.locator(".page-head__actions").get_by_role("button", name="Delete").click()
    page.locator("dialog[open]").get_by_role("button", name="Delete it").click()
    expect(page.locator("h1")).to_have_text("Rules")
    expect(page.locator("main")).not_to_contain_text("Porch to hall")


def test_a_playlist_is_filled_ordered_and_emptied(page: Page, hub):
    page.goto(f"{hub.url}/devices/hall/playlist/")
    expect(page.locator(".empty")).to_contain_text("The playlist is empty")
    page.select_option("#add-camera", "porch")
    page.click("text=Add the camera")
    page.check("[name=source][value=file]", force=True)
    file = {"name": "garden.jpg", "mimeType": "image/jpeg", "buffer": make_jpeg(text="garden")}
    page.set_input_files("[name=file]", file)
    page.click("text=Add the picture")
    turns = page.locator(".playlist .delivery")
    expect(turns).to_have_count(2)
    expect(turns.first).to_contain_text("Newest picture of porch")
    turns.first.get_by_role("button", name="Move down").click()
    expect(turns.first).to_contain_text("garden.jpg")
    for left in (1, 0):
        turns.first.get_by_role("button", name="Remove").click()
        expect(turns).to_have_count(left)
    expect(page.locator(".empty")).to_be_visible()


def test_no_page_of_pictures_to_panels_scrolls_sideways(page: Page, hub):
    paths = ("hall/show/", "deliveries/", "render-profiles/as-is/")
    assert scroll_sideways(page, [f"{hub.url}/devices/{path}" for path in paths], (360, 1440)) == []


def test_without_javascript_a_file_is_previewed_and_sent(browser, hub):
    context = owner_in(browser, hub, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{hub.url}/devices/hall/show/")
    page.check("[name=source][value=file]", force=True)
    file = {"name": "yard.jpg", "mimeType": "image/jpeg", "buffer": make_jpeg(text="yard")}
    page.set_input_files("[name=file]", file)
    page.click("[data-preview-button]")
    expect(page.locator("#preview img")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".delivery").first).to_contain_text("yard.jpg")
    context.close()
