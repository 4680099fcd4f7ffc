"""Finding, folding and selecting pictures of many days, in a real browser."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import HubProcess, running_hub
from tests.waiting import until

SHOWN = ".pswp__item[aria-hidden=false] img.pswp__img:not(.pswp__img--placeholder)"
HURRY = "WebSocket is closed before the connection is established"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
# Last Tuesday, though today may be one.
TUESDAY = TODAY - timedelta(days=(TODAY.weekday() - 2) % 7 + 1)
SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted = (window.shifted ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


def fill(hub: HubProcess) -> None:
    """Store pictures of two cameras on many days: one each noon, and like ones of a night."""
    times = {
        "yard": [TODAY - timedelta(days=d, hours=-h) for d in range(1, 14) for h in (9, 12)],
        "hall": [TODAY - timedelta(days=1, minutes=-200 - m) for m in range(6)]
        + [TODAY - timedelta(days=45, hours=-12)],
    }
    for code, moments in times.items():
        device = hub.add_device(code)
        for number in range(len(moments)):
            body = make_jpeg(320, 240, "seagreen", text=f"{number}")
            answer = httpx.post(
                f"{hub.url}/api/upload/{device['key']}",
                content=body,
                headers={"Name-Pic": f"{code}{number}"},
                trust_env=False,
            )
            assert answer.status_code == 200
    _wait(lambda: not hub.rows("SELECT 1 FROM media_pipeline_capture WHERE dhash IS NULL"))
    moved = [
        (f"{at:%Y-%m-%d %H:%M:%S}", -1 if code == "yard" and number % 2 else 0, f"{code}{number}")
        for code, moments in times.items()
        for number, at in enumerate(moments)
    ]
    with contextlib.closing(sqlite3.connect(hub.data / "photohub.sqlite3", timeout=10)) as database:
        # In the hall nothing moves; in the yard no picture is like the one before.
        database.executemany(
            "UPDATE media_pipeline_capture SET received_at = ?, dhash = ? WHERE name = ?", moved
        )
        # They were moved behind the hub's back, so it counts anew.
        database.execute("DELETE FROM media_pipeline_countedspan")
        database.commit()
    _wait(lambda: hub.rows("SELECT 1 FROM media_pipeline_countedspan WHERE since = 0"))


def _wait(condition: Callable[[], object]) -> None:
    # The browser's loop has this thread.
    with ThreadPoolExecutor() as beside:
        beside.submit(asyncio.run, until(condition, 60)).result()


@pytest.fixture(scope="module")
def hub():
    env = {
        "DJANGO_SUPERUSER_USERNAME": OWNER,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PHOTOHUB_RATE_LIMIT": "off",
        "PHOTOHUB_ADDRESS_RATE": "off",
    }
    with running_hub(env=env) as hub:
        fill(hub)
        yield hub


@pytest.fixture
def open_page(browser, hub):
    """Open pages whose console must stay empty and in which nothing moves by itself."""
    opened, complaints = [], []

    def open_in(**options) -> Page:
        context = owner_in(browser, hub, timezone_id="UTC", **options)
        page = context.new_page()
        page.add_init_script(SHIFTS)
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        opened.append(context)
        return page

    yield open_in
    for context in opened:
        context.close()
    assert [c for c in complaints if HURRY not in c] == []


def moved(page: Page) -> float:
    return page.evaluate("() => window.shifted ?? 0")


def test_a_picture_of_last_tuesday_noon_is_sent_to_somebody_with_six_taps_on_a_phone(open_page, hub):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto(f"{hub.url}/history")
    expect(page.locator(".day").first).to_be_visible()
    assert moved(page) < 0.01
    # Two taps, on the list of cameras and on one in it; each of the others is one.
    page.select_option(".filters select[name=device]", "yard")
    page.wait_for_url("**device=yard**")
    page.locator(f".week a[href*='at={TUESDAY:%Y-%m-%d}']").tap()
    page.locator(".hours a[href*='T12']").tap()
    first = page.locator(".photo").first
    expect(first).to_have_attribute("data-at", f"{TUESDAY:%Y-%m-%d}T12:00:00.000+00:00")
    expect(page.locator(".chip--on")).to_contain_text("yard")
    first.locator("a.photo__picture").tap()
    expect(page.locator(".pswp")).to_be_visible()
    page.locator("[data-do=share]").tap()
    expect(page.locator("[data-lightbox-toasts]")).to_contain_text(re.compile("link is copied|/p/"))
    (shared,) = hub.rows(
        "SELECT c.received_at FROM media_pipeline_capture c JOIN media_pipeline_sharelink s"
        " ON s.capture_id = c.id"
    )
    assert shared[0].startswith(f"{TUESDAY:%Y-%m-%d} 12:00")


def test_any_day_is_one_jump_away_and_the_way_back_leads_to_the_same_place(open_page, hub):
    page = open_page(viewport={"width": 1280, "height": 500})
    page.goto(f"{hub.url}/history")
    page.click("[data-month-box] > summary")
    expect(page.locator(".month__days")).to_be_visible()
    page.keyboard.press("Escape")
    track = page.locator(".scrubber__track")
    box = track.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    expect(page.locator(".scrubber__bubble")).to_be_visible()
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 2, steps=3)
    expect(page.locator(".scrubber__bubble")).to_be_visible()
    page.mouse.up()
    oldest = TODAY - timedelta(days=45)
    page.wait_for_url(f"**at={oldest:%Y-%m-%d}")
    expect(page.locator(".photo")).to_have_count(1)
    page.goto(f"{hub.url}/history?fold=no")
    tenth = page.locator(".photo").nth(20)
    tenth.evaluate("(photo) => photo.scrollIntoView()")
    page.wait_for_url("**at=**")
    seen = page.evaluate("() => new URL(location.href).searchParams.get('at')")
    page.goto(f"{hub.url}/status")
    page.goto(f"{hub.url}/history")
    page.go_back()
    page.go_back()
    page.wait_for_url("**fold=no**")
    shown = page.locator(f".photo[data-at='{seen}']")
    expect(shown.first).to_be_in_viewport()
    assert moved(page) < 0.01


def count(page: Page, words: str) -> None:
    expect(page.locator(".selection__count")).to_have_text(words)


def test_a_run_opens_in_place_and_pictures_are_selected_in_each_way(open_page, hub):
    page = open_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{hub.url}/history")
    run = page.locator(".photo--run")
    expect(run).to_contain_text("6 pictures")
    run.locator("input").check(force=True)
    count(page, "6 selected")
    page.keyboard.press("Escape")
    run.locator(".photo__run").click()
    expect(page.locator(".photo--run")).to_have_count(0)
    photos = page.locator(".photo")
    expect(photos.nth(7)).to_be_visible()
    page.click("[data-select]")
    photos.nth(0).locator("a.photo__picture").click()
    photos.nth(3).locator("a.photo__picture").click(modifiers=["Shift"])
    count(page, "4 selected")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    count(page, "5 selected")
    page.keyboard.press("Shift+ArrowRight")
    count(page, "6 selected")
    page.keyboard.press("Escape")
    expect(page.locator(".selection")).to_be_hidden()
    page.click("[data-select]")
    first, other = photos.nth(0).bounding_box(), photos.nth(1).bounding_box()
    page.mouse.move(first["x"] + 10, first["y"] + 40)
    page.mouse.down()
    page.mouse.move(other["x"] + 30, other["y"] + 60, steps=4)
    page.mouse.up()
    count(page, "2 selected")
    page.click(".selection button[value=keep]")
    expect(page.locator("main")).to_contain_text("2 pictures are kept.")


def test_a_runs_tile_shows_the_next_one_where_its_newest_is_deleted_and_gets_it_back(open_page, hub):
    page = open_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{hub.url}/history?device=hall")
    run, place = page.locator(".photo--run"), page.locator("[data-lightbox-place]")
    newest = run.get_attribute("data-capture")
    run.locator("a.photo__picture").click()
    expect(place).to_have_text("1 of 7")
    for _twice in range(2):
        expect(page.locator(SHOWN)).to_have_js_property("complete", True)
        page.keyboard.press("Delete")
        expect(page.locator("[data-lightbox-toasts]")).to_contain_text("Moved to the trash")
        expect(run).not_to_have_attribute("data-capture", newest)
        page.get_by_role("button", name="Undo").click()
        expect(run).to_have_attribute("data-capture", newest)
        expect(place).to_have_text("1 of 7")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("2 of 7")
    expect(page.locator(SHOWN)).to_have_js_property("complete", True)
    page.keyboard.press("Delete")
    # One from its middle goes as well.
    expect(run).to_contain_text("5 pictures")
    page.get_by_role("button", name="Undo").click()
    expect(run).to_contain_text("6 pictures")


def test_a_cameras_tab_of_pictures_selects_and_keeps_its_place_as_the_history_does(open_page, hub):
    page = open_page(viewport={"width": 1280, "height": 700})
    page.goto(f"{hub.url}/devices/yard/pictures/")
    photos = page.locator(".photo")
    expect(photos.nth(20)).to_be_attached()
    page.click("[data-select]")
    photos.nth(0).locator("a.photo__picture").click()
    photos.nth(3).locator("a.photo__picture").click(modifiers=["Shift"])
    count(page, "4 selected")
    page.keyboard.press("Escape")
    photos.nth(20).scroll_into_view_if_needed()
    page.mouse.wheel(0, 400)
    page.wait_for_url(re.compile("pictures/.at="))
    at = page.url
    page.reload()
    expect(page.locator(".more--newer")).to_be_attached()
    assert page.url == at


def test_a_long_press_selects_and_the_bar_is_one_row_of_a_phone(open_page, hub):
    page = open_page(viewport={"width": 360, "height": 700}, has_touch=True, is_mobile=True)
    page.goto(f"{hub.url}/history")
    photo = page.locator(".photo a.photo__picture").first
    photo.dispatch_event(
        "pointerdown", {"pointerType": "touch", "bubbles": True, "clientX": 60, "clientY": 300}
    )
    count(page, "1 selected")
    assert page.locator(".selection").bounding_box()["height"] < 64
    page.locator(".selection__more > summary").tap()
    expect(page.locator(".selection__menu")).to_be_in_viewport(ratio=1)


def test_the_history_does_not_scroll_sideways(open_page, hub):
    addresses = [f"{hub.url}/history{query}" for query in ("", "?q=yard&kept=yes", f"?at={TUESDAY:%Y-%m-%d}")]
    assert scroll_sideways(open_page(), addresses, (360, 800, 1920)) == []
