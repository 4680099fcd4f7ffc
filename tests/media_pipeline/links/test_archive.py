"""Several pictures as one ZIP file."""

import io
import zipfile

import pytest
from asgiref.sync import sync_to_async

from media_pipeline.captures.finding import with_parts
from media_pipeline.captures.models import Capture
from media_pipeline.links.archive import file_name, zip_chunks
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg


def make_two():
    porch = make_device("porch")
    for text in "12":
        make_capture(porch, make_jpeg(text=text))
    return list(with_parts(Capture.objects.order_by("pk")))


async def unpack(captures) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join([chunk async for chunk in zip_chunks(list(captures))])))


@pytest.mark.django_db(transaction=True)
async def test_the_file_holds_the_pictures_as_they_were_sent():
    one, two = await sync_to_async(make_two)()
    archive = await unpack([one, two])
    assert archive.testzip() is None
    assert archive.read(file_name(one)) == make_jpeg(text="1")
    assert archive.read(file_name(two)) == make_jpeg(text="2")


@pytest.mark.django_db(transaction=True)
async def test_a_missing_picture_is_named_and_the_rest_comes():
    one, two = await sync_to_async(make_two)()
    store.full_path(one.path).unlink()
    archive = await unpack([one, two])
    assert archive.read("MISSING.txt").decode().strip() == file_name(one)
    assert file_name(two) in archive.namelist()
