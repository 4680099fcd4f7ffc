"""Films on the disk of another machine: handed on to whoever watches, part by part, as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from http.client import HTTPException, HTTPResponse

from django.http import HttpRequest, StreamingHttpResponse

from media_pipeline.nodes import asking, here, known, wording
from media_pipeline.nodes.models import NodeState
from photohub.lib.pages.sentences import Said

from . import queue
from .models import TimeLapse

_PIECE_BYTES = 256 * 1024
_ASKED = ("Range", "If-Range", "If-None-Match")
_ANSWERED = ("Content-Length", "Content-Range", "ETag", "Accept-Ranges")


class FilmAway(Exception):
    """The machine that has the film does not answer. `said` says so to people."""

    def __init__(self, sentence: Said) -> None:
        super().__init__(sentence)
        self.said = sentence


class FilmMissing(Exception):
    """The machine that should have the film has none."""


def is_at_hand(time_lapse: TimeLapse) -> bool:
    """Tell whether the film can be watched: it is here, or on a machine that was not found lost or silent."""
    if here.holds(time_lapse.node):
        return queue.film_path(time_lapse.pk).is_file()
    node = known.find(time_lapse.node)
    return node is not None and node.state != NodeState.FORGOTTEN and not asking.is_failing(node)


def why_away(time_lapse: TimeLapse) -> Said | None:
    """Say on which machine the film is, if that does not answer. Asks no machine."""
    if here.holds(time_lapse.node) or is_at_hand(time_lapse):
        return None
    node = known.find(time_lapse.node)
    return None if node is not None and node.state == NodeState.FORGOTTEN else wording.away(node)


def fetch_film(request: HttpRequest, time_lapse: TimeLapse) -> StreamingHttpResponse:
    """Answer with what the other machine answers. Raises FilmAway or FilmMissing."""
    node = known.find(time_lapse.node)
    if node is None:
        raise FilmAway(wording.away(node))
    if node.state == NodeState.FORGOTTEN:
        raise FilmMissing
    headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
    stack = ExitStack()
    try:
        answer = stack.enter_context(asking.ask(node, "film", time_lapse.pk, headers))
    except asking.NotThere as error:
        raise FilmMissing from error
    except asking.NodeAway as error:
        raise FilmAway(wording.away(node)) from error
    response = StreamingHttpResponse(
        _Pieces(answer, stack, request.method == "HEAD"), status=answer.status, content_type="video/mp4"
    )
    for name in _ANSWERED:
        if (value := answer.headers.get(name)) is not None:
            response[name] = value
    response["X-Content-Type-Options"] = "nosniff"
    return response


class _Pieces:
    """The film as it comes. The connection is closed with the answer, also where nobody began to read it."""

    def __init__(self, answer: HTTPResponse, stack: ExitStack, is_head: bool) -> None:
        self._answer, self._stack, self._is_head = answer, stack, is_head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while not self._is_head and (piece := await asyncio.to_thread(self._read)):
                yield piece
        finally:
            self.close()

    def _read(self) -> bytes:
        try:
            return self._answer.read(_PIECE_BYTES)
        except (OSError, HTTPException):
            # Broken off: whoever watches sees it by the length, and asks again from there.
            return b""

    def close(self) -> None:
        """Let go of the connection. Django calls it at the end of an answer."""
        self._stack.close()
