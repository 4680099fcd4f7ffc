"""What a browser fetches before a page can be used, as bytes on the wire: small computers are slow to send and to read."""

import gzip
import re
from pathlib import PurePosixPath

import pytest
from django.contrib.staticfiles import finders

from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db

AT_MOST_BYTES = {"/": 60_000, "/history": 60_000, "/devices/": 50_000}
_LINKED = re.compile(r'<(?:link rel="(?:stylesheet|modulepreload)" href|script[^>]* src)="/static/([^"]+)"')
_IMPORTED = re.compile(r"""(?:from|import)\s*["'](\.[^"']+\.js)["']""")
_BLOCKING = re.compile(r"<script(?![^>]*(?:\bdefer\b|type=\"(?:module|application/json)\"))[^>]*>")


@pytest.fixture
def page(client):
    """Return a function that fetches a page of a hub with cameras and pictures."""
    client.force_login(make_user("alice", "owner"))
    for number in range(8):
        make_capture(make_device(f"cam-{number}"))
    return lambda path: client.get(path).content.decode()


def weight_of(html: str) -> int:
    """Return the bytes of a page's style sheets and scripts with the modules that they import, compressed."""
    wanted, seen, total = _LINKED.findall(html), set(), 0
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        with open(finders.find(name), "rb") as file:
            data = file.read()
        total += len(gzip.compress(data, 9))
        here = PurePosixPath("/", name).parent
        wanted += [_normal(here, other) for other in _IMPORTED.findall(data.decode())]
    assert len(seen) > 10
    return total


def _normal(folder: PurePosixPath, relative: str) -> str:
    parts = list(folder.parts[1:])
    for part in relative.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


@pytest.mark.parametrize("path", AT_MOST_BYTES)
def test_scripts_and_styles_are_light(page, path):
    assert weight_of(page(path)) <= AT_MOST_BYTES[path]


@pytest.mark.parametrize("path", AT_MOST_BYTES)
def test_no_script_holds_the_page_up(page, path):
    assert _BLOCKING.findall(page(path)) == []


def test_the_first_pictures_come_before_the_rest(page):
    for path, tag in (("/", "card__picture"), ("/history?fold=no", "photo__picture")):
        html = page(path).split("<template")[0]
        pictures = re.findall(rf'{tag}"[^>]*>\s*<img ([^>]*)>', html)
        assert len(pictures) == 8
        first, rest = pictures[:4], pictures[6:]
        assert all('fetchpriority="high"' in each and "lazy" not in each for each in first)
        assert all('loading="lazy"' in each and "fetchpriority" not in each for each in rest)
