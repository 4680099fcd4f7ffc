"""A bad network between a device and the hub: for TCP a proxy, for single messages a sieve."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Message = TypeVar("Message")
_READ_BYTES = 65_536


@dataclass
class BadNetwork:
    """What is wrong with a network; it may be changed while connections are open.

    `piece_bytes` cuts the stream into packets of at most that size. `cut_after_bytes` resets a connection,
    and `silent_after_bytes` swallows all that follows, like a pulled cable. 0 means no such fault. The bytes
    counted are those from the device.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    piece_bytes: int = 0
    cut_after_bytes: int = 0
    silent_after_bytes: int = 0
    seed: int = 0
    connections: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._luck = random.Random(self.seed)

    def delay_s(self, size_bytes: int) -> float:
        """Return how long a packet of this size takes."""
        sending_s = size_bytes / self.bytes_per_s if self.bytes_per_s else 0.0
        return self.latency_s + self._luck.random() * self.jitter_s + sending_s


_WORDS = {
    "latency": "latency_s",
    "jitter": "jitter_s",
    "rate": "bytes_per_s",
    "piece": "piece_bytes",
    "cut": "cut_after_bytes",
    "silent": "silent_after_bytes",
    "seed": "seed",
}


def read_network(text: str) -> BadNetwork:
    """Read `latency=0.3,jitter=0.2,rate=20000,piece=512,cut=200000,silent=0,seed=1`, any of them.

    Raises ValueError with a sentence.
    """
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        word, _sign, number = part.partition("=")
        name = _WORDS.get(word.strip())
        if name is None:
            raise ValueError(f"{word!r} is no fault of a network; write {', '.join(_WORDS)}.")
        try:
            values[name] = float(number) if name.endswith("_s") else int(number)
        except ValueError:
            raise ValueError(f"{part!r} needs a number, such as {word}=1.") from None
        if not 0 <= values[name] < 1e9:
            raise ValueError(f"{part!r} must be 0 or more.")
    return BadNetwork(**values)


@asynccontextmanager
async def bad_network(host: str, port: int, network: BadNetwork) -> AsyncGenerator[int]:
    """Run a proxy to this address and yield its port."""
    tasks: set[asyncio.Task] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        network.connections += 1
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A connection is served by a task.")
        tasks.add(task)
        try:
            await _connect(reader, writer, host, port, network)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, network: BadNetwork
) -> None:
    far: asyncio.StreamWriter | None = None
    try:
        far_reader, far = await asyncio.open_connection(host, port)
        up = asyncio.create_task(_carry(reader, far, network, faulty=True))
        down = asyncio.create_task(_carry(far_reader, writer, network, faulty=False))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
    except OSError:
        pass  # The hub is away; the device finds its connection closed.
    finally:
        for side in (writer, far):
            if side is not None:
                side.transport.abort()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, network: BadNetwork, *, faulty: bool
) -> None:
    carried_bytes = 0
    with suppress(OSError):
        while data := await reader.read(network.piece_bytes or _READ_BYTES):
            await asyncio.sleep(network.delay_s(len(data)))
            cut, silent = network.cut_after_bytes, network.silent_after_bytes
            left = min(
                (limit - carried_bytes for limit in (cut, silent) if faulty and limit), default=len(data)
            )
            writer.write(data[: max(0, left)])
            await writer.drain()
            carried_bytes += len(data)
            if faulty and cut and carried_bytes >= cut:
                return


class BadPost(Generic[Message]):
    """Loses, repeats and swaps single messages, the same way each time for the same seed."""

    def __init__(
        self, *, lost: float = 0.0, repeated: float = 0.0, swapped: float = 0.0, seed: int = 0
    ) -> None:
        self.lost, self.repeated, self.swapped = lost, repeated, swapped
        self._luck = random.Random(seed)
        self._held: deque[Message] = deque()

    def carry(self, message: Message) -> Iterator[Message]:
        """Yield what arrives when this message is sent: nothing, itself, itself twice, or one held back."""
        if self._luck.random() < self.lost:
            return
        if self._luck.random() < self.swapped:
            self._held.append(message)
            return
        yield message
        if self._luck.random() < self.repeated:
            yield message
        while self._held:
            yield self._held.popleft()

    def rest(self) -> Iterator[Message]:
        """Yield what is still held back."""
        while self._held:
            yield self._held.popleft()
