"""Reading rows by the numbers of a sequence, without missing one that is committed late.

A number is drawn before its transaction commits, so with PostgreSQL 7 may be seen before 6, and who reads on from 7
never sees 6. Whoever inserts therefore first takes a shared advisory lock, which ends with his transaction: its key says
from which number on his rows may be. Whoever reads asks up to which number none can be missing:

    1. how far the sequence is              numbers drawn later are larger
    2. which locks there are                whose lock is not there yet draws his numbers later than 1.
    3. the rows, in a statement of its own  whose lock is gone has committed

SQLite has one writer at a time, so its numbers are in the order of the commits.
"""

from functools import cache

from django.db import connection, models

# The upper 16 bits of the keys: "PH". The numbers themselves get 48.
_SPACE = 0x5048 << 48
_CLASS = 0x5048 << 16
_CLASS_MASK = 0xFFFF << 16
# A transaction this old has lost its program, or is a thousand times slower than it should be; nobody waits for it longer.
_FORGOTTEN_AFTER_S = 60


def announcement(model: type[models.Model]) -> str:
    """Return the statement that says that rows with new numbers come in this transaction; "" where none is needed.

    It goes before their insert, in one message with it: each message waits for its answer.
    """
    if connection.vendor == "sqlite":
        return ""
    return f"SELECT pg_advisory_xact_lock_shared({_SPACE} | {_drawn(model)})"


def floor(model: type[models.Model]) -> int:
    """Return the number up to which every row that will ever be there can be read now."""
    if connection.vendor == "sqlite":
        return model._base_manager.aggregate(newest=models.Max("pk"))["newest"] or 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_drawn(model)}")
        (drawn,) = cursor.fetchone()
        cursor.execute(_LOWEST)
        (lowest,) = cursor.fetchone()
    return drawn if lowest is None else min(drawn, lowest)


_LOWEST = f"""
    SELECT min((l.classid::bigint & 65535) << 32 | l.objid::bigint)
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint & {_CLASS_MASK} = {_CLASS}
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND coalesce(a.xact_start, now()) > now() - interval '{_FORGOTTEN_AFTER_S} seconds'
"""


@cache
def _drawn(model: type[models.Model]) -> str:
    """Return an expression for the last number that was drawn."""
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        (name,) = cursor.fetchone()
    return f"(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {name})"
