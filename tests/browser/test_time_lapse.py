"""A time-lapse from the form to the player, in a real browser, with the hub's own worker and encoder."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import running_hub

HURRY = "WebSocket is closed before the connection is established"
PLAYED = "() => document.querySelector('video').currentTime > 0.5"


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        key = hub.add_device("porch")["key"]
        for number, colour in enumerate(("red", "green", "blue", "white")):
            body = make_jpeg(320, 240, colour)
            answer = httpx.post(
                f"{hub.url}/api/upload/{key}",
                content=body,
                headers={"Name-Pic": f"n{number}"},
                trust_env=False,
            )
            assert answer.status_code == 200
        yield hub


@pytest.fixture
def page(browser, hub):
    """A page whose console must stay empty."""
    context = owner_in(browser, hub)
    page, complaints = context.new_page(), []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    yield page
    context.close()
    assert [c for c in complaints if HURRY not in c] == []


def test_a_film_is_counted_made_played_fetched_and_deleted(page, hub):
    page.goto(f"{hub.url}/timelapses/new?device=porch")
    for step, frames in (("2", "2"), ("1", "4")):
        page.select_option("select[name=step]", step)
        expect(page.locator("#outlook dd").first).to_have_text(frames)
    page.select_option("select[name=fps]", "2")
    page.click("button[value=make]")
    plays(page)
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename.startswith("porch-")
    page.click(".film__actions >> text=Delete")
    page.click("#confirm [data-confirm-yes]")
    expect(page.locator("main")).to_contain_text("No time-lapses yet")


def plays(page) -> None:
    expect(page.locator("video")).to_be_visible(timeout=30_000)
    page.evaluate("() => document.querySelector('video').play()")
    page.wait_for_function(PLAYED, timeout=15_000)


def test_the_pages_do_not_scroll_sideways(page, hub):
    addresses = [f"{hub.url}{path}" for path in ("/timelapses", "/timelapses/new")]
    assert scroll_sideways(page, addresses, (360,)) == []
