"""Calls from threads into an event loop, without holding the interpreter while the loop's thread wakes.

`call_soon_threadsafe` writes to a descriptor while it holds the interpreter. The system may let the woken thread run
at once in the writer's place; that thread then waits for the interpreter, which its sleeping waker has. Storing one
picture after the other, this took a quarter of the time. Here the write lets go of the interpreter, and what a thread
has to say to a loop in one piece of work (`together`) wakes it once.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

_ready_bytes = 4096


class _Calls:
    """What waits to be called in one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._writable, False)
        loop.call_soon_threadsafe(self._listen, loop)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._readable, self._run)

    def add(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._waiting.append((function, arguments))

    def wake(self) -> None:
        # A full pipe wakes the loop as well.
        with suppress(BlockingIOError):
            os.write(self._writable, b"\0")

    def _run(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._readable, _ready_bytes)
        # What is added meanwhile comes with a wake of its own.
        for _ in range(len(self._waiting)):
            function, arguments = self._waiting.popleft()
            try:
                function(*arguments)
            except Exception as error:
                context = {"message": "A call from a thread failed.", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def __del__(self) -> None:
        os.close(self._readable)
        os.close(self._writable)


_known: WeakKeyDictionary[asyncio.AbstractEventLoop, _Calls] = WeakKeyDictionary()
_lock = threading.Lock()
_mine = threading.local()


def call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> None:
    """Call this in the loop soon, from any thread. Raises RuntimeError when the loop has ended."""
    if loop.is_closed():
        raise RuntimeError("The loop has ended.")
    with _lock:
        calls = _known.get(loop)
        if calls is None:
            calls = _known[loop] = _Calls(loop)
    calls.add(function, arguments)
    held: dict[_Calls, None] | None = getattr(_mine, "held", None)
    if held is None:
        calls.wake()
    else:
        held[calls] = None


@contextmanager
def together() -> Generator[None]:
    """Let the loops hear at the end of this block what this thread has to say to them inside."""
    before = getattr(_mine, "held", None)
    _mine.held = held = {}
    try:
        yield
    finally:
        _mine.held = before
        for calls in held:
            calls.wake()
