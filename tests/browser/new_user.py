"""A new user's browser, and a board on his desk."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from simulators.esp32s3 import Esp32S3Camera
from tests.hub_process import HubProcess
from tests.programs import find_chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OVERFLOW_PX = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
OWNER, PASSWORD = "alice", "correct horse 9"
# A busy machine is slow, and a page that is wrong stays so.
expect.set_options(timeout=20_000)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the distribution's Chromium, or the one that Playwright downloaded."""
    found = find_chromium()
    assert found, "The browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def powered(camera: Esp32S3Camera) -> Iterator[Esp32S3Camera]:
    """Run a simulated board beside the browser, which has this thread."""
    stopping = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_play(camera, stopping)), daemon=True)
    thread.start()
    try:
        yield camera
    finally:
        stopping.set()
        thread.join(15)


async def _play(camera: Esp32S3Camera, stopping: threading.Event) -> None:
    running = asyncio.create_task(camera.run())
    await asyncio.to_thread(stopping.wait)
    await camera.stop()
    await running


def setup_link(log: str) -> str:
    """Return the path of the one-time link that `up` printed."""
    return re.search(r"(/setup/\S+)", log)[1]


def become_owner(page: Page, url: str, log: str) -> None:
    """Open the one-time link and fill in the form."""
    page.goto(url + setup_link(log))
    page.fill("input[name=username]", OWNER)
    for field in page.query_selector_all("input[type=password]"):
        field.fill(PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{url}/")


def _cookies_of(hub: HubProcess) -> list[dict[str, str]]:
    """Return the cookies of the hub's owner, who logs in once for all tests of this hub."""
    if not hasattr(hub, "cookies"):
        with httpx.Client(
            base_url=hub.url, headers={"referer": hub.url}, trust_env=False, timeout=30
        ) as program:
            program.get("/login")
            form = {"username": OWNER, "password": PASSWORD}
            form["csrfmiddlewaretoken"] = next(v for name, v in program.cookies.items() if "csrf" in name)
            assert program.post("/login", data=form).status_code == 302
            hub.cookies = [{"name": n, "value": v, "url": hub.url} for n, v in program.cookies.items()]
    return hub.cookies


def owner_in(browser: Browser, hub: HubProcess, **options: object) -> BrowserContext:
    """Return a context of the browser in which the owner is logged in."""
    context = browser.new_context(**options)
    context.add_cookies(_cookies_of(hub))
    return context


def log_in(page: Page, url: str) -> None:
    """Log in with the password."""
    page.goto(f"{url}/login")
    page.fill("input[name=username]", OWNER)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{url}/")


def scroll_sideways(page: Page, addresses: list[str], widths: tuple[int, ...]) -> list[str]:
    """Return those of these pages that are wider than their window, which has each of these widths."""
    wide = []
    for address in addresses:
        page.goto(address)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate(OVERFLOW_PX) > 0:
                wide.append(f"{address} at {width} px")
    return wide
