"""Looking at one page as a strict reader: what of it is wrong, in words.

axe's rules in both themes, what moved while it loaded, what is wider than the window, words that were broken, and what
the browser complained of. A page is loaded once in each language; theme and width are changed in place.
"""

from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

NARROW, WIDE = 390, 1440
WIDTHS = (360, NARROW, 1024, WIDE, 1920)
SHIFT_AT_MOST = 0.005
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a theme changes is colours.
OF_THEMES = ["color-contrast", "link-in-text-block"]
HURRY = "WebSocket is closed before the connection is established"

SHIFTS = """(() => {
  const shifts = [];
  const note = (entries) => {
    for (const entry of entries) if (!entry.hadRecentInput) {
      const what = entry.sources.map(({node}) => node?.className || node?.id || node?.nodeName).join(", ");
      shifts.push([entry.value, what]);
    }
  };
  const watcher = new PerformanceObserver((list) => note(list.getEntries()));
  watcher.observe({ type: "layout-shift", buffered: true });
  window.shifted = () => { note(watcher.takeRecords()); return shifts; };
})()"""

# A page is there when its pictures are, its live line is up, and what it asked for has come.
SETTLED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const isWaited = () => document.querySelector(".pill:not([data-live=live]), .htmx-request")
    || [...document.images].some((image) => image.loading !== "lazy" && !image.complete);
  for (let tries = 0; tries < 60 && isWaited(); tries++) await new Promise((done) => setTimeout(done, 25));
  await document.fonts.ready;
  await frame();
  await frame();
}"""

# A word on two lines was broken. Chinese may be broken anywhere; what machines say, and the longest words, must be.
BROKEN_WORDS = """() => {
  const broken = new Set(), range = document.createRange();
  const lines = () => new Set([...range.getClientRects()].filter((r) => r.width > 0.5).map((r) => Math.round(r.top))).size;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("code, pre, kbd, script, style, textarea, .mono, .visually-hidden")) continue;
    range.selectNodeContents(node);
    if (lines() < 2) continue;
    for (const found of node.textContent.matchAll(/[\\p{Script=Latin}\\p{N}.%]+/gu)) {
      if (found[0].length > 24) continue;
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      if (lines() > 1) broken.add(found[0]);
    }
  }
  return [...broken];
}"""

TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 0.5);
  return wide.slice(0, 3).map((e) => `${e.nodeName}.${e.className}`);
}"""

RUN_AXE = """async (options) => {
  const found = await axe.run(document, options);
  return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160)).join(" | ")}`);
}"""


class Reader:
    """One window in which pages are looked at; it collects what the browser complains of."""

    def __init__(self, context: BrowserContext, url: str, axe: Path) -> None:
        self.context, self.url, self.axe = context, url, axe.read_text(encoding="utf-8")
        self.complaints: list[str] = []
        self.address, self.status = "", 200
        self.page: Page = context.new_page()
        self.page.add_init_script(SHIFTS)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._judge)

    def look(self, path: str, status: int = 200) -> list[str]:
        """Return what is wrong with the page of this path in both languages, themes, and all widths."""
        self.complaints, self.status = [], status
        problems = [f"en: {problem}" for problem in self._load(path, "en", NARROW) + self._rules(NARROW)]
        problems += self._widths() + self._rules(WIDE)
        problems += [f"zh: {problem}" for problem in self._load(path, "zh-hans", WIDE) + self._widths()]
        return problems + self.complaints

    def _load(self, path: str, language: str, width: int) -> list[str]:
        cookie = {"name": "photohub_language", "value": language, "url": self.url}
        self.context.add_cookies([cookie])
        self.page.set_viewport_size({"width": width, "height": 900})
        self.address = f"{self.url}/{path}"
        answer = self.page.goto(self.address, wait_until="load")
        self.page.evaluate(SETTLED)
        wrong = [] if answer and answer.status == self.status else [f"answered {answer and answer.status}"]
        shifts = self.page.evaluate("window.shifted()")
        if sum(value for value, _what in shifts) >= SHIFT_AT_MOST:
            wrong.append(f"moved at {width} px: {shifts}")
        return wrong

    def _widths(self) -> list[str]:
        wrong = []
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            if found := self.page.evaluate(TOO_WIDE):
                wrong.append(f"too wide at {width} px: {found}")
            if found := self.page.evaluate(BROKEN_WORDS):
                wrong.append(f"broken at {width} px: {found}")
        return wrong

    def _rules(self, width: int) -> list[str]:
        self.page.set_viewport_size({"width": width, "height": 900})
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(self.axe)
        of_all = {"type": "tag", "values": TAGS}
        of_themes = {"type": "rule", "values": OF_THEMES}
        found = self._run(of_all, f"axe at {width} px")
        self.page.emulate_media(color_scheme="dark")
        found += self._run(of_themes, f"axe at {width} px, dark")
        self.page.emulate_media(color_scheme="light")
        return found

    def _run(self, only: dict, where: str) -> list[str]:
        options = {"runOnly": only, "resultTypes": ["violations"], "iframes": False}
        return [f"{where}: {each}" for each in self.page.evaluate(RUN_AXE, options)]

    def _hear(self, message: ConsoleMessage) -> None:
        its_own = self.status >= 400 and message.location.get("url") == self.address
        if message.type in ("error", "warning") and HURRY not in message.text and not its_own:
            self.complaints.append(f"console: {message.text}")

    def _judge(self, response: Response) -> None:
        if response.status >= 400 and not (response.url == self.address and response.status == self.status):
            self.complaints.append(f"{response.status} {response.url}")
