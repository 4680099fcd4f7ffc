"""Inserting and changing many rows of one model at the cost of the database, not of the ORM.

The ORM compiles every row's values one by one, which is most of the time that a stored picture takes. Here the
statement and the way each column is written are worked out once per model; a row is then a plain list of values.
"""

import json
import operator
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Insert unsaved instances of one model that carry their own keys. No signals, no defaults of the database."""
    if not rows:
        return
    statement, read, _ = _plan(type(rows[0]), connection.vendor, False)
    with connection.cursor() as cursor:
        cursor.executemany(statement, [read(row) for row in rows])


def insert_numbered(rows: Sequence[models.Model]) -> None:
    """Insert unsaved instances whose key the database counts, in order, and set it on each."""
    if not rows:
        return
    statement, read, width = _plan(type(rows[0]), connection.vendor, True)
    one = f"({', '.join(['%s'] * width)})"
    values = [value for row in rows for value in read(row)]
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("%ROWS%", ", ".join([one] * len(rows))), values)
        keys = sorted(key for (key,) in cursor.fetchall())
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
    head, one = statement[: statement.rindex("VALUES ") + 7], f"({', '.join(['%s'] * width)})"
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(_column(model, name).column)) for name in unique)
    tail = f" ON CONFLICT ({columns}) DO NOTHING RETURNING {quote(str(model._meta.pk.column))}"
    with connection.cursor() as cursor:
        values = [value for row in ordered for value in read(row)]
        cursor.execute(head + ", ".join([one] * len(ordered)) + tail, values)
        return {model._meta.pk.to_python(key) for (key,) in cursor.fetchall()}


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
    writers = [_writer(f, vendor) for f in fields]

    def read(row: models.Model) -> list:
        return _written(writers, take(row))

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
        return json.dumps
    if isinstance(target, models.UUIDField):
        return _hex if vendor == "sqlite" else None
    if isinstance(target, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(target, models.CharField | models.TextField):
        return str  # An enum's member is written as its value.
    return None


def _hex(value: uuid.UUID) -> str:
    return value.hex
