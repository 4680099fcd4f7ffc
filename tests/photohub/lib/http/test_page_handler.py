import asyncio
import threading

import pytest
from django.core import signals
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import translation

from photohub.lib.http.page_handler import THREADS_KEPT, PageHandler

meeting = threading.Barrier(THREADS_KEPT + 2, timeout=20)
closed = threading.Event()


def say_thread(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def meet(request: HttpRequest) -> HttpResponse:
    meeting.wait()
    return HttpResponse("met")


def speak_chinese(request: HttpRequest) -> HttpResponse:
    before = translation.get_language()
    translation.activate("zh-hans")
    return HttpResponse(before)


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("as it happens")


def go_on(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces():
        try:
            while True:
                yield b"piece"
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    return StreamingHttpResponse(pieces())


urlpatterns = [path(f"{view.__name__}/", view) for view in (say_thread, meet, speak_chinese, fail, go_on)]


@pytest.fixture
def handler(settings) -> PageHandler:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    return PageHandler()


async def ask(handler: PageHandler, name: str, pieces: int | None = None) -> list[dict]:
    """Return what is sent for a page; after so many pieces the visitor goes."""
    sent: list[dict] = []
    left = asyncio.Event()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)
        if len(sent) == pieces:
            left.set()

    scope = {"type": "http", "method": "GET", "path": f"/{name}/", "query_string": b""}
    await handler(scope | {"headers": [(b"host", b"127.0.0.1")]}, receive, send)
    return sent


async def test_threads_are_used_again(handler):
    names = {(await ask(handler, "say_thread"))[1]["body"] for _ in range(3 * THREADS_KEPT)}
    assert len(names) <= THREADS_KEPT and all(name.startswith(b"photohub-page") for name in names)


async def test_more_pages_than_there_are_threads_are_answered_at_once(handler):
    answers = await asyncio.gather(*(ask(handler, "meet") for _ in range(THREADS_KEPT + 2)))
    assert {sent[1]["body"] for sent in answers} == {b"met"}


async def test_what_one_visitor_speaks_is_not_the_next_ones_language(handler):
    words = [(await asyncio.create_task(ask(handler, "speak_chinese")))[1]["body"] for _ in range(9)]
    assert words == 9 * [b"en"]


async def test_the_end_of_a_page_is_told_in_its_thread(handler):
    # There Django looks after the page's database connection.
    told: list[str] = []

    def listen(**_values) -> None:
        told.append(threading.current_thread().name)

    signals.request_finished.connect(listen)
    try:
        body = (await ask(handler, "say_thread"))[1]["body"]
    finally:
        signals.request_finished.disconnect(listen)
    assert told == [body.decode()]


async def test_an_error_of_a_view_is_answered(handler):
    assert (await ask(handler, "fail"))[0]["status"] == 500


async def test_a_long_answer_ends_when_nobody_waits_for_it(handler):
    closed.clear()
    sent = await ask(handler, "go_on", pieces=3)
    assert closed.is_set() and sent[1]["body"] == b"piece"
