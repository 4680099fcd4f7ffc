"""What workers do, by name: Celery's in production, and the threads of the one process."""

from collections.abc import Callable
from typing import TypeVar

Task = Callable[..., object]
F = TypeVar("F", bound=Task)

# By the name that messages carry: `<module>.<function>`.
TASKS: dict[str, Task] = {}
# Of those that look for rows: whether any wait that time alone makes due. While none do, a look after each commit is enough.
WAITS: dict[str, Callable[[], bool]] = {}


def task(function: F) -> F:
    """Let workers be asked for this function, with ids. It may run twice, and at once."""
    TASKS[_name_of(function)] = function
    return function


def looking(waits: Callable[[], bool]) -> Callable[[F], F]:
    """Mark a task that looks for rows that are due; `waits` tells whether any may become so without a commit."""

    def mark(function: F) -> F:
        WAITS[_name_of(function)] = waits
        return task(function)

    return mark


def _name_of(function: Task) -> str:
    return f"{function.__module__}.{function.__name__}"
