"""What every start does first: folders, words, database, static files. Each is quick when there is nothing to do."""

import hashlib
import logging
import pkgutil
import sqlite3
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from devices.panels.rendering import profiles as render_profiles
from media_pipeline.picture_files import store
from photohub import __version__
from photohub.start.catalogues import compile_words

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The start ends here; the sentence says why and what to do."""


def prepare(say=lambda line: None) -> None:
    """Make the data folder, the words, the database and the static files ready."""
    migrate(say)
    render_profiles.offer_ready_made()
    prepare_files(say)


def prepare_files(say=lambda line: None) -> None:
    """Make ready what needs no database."""
    store.make_folders()
    compile_words(settings.BASE_DIR / "locale")
    collect_static(say)


def migrate(say=lambda line: None) -> None:
    """Bring the database up to date; an SQLite file is copied first. A newer database is refused."""
    if _names_here() == MigrationRecorder(connection).applied_migrations().keys():
        # To load all migrations, only to find that there is nothing to do, takes long where every start counts.
        return
    executor = MigrationExecutor(connection)
    known = set(executor.loader.disk_migrations)
    ours = {app for app, _ in known}
    if newer := [
        m
        for m in executor.loader.applied_migrations
        if m[0] in ours and m not in known and not _replaced(executor, m)
    ]:
        raise CannotStart(
            f"The database was made by a newer PhotoHub (it has {newer[0][0]}.{newer[0][1]}). "
            "Start that version, or restore a backup."
        )
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    if executor.loader.applied_migrations:
        say(f"Updating the database ({len(plan)} steps) …")
        _copy_sqlite()
    call_command("migrate", interactive=False, verbosity=0)


def _names_here() -> set[tuple[str, str]]:
    """Return app and name of every migration that this program has, of which none is loaded."""
    names: set[tuple[str, str]] = set()
    for app in apps.get_app_configs():
        module, _explicit = MigrationLoader.migrations_module(app.label)
        spec = find_spec(module) if module else None
        if spec is not None and spec.submodule_search_locations is not None:
            found = pkgutil.iter_modules(spec.submodule_search_locations)
            names |= {(app.label, m.name) for m in found if not m.ispkg and m.name[0] not in "_~"}
    return names


def _replaced(executor: MigrationExecutor, migration: tuple[str, str]) -> bool:
    return any(migration in m.replaces for m in executor.loader.disk_migrations.values())


def _copy_sqlite() -> None:
    if connection.vendor != "sqlite":
        return
    source = Path(settings.DATABASES["default"]["NAME"])
    target = source.with_name(f"{source.stem}-before-{__version__}-{timezone.now():%Y%m%d%H%M%S}.sqlite3")
    with sqlite3.connect(source) as database:
        database.execute("VACUUM INTO ?", (str(target),))
    log.info("The database was copied to %s before its update.", target)


def collect_static(say=lambda line: None) -> None:
    """Collect the static files when any of them changed since the last time."""
    stamp = settings.STATIC_ROOT / ".collected"
    digest = _static_digest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    say("Collecting the pages' files …")
    call_command("collectstatic", interactive=False, verbosity=0, clear=False)
    stamp.write_text(digest)


def _static_digest() -> str:
    digest = hashlib.sha256(__version__.encode())
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            path = Path(storage.path(name))
            status = path.stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
