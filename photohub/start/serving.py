"""The web server's settings, the same in the one process and in production."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from email.utils import formatdate

import uvicorn
from django.urls import get_resolver
from uvicorn.server import ServerState

from devices.events import overload
from devices.firmware.endpoints.transfer import nginx_endpoint
from media_pipeline.intake.ingest import committer
from photohub import asgi
from photohub.gateway import streams
from photohub.lib.database.db import in_thread
from photohub.lib.files import open_files
from photohub.lib.http import guard as http_guard
from photohub.lib.http import socket_guard
from photohub.lib.http.guard import GuardedHttp
from photohub.lib.http.socket_guard import GuardedWebSocket
from photohub.lib.messaging import notify

GRACE_S = 4
_WEBSOCKET_MAX_BYTES = 16 * 2**20

log = logging.getLogger(__name__)
_under_way: set[asyncio.Future] = set()


class _State(ServerState):
    """What uvicorn's connections share; the date is made when an answer needs it."""

    def __init__(self) -> None:
        super().__init__()
        self._made_s, self._made = 0, list[tuple[bytes, bytes]]()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        if (now_s := int(time.time())) != self._made_s:
            self._made_s, self._made = now_s, [(b"date", formatdate(now_s, usegmt=True).encode())]
        return self._made

    @default_headers.setter
    def default_headers(self, value: list[tuple[bytes, bytes]]) -> None:
        """Pass over what uvicorn sets when it begins."""


class Server(uvicorn.Server):
    """uvicorn looks ten times a second whether it is to stop, and re-raises SIGTERM after serving, which would end the
    process before the rest is stopped."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._to_stop = asyncio.Event()
        super().__init__(config)
        self.server_state = _State()

    @property
    def should_exit(self) -> bool:
        return self._to_stop.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        """Begin to stop; called in the event loop."""
        self._to_stop.set() if value else self._to_stop.clear()

    async def main_loop(self) -> None:
        await self._to_stop.wait()

    @contextlib.contextmanager
    def capture_signals(self):
        yield


def make_room() -> None:
    """Let this process have many connections, and threads that take turns often enough. Call before serving."""
    http_guard.make_room(open_files.allow_many())
    http_guard.turn_away_with(nginx_endpoint.answer_at_once)
    socket_guard.tell_with(_tell_cut_off)
    # With the default of 5 ms the storing thread and the loop wait for each other at every system call.
    sys.setswitchinterval(0.0005)


def _tell_cut_off(why: str, path: str, count: int) -> None:
    """Write down in a thread that a WebSocket was cut off; the log has it where the database is away."""
    noting = asyncio.ensure_future(in_thread(overload.note_cut_off, why, path, count))
    _under_way.add(noting)
    noting.add_done_callback(_noted)


def _noted(noting: asyncio.Future) -> None:
    _under_way.discard(noting)
    if not noting.cancelled() and (error := noting.exception()):
        log.warning("That a WebSocket was cut off could not be written down: %s", error)


def settle() -> None:
    """Let the garbage collector pass over all that is here now, which stays. Call when everything is loaded.

    Else it looks through 160,000 objects from time to time, for a tenth of a second, while every camera waits.
    """
    get_resolver().url_patterns  # noqa: B018 - pages are loaded by the first look, which must not be a visitor's
    gc.freeze()
    gc.enable()


def server_config() -> uvicorn.Config:
    """Return how uvicorn serves PhotoHub; proxies are read by PhotoHub itself (PHOTOHUB_TRUSTED_PROXIES)."""
    return uvicorn.Config(
        asgi.application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=GuardedHttp,
        ws=GuardedWebSocket,
        ws_max_size=_WEBSOCKET_MAX_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        proxy_headers=False,
    )


async def serve(listener: socket.socket) -> None:
    """Serve the pages and uploads on this socket until SIGTERM or SIGINT; requests in flight are finished."""
    loop = asyncio.get_running_loop()
    notify.bind(loop)
    server = Server(server_config())

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    settle()
    try:
        async with streams.showing(streams.build_frames()):
            await server.serve(sockets=[listener])
    finally:
        await asyncio.to_thread(committer.stop)
        notify.bind(None)
