"""Waiting for something to become true, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object], within_s: float = 5.0) -> None:
    """Return as soon as the condition holds; raises TimeoutError."""
    async with asyncio.timeout(within_s):
        # What is waited for has no event that could be awaited.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def until_await(condition: Callable[[], Awaitable[object]], within_s: float = 5.0) -> None:
    """Return as soon as what is awaited holds; raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
