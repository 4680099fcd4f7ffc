import asyncio
import threading

import pytest

from photohub.lib.db import in_thread

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
