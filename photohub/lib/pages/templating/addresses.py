"""Addresses of many rows: Django's patterns are asked once for each kind of address."""

from functools import lru_cache
from uuid import UUID

from django.urls import reverse

_NO_ID, _NO_CODE = UUID(int=0), "-_-"


def address(view: str, key: UUID | str) -> str:
    """Return the address of a view whose only argument is a row's id, or a device's code."""
    head, tail = _around(view, isinstance(key, UUID))
    return f"{head}{key}{tail}"


# A hub is never reached under a path, so they do not change.
@lru_cache(maxsize=200)
def _around(view: str, is_id: bool) -> tuple[str, str]:
    nobody = _NO_ID if is_id else _NO_CODE
    head, _nobody, tail = reverse(view, args=[nobody]).partition(str(nobody))
    return head, tail
