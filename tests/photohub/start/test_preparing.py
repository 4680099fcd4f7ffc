import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from photohub.start import preparing
from photohub.start.preparing import CannotStart

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded(monkeypatch):
    """Note when all migrations are loaded."""
    made, executor = [], preparing.MigrationExecutor
    monkeypatch.setattr(
        preparing, "MigrationExecutor", lambda *arguments: made.append(1) or executor(*arguments)
    )
    return made


def test_no_migration_is_loaded_while_the_database_has_them_all(loaded):
    preparing.migrate()
    assert not loaded


def test_the_names_here_are_those_that_would_be_loaded():
    assert preparing._names_here() == set(preparing.MigrationExecutor(connection).loader.disk_migrations)


def test_a_migration_that_is_not_applied_is(loaded, monkeypatch):
    called = []
    monkeypatch.setattr(preparing, "call_command", lambda *words, **_options: called.append(words))
    monkeypatch.setattr(preparing, "_copy_sqlite", lambda: None)
    last = max(name for app, name in preparing._names_here() if app == "devices")
    MigrationRecorder(connection).record_unapplied("devices", last)
    preparing.migrate()
    assert loaded and called == [("migrate",)]


def test_a_newer_database_is_refused(loaded):
    MigrationRecorder(connection).record_applied("devices", "9999_of_a_later_version")
    with pytest.raises(CannotStart, match="9999_of_a_later_version"):
        preparing.migrate()
    assert loaded
