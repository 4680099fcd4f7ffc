"""Inserting and changing many rows of one model at the cost of the database, not of the ORM.

The ORM compiles every row's values one by one, which is most of the time that a stored picture takes. Here the
statement and the way each column is written are worked out once per model; a row is then a plain list of values.
"""

import json
import operator
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)


def new(model: type[M], **values: Any) -> M:
    """Return an unsaved instance, as the model itself would make it of these values, at a tenth of the cost.

    Values are named as the model's fields; an unknown name goes unnoticed. Neither signals are sent nor a model's own
    `__init__` is called.
    """
    fixed, made, related = _defaults(model)
    row = model.__new__(model)
    data = row.__dict__ = fixed | values
    state = data["_state"] = ModelState()
    for name, make in made:
        if name not in values:
            data[name] = make()
    for name, attname in related:
        if name in values:
            value = state.fields_cache[name] = data.pop(name)
            data[attname] = None if value is None else value.pk
    return row


@cache
def _defaults(
    model: type[models.Model],
) -> tuple[dict[str, Any], list[tuple[str, Callable]], list[tuple[str, str]]]:
    """Return the columns' values where nothing is said, the functions that make others, and columns of relations."""
    fixed, made, related = {}, [], []
    for field in model._meta.concrete_fields:
        if field.is_relation:
            related.append((field.name, field.attname))
        if field.has_default() and callable(field.default):
            made.append((field.attname, field.default))
        else:
            fixed[field.attname] = field.get_default()
    return fixed, made, related


def execute(statement: str, values: Sequence[Any], first: str = "") -> list[tuple]:
    """Carry out one statement with `%s` for each value, after `first` where there is one; return the rows that it gives.

    SQLite's driver is asked itself inside a transaction: Django rewrites the statement and wraps the cursor anew each
    time.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "sqlite" and database.in_atomic_block and not _is_watched(database):
        with database.wrap_database_errors:
            return database.connection.execute(_for_sqlite(statement), values).fetchall()
    with database.cursor() as cursor:
        cursor.execute(f"{first}; {statement}" if first else statement, values)
        if first:
            cursor.nextset()
        return cursor.fetchall() if cursor.description else []


def _is_watched(database: BaseDatabaseWrapper) -> bool:
    return bool(database.execute_wrappers) or database.queries_logged


@lru_cache(maxsize=1024)
def _for_sqlite(statement: str) -> str:
    return statement.replace("%s", "?").replace("%%", "%")


def insert(rows: Sequence[models.Model]) -> None:
    """Insert unsaved instances of one model that carry their own keys. No signals, no defaults of the database."""
    if not rows:
        return
    statement, read, width = _plan(type(rows[0]), connection.vendor, False)
    head = statement[: statement.rindex("VALUES ") + 7]
    for start in range(0, len(rows), together := max(1, _MARKS_AT_MOST // width)):
        part = rows[start : start + together]
        execute(head + _marks(width, len(part)), [value for row in part for value in read(row)])


# SQLite takes 32,766 values in one statement, PostgreSQL twice as many.
_MARKS_AT_MOST = 30_000


@lru_cache(maxsize=512)
def _marks(width: int, count: int) -> str:
    return ", ".join([f"({', '.join(['%s'] * width)})"] * count)


def insert_numbered(rows: Sequence[models.Model], first: str = "") -> None:
    """Insert unsaved instances whose key the database counts, in order, and set it on each.

    `first` is a statement without values that PostgreSQL carries out just before, in the same message.
    """
    if not rows:
        return
    statement, read, width = _plan(type(rows[0]), connection.vendor, True)
    values = [value for row in rows for value in read(row)]
    found = execute(statement.replace("%ROWS%", _marks(width, len(rows))), values, first)
    keys = sorted(key for (key,) in found)
    # Neither database promises the order of RETURNING, but both count up in the order of the values.
    for row, key in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding = False


def insert_new(rows: Sequence[models.Model], unique: tuple[str, ...]) -> set:
    """Insert like `insert`, but pass over those whose `unique` fields are taken. Returns the keys of the inserted.

    They are inserted in the order of the unique fields: of two processes that insert the same ones, the later waits
    for the earlier, and never each for the other.
    """
    if not rows:
        return set()
    model = type(rows[0])
    statement, read, width = _plan(model, connection.vendor, False)
    ordered = sorted(rows, key=operator.attrgetter(*(_column(model, name).attname for name in unique)))
    head = statement[: statement.rindex("VALUES ") + 7]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(_column(model, name).column)) for name in unique)
    tail = f" ON CONFLICT ({columns}) DO NOTHING RETURNING {quote(str(model._meta.pk.column))}"
    values = [value for row in ordered for value in read(row)]
    found = execute(head + _marks(width, len(ordered)) + tail, values)
    return {model._meta.pk.to_python(key) for (key,) in found}


def update(
    model: type[models.Model], names: tuple[str, ...], where: tuple[str, ...], values: list[tuple]
) -> None:
    """Give many rows values of their own: each tuple holds those of the columns `names`, then those of `where`."""
    if not values:
        return
    statement, writers = _change(model, connection.vendor, names, where)
    with connection.cursor() as cursor:
        cursor.executemany(statement, [_written(writers, row) for row in values])


@cache
def _change(model: type[models.Model], vendor: str, names: tuple[str, ...], where: tuple[str, ...]) -> tuple:
    fields = [_column(model, name) for name in (*names, *where)]
    quote = connection.ops.quote_name
    marks = [f"{quote(str(field.column))} = %s" for field in fields]
    changed, found = ", ".join(marks[: len(names)]), " AND ".join(marks[len(names) :])
    statement = f"UPDATE {quote(model._meta.db_table)} SET {changed} WHERE {found}"
    return statement, [_writer(field, vendor) for field in fields]


def _written(writers: list, values: Iterable) -> list:
    return [
        value if write is None or value is None else write(value)
        for write, value in zip(writers, values, strict=True)
    ]


@cache
def _plan(model: type[models.Model], vendor: str, numbered: bool) -> tuple[str, Callable, int]:
    fields = [f for f in model._meta.concrete_fields if not (numbered and f.primary_key)]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(f.column)) for f in fields)
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "
    if numbered:
        statement += f"%ROWS% RETURNING {quote(str(model._meta.pk.column))}"
    else:
        statement += f"({', '.join(['%s'] * len(fields))})"
    take = operator.attrgetter(*(f.attname for f in fields))
    writers = [(i, write) for i, f in enumerate(fields) if (write := _writer(f, vendor)) is not None]

    def read(row: models.Model) -> list:
        values = list(take(row))
        for i, write in writers:
            value = values[i]
            if value is not None and type(value) is not str:
                values[i] = write(value)
        return values

    return statement, read, len(fields)


def _column(model: type[models.Model], name: str) -> models.Field:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{model.__name__}.{name} is no column.")
    return field


def _writer(field: models.Field, vendor: str) -> Callable | None:
    """Return how a column's value is handed to the driver; None: as it is."""
    target = field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    if isinstance(target, models.JSONField):
        return _json
    if isinstance(target, models.UUIDField):
        return _hex if vendor == "sqlite" else None
    if isinstance(target, models.DateTimeField):
        return _moment if vendor == "sqlite" else connection.ops.adapt_datetimefield_value
    if isinstance(target, models.CharField | models.TextField):
        return str  # An enum's member is written as its value.
    return None


def _json(value: Any) -> str:
    if not value and type(value) in (dict, list):
        return "{}" if type(value) is dict else "[]"
    return json.dumps(value)


def _moment(value: datetime) -> str | None:
    if value.tzinfo is UTC:
        return str(value.replace(tzinfo=None))
    return connection.ops.adapt_datetimefield_value(value)


def _hex(value: uuid.UUID) -> str:
    return value.hex
