"""Who asks for what is done at present: the person behind the request, or a command of the shell."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from photohub.lib.http.scope import address_of


@dataclass(frozen=True)
class Asker:
    """Somebody who has things done; without a person it is who sits at the machine itself."""

    person: Any
    address: str = ""
    via: str = ""

    @property
    def name(self) -> str:
        return self.person.get_username() if self.person is not None else self.via


_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
_command: ContextVar[str] = ContextVar("command", default="")


@sync_and_async_middleware
def remember_request(get_response):
    """Let `asker` know the request while it is answered."""
    if iscoroutinefunction(get_response):

        async def middleware(request):
            token = _request.set(request)
            try:
                return await get_response(request)
            finally:
                _request.reset(token)

    else:

        def middleware(request):
            token = _request.set(request)
            try:
                return get_response(request)
            finally:
                _request.reset(token)

    return middleware


@contextmanager
def by_command(name: str) -> Generator[None]:
    """Let what is done inside be the deed of whoever gave this command of the shell."""
    token = _command.set(f"manage.py {name}")
    try:
        yield
    finally:
        _command.reset(token)


def asker(person=None) -> Asker | None:
    """Return who asks now; None for a device, a stranger, or the hub itself. `person`: who it is, where that is new."""
    request = _request.get()
    if request is None:
        command = _command.get()
        return Asker(person, via=command) if command else None
    # An API token makes its person the request's (photohub.api.auth), later than the middleware.
    who = person or getattr(request, "user", None)
    if who is None or not who.is_authenticated:
        return None
    return Asker(who, address_of(request), getattr(who, "token_name", ""))
