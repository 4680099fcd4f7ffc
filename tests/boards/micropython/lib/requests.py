# MicroPython's requests, as far as the programs ask for it: one request over one connection.
import socket


class Response:
    def __init__(self, status, content):
        self.status_code, self.content = status, content

    def close(self):
        pass


def post(url, data=b"", headers=(), timeout=None):
    return _ask("POST", url, data, headers, timeout)


def get(url, data=b"", headers=(), timeout=None):
    return _ask("GET", url, data, headers, timeout)


def _ask(method, url, data, headers, timeout):
    host, _, path = url.split("://", 1)[1].partition("/")
    host, _, port = host.partition(":")
    link = socket.socket()
    link.settimeout(timeout)
    try:
        link.connect(socket.getaddrinfo(host, int(port or 80))[0][-1])
        link.write(f"{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n")
        for name in headers:
            link.write(f"{name}: {headers[name]}\r\n")
        link.write(b"\r\n")
        link.write(data)
        status = int(link.readline().split(None, 2)[1])
        while link.readline() not in (b"", b"\r\n"):
            pass
        return Response(status, link.read())
    finally:
        link.close()
