"""A bound on the bodies that Django is sent: it would write any length to disk before asking who sends it."""

import asyncio

BODY_AT_MOST_BYTES = 32 * 2**20
BODY_WITHIN_S = 60.0


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def limit_body(application, others: dict[str, tuple[int, float]] | None = None):
    """Return the ASGI application behind the limits: 413 or 408 over them, and the end of the connection.

    `others` maps paths that take larger bodies to their own limits, in bytes and seconds.
    """

    async def limited(scope: dict, receive, send) -> None:
        usual = (BODY_AT_MOST_BYTES, BODY_WITHIN_S)
        at_most_bytes, within_s = (others or {}).get(scope.get("path", "").rstrip("/"), usual)
        try:
            _check_length(scope, at_most_bytes)
            await application(scope, _Body(receive, at_most_bytes, within_s).receive, send)
        except _Refused as refusal:
            await _answer(send, refusal)

    return limited


def _check_length(scope: dict, at_most_bytes: int) -> None:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if length.isdigit() and int(length) > at_most_bytes:
        raise _too_large(at_most_bytes)


def _too_large(at_most_bytes: int) -> _Refused:
    return _Refused(413, f"The request is larger than {at_most_bytes // 2**20} MiB.")


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
            raise _Refused(408, f"The request did not arrive within {self._within_s:.0f} s.") from error
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes < 0:
            raise _too_large(self._at_most_bytes)
        self._whole = not message.get("more_body", False)
        return message


async def _answer(send, refusal: _Refused) -> None:
    body = refusal.sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
