# umqtt.simple of MicroPython's library, as its documentation has it: QoS 0 and 1, and no reconnect.
import socket
import struct


def text16(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("!H", len(data)) + data


class MQTTException(Exception):
    pass


class MQTTClient:
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None):
        self.login, self.address, self.keepalive = (
            (client_id, user, password),
            (server, port or 1883),
            keepalive,
        )
        self.will, self.callback, self.id, self.sock = None, None, 0, None

    def set_callback(self, callback):
        self.callback = callback

    def set_last_will(self, topic, msg, retain=False, qos=0):
        self.will = (topic, msg, retain, qos)

    def _send(self, first, body):
        left, head = len(body), bytearray([first])
        while left > 127:
            head.append(left & 127 | 128)
            left >>= 7
        head.append(left)
        self.sock.write(bytes(head) + body)

    def connect(self, clean_session=True):
        client_id, user, password = self.login
        flags = 2 * clean_session | (0xC0 if user else 0)
        body = text16(client_id)
        if self.will:
            flags |= 4 | self.will[3] << 3 | self.will[2] << 5
            body += text16(self.will[0]) + text16(self.will[1])
        if user:
            body += text16(user) + text16(password)
        self.sock = socket.socket()
        self.sock.connect(socket.getaddrinfo(*self.address)[0][-1])
        self._send(0x10, text16("MQTT") + struct.pack("!BBH", 4, flags, self.keepalive) + body)
        answer = self.sock.read(4)
        if answer[3]:
            raise MQTTException(answer[3])

    def ping(self):
        self._send(0xC0, b"")

    def publish(self, topic, msg, retain=False, qos=0):
        body = text16(topic)
        if qos:
            self.id += 1
            body += struct.pack("!H", self.id)
        self._send(0x30 | qos << 1 | retain, body + (msg.encode() if isinstance(msg, str) else msg))
        while qos and self.wait_msg() != 0x40:
            pass

    def subscribe(self, topic, qos=0):
        self.id += 1
        self._send(0x82, struct.pack("!H", self.id) + text16(topic) + bytes([qos]))
        while self.wait_msg() != 0x90:
            pass

    def check_msg(self):
        self.sock.setblocking(False)
        return self.wait_msg()

    def wait_msg(self):
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        if first == b"":
            raise OSError(-1)
        length, shift = 0, 0
        while True:
            digit = self.sock.read(1)[0]
            length |= (digit & 127) << shift
            if digit < 128:
                break
            shift += 7
        body = self.sock.read(length)
        if first[0] & 0xF0 != 0x30:
            return first[0] & 0xF0
        at = 2 + struct.unpack("!H", body[:2])[0]
        topic, qos = body[2:at], first[0] >> 1 & 3
        packet_id, payload = body[at : at + 2 * (qos > 0)], body[at + 2 * (qos > 0) :]
        self.callback(topic, payload)
        if qos:
            self._send(0x40, packet_id)
        return 0x30
