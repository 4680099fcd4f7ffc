"""The history in a browser on a slow phone: Chromium at 390 px, its processor slowed down four times."""

from typing import Any

import httpx
from playwright.sync_api import BrowserContext

from tests.browser.new_user import chromium

SLOWER = 4
_PHONE = {"width": 390, "height": 844}
_LOOK = """
window.seen = { picture_ms: 0, longest_ms: 0, shifted: 0, tiles: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.longest_ms = Math.max(seen.longest_ms, entry.duration);
}).observe({ type: "longtask", buffered: true });
document.addEventListener("load", (event) => {
  if (event.target.matches?.(".photo img")) seen.picture_ms ||= performance.now();
}, true);
"""
_SCROLL = """async (pages) => {
  seen.longest_ms = 0;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let loaded = 0;
  document.addEventListener("htmx:afterRequest", () => { loaded += 1; });
  for (const end = performance.now() + 90000; loaded < pages && performance.now() < end;) {
    scrollBy(0, innerHeight / 2);
    await frame();
    seen.tiles = Math.max(seen.tiles, document.querySelectorAll(".photo").length);
  }
  return { ...seen, loaded };
}"""


def measure(url: str, cookies: httpx.Cookies, rounds: int, pages: int) -> dict[str, Any]:
    """Return when the first picture stood there, in each round, and what scrolling on for so many pages took."""
    with chromium() as browser:
        context = browser.new_context(viewport=_PHONE, device_scale_factor=2)
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        first = [_open(context, url)[0] for _ in range(rounds + 1)][1:]
        scrolled = _open(context, url, pages)[1]
    return {"slower": SLOWER, "first_picture_ms": first, **scrolled}


def _open(context: BrowserContext, url: str, pages: int = 0) -> tuple[float, dict[str, Any]]:
    page = context.new_page()
    page.add_init_script(_LOOK)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(f"{url}/history")
    page.wait_for_function("() => seen.picture_ms")
    taken_ms = page.evaluate("seen.picture_ms")
    scrolled = page.evaluate(_SCROLL, pages) if pages else {}
    page.close()
    return taken_ms, scrolled
