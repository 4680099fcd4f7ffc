"""A plugin of pytest: of several processes, each works on a copy of a database that is migrated once."""

import shutil

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.signals import connection_created
from django.test.utils import setup_databases, teardown_databases

from tests import prepared


def pytest_configure(config: pytest.Config) -> None:
    if config.option.processes and not config.option.collectonly:
        prepared.begin()


def pytest_collection_finish() -> None:
    if prepared.is_begun():
        prepared.folder()


@pytest.fixture(scope="session")
def django_db_setup(request, django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """Stand in for pytest-django's fixture of this name."""
    connection_created.connect(_let_the_disk_rest)
    if prepared.is_begun():
        connection.close()
        # What Django does at this place would load and compare every migration again.
        name = connection.settings_dict["TEST"]["NAME"]
        shutil.copyfile(prepared.database(), name)
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = str(name)
        yield
        with django_db_blocker.unblock():
            connection.close()
        return
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(databases, 0)


def _let_the_disk_rest(connection, **_more) -> None:
    # Nobody pulls the plug on a test; the hubs that lose power in tests/faults are processes of their own.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
