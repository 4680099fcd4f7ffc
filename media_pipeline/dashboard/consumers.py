"""The socket of live pages: it tells what changed, by small ids; the page reads the rest with its own rights."""

import asyncio
import json
import logging
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer

from devices.events import record as events
from devices.registry.models import Device
from photohub.lib.database.db import in_thread
from photohub.lib.messaging import notify
from photohub.lib.pages.sessions import user_of_session

log = logging.getLogger(__name__)

_RECHECK_S = 8.0
_PING_S = 20.0
_SEND_TIMEOUT_S = 10.0
_INBOUND_LIMIT = 4096
CLOSE_NO_RIGHT = 4003
CLOSE_TOO_SLOW = 4008
CLOSE_TOO_MUCH = 1009


class LiveConsumer(AsyncWebsocketConsumer):
    """One open page. Rights are asked again every few seconds, so a lost right ends the socket by itself."""

    async def connect(self) -> None:
        self._watch: asyncio.Task | None = None
        self._visible: set[int] = set()
        if not await in_thread(self._read_rights):
            # Accepted first: a browser sees the reason only of a socket that was open.
            await self.accept()
            await self.close(CLOSE_NO_RIGHT)
            return
        await self.channel_layer.group_add(notify.PAGES, self.channel_name)
        await self.accept()
        await self._tell({"type": "hello", "seq": await in_thread(events.newest)})
        self._watch = asyncio.ensure_future(self._keep_watch())

    async def disconnect(self, code: int) -> None:
        if self._watch is not None:
            self._watch.cancel()
        # Redis may be away: it forgets who does not listen any more.
        with suppress(Exception):
            await self.channel_layer.group_discard(notify.PAGES, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        # The page has nothing to say; whoever shouts is put out.
        if bytes_data is not None or len(text_data or "") > _INBOUND_LIMIT:
            await self.close(CLOSE_TOO_MUCH)

    async def live_together(self, message: dict) -> None:
        """Take several messages that came as one."""
        for one in message["messages"]:
            await self.live_event(one)

    async def live_event(self, message: dict) -> None:
        """Forward an event of a device that this person may see."""
        device_id = message.get("device_id")
        if device_id in self._visible or (device_id is None and self._sees_all):
            await self._tell(message["event"])
            return
        if device_id is not None and device_id not in self._known:
            # A device newer than our last look.
            try:
                allowed = await in_thread(self._read_rights)
            except Exception:
                # The next ping makes the page ask for it.
                return
            if allowed and device_id in self._visible:
                await self._tell(message["event"])

    def _read_rights(self) -> bool:
        """Read afresh who this is and what he may see. False when the session ended or the person was switched off."""
        session = self.scope.get("session")
        fresh = user_of_session(session.session_key if session else None)
        if fresh is None:
            return False
        self._visible = set(Device.objects.visible_to(fresh).values_list("pk", flat=True))
        self._known = set(Device.objects.values_list("pk", flat=True))
        self._sees_all = bool(getattr(fresh, "is_superuser", False))
        return True

    async def _keep_watch(self) -> None:
        loop = asyncio.get_running_loop()
        pinged = loop.time()
        while True:
            await asyncio.sleep(_RECHECK_S)
            try:
                allowed = await in_thread(self._read_rights)
            except Exception:
                log.warning(
                    "A live page's rights could not be read; its socket stays as it is until they can."
                )
                continue
            if not allowed:
                await self._close_gone(CLOSE_NO_RIGHT)
                return
            if loop.time() - pinged >= _PING_S - _RECHECK_S:
                pinged = loop.time()
                await self._ping()

    async def _ping(self) -> None:
        """Say up to which event it should know: notices may be lost, as while Redis is away."""
        try:
            seq = await in_thread(events.newest)
        except Exception:
            log.warning("A live page could not be told the newest event; the next ping tells it.")
            await self._tell({"type": "ping"})
        else:
            await self._tell({"type": "ping", "seq": seq})

    async def _close_gone(self, code: int) -> None:
        with suppress(OSError, RuntimeError):
            await self.close(code)

    async def _tell(self, message: dict) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self.send(json.dumps(message, separators=(",", ":")))
        except TimeoutError:
            await self._close_gone(CLOSE_TOO_SLOW)
        except (OSError, RuntimeError):
            # The tab was closed a moment ago; its `disconnect` is on the way.
            pass
