"""Questions to the database that one page asks several times, in rooms that do not know each other."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

T = TypeVar("T")
_SAFE = ("GET", "HEAD")
# By the function that asks; None where no page is being made, or where the request may change what was answered.
_answers: ContextVar[dict[Callable, object] | None] = ContextVar("answers", default=None)


@sync_and_async_middleware
def ask_once(get_response):
    """Keep the answers of `once_a_page` while one request that only reads is answered."""
    if iscoroutinefunction(get_response):

        async def middleware(request):
            token = _answers.set({} if request.method in _SAFE else None)
            try:
                return await get_response(request)
            finally:
                _answers.reset(token)

    else:

        def middleware(request):
            token = _answers.set({} if request.method in _SAFE else None)
            try:
                return get_response(request)
            finally:
                _answers.reset(token)

    return middleware


def once_a_page(ask: Callable[[], T]) -> Callable[[], T]:
    """Let a function without arguments ask once for each page, and each time elsewhere."""

    @wraps(ask)
    def answer() -> T:
        answers = _answers.get()
        if answers is None:
            return ask()
        if ask not in answers:
            answers[ask] = ask()
        # Its own answer, which no type of Python can say.
        return cast(T, answers[ask])

    return answer
