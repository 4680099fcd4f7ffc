"""Every test gets data folders of its own."""

import gc
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import hypothesis
import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client, TransactionTestCase, override_settings
from servestatic.middleware import ServeStaticMiddleware

from devices.events import troubles
from media_pipeline.picture_files import store
from photohub.accounts.logins import sessions
from photohub.start.catalogues import compile_words
from tests import forking, leaving_out, migrated, scheduling, starting
from tests.documented import check_answer
from tests.faults import rounds
from tests.loaded_process import Loader

MADE_BY_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}


def pytest_addoption(pluginmanager):
    pluginmanager.register(forking)


def pytest_configure(config):
    # Until the tests are collected everything that is made is kept; to look through it again and again takes a second.
    gc.disable()
    config.pluginmanager.register(starting)
    config.pluginmanager.register(scheduling)
    config.pluginmanager.register(leaving_out)
    config.pluginmanager.register(migrated)
    # A property that is wrong is found by few inputs as a rule; the long form looks for the rare ones.
    hypothesis.settings.register_profile("short", max_examples=20, deadline=None)
    hypothesis.settings.register_profile("long", max_examples=1000, deadline=None)
    hypothesis.settings.load_profile("long" if rounds.is_long() else "short")


def pytest_collection_finish():
    # What was imported and collected stays to the end: to look through it again and again took a part of every test.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


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


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little():
    # Argon2 takes 100 MB and 100 ms on purpose, and many tests make people.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def _sessions_are_noted_where_a_test_is_about_them():
    # The first page of each session would ask the database more than those after it.
    noted, sessions.noted = sessions.noted, Mock(is_due=Mock(return_value=False))
    yield
    sessions.noted = noted


@pytest.fixture(scope="session", autouse=True)
def _tables_are_emptied_quickly():
    # Django empties every table and then makes the permissions of every model again, which takes 80 ms a test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        yield


def _empty_tables(test: TransactionTestCase) -> None:
    """Empty the tables that a test has filled; what Django makes for itself at a migration stays."""
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    names = [connection.ops.quote_name(name) for name in sorted(tables - MADE_BY_MIGRATIONS)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'EXISTS (SELECT 1 FROM {name})' for name in names)}")
        for name, filled in zip(names, cursor.fetchone(), strict=True):
            if filled:
                cursor.execute(f"DELETE FROM {name}")


@pytest.fixture(scope="session")
def _data_folders(tmp_path_factory):
    """Yield folders that nobody had before."""
    root = tmp_path_factory.mktemp("data")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def data_folder(_data_folders):
    """Point the picture folders into a folder of the test's own."""
    folder = next(_data_folders)
    # Set where they stand: to tell every part of Django of seven settings before and after each test takes longer than
    # most tests do. The next test sets them again.
    for name, value in folder_settings(folder).items():
        setattr(configured, name, value)
    store.make_folders()
    cache.clear()
    troubles.forget()
    return folder


def folder_settings(folder: Path) -> dict[str, Path | int]:
    return {
        "PICTURES_DIR": folder / "pictures",
        "INCOMING_DIR": folder / "incoming",
        "THUMBNAILS_DIR": folder / "thumbnails",
        "OUTBOX_DIR": folder / "outbox",
        "TIME_LAPSES_DIR": folder / "timelapses",
        "FIRMWARE_DIR": folder / "firmware",
        "DISK_FLOOR_BYTES": 0,
    }


@pytest.fixture
def another_disk(tmp_path) -> Iterator[Path]:
    """Yield a folder on another file system than the test's own."""
    device = os.stat(tmp_path).st_dev
    found = (folder for folder in ("/dev/shm", "/var/tmp") if os.stat(folder).st_dev != device)
    with tempfile.TemporaryDirectory(dir=next(found)) as folder:
        yield Path(folder)


@pytest.fixture
def pytester_run(tmp_path):
    """Run pytest on one file with the suite's own plugin, and return what it printed."""

    def run(text: str, *arguments: str, ci: str = "", code: int = 1) -> str:
        (tmp_path / "test_a.py").write_text(text)
        outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        environment = outside | {"PYTHONPATH": str(configured.BASE_DIR), "CI": ci}
        # Nothing else that is installed: to load it takes longer than the run.
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        ours = ["-p", "tests.leaving_out", "-p", "tests.forking"]
        plugins = [*ours, "-p", "pytest_rerunfailures", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *plugins, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run
