"""A bound on the bodies that Django is sent: it would write any length to disk before asking who sends it."""

import asyncio

BODY_AT_MOST_BYTES = 32 * 2**20
BODY_WITHIN_S = 60.0


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def limit_body(application):
    """Return the ASGI application behind the limits: 413 or 408 over them, and the end of the connection."""

    async def limited(scope: dict, receive, send) -> None:
        try:
            _check_length(scope)
            await application(scope, _Body(receive).receive, send)
        except _Refused as refusal:
            await _answer(send, refusal)

    return limited


def _check_length(scope: dict) -> None:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if length.isdigit() and int(length) > BODY_AT_MOST_BYTES:
        raise _too_large()


def _too_large() -> _Refused:
    return _Refused(413, f"The request is larger than {BODY_AT_MOST_BYTES // 2**20} MiB.")


class _Body:
    """Counts what arrives, and the time, until the body is whole."""

    def __init__(self, receive) -> None:
        self._receive = receive
        self._left_bytes = BODY_AT_MOST_BYTES
        self._whole = False
        self._until_s = asyncio.get_running_loop().time() + BODY_WITHIN_S

    async def receive(self) -> dict:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until_s):
                message = await self._receive()
        except TimeoutError as error:
            raise _Refused(408, f"The request did not arrive within {BODY_WITHIN_S:.0f} s.") from error
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes < 0:
            raise _too_large()
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
