"""Celery's messages inside the one process: no more of them than a worker that comes back has use for."""

from typing import Any

from kombu.transport import memory

from .redis_transport import WAITING_AT_MOST


class Channel(memory.Channel):
    """Drops the oldest message where no worker has taken any for long: the rows are the queue."""

    def _put(self, queue: str, message: dict, **options: Any) -> None:
        waiting = self._queue_for(queue)
        super()._put(queue, message, **options)
        while waiting.qsize() > WAITING_AT_MOST:
            waiting.get(block=False)


class Transport(memory.Transport):
    Channel = Channel
