"""Answering over ASGI outside Django, and the one shape of every refusal."""

from functools import lru_cache
from http import HTTPStatus

from django.http import JsonResponse


class HeaderName(bytes):
    """A header's name that reaches the wire as it is spelled.

    HTTP does not care, but some devices do: the C SDK of the Aliyun IoT Platform looks for `Content-Length` letter
    by letter. uvicorn writes `name.lower()` and compares that with names in small letters; this answers to both.
    """

    def lower(self) -> "HeaderName":
        return self

    def __eq__(self, other: object) -> bool:
        return bytes(self).lower() == other

    __hash__ = bytes.__hash__


Headers = list[tuple[bytes, bytes]]
_ODD_NAMES = {b"etag": b"ETag", b"www-authenticate": b"WWW-Authenticate", b"x-md5": b"X-MD5"}


@lru_cache(maxsize=512)
def spell(name: bytes) -> bytes:
    """Return a header's name as people write it, `Content-Length`; one that has capitals already stays as it is."""
    if isinstance(name, HeaderName):
        return name
    small = bytes(name)
    usual = _ODD_NAMES.get(small.lower()) or b"-".join(word.capitalize() for word in small.split(b"-"))
    return HeaderName(usual if small.islower() else small)


def headers_from(named: dict[str, str]) -> Headers:
    """Return headers for ASGI, spelled as given."""
    return [(HeaderName(name.encode()), value.encode("latin-1", "replace")) for name, value in named.items()]


def refusal_body(word: str, sentence: str, **more: object) -> dict:
    """Return a refusal for a program: code 1, a sentence for people and a stable word."""
    return {"code": 1, "des": sentence, "err": word, **more}


def refuse(status: int, word: str, sentence: str, **more: object) -> JsonResponse:
    """Return a refusal as an answer of Django's."""
    body = refusal_body(word, sentence, **more)
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


class Refused(Exception):
    """A request is refused: its HTTP status, a stable word for programs and a sentence for people."""

    def __init__(self, status: int, word: str, sentence: str, retry_after_s: int = 0) -> None:
        super().__init__(sentence)
        self.status, self.word, self.sentence, self.retry_after_s = status, word, sentence, retry_after_s

    def answer(self, **more: object) -> JsonResponse:
        """Return the refusal as an answer of Django's."""
        answer = refuse(self.status, self.word, self.sentence, **more)
        if self.retry_after_s:
            answer["Retry-After"] = str(self.retry_after_s)
        return answer


async def begin(send, status: int, named: dict[str, str]) -> None:
    """Send status and headers."""
    await send({"type": "http.response.start", "status": status, "headers": headers_from(named)})


async def answer(send, status: int, body: bytes = b"", named: dict[str, str] | None = None) -> None:
    """Send a whole answer with its length, which 204 and 304 may not have."""
    length = {} if status in (204, 304) else {"Content-Length": str(len(body))}
    if send_whole(send, status, (named or {}) | length, body):
        return
    await begin(send, status, (named or {}) | length)
    await send({"type": "http.response.body", "body": body})


def send_whole(send, status: int, named: dict[str, str], body: bytes) -> bool:
    """Write a whole answer in one piece, where the server can; False: it is to be sent in the usual way."""
    whole = getattr(getattr(send, "__self__", None), "send_whole", None)
    return whole is not None and whole(status, named, body)


def whole_answer(status: int, body: bytes, named: dict[str, str]) -> bytes:
    """Return a whole answer as it goes over the wire, for where no server writes the head."""
    return status_line(status) + head_of(named | {"Content-Length": str(len(body))}) + body


@lru_cache(maxsize=64)
def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def head_of(named: dict[str, str]) -> bytes:
    """Return the headers as they go over the wire, with the empty line behind them."""
    lines = [f"{name}: {value}\r\n" for name, value in named.items()]
    return ("".join(lines) + "\r\n").encode("latin-1", "replace")


def transport_of(send):
    """Return the connection below an answer where the server shows it, as uvicorn does; else None."""
    return getattr(getattr(send, "__self__", None), "transport", None)


async def wait_for_leave(receive) -> None:
    """Return when whoever asked has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
