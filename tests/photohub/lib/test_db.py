import asyncio
import threading

import pytest
from django.db import OperationalError, connection

from photohub.lib import db
from photohub.lib.db import in_thread, require_database

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
