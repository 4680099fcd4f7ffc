"""A PhotoHub panel for any computer: receives pictures over MQTT in packets. Needs `pip install paho-mqtt`.

python panel.py --mqtt 192.168.1.20:1883 --code hall --key KEY --folder .
    keeps each picture as picture.jpg (or .png, .bmp, .bin) and replaces it by the next one
"""

import argparse
import pathlib
import struct

import paho.mqtt.client as mqtt

LARGEST_BYTES = 4_000_000
BEGIN, DATA, END = 1, 2, 3
DATA_BYTES = 1400


def show(picture: bytes, name: str, folder: pathlib.Path) -> None:
    """Show a whole picture. Put your own display here."""
    whole = folder / ("picture." + name.rpartition(".")[2][:4])
    part = whole.with_suffix(".part")
    part.write_bytes(picture)
    part.replace(whole)
    print(len(picture), "bytes in", whole, flush=True)


class Receiver:
    """Gathers one picture at a time; `take` answers whether a packet is whole."""

    def __init__(self, show):
        self.show = show
        self.forget()

    def forget(self):
        self.name, self.size, self.data, self.shown = "", 0, bytearray(), False

    def take(self, function, number, data):
        if function == BEGIN:
            return self.begin(data)
        if function == DATA:
            return self.keep(number, data)
        return self.end()

    def begin(self, data):
        self.forget()
        name, _, size = data.decode("ascii", "replace").rpartition(";")
        if not (size.isdigit() and 0 < int(size) <= LARGEST_BYTES):
            return False
        self.name, self.size = name, int(size)
        return True

    def keep(self, number, data):
        start = number * DATA_BYTES
        if not 0 <= start < self.size or len(data) != min(DATA_BYTES, self.size - start):
            return False
        known = bytes(self.data[start : start + len(data)])
        if known == data:
            return True  # the acknowledgement was lost: say it again
        if known:
            self.forget()  # other bytes under this number: a begin was lost
            return False
        if start != len(self.data):
            return False
        self.data += data
        return True

    def end(self):
        if not self.size or len(self.data) < self.size:
            return False
        if not self.shown:
            self.show(bytes(self.data), self.name)
            self.shown = True
        return True


def answer_of(receiver: Receiver, packet: bytes, ack_base: int) -> bytes | None:
    """Return the acknowledgement of a packet; None for what is no packet."""
    if packet[:4] != b"\xee\xee\xff\xff" or len(packet) < 9:
        return None
    function, number, length = struct.unpack("<bhh", packet[4:9])
    if function not in (BEGIN, DATA, END):
        return None
    good = length == len(packet) - 9 and receiver.take(function, number, packet[9:])
    said = min(number + (ack_base if function == DATA else 0), 0x7FFF)
    return struct.pack("<4sbhb", b"\xff\xff\xee\xee", function, said, good)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mqtt", required=True, help="the broker, host:port")
    parser.add_argument("--code", required=True, help="the device's code")
    parser.add_argument("--key", required=True, help="the device's key")
    parser.add_argument("--folder", default=".", help="where pictures are kept")
    parser.add_argument("--topic", help="the picture topic; without it photohub/<code>/picture")
    parser.add_argument(
        "--ack-topic", help="the acknowledgement topic; without it photohub/<code>/picture/ack"
    )
    parser.add_argument("--ack-base", type=int, default=0, help="0 or 1, as in the device's settings")
    options = parser.parse_args()
    topic = options.topic or f"photohub/{options.code}/picture"
    acks = options.ack_topic or f"photohub/{options.code}/picture/ack"
    status = f"photohub/{options.code}/status"
    folder = pathlib.Path(options.folder)
    receiver = Receiver(lambda picture, name: show(picture, name, folder))

    def on_connect(client, userdata, flags, reason, properties) -> None:
        print("Broker:", reason, flush=True)
        if not reason.is_failure:
            client.subscribe(topic, qos=0)
            client.publish(status, "online", qos=1)

    def on_message(client, userdata, message) -> None:
        answer = answer_of(receiver, message.payload, options.ack_base)
        if answer:
            client.publish(acks, answer, qos=0)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=options.code)
    client.username_pw_set(options.code, options.key)
    client.will_set(status, "offline", qos=1)
    client.on_connect, client.on_message = on_connect, on_message
    host, _, port = options.mqtt.partition(":")
    client.connect_async(host, int(port or 1883), keepalive=60)
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
