"""Every test gets data folders of its own."""

import pytest
from django.conf import settings as configured
from django.core.cache import cache

from media_pipeline import store
from photohub.lib.words import compile_words


@pytest.fixture(scope="session", autouse=True)
def _words():
    compile_words(configured.BASE_DIR / "locale")


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, settings):
    """Point the picture folders into a folder of the test's own."""
    tmp_path = tmp_path_factory.mktemp("data")
    settings.PICTURES_DIR = tmp_path / "pictures"
    settings.INCOMING_DIR = tmp_path / "incoming"
    settings.THUMBNAILS_DIR = tmp_path / "thumbnails"
    settings.OUTBOX_DIR = tmp_path / "outbox"
    settings.TIME_LAPSES_DIR = tmp_path / "timelapses"
    settings.FIRMWARE_DIR = tmp_path / "firmware"
    settings.DISK_FLOOR_BYTES = 0
    store.make_folders()
    cache.clear()
    return tmp_path
