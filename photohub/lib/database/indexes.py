"""Indexes of tables that grow large: made while others write, and of rows whose list holds a word."""

import re
from typing import Any

from django.db import NotSupportedError
from django.db.migrations.operations import AddIndex, RemoveIndex
from django.db.models import BooleanField, Func

_WORD = re.compile(r"[a-z_]+", re.ASCII)


class HoldsWord(Func):
    """Say that the JSON list in a column holds a word, in the same text wherever it stands: in an index and in a query.

    Only then a database sees that a partial index has all rows that are asked for. Words are small letters: others raise
    ValueError.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, word: str) -> None:
        if not _WORD.fullmatch(word):
            raise ValueError(
                f"{word!r} is no word of a list; only constants of the code may be written into SQL."
            )
        super().__init__(column)
        self.word = word

    def as_sqlite(self, compiler, connection, **context: Any):
        return self.as_sql(compiler, connection, template=f"(instr(%(expressions)s, '\"{self.word}\"') > 0)")

    def as_postgresql(self, compiler, connection, **context: Any):
        text = f"(strpos((%(expressions)s)::text, '\"{self.word}\"') > 0)"
        return self.as_sql(compiler, connection, template=text)


class IsMissing(Func):
    """Say that a column is null, so that SQLite takes no index of that column alone for it: nearly all may be null."""

    output_field = BooleanField()
    conditional = True

    def as_sqlite(self, compiler, connection, **context: Any):
        return self.as_sql(compiler, connection, template="(+%(expressions)s IS NULL)")

    def as_postgresql(self, compiler, connection, **context: Any):
        return self.as_sql(compiler, connection, template="(%(expressions)s IS NULL)")


class Unindexed(Func):
    """A column that SQLite finds no index for: where the rows are named by their keys, and the column is only looked at."""

    arity = 1

    def as_sqlite(self, compiler, connection, **context: Any):
        return self.as_sql(compiler, connection, template="(+%(expressions)s)")

    def as_postgresql(self, compiler, connection, **context: Any):
        return self.as_sql(compiler, connection, template="%(expressions)s")


class _Beside:
    """An operation beside those who write: PostgreSQL neither locks the table nor takes part in a transaction.

    SQLite has one writer at a time, and reads what it indexes within seconds for a million rows.
    """

    def _is_beside(self, schema_editor) -> bool:
        if schema_editor.connection.vendor != "postgresql":
            return False
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError(
                "Set atomic = False in this migration: it makes an index beside those who write."
            )
        return True


class AddIndexBeside(_Beside, AddIndex):
    """Make an index while others write. The migration needs `atomic = False`, and may be run again after it was cut off."""

    atomic = False

    def database_forwards(self, app_label, schema_editor, from_state, to_state) -> None:
        if not self._is_beside(schema_editor):
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.model_name)
        # What was cut off left an index of this name that holds nothing for certain.
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label, schema_editor, from_state, to_state) -> None:
        if not self._is_beside(schema_editor):
            return super().database_backwards(app_label, schema_editor, from_state, to_state)
        model = from_state.apps.get_model(app_label, self.model_name)
        schema_editor.remove_index(model, self.index, concurrently=True)


class RemoveIndexBeside(_Beside, RemoveIndex):
    """Take an index away while others write. The migration needs `atomic = False`."""

    atomic = False

    def database_forwards(self, app_label, schema_editor, from_state, to_state) -> None:
        if not self._is_beside(schema_editor):
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        name = schema_editor.quote_name(self.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
