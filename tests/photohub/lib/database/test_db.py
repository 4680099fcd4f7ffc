import asyncio
import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from photohub.lib.database import db
from photohub.lib.database.db import in_thread, require_database

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_plain_function_runs_beside_the_loop():
    loop_thread = threading.get_ident()
    assert await in_thread(threading.get_ident) != loop_thread


async def test_its_error_comes_back():
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_slow_ones_run_side_by_side():
    barrier = threading.Barrier(3, timeout=5)
    await asyncio.gather(*(in_thread(barrier.wait) for _ in range(3)))


def test_who_waited_behind_a_vain_try_for_the_database_is_told_at_once(monkeypatch):
    tries = []

    def fail() -> None:
        tries.append(1)
        raise OperationalError("couldn't get a connection after 2.00 sec")

    monkeypatch.setattr(connection, "ensure_connection", fail)
    monkeypatch.setattr(db, "_away_until_s", 0.0)
    for _ in range(3):
        with pytest.raises(OperationalError):
            require_database()
    assert len(tries) == 1
    monkeypatch.setattr(db, "_away_until_s", 0.0)
    monkeypatch.undo()
    require_database()


def test_writers_of_one_process_wait_for_each_other():
    order, inside = [], threading.Event()

    def write_slowly():
        with db.one_writer():
            inside.set()
            time.sleep(0.1)
            order.append("first")

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert inside.wait(5)
    with db.one_writer():
        order.append("second")
    thread.join()
    assert order == ["first", "second"] or connection.vendor != "sqlite"


def test_who_has_the_database_already_waits_for_nobody():
    held, free = threading.Event(), threading.Event()

    def hold():
        with db.one_writer():
            held.set()
            free.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    with transaction.atomic(), db.one_writer():
        assert thread.is_alive()
    free.set()
    thread.join()


@pytest.mark.django_db
def test_connections_of_sqlite_keep_no_more_of_the_file_together_than_two_of_them_may_alone():
    def limit_of(word: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {word}")
            return cursor.fetchone()[0]

    assert connection.vendor != "sqlite" or 0 < limit_of("soft_heap_limit") < 2 * 1000 * -limit_of(
        "cache_size"
    )
