"""A bound on the bodies that Django is sent: it would write any length to disk before asking who sends it."""

import asyncio
import json

from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as _
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

from .answer import refusal_body

BODY_AT_MOST_BYTES = 32 * 2**20
BODY_WITHIN_S = 60.0


_WORDS = {408: "slow", 413: "too_large"}


class _Refused(Exception):
    def __init__(self, status: int, text: str, value: int) -> None:
        super().__init__(status, text, value)
        self.status, self.text, self.value = status, text, value


def limit_body(application, others: dict[str, tuple[int, float]] | None = None):
    """Return the ASGI application behind the limits: 413 or 408 over them, and the end of the connection.

    Programs get the refusal in the form of the API, people a sentence, both in their language.

    `others` maps paths that take larger bodies to their own limits, in bytes and seconds.
    """

    async def limited(scope: dict, receive, send) -> None:
        usual = (BODY_AT_MOST_BYTES, BODY_WITHIN_S)
        at_most_bytes, within_s = (others or {}).get(scope.get("path", "").rstrip("/"), usual)
        try:
            _check_length(scope, at_most_bytes)
            await application(scope, _Body(receive, at_most_bytes, within_s).receive, send)
        except _Refused as refusal:
            await _answer(scope, send, refusal)

    return limited


def _check_length(scope: dict, at_most_bytes: int) -> None:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if length.isdigit() and int(length) > at_most_bytes:
        raise _too_large(at_most_bytes)


def _too_large(at_most_bytes: int) -> _Refused:
    return _Refused(413, _("The request is larger than %(limit)s MiB."), at_most_bytes // 2**20)


class _Body:
    """Counts what arrives, and the time, until the body is whole."""

    def __init__(self, receive, at_most_bytes: int, within_s: float) -> None:
        self._receive = receive
        self._at_most_bytes = self._left_bytes = at_most_bytes
        self._whole = False
        self._within_s = within_s
        self._until_s = asyncio.get_running_loop().time() + within_s

    async def receive(self) -> dict:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until_s):
                message = await self._receive()
        except TimeoutError as error:
            sentence = _("The request did not arrive within %(limit)s s.")
            raise _Refused(408, sentence, round(self._within_s)) from error
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes < 0:
            raise _too_large(self._at_most_bytes)
        self._whole = not message.get("more_body", False)
        return message


async def _answer(scope: dict, send, refusal: _Refused) -> None:
    with override(_language_of(scope)):
        sentence = gettext(refusal.text) % {"limit": refusal.value}
    body, content_type = sentence.encode(), b"text/plain; charset=utf-8"
    if scope.get("path", "").startswith("/api/"):
        told = refusal_body(_WORDS[refusal.status], sentence)
        body, content_type = json.dumps(told, ensure_ascii=False).encode(), b"application/json"
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _language_of(scope: dict) -> str:
    """Return the language that the request asks for, of those that there are; of a person's cookie nothing is read yet."""
    wanted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    for name, _weight in parse_accept_lang_header(wanted.decode("latin-1")[:500]):
        try:
            return get_supported_language_variant(name)
        except LookupError:
            continue
    return "en"
