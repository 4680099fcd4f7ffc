"""Calling plain database functions from the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

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
