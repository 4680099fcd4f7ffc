"""The live line of pages, with a socket and a server that are played: what is told, in whatever order it comes."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

SCRIPTS = Path(__file__).parents[2] / "static" / "js"
WORDS = {"stale": "{time}", "live": "live", "reconnecting": "…"}
PAGE = f"""<html data-seq="10"><p id="live-pill"><span></span></p>
<script type="application/json" id="words">{json.dumps(WORDS)}</script>
<script type="application/json" id="time-words">{{}}</script>
<script>
  window.told = [];
  window.WebSocket = class {{ static OPEN = 1; readyState = 1; constructor() {{ window.line = this; }} close() {{}} }};
  for (const type of ["notice", "poll", "hello"])
    document.addEventListener(`photohub:${{type}}`, ({{ detail }}) => told.push(detail.seq ?? type));
  window.say = (...seqs) => seqs.forEach((seq) => line.onmessage({{ data: JSON.stringify({{ seq, type: "notice" }}) }}));
  window.hello = (seq) => line.onmessage({{ data: JSON.stringify({{ seq, type: "hello" }}) }});
  window.ping = (seq) => line.onmessage({{ data: JSON.stringify({{ seq, type: "ping" }}) }});
</script><script type="module" src="/live.js"></script>"""


def _answer_script(route) -> None:
    script = SCRIPTS / route.request.url.rpartition("/")[2]
    route.fulfill(body=script.read_text(), content_type="text/javascript")


class Hub:
    """Answers what happened since; `newest` is up to where nothing can be missing any more."""

    def __init__(self, page: Page) -> None:
        self.newest, self.known, self.asked = 10, set(), []
        page.clock.install()
        page.route("**/api/v1/events?since=*", self._answer)
        page.route("http://hub/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.route("**/*.js", _answer_script)
        page.goto("http://hub/")
        page.wait_for_function("window.line")

    def _answer(self, route) -> None:
        since = int(route.request.url.rpartition("=")[2])
        self.asked.append(since)
        if self.newest < 0:
            route.fulfill(status=503)
            return
        items = [{"seq": n, "type": "notice"} for n in sorted(self.known) if since < n <= self.newest][:3]
        seq = items[-1]["seq"] if len(items) == 3 else self.newest
        route.fulfill(json={"items": items, "seq": seq})


@pytest.fixture
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


def test_what_is_committed_late_is_told_by_its_notice_and_once(page):
    hub = Hub(page)
    page.evaluate("say(11, 13, 12, 12, 11, 14)")
    page.wait_for_function("told.length >= 4")
    assert page.evaluate("told") == [11, 13, 12, 14]
    assert set(hub.asked) <= {11}


def test_a_late_one_whose_ring_was_lost_is_asked_for_until_it_is_there(page):
    hub = Hub(page)
    page.evaluate("say(12)")
    page.wait_for_function("told.length === 1")
    hub.newest, hub.known = 12, {11, 12}
    page.clock.run_for(2_000)
    page.wait_for_function("told.length === 2")
    assert page.evaluate("told") == [12, 11]


def test_after_a_break_more_than_one_answer_holds_is_told(page):
    hub = Hub(page)
    hub.newest, hub.known = 20, set(range(11, 21))
    page.evaluate("hello(20)")
    page.wait_for_function("told.length === 10")
    assert page.evaluate("told") == list(range(11, 21)) and hub.asked == [10, 13, 16, 19]


def test_what_never_comes_is_asked_for_no_longer_than_a_while(page):
    hub = Hub(page)
    # Without a greeting, or after a silence, the page would fetch all for another reason.
    page.evaluate("hello(10); say(12)")
    for _ in range(150):
        page.evaluate("ping(10)")
        page.clock.run_for(1_000)
        if page.evaluate("fetch('/api/v1/events?since=0').then(() => told.includes('poll'))"):
            break
    assert "poll" in page.evaluate("told")
    hub.asked.clear()
    page.clock.run_for(10_000)
    assert hub.asked == []


def test_a_server_that_does_not_answer_makes_the_page_fetch_all(page):
    hub = Hub(page)
    hub.newest = -1
    page.evaluate("say(12)")
    page.wait_for_function("told.includes('poll')")
    page.evaluate("say(13)")
    page.wait_for_function("told.includes(13)")


def test_a_database_that_went_back_makes_the_page_fetch_all(page):
    Hub(page)
    page.evaluate("hello(3); say(4)")
    page.wait_for_function("told.length === 2")
    assert page.evaluate("told") == ["poll", 4]


def test_a_ring_that_was_lost_is_made_good_by_the_next_ping(page):
    hub = Hub(page)
    page.evaluate("ping(10)")
    hub.newest, hub.known = 11, {11}
    page.evaluate("ping(11)")
    page.wait_for_function("told.length === 1")
    assert page.evaluate("told") == [11] and hub.asked == [10]
