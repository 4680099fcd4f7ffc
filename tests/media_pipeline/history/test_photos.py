"""Tiles of the history: what each says, and that nothing of a picture is remembered."""

from datetime import UTC, datetime

import pytest
from django.utils import translation

from devices.commands import queue as commands
from media_pipeline.captures.cards import fold, shots_of, single
from media_pipeline.captures.models import Capture
from media_pipeline.history.photos import draw_photos
from media_pipeline.mirror.models import MirrorState, OSSObject
from photohub.lib.pages.timezones import find_timezone, in_timezone
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def draw(*, is_mixed: bool = True) -> str:
    tiles, _last = fold(shots_of(Capture.objects.order_by("-received_at"), 60), 60)
    return " ".join(draw_photos(tiles, is_mixed).split())


def test_a_tile_is_the_same_whether_its_whole_row_was_read_or_a_part():
    porch = make_device("porch", name="Porch")
    asked = commands.capture(porch)
    capture = make_capture(
        porch, received_at=NOON, kept=True, fault="black", flags=["trailing"], command=asked
    )
    OSSObject.objects.filter(pk=capture.pk).delete()
    error = {"state": MirrorState.FAILED, "error": "The bucket refused the key."}
    OSSObject.objects.create(capture=capture, key="a", **error)
    whole = " ".join(draw_photos(single([Capture.objects.get()]), True).split())
    assert whole == draw()
    for words in (
        "all black",
        "extra bytes",
        "asked for",
        "kept",
        "not mirrored: The bucket refused the key.",
    ):
        assert f'title="{words}' in whole


def test_what_changes_shows_at_once():
    porch = make_device("porch", name="Porch")
    capture = make_capture(porch, received_at=NOON)
    assert "bookmark" not in draw() and 'title="kept"' not in draw()
    # Another process of the hub does it.
    Capture.objects.filter(pk=capture.pk).update(kept=True, width=30, height=40)
    type(porch).objects.update(name="Barn <door>")
    tile = draw()
    assert 'title="kept"' in tile and 'class="is-upright"' in tile and 'height="40"' in tile
    assert "Barn &lt;door&gt; at 12:00" in tile and "Porch" not in tile


def test_each_visitor_reads_his_language_and_his_clock():
    make_capture(make_device("porch", name="Porch"), received_at=NOON)
    english = draw()
    with translation.override("zh-hans"), in_timezone(find_timezone("Asia/Tokyo")):
        chinese = draw()
    assert "Porch at 12:00" in english and "21:00" in chinese and "Select" not in chinese
    assert draw() == english


def test_a_camera_is_named_where_several_are_mixed():
    make_capture(make_device("porch", name="Porch"))
    assert "photo__camera" in draw() and "photo__camera" not in draw(is_mixed=False)
