# MicroPython's socket module over the computer's sockets, as far as umqtt.simple and requests ask for it.
from _computer import call

AF_INET = 2
SOCK_STREAM = 1
IPPROTO_TCP = 6


def getaddrinfo(host, port, *_):
    return [(AF_INET, SOCK_STREAM, IPPROTO_TCP, "", (host, port))]


class socket:
    def __init__(self, *_):
        self.id, self.wait_ms = None, -1

    def connect(self, address):
        found = call("connect", address[0], address[1])
        if found is False:
            raise OSError(111)
        self.id = int(bytes.fromhex(found))

    def settimeout(self, seconds):
        self.wait_ms = -1 if seconds is None else int(seconds * 1000)

    def setblocking(self, wanted):
        self.wait_ms = -1 if wanted else 0

    def write(self, data, length=None):
        data = (
            data.encode()
            if isinstance(data, str)
            else bytes(data if length is None else memoryview(data)[:length])
        )
        if call("send", self.id, data.hex()) is False:
            raise OSError(104)
        return len(data)

    send = write

    def _some(self, most):
        found = call("read", self.id, most, self.wait_ms)
        if found is False:
            raise OSError(110)
        return None if found is None else bytes.fromhex(found)

    def recv(self, most):
        return self._some(most)

    def read(self, length=-1):
        if length == 0:
            return b""
        first = self._some(length if length > 0 else 65536)
        if not first:
            return first
        got = bytearray(first)
        while length < 0 or len(got) < length:
            more = self._some(length - len(got) if length > 0 else 65536)
            if not more:
                break
            got += more
        return bytes(got)

    def readline(self):
        got = b""
        while not got.endswith(b"\n"):
            more = self._some(1)
            if not more:
                break
            got += more
        return got

    def close(self):
        if self.id is not None:
            call("close", self.id)
            self.id = None
