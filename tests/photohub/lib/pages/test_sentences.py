"""Sentences are kept as what they are made of, and said in the language of whoever reads them."""

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.translation import gettext_lazy, override

from photohub.lib.pages.sentences import (
    NOW,
    VALUE_CHARS,
    Said,
    columns,
    in_english,
    kept,
    said,
    said_all,
    said_of,
    say,
)
from photohub.lib.pages.timezones import in_timezone

ENDED = said("MQTT connection ended: %(reason)s", reason=said("the device ended it"))


def test_a_sentence_is_said_in_the_readers_language_with_those_inside_it():
    row = json.loads(json.dumps(kept(ENDED)))
    for language, words in (
        ("en", "MQTT connection ended: the device ended it"),
        ("zh-hans", "设备主动结束"),
    ):
        with override(language):
            assert words in say(row) and words in str(ENDED)


def test_programs_and_logs_get_english():
    with override("zh-hans"):
        assert in_english(ENDED) == "MQTT connection ended: the device ended it"


def test_a_list_of_labels_is_said_one_after_the_other():
    row = kept(said("Settings changed: %(fields)s.", fields=[said_of(gettext_lazy("Name")), said_of("Code")]))
    with override("en"):
        assert say(row) == "Settings changed: Name, Code."


@pytest.mark.parametrize("row", [{}, None, [], {"text": 7}, {"word": "x"}, {"text": ""}])
def test_a_row_that_keeps_none_says_what_stands_beside_it(row):
    assert say(row, "as it was written") == "as it was written"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "No words for %(this)s"}, "No words for ?"),
        ({"text": "%(a)s", "values": {"a": {"text": "%(b)s", "values": 3}}}, "?"),
        ({"text": "100 %% of %(a)s", "values": {"a": "100 %(b)s"}}, "100 % of 100 %(b)s"),
        ({"text": "%(n)d of them"}, "%(n)d of them"),
    ],
)
def test_a_value_is_never_taken_for_a_message(row, words):
    assert say(row) == words


def test_plain_text_keeps_nothing_and_an_empty_sentence_is_none():
    assert kept("text") == {} and not Said("") and str(Said("")) == ""


def test_what_a_device_says_is_kept_short_and_without_what_a_database_or_a_reader_must_not_see():
    row = columns(
        "reason", said("The camera says: %(text)s", text="\0\ud800token=0123456789abcdef0123 " + "x" * 999)
    )
    value = row["reason_said"]["values"]["text"]
    assert len(value) == VALUE_CHARS and value.isprintable() and "0123456789abcdef" not in value
    assert value in row["reason"] and len(row["reason"]) < 300


def test_several_sentences_are_one():
    row = kept(said_all([ENDED, said("the hub stopped")]))
    with override("en"):
        assert say(row) == "MQTT connection ended: the device ended it the hub stopped"
    assert kept(said_all([])) == {}


def test_what_an_older_hub_wrote_is_translated_where_it_had_no_values():
    with override("zh-hans"):
        assert say({}, "Streams are accepted again.") == "又能接受视频流了。"
        assert say({}, "The camera says: no film") == "The camera says: no film"


def test_a_point_in_time_is_kept_as_one_and_told_in_the_readers_zone():
    at = datetime(2025, 11, 29, 20, 13, tzinfo=UTC)
    row = kept(said("offline since %(time)s", time=at))
    assert row["values"] == {"time": {"at": "2025-11-29T20:13:00+00:00"}}
    with in_timezone(ZoneInfo("Europe/Berlin")):
        assert say(row) == "offline since Nov 29, 2025, 21:13"


def test_a_point_in_time_that_nobody_can_read_is_a_question_mark():
    assert say({"text": "since %(time)s", "values": {"time": {"at": 5}}}) == "since ?"


def test_programs_are_told_a_point_in_time_in_full(settings):
    settings.HUB_TIME_ZONE = "Asia/Shanghai"
    now = timezone.now().astimezone(ZoneInfo("Asia/Shanghai"))
    with in_timezone(ZoneInfo("Europe/Berlin")):
        assert in_english(said("since %(time)s", time=now)) == f"since {now:%b} {now.day}, {now:%Y, %H:%M}"


@pytest.mark.parametrize("former, now", NOW.items())
def test_a_row_in_former_words_is_told_in_those_of_today(former, now):
    values = {name: "12" for name in re.findall(r"%\((\w+)\)s", former)}
    values |= {name: 12 for name in re.findall(r"%\((\w+)\)d", former)}
    with override("zh-hans"):
        shown = say({"text": former, "values": values})
        assert shown == str(Said(now, values)) != Said(now, values).text
