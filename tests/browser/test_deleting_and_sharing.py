"""Deleting a picture, having it back, and sharing it with a stranger who ends up outside again, in a real browser."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in, scroll_sideways
from tests.builders import make_jpeg
from tests.hub_process import running_hub

PHONE = {"viewport": {"width": 390, "height": 844}}
HURRY = "WebSocket is closed before the connection is established"


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        key = hub.add_device("porch")["key"]
        for number, colour in enumerate(("teal", "olive", "purple")):
            answer = httpx.post(
                f"{hub.url}/api/upload/{key}",
                content=make_jpeg(640, 480, colour),
                headers={"Name-Pic": f"n{number}"},
                trust_env=False,
            )
            assert answer.status_code == 200
        yield hub


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser, hub, complaints):
    """A phone whose console must stay empty."""
    context = owner_in(browser, hub, **PHONE)
    page = context.new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    yield page
    context.close()
    assert [c for c in complaints if HURRY not in c] == []


def test_a_deleted_picture_is_undone_then_restored_from_the_trash(page, hub):
    page.goto(f"{hub.url}/history")
    address = page.locator(".photo a").first.get_attribute("href")
    page.goto(hub.url + address)
    page.get_by_role("button", name="Delete this picture").click()
    expect(page.locator(".messages")).to_contain_text("1 picture was moved to the trash.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".messages")).to_contain_text("1 picture was restored.")
    page.goto(hub.url + address)
    page.get_by_role("button", name="Delete this picture").click()
    page.goto(f"{hub.url}/trash")
    page.locator(".trash__item label").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("main")).to_contain_text("The trash is empty")
    page.goto(hub.url + address)
    expect(page.locator("h1")).to_have_text("porch")


def test_a_shared_picture_is_opened_by_a_stranger_until_it_is_withdrawn(page, hub, browser):
    page.goto(f"{hub.url}/history")
    page.goto(hub.url + page.locator(".photo a").first.get_attribute("href"))
    page.get_by_role("link", name="Share…").click()
    page.fill("input[name=password]", "heron")
    page.get_by_role("button", name="Create the link").click()
    link = page.locator("#link").inner_text()
    assert "/s/" in link
    address = hub.url + link[link.index("/s/") :]
    context = browser.new_context(**PHONE)
    stranger, refused = context.new_page(), []
    stranger.on("console", lambda m: refused.append(m.text) if m.type in ("error", "warning") else None)
    stranger.goto(address)
    stranger.fill("input[name=password]", "heron")
    stranger.get_by_role("button", name="Open").click()
    expect(stranger.locator("h1")).to_have_text("porch")
    stranger.wait_for_function("() => document.querySelector('figure img').naturalWidth === 640")
    with stranger.expect_download() as download:
        stranger.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.startswith("porch-")
    assert refused == []
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator("main")).to_contain_text("withdrawn · with a password · opened 1 time")
    stranger.goto(address)
    expect(stranger.locator("main")).to_contain_text("This link was withdrawn.")
    context.close()


def test_the_pages_do_not_scroll_sideways(page, hub):
    paths = ("/trash", "/shared-links", "/shared-links/new?device=porch")
    assert scroll_sideways(page, [hub.url + path for path in paths], (360, 1920)) == []
