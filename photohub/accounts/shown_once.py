"""Secrets that a person may see once: carried, encrypted, from the form that made them to the next page."""

from django.http import HttpRequest

from photohub.lib.encryption import decrypt, encrypt


def keep_once(request: HttpRequest, name: str, secret: str) -> None:
    """Keep a secret in the session for the next page."""
    request.session[f"once_{name}"] = encrypt(secret).decode()


def take_once(request: HttpRequest, name: str) -> str | None:
    """Return the secret and forget it; None when there is none."""
    encrypted = request.session.pop(f"once_{name}", None)
    return decrypt(encrypted.encode()) if encrypted else None
