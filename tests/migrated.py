"""A plugin of pytest: the database of the tests is migrated once for all workers, and each works on a copy."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test.utils import setup_databases, teardown_databases


@pytest.fixture(scope="session")
def django_db_setup(
    request, tmp_path_factory, django_test_environment, django_db_blocker, django_db_modify_db_settings
):
    """Stand in for pytest-django's fixture of this name."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if hasattr(request.config, "workerinput") else folder
    connection_created.connect(_let_the_disk_rest)
    with django_db_blocker.unblock():
        databases = _copy_or_migrate(shared / "migrated.sqlite3")
    yield
    with django_db_blocker.unblock():
        teardown_databases(databases, 0)


def _copy_or_migrate(made: Path) -> list:
    """Return what Django has set up, from the file `made` if another worker was here before."""
    with _alone(made.with_suffix(".lock")):
        if known := made.exists():
            shutil.copyfile(made, connection.settings_dict["TEST"]["NAME"])
        databases = setup_databases(verbosity=0, interactive=False, keepdb=known)
        if not known:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [str(made)])
    return databases


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _let_the_disk_rest(connection, **_more) -> None:
    # Nobody pulls the plug on a test; the hubs that lose power in tests/faults are processes of their own.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
