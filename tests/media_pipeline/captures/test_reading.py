"""Reading a picture's bytes."""

import pytest

from devices.events.models import Trouble
from media_pipeline.captures.reading import PictureMissing, read_picture, read_thumbnail
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db


def lose_file(settings, tmp_path, copy: bytes | None):
    """Return a mirrored capture whose file is gone here; the mirror holds `copy`."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    capture = make_capture(make_device("porch"), make_jpeg(text="x"))
    OSSObject.objects.filter(pk=capture.pk).update(state="mirrored")
    target = tmp_path / "mirror" / capture.path
    target.parent.mkdir(parents=True)
    if copy is not None:
        target.write_bytes(copy)
    store.full_path(capture.path).unlink()
    return capture


def test_a_lost_file_is_read_from_the_mirror(settings, tmp_path):
    assert read_picture(lose_file(settings, tmp_path, make_jpeg(text="x"))) == make_jpeg(text="x")


@pytest.mark.parametrize(("copy", "word"), [(None, "picture_unreadable"), (b"other bytes", "copy_differs")])
def test_a_mirror_without_these_bytes_does_not_help_and_the_device_tells_it(settings, tmp_path, copy, word):
    with pytest.raises(PictureMissing):
        read_picture(lose_file(settings, tmp_path, copy))
    assert Trouble.objects.get().word == word


def test_a_picture_that_was_never_mirrored_is_missing():
    capture = make_capture(make_device("porch"))
    store.full_path(capture.path).unlink()
    with pytest.raises(PictureMissing):
        read_picture(capture)


def test_a_thumbnail_is_made_on_the_spot():
    capture = make_capture(make_device("porch"))
    assert not store.thumbnail_path(capture.pk).exists()
    assert read_thumbnail(capture)[8:12] == b"WEBP"
    assert store.thumbnail_path(capture.pk).exists()
