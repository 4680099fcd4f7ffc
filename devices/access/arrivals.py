"""Somebody has logged in: rooms above may hear of it, as those that tell people of a new place do."""

from collections.abc import Callable

from django.http import HttpRequest

from photohub.lib.http.scope import address_of

_listeners: list[Callable[..., object]] = []


def on_login(listener: Callable[..., object]) -> None:
    """Let an upper room hear of logins: `listener(user, address)`."""
    if listener not in _listeners:
        _listeners.append(listener)


def note_login(request: HttpRequest, user) -> None:
    """Tell that this person has just proved who he is."""
    for listener in _listeners:
        listener(user, address_of(request))
