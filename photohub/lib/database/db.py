"""Small helpers around the database: literals for partial indexes, plain functions beside the event loop."""

import asyncio
import re
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

P = ParamSpec("P")
R = TypeVar("R")

_WORD = re.compile(r"[a-z_]*", re.ASCII)


def inline(word: str) -> RawSQL:
    """Return a state's word as a literal of the SQL text instead of a parameter.

    SQLite uses a partial index only when it sees, before any parameter is bound, that the query implies the
    index's condition. Words are small letters, so nothing can be smuggled in: others raise ValueError.
    """
    if not _WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no state's word; only constants of the code may be written into SQL.")
    return RawSQL(f"'{word}'", ())


def inline_all(words: Iterable[str]) -> list[RawSQL]:
    """Return several words for `…__in`, in the same order as the index's condition names them."""
    return [inline(word) for word in words]


_AWAY_FOR_S = 1.0
_away_until_s = 0.0


def require_database() -> None:
    """Connect now, where no work is at stake yet. Raises DatabaseError or InterfaceError when there is no database.

    A thread that waits for a connection finds out after 2 s. Those who waited behind it are told at once: each for
    itself would wait for 2 s more.
    """
    global _away_until_s
    if time.monotonic() < _away_until_s:
        raise OperationalError("the database was away a moment ago")
    try:
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        _away_until_s = time.monotonic() + _AWAY_FOR_S
        raise


def note_absence(error: BaseException) -> None:
    """Let those who come next be told at once, when this error is the end of a wait for a connection.

    Only then: a connection that broke may be an old one, and the next is good.
    """
    global _away_until_s
    # Of a library that nobody has loaded there is no error.
    pool = sys.modules.get("psycopg_pool")
    if pool is not None and isinstance(error.__cause__, pool.PoolTimeout):
        _away_until_s = time.monotonic() + _AWAY_FOR_S


# SQLite lets others wait by asking again and again, with pauses that grow; in one process they can wait properly.
_writing = threading.RLock() if connection.vendor == "sqlite" else None


@contextmanager
def one_writer() -> Generator[None]:
    """Let the threads of this process write to SQLite one after the other. For those that write all the time.

    Who is inside a transaction has the database already, and passes: to wait for those who wait for him would not end.
    """
    if _writing is None or connection.in_atomic_block:
        yield
        return
    with _writing:
        yield


def lock_in_order(rows: QuerySet) -> list:
    """Lock rows of one table in the order of their keys, and return the keys. Call inside a transaction.

    An UPDATE of several rows locks them in whatever order it finds them. Two of these can wait for each other.
    """
    ordered = rows if rows.query.is_sliced else rows.order_by("pk")
    return list(ordered.select_for_update(no_key=True).values_list("pk", flat=True))


_CHANGED_TOGETHER = 5000


def update_in_order(rows: QuerySet, **values: Any) -> int:
    """Give several rows of one table the same values, locked in the order of their keys. Returns how many."""
    if not connection.features.has_select_for_update:
        return rows.update(**values)
    # The keys first, by whatever index finds the rows: asked for in their order, the database would walk all there are.
    keys = sorted(rows.order_by().values_list("pk", flat=True))
    changed = 0
    for start in range(0, len(keys), _CHANGED_TOGETHER):
        with transaction.atomic():
            locked = lock_in_order(rows.filter(pk__in=keys[start : start + _CHANGED_TOGETHER]))
            changed += rows.model._base_manager.filter(pk__in=locked).update(**values)
    return changed


_pool = ThreadPoolExecutor(max_workers=6, thread_name_prefix="photohub-db")


def tidy(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a database function in a thread of ours, and drop connections that broke or grew old."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a plain function that uses the database beside the loop, and return what it returns."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool, lambda: tidy(function, *args, **kwargs))
