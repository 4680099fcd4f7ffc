"""A history that somebody scrolls on and on, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.hub_process import running_hub

COUNT, CAMERAS = 900, 3
AT_MOST = 500
FILL = f"""
from datetime import timedelta
from django.utils import timezone
from media_pipeline.captures.models import Capture, Source, Step
from tests.builders import make_device
now = timezone.now().replace(hour=11, minute=0, second=0)
cameras = [make_device(f"cam-{{n}}", name=f"Camera {{n}}") for n in range({CAMERAS})]
Capture.objects.bulk_create(
    Capture(
        device=cameras[n % {CAMERAS}], name=f"p{{n}}", source=Source.HTTP, path=f"p{{n}}", sha256=f"{{n:064}}",
        size_bytes=1, content_type="image/jpeg", width=320, height=240, thumbnail_state=Step.DONE, colour="#806040",
        received_at=now - timedelta(minutes=4 * n), stored_at=now,
    )
    for n in range({COUNT})
)
"""
SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted = (window.shifted ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env | {"PHOTOHUB_RATE_LIMIT": "off", "PHOTOHUB_ADDRESS_RATE": "off"}) as hub:
        hub.console.run("shell", "--no-imports", "-c", FILL)
        yield hub


@pytest.fixture
def page(browser, hub):
    context = owner_in(browser, hub, timezone_id="UTC", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.add_init_script(SHIFTS)
    # There are no files; what counts is the page.
    page.route(
        re.compile("/thumb$"),
        lambda route: route.fulfill(
            content_type="image/svg+xml", body="<svg xmlns='http://www.w3.org/2000/svg'/>"
        ),
    )
    page.goto(f"{hub.url}/history?fold=no")
    yield page
    context.close()


def scroll_to_the_end(page: Page) -> int:
    """Go on until there are no older pictures. Returns how many tiles were in the page at most."""
    most = 0
    while page.locator(".more:not(.more--newer)").count():
        more = page.locator(".more:not(.more--newer) a").get_attribute("href")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator(f".more:not(.more--newer) a[href='{more}']")).to_have_count(0)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        most = max(most, page.locator(".photo").count())
    return most


def test_only_tiles_around_the_window_are_in_the_page_and_nothing_moves(page):
    assert scroll_to_the_end(page) <= AT_MOST
    height = page.evaluate("document.documentElement.scrollHeight")
    last = page.locator(".photo").last.get_attribute("data-at")
    page.evaluate("scrollTo(0, 0)")
    first = page.locator(".photo").first
    expect(first.locator("img")).to_be_in_viewport()
    assert page.locator(".photo").count() <= AT_MOST
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(f".photo[data-at='{last}']").last).to_be_in_viewport()
    assert page.evaluate("window.shifted ?? 0") < 0.01


def test_what_is_away_comes_back_for_those_who_select_and_for_the_keyboard(page):
    scroll_to_the_end(page)
    page.evaluate("scrollTo(0, 0)")
    page.click("[data-select]")
    expect(page.locator(".photo")).to_have_count(COUNT)
    picks = page.locator("[data-pick-day]")
    picks.nth(1).click()
    chosen = int(page.locator(".selection__count").inner_text().split()[0])
    assert chosen == page.locator(".day").nth(1).locator(".photo").count() > 300
    page.keyboard.press("Escape")
    page.locator(".photo a.photo__picture").first.focus()
    for _ in range(40):
        page.keyboard.press("ArrowDown")
    focused = page.locator(".photo a.photo__picture:focus")
    expect(focused).to_be_in_viewport()
    assert page.locator(".photo").count() <= AT_MOST


def test_the_way_back_leads_to_the_same_place(page, hub):
    scroll_to_the_end(page)
    page.wait_for_url("**at=**")
    seen = page.evaluate("() => new URL(location.href).searchParams.get('at')")
    page.goto(f"{hub.url}/status")
    page.go_back()
    page.wait_for_url("**fold=no**")
    expect(page.locator(f".photo[data-at='{seen}']").first).to_be_in_viewport()
