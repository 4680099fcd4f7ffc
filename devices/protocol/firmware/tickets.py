"""What the hub gives nginx with an image: for which update which bytes go out, signed, so that only the hub can write it.

    <update>.<first byte>.<byte behind the last>.<seconds since 1970>.<32 hex digits>

The digits are an HMAC over the rest and the image's SHA-256. nginx shows the ticket when it fetches the image, and again
when it says how many bytes it sent.
"""

import hmac
import re
from dataclasses import dataclass

_FORM = re.compile(r"([0-9]{1,18})\.([0-9]{1,12})\.([0-9]{1,12})\.([0-9]{1,12})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Bytes of an image from `first` up to `end`, for one update, and when that was decided."""

    target: int
    sha256: str
    first: int
    end: int
    made_s: int


def encode_ticket(ticket: Ticket, secret: bytes) -> str:
    """Return the ticket as it stands in an address."""
    text = f"{ticket.target}.{ticket.first}.{ticket.end}.{ticket.made_s}"
    return f"{text}.{_sign(text, ticket.sha256, secret)}"


def read_ticket(text: str, sha256: str, secret: bytes) -> Ticket | None:
    """Return what a ticket for this image says; None when this hub did not write it."""
    found = _FORM.fullmatch(text)
    if found is None or not hmac.compare_digest(found[5], _sign(text[: found.start(5) - 1], sha256, secret)):
        return None
    target, first, end, made_s = (int(found[number]) for number in range(1, 5))
    return Ticket(target, sha256, first, end, made_s)


def _sign(text: str, sha256: str, secret: bytes) -> str:
    return hmac.digest(secret, f"{sha256} {text}".encode(), "sha256").hex()[:32]
