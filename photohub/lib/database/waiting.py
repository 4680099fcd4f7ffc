"""Waiting for rows such as commands and deliveries to end, for many callers at once and without a thread for any of them."""

import asyncio
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError, InterfaceError
from django.db.models import Model

from photohub.lib.database.db import in_thread

_POLL_S = 0.1


class WaitingRoom:
    """All waits of one event loop: one query each tenth of a second answers for everybody."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self._poller: asyncio.Task | None = None

    async def wait(self, command_id: UUID, timeout_s: float) -> bool:
        """Return True as soon as the row has ended, False when `timeout_s` passed first."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command_id, set()).add(ended)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(timeout_s):
                await ended
            return True
        except TimeoutError:
            return False
        finally:
            self._leave(command_id, ended)

    def _leave(self, command_id: UUID, ended: asyncio.Future) -> None:
        others = self._waiting.get(command_id, set())
        others.discard(ended)
        if not others:
            self._waiting.pop(command_id, None)

    async def _poll(self) -> None:
        while self._waiting:
            try:
                ended = await in_thread(_ended, self._model, list(self._waiting))
            except (DatabaseError, InterfaceError):
                # The database may come back within the caller's time; if not, he is told how it stood.
                ended = []
            for command_id in ended:
                for future in self._waiting.pop(command_id, ()):
                    if not future.done():
                        future.set_result(None)
            await asyncio.sleep(_POLL_S)


def _ended(model: type[Model], command_ids: list[UUID]) -> list[UUID]:
    """Keep the ids whose row is not open any more; a deleted one has ended too."""
    # Commands and deliveries name their open states; Django's model has no such thing.
    # pyrefly: ignore[bad-argument-type]
    rows = model.objects.filter(pk__in=command_ids, state__in=model.OPEN)
    still_open = set(rows.values_list("pk", flat=True))
    return [command_id for command_id in command_ids if command_id not in still_open]


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type, WaitingRoom]] = WeakKeyDictionary()


async def wait_for_end(row_id: UUID, timeout_s: float, model: type[Model]) -> bool:
    """Wait until a row has left its states in `model.OPEN`. Returns False when it has not after `timeout_s`."""
    rooms = _rooms.setdefault(asyncio.get_running_loop(), {})
    room = rooms.setdefault(model, WaitingRoom(model))
    return await room.wait(row_id, timeout_s)
