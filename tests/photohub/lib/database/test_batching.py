import asyncio
import threading
import time

import pytest

from photohub.lib.database.batching import Together
from tests.flows.story import until

pytestmark = pytest.mark.django_db(transaction=True)


class Desk:
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
    desk = Desk()
    together = Together(desk.work)
    desk.open.clear()
    first = asyncio.create_task(together.do(1))
    await until(lambda: desk.groups)
    others = [asyncio.create_task(together.do(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    desk.open.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert desk.groups == [[1], [2, 3, 4]]


async def test_groups_are_apart_so_that_they_grow_though_each_is_short():
    desk = Desk()
    together = Together(desk.work, apart_s=0.6)
    begun_s = time.monotonic()
    assert await together.do(1) == 10
    assert time.monotonic() - begun_s < 0.6
    await asyncio.gather(*(_come_after(together, n, 0.01 * n) for n in range(2, 6)))
    assert desk.groups == [[1], [2, 3, 4, 5]] and time.monotonic() - begun_s >= 0.6


async def _come_after(together: Together, item: int, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await together.do(item)


async def test_what_went_wrong_with_one_is_raised_for_it_alone():
    together = Together(Desk().work)
    found = await asyncio.gather(together.do(1), together.do(-2), together.do(3), return_exceptions=True)
    assert found[0] == 10 and found[2] == 30 and isinstance(found[1], ValueError)


async def test_work_that_fails_is_raised_for_all_and_the_next_group_goes_on():
    def work(items):
        if "bad" in items:
            raise OSError("gone")
        return items

    together = Together(work)
    found = await asyncio.gather(together.do("bad"), together.do("other"), return_exceptions=True)
    assert all(isinstance(error, OSError) for error in found)
    assert await together.do("good") == "good"


async def test_who_was_cancelled_holds_nobody_up():
    desk = Desk()
    together = Together(desk.work)
    desk.open.clear()
    first = asyncio.create_task(together.do(1))
    await until(lambda: desk.groups)
    first.cancel()
    second = asyncio.create_task(together.do(2))
    await asyncio.sleep(0)
    desk.open.set()
    assert await second == 20


async def test_a_group_has_an_end():
    desk = Desk()
    together = Together(desk.work, at_most=2)
    await asyncio.gather(*(together.do(n) for n in range(5)))
    assert [len(group) for group in desk.groups] == [2, 2, 1]


def test_calls_of_a_loop_that_has_ended_are_forgotten():
    desk = Desk()
    together = Together(desk.work)
    loop = asyncio.new_event_loop()
    left = loop.create_task(together.do(1))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    async def ask() -> int:
        return await together.do(2)

    assert asyncio.run(ask()) == 20 and not left.done()


@pytest.mark.parametrize("work", [lambda items: [], lambda items: [1, 2, 3], lambda items: None])
async def test_a_wrong_number_of_results_is_raised_for_everybody_and_the_next_are_served(work):
    together = Together(work)
    for _ in range(2):
        with pytest.raises((RuntimeError, TypeError)):
            async with asyncio.timeout(5):
                await together.do(1)


async def test_whoever_waits_hears_of_it_when_the_carrying_out_is_cancelled():
    desk = Desk()
    together = Together(desk.work)
    desk.open.clear()
    waiting = [asyncio.create_task(together.do(1))]
    await until(lambda: desk.groups)
    waiting.append(asyncio.create_task(together.do(2)))
    await asyncio.sleep(0)
    together._running.cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    desk.open.set()
    assert [type(error) for error in found] == [RuntimeError, RuntimeError]
    assert await together.do(3) == 30
