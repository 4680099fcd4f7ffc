"""Every test gets data folders of its own."""

import os
import subprocess
import sys

import hypothesis
import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.test import Client
from servestatic.middleware import ServeStaticMiddleware

from devices import troubles
from media_pipeline import store
from photohub.lib.words import compile_words
from tests import leaving_out, scheduling
from tests.documented import check_answer
from tests.faults import rounds
from tests.loaded_process import Loader


def pytest_configure(config):
    config.pluginmanager.register(scheduling)
    config.pluginmanager.register(leaving_out)
    # A property that is wrong is found by few inputs as a rule; the long form looks for the rare ones.
    hypothesis.settings.register_profile("short", max_examples=20, deadline=None)
    hypothesis.settings.register_profile("long", max_examples=1000, deadline=None)
    hypothesis.settings.load_profile("long" if rounds.is_long() else "short")


@pytest.fixture(scope="session", autouse=True)
def _words():
    compile_words(configured.BASE_DIR / "locale")


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_up_once():
    # Each test's client has middleware of its own, which would look through every folder of every app again.
    look, found = ServeStaticMiddleware.add_files_from_finders, {}

    def look_once(self) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _hubs_begin_with_their_libraries_loaded():
    Loader.current = Loader()
    yield
    Loader.current.close()
    Loader.current = None


@pytest.fixture(scope="session", autouse=True)
def _the_api_answers_as_documented():
    answer = Client.request

    def checked(self, **request):
        response = answer(self, **request)
        if request.get("PATH_INFO", "").startswith("/api/v1/"):
            check_answer(response.wsgi_request, response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", checked)
        yield


@pytest.fixture(autouse=True)
def _passwords_cost_little(settings):
    # Argon2 takes 100 MB and 100 ms on purpose, and many tests make people.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
    troubles.forget()
    return tmp_path


@pytest.fixture
def pytester_run(tmp_path):
    """Run pytest on one file with the suite's own plugin, and return what it printed."""

    def run(text: str, ci: str = "", code: int = 1) -> str:
        (tmp_path / "test_a.py").write_text(text)
        outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        environment = outside | {"PYTHONPATH": str(configured.BASE_DIR), "CI": ci}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.leaving_out",
            "-p",
            "no:django",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run
