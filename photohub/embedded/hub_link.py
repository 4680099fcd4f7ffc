"""The hub's own end of the embedded broker: messages handed over in memory, each settled by what the hub did with it.

It stands where a connection of `devices.mqtt.client` stands with an outside broker, so the gateway knows no difference. A
connection could only acknowledge or be silent; here the hub can also say that it could not keep a message.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from devices.mqtt.client import Incoming, MqttDown
from devices.protocol.mqtt.subscriptions import SubscriptionTable
from photohub.embedded.receipts import Outcome, Receipt
from photohub.lib.pages.sentences import said

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Message:
    """A message for the hub. It waits, or the hub is at it."""

    topic: str
    payload: bytes
    receipt: Receipt
    repeated: bool


class HubEndpoint:
    """What waits for the hub. Its subscriptions stay while it is away, and so does what came on them."""

    host = "127.0.0.1"
    port = 0  # the broker's, once it listens
    username = ""
    version5 = False

    def __init__(
        self, publish: Callable[[str, bytes, int], None], retain: Callable[[str, bytes], None]
    ) -> None:
        self.publish, self.retain = publish, retain
        self.subscriptions: SubscriptionTable[str] = SubscriptionTable()
        self.takers: dict[str, Callable[[bytes], None]] = {}
        self.link: HubLink | None = None
        self._waiting: deque[Message] = deque()
        self._handed: dict[int, Message] = {}
        self._filled = asyncio.Event()

    def listens(self, topic: str) -> bool:
        return bool(self.subscriptions.find(topic))

    def take(self, topic: str, payload: bytes, *, repeated: bool) -> Receipt:
        """Queue a message for the hub. Who calls sees to it that there is room."""
        if (taker := self.takers.get(topic)) is not None:
            try:
                taker(payload)
            except Exception:
                # It must not reach the connection of the device, which did nothing wrong.
                log.exception("A message on %r could not be taken.", topic)
            return Receipt(Outcome.KEPT)
        receipt = Receipt()
        self._waiting.append(Message(topic, payload, receipt, repeated))
        self._filled.set()
        return receipt

    @asynccontextmanager
    async def open(self) -> "AsyncIterator[HubLink]":
        """Connect the hub. What it had in hand when it left, and has not settled, it gets again as repeated."""
        link = self.link = HubLink(self)
        try:
            yield link
        finally:
            link.closed = True
            self.link = None
            self.takers.clear()
            self._put_back()

    def _put_back(self) -> None:
        for message in reversed(self._handed.values()):
            message.repeated = True
            self._waiting.appendleft(message)
        self._handed.clear()

    async def next(self) -> Incoming:
        """Wait for the next message."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                # One that was put back may have been settled by whoever had it in hand.
                if message.receipt.outcome is Outcome.UNDER_WAY:
                    return self._hand_over(message)
            self._filled.clear()
            await self._filled.wait()

    def _hand_over(self, message: Message) -> Incoming:
        self._handed[id(message)] = message
        message.receipt.when_settled(lambda: self._handed.pop(id(message), None))
        return Incoming(
            message.topic,
            message.payload,
            retained=False,
            ack=partial(message.receipt.settle, Outcome.KEPT),
            repeated=message.repeated,
            refuse=partial(message.receipt.settle, Outcome.REFUSED),
        )


class HubLink:
    """One session of the hub; the methods are those of `devices.mqtt.client.Link`, and are called in the event loop."""

    resumed = False

    def __init__(self, endpoint: HubEndpoint) -> None:
        self.closed = False
        # Nothing is dropped here: the endpoint's room is bounded before it.
        self.dropped: set[str] = set()
        self._endpoint = endpoint

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        expiry_s: int | None = None,
        retain: bool = False,
    ) -> None:
        """Publish to whoever listens now, and with `retain` to who comes later. Raises MqttDown."""
        if self.closed:
            raise MqttDown(said("the hub's session is over"))
        self._endpoint.publish(topic, payload, qos)
        if retain:
            self._endpoint.retain(topic, payload)

    async def publish_unheard(self, topic: str, payload: bytes) -> None:
        """Publish; the hub never hears itself here. Raises MqttDown."""
        await self.publish(topic, payload)

    def publish_now(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0."""
        self._endpoint.publish(topic, payload, 0)

    def listen(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Hand the messages of one topic to `take` at once, past `messages`."""
        self._endpoint.takers[topic] = take

    def forget(self, topic: str) -> None:
        """Let the messages of this topic come by `messages` again."""
        self._endpoint.takers.pop(topic, None)

    async def subscribe(self, filters: list[str], qos: int = 1) -> list[str]:
        """Subscribe; nothing is refused to the hub."""
        for topic_filter in filters:
            self._endpoint.subscriptions.add(topic_filter, "hub", qos)
        return []

    async def unsubscribe(self, filters: list[str]) -> None:
        for topic_filter in filters:
            self._endpoint.subscriptions.remove(topic_filter, "hub")

    async def messages(self) -> AsyncIterator[Incoming]:
        """Yield messages for ever."""
        while True:
            yield await self._endpoint.next()
