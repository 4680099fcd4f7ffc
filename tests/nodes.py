"""Being one node of several within a test: each has a data folder of its own and joins the test's database."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.test import override_settings

from media_pipeline.nodes import here, known
from media_pipeline.picture_files import store

FOLDERS = {
    "PICTURES_DIR": "pictures",
    "INCOMING_DIR": "incoming",
    "THUMBNAILS_DIR": "thumbnails",
    "TIME_LAPSES_DIR": "timelapses",
    "FIRMWARE_DIR": "firmware",
    "OUTBOX_DIR": "outbox",
}


@contextmanager
def being(folder: Path, name: str, url: str = "http://127.0.0.2:1") -> Iterator[Path]:
    """Be the node of this data folder, which is made when it is not there."""
    data = folder / name
    data.mkdir(exist_ok=True)
    places = {setting: data / part for setting, part in FOLDERS.items()}
    with override_settings(PHOTOHUB_DATA=data, NODE_URL=url, NODE_NAME=name, **places):
        _forget()
        store.make_folders()
        try:
            yield data
        finally:
            _forget()


@contextmanager
def being_number(number: int) -> Iterator[None]:
    """Be a node of this number, of which there is no more than the number."""
    with override_settings(NODE_URL="http://127.0.0.2:1"):
        here._here.number, here._here.confirmed_until_s = number, math.inf
        try:
            yield
        finally:
            _forget()


def _forget() -> None:
    here.forget()
    known.forget()
    store._durable.clear()
