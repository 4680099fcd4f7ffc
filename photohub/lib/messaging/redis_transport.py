"""Celery's way to Redis: how it ends when Redis is lost, and how it begins again."""

from typing import Any

import kombu
from celery.app.amqp import AMQP
from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError

WAITING_AT_MOST = 500


class Channel(redis.Channel):
    """Says that it is closed in the words of an error that a worker waits for."""

    def _connparams(self, asynchronous: bool = False) -> dict:
        # When a worker loses Redis with tasks under way, it writes their messages back, and later confirms them, through
        # the channel whose connection is gone. kombu 5.7 finds no address there: an AttributeError, which ends the
        # worker. The messages are not missed: the row is the queue.
        if self.connection.client is None:
            raise RedisConnectionError("The connection of this channel is closed.")
        return super()._connparams(asynchronous)

    def _put(self, queue: str, message: dict, **options: Any) -> None:
        """Put a message, and drop the oldest where no worker has taken any for long: the rows are the queue."""
        super()._put(queue, message, **options)
        key = self._q_for_pri(queue, self._get_message_priority(message, reverse=False))
        if (batch := options.get("_publish_batch")) is not None:
            batch.add("ltrim", key, 0, WAITING_AT_MOST - 1)
            return
        with self.conn_or_acquire() as client:
            client.ltrim(key, 0, WAITING_AT_MOST - 1)


class Transport(redis.Transport):
    Channel = Channel


class Connection(kombu.Connection):
    """Looks often enough whether Redis is back: left alone, after some minutes only every 30 s.

    What was missed is promised to be caught up within 30 s, of which the sweeper's turn may take ten.
    """

    # kombu's other arguments, whichever it takes.
    # pyrefly: ignore[bad-override]
    def ensure_connection(self, *arguments: Any, interval_max: float = 5, **options: Any) -> kombu.Connection:
        return super().ensure_connection(*arguments, interval_max=interval_max, **options)


class RedisAMQP(AMQP):
    Connection = Connection
