"""What people write on pictures."""

import pytest

from media_pipeline.captures import labels
from media_pipeline.captures.models import Tag
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


def test_tags_are_read_from_a_line_each_once():
    assert labels.read_tags(" fox,  red   fox ,fox，狐狸、夜,, ") == ["fox", "red fox", "狐狸", "夜"]


def test_tags_are_cut_at_what_the_database_holds():
    assert labels.read_tags("x" * 99) == ["x" * 40]
    assert len(labels.read_tags(",".join(map(str, range(99))))) == labels.TAGS_AT_MOST


def test_a_tag_that_nothing_carries_goes():
    capture = make_capture(make_device("porch"))
    labels.save_labels(capture, "a note", "fox, barn")
    labels.save_labels(capture, " other ", "barn")
    capture.refresh_from_db()
    assert capture.note == "other"
    assert [tag.name for tag in Tag.objects.all()] == ["barn"]


def test_an_empty_tag_is_no_tag():
    assert labels.add_tag([make_capture(make_device("porch"))], " , ") == ""
    assert not Tag.objects.exists()
