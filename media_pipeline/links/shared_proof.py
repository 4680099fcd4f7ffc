"""The proof that somebody gave a shared link's password: a signed cookie for that link's addresses alone."""

from collections.abc import Mapping

from django.core import signing
from django.http import HttpResponse

from .models import ShareLink

_LASTS_S = 12 * 3600


def is_unlocked(cookies: Mapping[str, str], link: ShareLink) -> bool:
    """Tell whether the link asks for no password, or the browser proves that it was given."""
    if not link.password:
        return True
    try:
        return _signer(link).unsign(cookies.get(_name(link), ""), max_age=_LASTS_S) == link.code
    except signing.BadSignature:
        return False


def unlock(response: HttpResponse, link: ShareLink, *, secure: bool) -> None:
    """Let the browser look at what the link opens for half a day."""
    response.set_cookie(
        _name(link),
        _signer(link).sign(link.code),
        max_age=_LASTS_S,
        path=f"/s/{link.code}",
        httponly=True,
        samesite="Lax",
        secure=secure,
    )


def _name(link: ShareLink) -> str:
    return f"photohub_share_{link.code}"


def _signer(link: ShareLink) -> signing.TimestampSigner:
    # With another password the old proof is none.
    return signing.TimestampSigner(salt=f"share {link.code} {link.password}")
