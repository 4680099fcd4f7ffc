"""What the pages of a filled hub cost: processor time and statements for each, bytes that the browser fetches, and time there.

Processor time is the embedded hub's, of the whole process, without what it takes at rest. There the wall clock is not looked
at: it says more about the machine's other programs.
"""

import contextlib
import gzip
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import psutil

from benchmarks import pages_in_browser
from benchmarks.hubs import OWNER, in_hub, log_in
from benchmarks.measuring import alternate, median, table
from tests.hub_process import HubProcess, running_hub

_WARM_UP = 3
_LINKED = re.compile(
    r'<(?:link rel="(?:stylesheet|modulepreload)" href|script[^>]* src)="([^"]+\.(?:css|js))"'
)
_IMPORTED = re.compile(r"""(?:from|import)\s*["'](\.[^"']+\.js)["']""")


@dataclass(frozen=True)
class Size:
    devices: int
    captures: int
    panels: int
    rounds: int
    requests: int
    rest_s: float
    scrolled: int


TINY = Size(3, 80, 1, 1, 2, 0.1, 1)
SHORT = Size(400, 10_000, 12, 5, 20, 2.0, 20)
LONG = Size(1_000, 50_000, 12, 9, 50, 5.0, 160)


def run(size: Size) -> dict[str, Any]:
    """Measure each page of a hub that is in use, in turns."""
    with running_hub(env=OWNER) as hub:
        in_hub(hub.env, "fill", devices=size.devices, captures=size.captures)
        in_hub(hub.env, "add_panels", count=size.panels)
        paths = _paths(in_hub(hub.env, "make_lively"))
        queries = in_hub(hub.env, "count_queries", paths=paths)
        with contextlib.closing(log_in(hub.url)) as browser:
            paths["history, after 50 pages"] = _deep_in(browser, size.captures)
            answers = {name: _warm_up(browser, path) for name, path in paths.items()}
            files = {name: _files(browser, answer) for name, answer in answers.items()}
            rest = _cpu_share(hub, size.rest_s)
            results = alternate(
                size.rounds, list(paths), lambda name: _cpu_ms(hub, browser, paths[name], size.requests, rest)
            )
            phone = pages_in_browser.measure(hub.url, browser.cookies, size.rounds, size.scrolled)
    return {
        "captures": size.captures,
        "devices": size.devices,
        "phone": phone,
        "rows": [
            {
                "page": name,
                "cpu_ms": median(results[name]),
                "queries": queries.get(name),
                "html_bytes": len(answers[name].content),
                "html_gzip_bytes": len(gzip.compress(answers[name].content, 6)),
                "files_gzip_bytes": files[name],
            }
            for name in paths
        ],
    }


def _paths(made: dict[str, str]) -> dict[str, str]:
    """Return the pages to measure, and the parts that the lightbox fetches."""
    device, picture = made["device"], made["picture"]
    return {
        "dashboard": "/",
        "history": "/history",
        "history of a camera": f"/history?device={device}",
        "devices": "/devices/",
        "one picture": f"/captures/{picture}",
        "one device": f"/devices/{device}/",
        "lightbox: neighbours": f"/captures/around?at={picture}",
        "lightbox: about it": f"/captures/{picture}/panel",
        "status": "/status",
    }


def _deep_in(browser: httpx.Client, captures: int) -> str:
    """Return the address of a page in the midst of all pictures, as somebody who scrolls reaches it."""
    path = "/history"
    for _ in range(min(50, captures // 200)):
        more = re.search(r'href="([^"]*cursor=[^"]+)"', browser.get(path).raise_for_status().text)
        if more is None:
            break
        path = more[1].replace("&amp;", "&")
    return path


def _warm_up(browser: httpx.Client, path: str) -> httpx.Response:
    for _ in range(_WARM_UP):
        answer = browser.get(path).raise_for_status()
    return answer


def _cpu_s(hub: HubProcess) -> float:
    times = psutil.Process(hub.pid).cpu_times()
    return times.user + times.system


def _cpu_share(hub: HubProcess, seconds: float) -> float:
    """Return which share of a core the hub takes at rest."""
    before = _cpu_s(hub)
    time.sleep(seconds)
    return (_cpu_s(hub) - before) / seconds


def _cpu_ms(hub: HubProcess, browser: httpx.Client, path: str, requests: int, rest: float) -> float:
    """Return the processor time of one answer."""
    begun_s, before = time.monotonic(), _cpu_s(hub)
    for _ in range(requests):
        browser.get(path).raise_for_status()
    taken_s = _cpu_s(hub) - before - rest * (time.monotonic() - begun_s)
    return max(0.0, 1000 * taken_s / requests)


def _files(browser: httpx.Client, answer: httpx.Response) -> int:
    """Return how many bytes the page's style sheets and scripts have, compressed, with the modules that they import."""
    wanted, seen, total = _LINKED.findall(answer.text), set(), 0
    while wanted:
        address = urljoin("/", wanted.pop())
        if address in seen:
            continue
        seen.add(address)
        text = browser.get(address).raise_for_status().text
        total += len(gzip.compress(text.encode(), 9))
        wanted += [urlsplit(urljoin(address, name)).path for name in _IMPORTED.findall(text)]
    return total


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    rows = (
        (
            row["page"],
            f"{row['cpu_ms']:.1f}",
            "–" if row["queries"] is None else row["queries"],
            f"{row['html_bytes'] / 1000:.1f} ({row['html_gzip_bytes'] / 1000:.1f})",
            f"{row['files_gzip_bytes'] / 1000:.1f}" if row["files_gzip_bytes"] else "–",
        )
        for row in result["rows"]
    )
    head = ("page", "processor, ms", "statements", "HTML, kB (gzip)", "JS and CSS, kB (gzip)")
    return f"{table(head, rows)}\n\n{_say(result['phone'])}"


def _say(phone: dict[str, Any]) -> str:
    return (
        f"The history in Chromium at 390 px with a processor that is {phone['slower']} times slower: the first picture "
        f"after {median(phone['first_picture_ms']):.0f} ms. While {phone['loaded']} more pages were scrolled through, at "
        f"most {phone['tiles']} tiles were in the page, the longest task took {phone['longest_ms']:.0f} ms, and the "
        f"layout shifted by {phone['shifted']:.3f}."
    )
