"""Celery's way to Redis, with an ending that a worker survives."""

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(redis.Channel):
    """Says that it is closed in the words of an error that a worker waits for."""

    def _connparams(self, asynchronous: bool = False) -> dict:
        # When a worker loses Redis with tasks under way, it writes their messages back, and later confirms them, through
        # the channel whose connection is gone. kombu 5.7 finds no address there: an AttributeError, which ends the
        # worker. The messages are not missed: the row is the queue.
        if self.connection.client is None:
            raise RedisConnectionError("The connection of this channel is closed.")
        return super()._connparams(asynchronous)


class Transport(redis.Transport):
    Channel = Channel
