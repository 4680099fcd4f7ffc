"""The words: every message has Chinese ones, they keep their placeholders, and pages show them."""

import re
from functools import cache

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import override

from photohub.start.catalogues import compile_words
from tests.builders import make_capture, make_device, make_user
from tools.extract_translations import (
    extract_translations,
    is_translated,
    read_words,
    update_words,
    write_words,
)

CHINESE_PO = settings.BASE_DIR / "locale/zh_Hans/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|</?\w+[^>]*>|&\w+;")
HAN = r"[\u4e00-\u9fff]"
# Words of the frame and of these pages that must never be left over in Chinese.
ENGLISH = re.compile(
    r"\b(the|is|are|not|and|of|with|waiting|received|stored|Live|History|Devices?|Status|Owner|Camera|Pictures?"
    r"|Take|Search|Add|Name|Code|Key|Settings|Show|Select|Today|Log in|Password|Username|Disk|Clock|Mirror)\b"
)


def _chinese() -> Catalog:
    return read_words(CHINESE_PO)


@cache
def _found() -> Catalog:
    return extract_translations()


def _forms(words) -> tuple[str, ...]:
    return tuple(words) if isinstance(words, tuple | list) else (words,)


def _messages() -> list[Message]:
    return [message for message in _chinese() if message.id]


def _sight(html: str) -> str:
    """Return what a person can read on a page, labels and tooltips included."""
    html = re.sub(r"(?s)<(script|style|code|svg|option)\b.*?</\1>", " ", html)
    labels = re.findall(r'(?:aria-label|title|placeholder|alt|data-confirm)="([^"]*)"', html)
    return " ".join([*labels, re.sub(r"(?s)<[^>]*>", " ", html)])


def _read_as_chinese(client, url: str) -> str:
    with override("en"):  # a request leaves its language behind in the thread; the next test wants its own
        answer = client.get(url, headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert '<html lang="zh-hans"' in html
    return _sight(html)


def test_every_message_of_the_sources_has_chinese_words():
    chinese, found = _chinese(), [message for message in _found() if message.id]
    known = [(message, chinese.get(message.id, message.context)) for message in found]
    assert len(found) > 500
    assert [message.id for message, words in known if not words or not is_translated(words)] == []


def test_the_catalogue_holds_nothing_that_no_source_says():
    found = _found()
    assert [message.id for message in _messages() if not found.get(message.id, message.context)] == []


def test_the_catalogue_is_as_the_tool_writes_it(tmp_path):
    write_words(tmp_path / "django.po", update_words(_chinese(), _found()))
    assert (tmp_path / "django.po").read_text("utf-8") == CHINESE_PO.read_text("utf-8")


def test_no_message_is_a_guess_or_left_over():
    text = CHINESE_PO.read_text("utf-8")
    assert "fuzzy" not in text and "#~" not in text and "#:" not in text and "Date" not in text


def test_placeholders_are_the_same_in_chinese():
    for message in _messages():
        wanted = set(PLACEHOLDER.findall(_forms(message.id)[-1]))
        for words in _forms(message.string):
            assert set(PLACEHOLDER.findall(words)) == wanted, message.id


def test_chinese_has_one_form_for_every_count():
    assert _chinese().num_plurals == 1
    assert all(len(_forms(m.string)) == 1 for m in _messages() if isinstance(m.id, tuple))


def test_chinese_and_latin_are_spaced_by_one_rule():
    joined = re.compile(
        f"{HAN}[A-Za-z0-9%{{]|[A-Za-z0-9%}}]{HAN}|[，。：；？！、] | [，。：；？！、]|{HAN}[,;:?!]"
    )
    for message in _messages():
        for words in _forms(message.string):
            # A date is written together: 2026年11月30日.
            words = re.sub(r"%\(year\)s年|%\(month\)s|%\(day\)s日|\d+月", "某日", words)
            assert not joined.search(re.sub(r"%\(\w+\)[sd]", "X", words)), words


def test_the_catalogue_compiles(tmp_path):
    folder = tmp_path / "zh_Hans/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(CHINESE_PO.read_bytes())
    assert compile_words(tmp_path) == 1
    with (folder / "django.mo").open("rb") as file:
        assert read_mo(file).get("Take a picture").string == "拍照"


@pytest.mark.django_db
def test_the_login_is_chinese(client):
    words = _read_as_chinese(client, "/login")
    assert "登录" in words and not ENGLISH.search(words)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/history",
        "/devices/",
        "/devices/add/",
        "/status",
        "/firmware/",
        "/firmware/upload",
        "/firmware/keys",
    ],
)
def test_a_hub_without_cameras_is_chinese(client, url):
    client.force_login(make_user("lin", "owner"))
    assert not ENGLISH.findall(_read_as_chinese(client, url))


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/", "/history", "/devices/", "/devices/porch/", "/devices/porch/settings/"])
def test_a_hub_with_a_picture_is_chinese(client, url):
    make_capture(make_device("porch", name="门廊"))
    client.force_login(make_user("lin", "owner"))
    assert not ENGLISH.findall(_read_as_chinese(client, url))


@pytest.mark.django_db
def test_each_language_is_offered_in_its_own_words(client):
    client.force_login(make_user("lin", "viewer"))
    words = _read_as_chinese(client, "/")
    assert "English" in words and "简体中文" in words
