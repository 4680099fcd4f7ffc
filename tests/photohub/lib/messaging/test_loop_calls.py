import asyncio
import os
import threading

import pytest

from photohub.lib.messaging import loop_calls


def in_thread(function) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


async def heard(said: list, count: int) -> list:
    async with asyncio.timeout(5):
        while len(said) < count:  # noqa: ASYNC110 - what is waited for is the loop's own turn
            await asyncio.sleep(0)
    return said


async def test_a_call_from_a_thread_is_made_in_the_loop():
    loop, said = asyncio.get_running_loop(), []
    in_thread(lambda: loop_calls.call(loop, lambda word: said.append((word, threading.get_ident())), "a"))
    assert await heard(said, 1) == [("a", threading.get_ident())]


async def test_what_is_said_together_wakes_the_loop_once_and_comes_in_order(monkeypatch):
    loop, said, wakes, real_write = asyncio.get_running_loop(), [], [], os.write
    monkeypatch.setattr(os, "write", lambda *a: (wakes.append(len(said)), real_write(*a))[1])

    def speak() -> None:
        with loop_calls.together():
            for number in range(3):
                loop_calls.call(loop, said.append, number)
            assert not wakes

    in_thread(speak)
    assert await heard(said, 3) == [0, 1, 2] and len(wakes) == 1


async def test_what_was_to_be_said_is_said_when_the_block_fails():
    loop, said = asyncio.get_running_loop(), []

    def speak() -> None:
        with pytest.raises(RuntimeError), loop_calls.together():
            loop_calls.call(loop, said.append, "a")
            raise RuntimeError("broken")

    in_thread(speak)
    assert await heard(said, 1) == ["a"]


async def test_a_call_that_fails_is_reported_and_keeps_no_other_from_its_turn():
    loop, said, reported = asyncio.get_running_loop(), [], []
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))

    def speak() -> None:
        with loop_calls.together():
            loop_calls.call(loop, [].pop)
            loop_calls.call(loop, said.append, "a")

    in_thread(speak)
    assert await heard(said, 1) == ["a"] and isinstance(reported[0], IndexError)


def test_a_loop_that_has_ended_is_named_so():
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError):
        loop_calls.call(loop, print)
