"""Django for pages: the middleware and the view of a request run in one thread, which later requests use again.

Django's own handler for event loops goes through a thread and back for every step of every middleware, some twenty times
for a page, and begins that thread, with a database connection of its own, anew for each request. On a small computer
this takes longer than many a page. What is asynchronous itself, as an answer of the API that waits for a picture, is
better off there.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import close_old_connections
from django.http.response import FileResponse, HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

# A thread that is kept holds a connection and what SQLite keeps of the file. More at once get threads that end.
THREADS_KEPT = 4


class PageHandler(ASGIHandler):
    """An ASGI application as Django's, for views that are plain functions."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)
        self._kept = ThreadPoolExecutor(THREADS_KEPT, thread_name_prefix="photohub-page")
        self._busy = 0

    async def handle(self, scope: dict, receive, send) -> None:
        """Answer one request. What comes out of `receive` as an error goes on to the caller."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            if request is None:
                response: HttpResponseBase = refusal or HttpResponse(status=400)
            else:
                response = await self._in_thread(request, scope)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)

    async def _in_thread(self, request: ASGIRequest, scope: dict) -> HttpResponseBase:
        if self._busy >= THREADS_KEPT:
            return await sync_to_async(self._answer)(request, scope)
        self._busy += 1
        try:
            answer = sync_to_async(self._answer, thread_sensitive=False, executor=self._kept)
            return await answer(request, scope)
        finally:
            self._busy -= 1

    def _answer(self, request: ASGIRequest, scope: dict) -> HttpResponseBase:
        signals.request_started.send(sender=self.__class__, scope=scope)
        response = self.get_response(request)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            # What is sent bit by bit reads the database in other threads.
            close_old_connections()
        else:
            # Here, where the connection is that has to be looked after; its content stays.
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive, send) -> None:
        """Send a long answer until its end, or until nobody waits for it any more."""
        sending = asyncio.create_task(self.send_response(response, send))
        gone = asyncio.create_task(receive())
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not sending.done():
                sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        finally:
            await sync_to_async(response.close)()
