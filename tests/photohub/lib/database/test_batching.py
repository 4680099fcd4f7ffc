import asyncio
import threading
import time

import pytest

from photohub.lib.database.batching import Batcher
from tests.flows.story import until

pytestmark = pytest.mark.django_db(transaction=True)


class Worker:
    """Work that can be held, and remembers the groups it was given."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()

    def work(self, items: list[int]) -> list[int | Exception]:
        self.groups.append(items)
        self.open.wait(5)
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


async def test_a_lone_call_goes_at_once_and_those_that_come_meanwhile_go_together():
    worker = Worker()
    batcher = Batcher(worker.work)
    worker.open.clear()
    first = asyncio.create_task(batcher.do(1))
    await until(lambda: worker.groups)
    others = [asyncio.create_task(batcher.do(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    worker.open.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert worker.groups == [[1], [2, 3, 4]]


async def test_groups_are_apart_so_that_they_grow_though_each_is_short():
    worker = Worker()
    batcher = Batcher(worker.work, apart_s=0.6)
    begun_s = time.monotonic()
    assert await batcher.do(1) == 10
    assert time.monotonic() - begun_s < 0.6
    await asyncio.gather(*(_come_after(batcher, n, 0.01 * n) for n in range(2, 6)))
    assert worker.groups == [[1], [2, 3, 4, 5]] and time.monotonic() - begun_s >= 0.6


async def _come_after(batcher: Batcher, item: int, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await batcher.do(item)


async def test_what_went_wrong_with_one_is_raised_for_it_alone():
    batcher = Batcher(Worker().work)
    found = await asyncio.gather(batcher.do(1), batcher.do(-2), batcher.do(3), return_exceptions=True)
    assert found[0] == 10 and found[2] == 30 and isinstance(found[1], ValueError)


async def test_work_that_fails_is_raised_for_all_and_the_next_group_goes_on():
    def work(items):
        if "bad" in items:
            raise OSError("gone")
        return items

    batcher = Batcher(work)
    found = await asyncio.gather(batcher.do("bad"), batcher.do("other"), return_exceptions=True)
    assert all(isinstance(error, OSError) for error in found)
    assert await batcher.do("good") == "good"


async def test_who_was_cancelled_holds_nobody_up():
    worker = Worker()
    batcher = Batcher(worker.work)
    worker.open.clear()
    first = asyncio.create_task(batcher.do(1))
    await until(lambda: worker.groups)
    first.cancel()
    second = asyncio.create_task(batcher.do(2))
    await asyncio.sleep(0)
    worker.open.set()
    assert await second == 20


async def test_a_group_has_an_end():
    worker = Worker()
    batcher = Batcher(worker.work, at_most=2)
    await asyncio.gather(*(batcher.do(n) for n in range(5)))
    assert [len(group) for group in worker.groups] == [2, 2, 1]


def test_calls_of_a_loop_that_has_ended_are_forgotten():
    worker = Worker()
    batcher = Batcher(worker.work)
    loop = asyncio.new_event_loop()
    left = loop.create_task(batcher.do(1))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    async def ask() -> int:
        return await batcher.do(2)

    assert asyncio.run(ask()) == 20 and not left.done()


@pytest.mark.parametrize("work", [lambda items: [], lambda items: [1, 2, 3], lambda items: None])
async def test_a_wrong_number_of_results_is_raised_for_everybody_and_the_next_are_served(work):
    batcher = Batcher(work)
    for _ in range(2):
        with pytest.raises((RuntimeError, TypeError)):
            async with asyncio.timeout(5):
                await batcher.do(1)


async def test_whoever_waits_hears_of_it_when_the_carrying_out_is_cancelled():
    worker = Worker()
    batcher = Batcher(worker.work)
    worker.open.clear()
    waiting = [asyncio.create_task(batcher.do(1))]
    await until(lambda: worker.groups)
    waiting.append(asyncio.create_task(batcher.do(2)))
    await asyncio.sleep(0)
    batcher._running.cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    worker.open.set()
    assert [type(error) for error in found] == [RuntimeError, RuntimeError]
    assert await batcher.do(3) == 30
