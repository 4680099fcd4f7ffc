"""Secrets that a person may see once: carried, encrypted, from the form that made them to the next page."""

from django.http import HttpRequest

from photohub.lib.encryption import open_sealed, seal


def keep_once(request: HttpRequest, name: str, secret: str) -> None:
    """Keep a secret in the session for the next page."""
    request.session[f"once_{name}"] = seal(secret).decode()


def take_once(request: HttpRequest, name: str) -> str | None:
    """Return the secret and forget it; None when there is none."""
    sealed = request.session.pop(f"once_{name}", None)
    return open_sealed(sealed.encode()) if sealed else None
