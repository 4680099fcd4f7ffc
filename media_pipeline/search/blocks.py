"""The blocks in the database: by FTS5 in SQLite, by an index of arrays (GIN) in PostgreSQL.

Both answer which blocks have all of some pieces, in the order of time. Neither needs an extension that somebody would have
to install. A SQLite without FTS5 has no index; then all is looked through, as before there was one.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from django.db import connection, transaction

from .models import TextBlock

FTS = "media_pipeline_textblock_grams"
CREATE_FTS = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {FTS} "
    "USING fts5(grams, content='', columnsize=0, detail='none', tokenize='ascii')"
)
GIN = "text_blocks_by_their_grams"
CREATE_GIN = f"CREATE INDEX IF NOT EXISTS {GIN} ON media_pipeline_textblock USING gin (grams)"

Stretch = tuple[int, int]


@cache
def is_indexed() -> bool:
    """Tell whether this database can look for pieces at all."""
    if connection.vendor == "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = %s", [FTS])
        return cursor.fetchone() is not None


def write(blocks: Sequence[TextBlock]) -> None:
    """Insert blocks. Call it in a transaction."""
    TextBlock.objects.bulk_create(blocks)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {FTS} (rowid, grams) VALUES (%s, %s)",
                [(b.since, _words(b.grams)) for b in blocks],
            )


def drop(blocks: Sequence[TextBlock]) -> None:
    """Take blocks away. Call it in a transaction."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # Without content of its own the table has to be told what it forgets.
            cursor.executemany(
                f"INSERT INTO {FTS} ({FTS}, rowid, grams) VALUES ('delete', %s, %s)",
                [(b.since, _words(b.grams)) for b in blocks],
            )
    TextBlock.objects.filter(pk__in=[b.pk for b in blocks]).delete()


def with_grams(wanted: Sequence[int], at: int, newer: bool, limit: int) -> list[Stretch]:
    """Return stretches that have all these pieces, from the one around the instant `at` on, in the order of time."""
    if connection.vendor == "postgresql":
        return _by_gin(wanted, at, newer, limit)
    order, edge = ("ASC", ">=") if newer else ("DESC", "<=")
    first = _before(at) if newer else at
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT rowid FROM {FTS} WHERE {FTS} MATCH %s AND rowid {edge} %s ORDER BY rowid {order} LIMIT %s",
            [" AND ".join(f'"{word}"' for word in _words(wanted).split()), first, limit],
        )
        keys = [key for (key,) in cursor.fetchall()]
    found = TextBlock.objects.filter(pk__in=keys).order_by("pk" if newer else "-pk")
    return [stretch for stretch in found.values_list("since", "until") if not newer or stretch[1] > at]


def _before(at: int) -> int:
    """Return the start of the block around this instant."""
    block = TextBlock.objects.filter(pk__lte=at).order_by("-pk").values_list("pk", flat=True).first()
    return at if block is None else block


def _by_gin(wanted: Sequence[int], at: int, newer: bool, limit: int) -> list[Stretch]:
    order, edge = ("ASC", "until >") if newer else ("DESC", "since <=")
    with transaction.atomic(), connection.cursor() as cursor:
        # The planner knows nothing of how long it takes to read an array that is stored apart, and would read them all.
        cursor.execute("SELECT set_config('enable_seqscan', 'off', true)")
        cursor.execute(
            "WITH found AS MATERIALIZED "
            "(SELECT since, until FROM media_pipeline_textblock WHERE grams @> %s::integer[]) "
            f"SELECT since, until FROM found WHERE {edge} %s ORDER BY since {order} LIMIT %s",
            [list(wanted), at, limit],
        )
        found = cursor.fetchall()
        cursor.execute("SELECT set_config('enable_seqscan', 'on', true)")
    return found


def _words(grams: Iterable[int]) -> str:
    return " ".join(f"{gram & 0xFFFFFFFF:x}" for gram in grams)
