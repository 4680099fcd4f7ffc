"""Libraries that are loaded when they are needed: what a hub never uses costs it neither memory nor time.

    if TYPE_CHECKING:
        import redis
    else:
        redis = later("redis")

So checkers of types and of rooms see an import, and a program that never asks Redis loads nothing.
"""

import contextlib
import importlib
import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module, and loads it when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        # What the import system asks about modules says nothing of use.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def later(name: str) -> Any:
    """Return what stands for this module until something of it is used."""
    return _Later(name)


@contextlib.contextmanager
def without(*names: str) -> Generator[None]:
    """Let what is loaded here not find these libraries, which it would take along wherever they are installed."""
    absent = [name for name in names if name not in sys.modules]
    # None is how the import system itself notes that there is no such module.
    known: dict[str, Any] = sys.modules
    known.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
