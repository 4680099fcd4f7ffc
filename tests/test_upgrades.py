"""Machines are upgraded one by one, so the program of the version before works on beside each newer database."""

import pytest
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models.fields import NOT_PROVIDED

# Those that were there before: "Upgrades" of docs/operations.md says which of them no older program survives.
BEFORE = {"devices": 25, "media_pipeline": 23}
# What takes something away that the program before may name.
TAKES_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def faults_of(operation, before) -> list[str]:
    """Return why the program before would fail beside a database with this step, `before` being the state until then."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return [fault for each in operation.database_operations for fault in faults_of(each, before)]
    if isinstance(operation, TAKES_AWAY):
        return [f"{operation.describe()}: do it one version after the last one that names it"]
    if isinstance(operation, migrations.AddField) and not operation.field.many_to_many:
        if not operation.field.null and operation.field.db_default is NOT_PROVIDED:
            return [
                f"{operation.describe()}: null=True or db_default, for rows that the program before inserts"
            ]
    if isinstance(operation, migrations.AlterField):
        old = before.models[before_key(operation, before)].fields[operation.name]
        return _narrowed(operation, old)
    return []


def before_key(operation, before) -> tuple[str, str]:
    return next(key for key in before.models if key[1] == operation.model_name_lower)


def _narrowed(operation, old) -> list[str]:
    new, faults = operation.field, []
    if old.null and not new.null:
        faults.append(f"{operation.describe()}: the program before writes null")
    if (getattr(new, "max_length", None) or 10**9) < (getattr(old, "max_length", None) or 10**9):
        faults.append(f"{operation.describe()}: the program before writes longer texts")
    if type(new) is not type(old):
        faults.append(f"{operation.describe()}: another type")
    return faults


def is_new(key: tuple[str, str]) -> bool:
    app, name = key
    return app in BEFORE and int(name[:4]) > BEFORE[app]


def faults_in(loader: MigrationLoader, key: tuple[str, str]) -> list[str]:
    state, faults = loader.project_state(key, at_end=False), []
    operations = loader.disk_migrations[key].operations
    # The program before writes no row of a table that is made here.
    made = {operation.name_lower for operation in operations if isinstance(operation, migrations.CreateModel)}
    for operation in operations:
        if getattr(operation, "model_name_lower", "") not in made:
            faults += [f"{'.'.join(key)}: {fault}" for fault in faults_of(operation, state)]
        operation.state_forwards(key[0], state)
    return faults


def test_every_newer_step_of_the_database_leaves_the_program_before_alone():
    loader = MigrationLoader(None)
    newer = sorted(filter(is_new, loader.disk_migrations))
    assert [fault for key in newer for fault in faults_in(loader, key)] == []


@pytest.mark.parametrize(
    ("app", "name", "why"),
    [
        ("devices", "0017_lasting_links", "null=True or db_default"),
        ("devices", "0023_devices_in_several_groups", "one version after the last one"),
        ("media_pipeline", "0019_times_of_tags", "writes null"),
    ],
)
def test_what_would_harm_is_seen_in_steps_from_before(app, name, why):
    assert any(why in fault for fault in faults_in(MigrationLoader(None), (app, name)))
