r"""Many live pictures over one WebSocket: `/ws/wall/`, for walls of cameras.

A browser opens six connections to a hub at most, and an MJPEG stream holds one for as long as it plays; so five of
them leave a page nothing to work with. A wall needs one socket for all.

    page → hub   {"show":["east","west"],"fps":5}     these cameras, each at most so often; replaces what was shown
                 {"seen":"east"}                      a frame of it was drawn: the next may come
    hub → page   {"live":["east","west","yard"]}      which cameras stream that this person may see
                 {"stats":{"east":{"fps":9.8,"bytes_per_s":81234}}}
                 binary: <u16 big n> <n bytes JSON {"code","kind","age_s","sequence"}> <JPEG>

Of each camera only IN_FLIGHT frames are on their way at a time. So what a slow page has not drawn yet is never more
than that, and it is shown the newest frame next, not the ones between.
"""

import asyncio
import json
import logging
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from devices.protocol.json_fields import NotJson, read_json
from photohub.lib.messaging import measures

from . import now as live_now
from .latest_frame import Frames, View, views

log = logging.getLogger(__name__)

WALLS = measures.Present("photohub_live_walls", "Walls of live pictures that are open now.")

PATH = "/ws/wall/"
CAMERAS_AT_MOST = 36
FPS_AT_MOST = 15.0
IN_FLIGHT = 2
TICK_S = 2.0
TICKS_BETWEEN_CHECKS = 4
CLOSE_NO_RIGHT = 4003
CLOSE_TOO_SLOW = 4008
CLOSE_TOO_MUCH = 1009
_SEND_WITHIN_S = 10.0
_MESSAGE_LIMIT = 4096

Rights = Callable[[dict], Awaitable[frozenset[str] | None]]


class _Over(Exception):
    """The socket is to be closed with this code, or is closed already (None)."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class WallEndpoint:
    """The ASGI application. `rights` tells which cameras a scope's viewer may see; None: he is nobody."""

    def __init__(self, frames: Frames, rights: Rights, *, tick_s: float = TICK_S) -> None:
        self._frames = frames
        self._rights = rights
        self._tick_s = tick_s

    async def __call__(self, scope: dict, receive, send) -> None:
        """Serve one wall until it is left, or may no longer be looked at."""
        if (await receive())["type"] != "websocket.connect":
            return
        # Accepted first: a browser sees the reason only of a socket that was open.
        await send({"type": "websocket.accept"})
        allowed = await self._rights(scope)
        if allowed is None:
            await send({"type": "websocket.close", "code": CLOSE_NO_RIGHT})
            return
        wall = _Wall(self._frames, allowed, send)
        WALLS.add(1)
        parts = (wall.listen(receive), wall.send_frames(), self._keep_watch(wall, scope))
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await _close(send, done)
        finally:
            WALLS.add(-1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await wall.show([], FPS_AT_MOST)

    async def _keep_watch(self, wall: "_Wall", scope: dict) -> None:
        """Tell figures every tick, and every few ticks what streams, to whom it still may be shown."""
        tick = 0
        while True:
            if tick % TICKS_BETWEEN_CHECKS == 0:
                if tick:
                    await self._check(wall, scope)
                await wall.tell({"live": sorted(await live_now.collect(self._frames, sorted(wall.allowed)))})
            tick += 1
            stats = await live_now.collect(self._frames, wall.shown)
            await wall.tell(
                {
                    "stats": {
                        c: {"fps": round(s.fps, 2), "bytes_per_s": round(s.bytes_per_s)}
                        for c, s in stats.items()
                    }
                }
            )
            await asyncio.sleep(self._tick_s)

    async def _check(self, wall: "_Wall", scope: dict) -> None:
        try:
            allowed = await self._rights(scope)
        except Exception:
            log.warning("A wall's rights could not be read; it stays as it is until they can.")
            return
        if allowed is None:
            raise _Over(CLOSE_NO_RIGHT)
        await wall.allow(allowed)


class _Wall:
    """One open wall: what it shows, the newest frame of each camera, and how many are on their way."""

    def __init__(self, frames: Frames, allowed: frozenset[str], send) -> None:
        self._frames = frames
        self._send = send
        self._fps = FPS_AT_MOST
        self._watching: dict[str, asyncio.Task] = {}
        self._newest: dict[str, View] = {}
        self._on_their_way: Counter[str] = Counter()
        self._ready = asyncio.Event()
        # Frames and words come from different tasks; a message must not be sent into another.
        self._line = asyncio.Lock()
        self.allowed = allowed

    @property
    def shown(self) -> list[str]:
        return list(self._watching)

    async def listen(self, receive) -> None:
        """Do what the page says. Raises _Over when it leaves or talks nonsense."""
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                raise _Over(None)
            await self._obey(_read(message))

    async def _obey(self, wish: dict) -> None:
        if isinstance(wish.get("show"), list):
            codes = [code for code in wish["show"] if isinstance(code, str)]
            fps = wish.get("fps")
            await self.show(codes, float(fps) if isinstance(fps, int | float) else FPS_AT_MOST)
        elif isinstance(code := wish.get("seen"), str) and self._on_their_way[code] > 0:
            self._on_their_way[code] -= 1
            self._ready.set()

    async def show(self, codes: list[str], fps: float) -> None:
        """Show these cameras, as far as they may be seen, and no others."""
        self._fps = min(max(fps, 0.1), FPS_AT_MOST)
        wanted = [code for code in dict.fromkeys(codes) if code in self.allowed][:CAMERAS_AT_MOST]
        gone = [self._watching.pop(code) for code in self.shown if code not in wanted]
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        for code in self._newest.keys() - set(wanted):
            del self._newest[code]
        for code in wanted:
            if code not in self._watching:
                self._on_their_way[code] = 0
                self._watching[code] = asyncio.create_task(self._watch(code))

    async def allow(self, allowed: frozenset[str]) -> None:
        """Take new rights; cameras that may no longer be seen go dark."""
        self.allowed = allowed
        if not allowed.issuperset(self._watching):
            await self.show(self.shown, self._fps)

    async def _watch(self, code: str) -> None:
        try:
            async with aclosing(views(self._frames, code)) as seen:
                async for view in seen:
                    self._newest[code] = view
                    self._ready.set()
                    await asyncio.sleep(1 / self._fps)
        except Exception:
            log.exception("The live picture of %s could not be shown on a wall.", code)

    async def send_frames(self) -> None:
        """Send what is newest of each camera, one after the other, as far as the page keeps up."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            for code in list(self._newest):
                if code in self._newest and self._on_their_way[code] < IN_FLIGHT:
                    view = self._newest.pop(code)
                    self._on_their_way[code] += 1
                    await self._say({"bytes": pack(code, view)})

    async def tell(self, words: dict) -> None:
        await self._say({"text": json.dumps(words, separators=(",", ":"))})

    async def _say(self, message: dict) -> None:
        try:
            async with asyncio.timeout(_SEND_WITHIN_S), self._line:
                await self._send({"type": "websocket.send", **message})
        except TimeoutError:
            raise _Over(CLOSE_TOO_SLOW) from None
        except OSError:
            raise _Over(None) from None


def pack(code: str, view: View) -> bytes:
    """Return a frame as it goes over the wire."""
    age_s = view.age_s()
    facts = {
        "code": code,
        "kind": str(view.kind),
        "age_s": None if age_s is None else round(age_s, 2),
        "sequence": view.sequence,
    }
    head = json.dumps(facts, separators=(",", ":")).encode()
    return b"".join((struct.pack(">H", len(head)), head, view.jpeg))


def _read(message: dict) -> dict:
    """Return what the page said. Raises _Over for what no page of ours says."""
    text = message.get("text")
    if text is None or len(text) > _MESSAGE_LIMIT:
        raise _Over(CLOSE_TOO_MUCH)
    try:
        wish = read_json(text, _MESSAGE_LIMIT)
    except NotJson:
        return {}
    return wish if isinstance(wish, dict) else {}


async def _close(send, done: set[asyncio.Task]) -> None:
    """Close the socket for the reason that one of its tasks ended for."""
    errors = [task.exception() for task in done]
    for error in errors:
        if not isinstance(error, _Over):
            log.error("A wall ended by a mistake of the hub.", exc_info=error)
    code = next((e.code for e in errors if isinstance(e, _Over)), CLOSE_TOO_SLOW)
    if code is not None:
        try:
            async with asyncio.timeout(1.0):
                await send({"type": "websocket.close", "code": code})
        except (TimeoutError, OSError, RuntimeError):
            return
