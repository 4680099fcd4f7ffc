"""The least that can be: packets and answers over MQTT, with nobody asking what an answer says.

`python -m benchmarks.peers.bare_ping_pong PORT SIZE_BYTES TOPICS [published]` sends the packets of one picture to each
of the topics (`to=from`, with commas) at the same time, each after the answer to the one before. With `published` it acts
as the published sender does: it leaves out the last packet, and looks once a second whether it is done.
"""

import os
import sys
import threading
import time

import paho.mqtt.client as mqtt

from devices.protocol.pictures.packets import DATA_BYTES, encode_begin, encode_data, encode_end


def packets_of(picture: bytes) -> list[bytes]:
    """Return everything that goes out for one picture, in order."""
    pieces = [picture[at : at + DATA_BYTES] for at in range(0, len(picture), DATA_BYTES)]
    return [encode_begin(len(picture)), *(encode_data(n, p) for n, p in enumerate(pieces)), encode_end()]


class PingPong:
    """All transfers over one connection."""

    def __init__(self, port: int, topics: dict[str, str], packets: list[bytes]) -> None:
        self._packets = packets
        self._to = {back: there for there, back in topics.items()}
        self._next = dict.fromkeys(self._to, 0)
        self._left = len(self._to)
        self.done = threading.Event()
        self._ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._answered
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe([(back, 0) for back in self._to])
        self._ready.wait(10)

    def start(self) -> None:
        for back in self._to:
            self._send(back)

    def _answered(self, client, userdata, message) -> None:
        self._send(message.topic)

    def _send(self, back: str) -> None:
        number = self._next[back]
        if number == len(self._packets):
            self._left -= 1
            if not self._left:
                self.done.set()
            return
        self._next[back] += 1
        self.client.publish(self._to[back], self._packets[number])


def main() -> None:
    port, size_bytes, topics = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    published = sys.argv[4:] == ["published"]
    packets = packets_of(os.urandom(size_bytes))
    if published:
        del packets[-2]
    peer = PingPong(port, dict(pair.split("=") for pair in topics.split(",")), packets)
    begun = time.perf_counter()
    peer.start()
    while not peer.done.wait(1.0 if published else 60.0):
        if not published:
            raise SystemExit("not all were answered")
    if published:
        # Its handler sleeps a whole second between two looks.
        time.sleep(1.0 - (time.perf_counter() - begun) % 1.0)
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
