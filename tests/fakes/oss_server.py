"""A fake Aliyun OSS over real HTTP: signatures, objects, and faults on demand.

    with FakeOSS() as oss:
        oss.fail(status=503, times=2)
        ...
        assert oss.objects["images/a.jpg"].body == picture

It also runs by itself: python -m tests.fakes.oss_server --port 0
"""

import argparse
import base64
import json
import signal
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.oss_bucket import Answer, FakeBucket, bucket_answer, error_answer, get_answer, put_answer
from tests.fakes.oss_signatures import Refused, SignedRequest, check_signature


class FakeOSS(FakeBucket):
    """Serve one bucket on a port of 127.0.0.1."""

    def __init__(self, port: int = 0, bucket: str = "photos", session_token: str = "") -> None:
        super().__init__(bucket, session_token)
        self.port = port
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        """Return the PhotoHub settings that reach this server."""
        return {
            "PHOTOHUB_MIRROR": "oss",
            "OSS_ENDPOINT": self.endpoint,
            "OSS_REGION": self.account.region,
            "OSS_BUCKET": self.bucket,
            "OSS_ACCESS_KEY_ID": self.account.access_key_id,
            "OSS_ACCESS_KEY_SECRET": self.account.access_key_secret,
            "OSS_SESSION_TOKEN": self.account.session_token,
        }

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self.released.clear()
        handler = type("Handler", (Handler,), {"oss": self})
        self._server = Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections and cut those that are open."""
        self.released.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self.lock:
            for connection in self.connections:
                cut(connection)

    def __enter__(self) -> "FakeOSS":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # A burst of clients must not meet a full backlog, whose retries would look like latency.
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that time out and leave are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """One connection. The answer is written at once, so that Nagle's algorithm has nothing to delay."""

    oss: FakeOSS
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        with self.oss.lock:
            self.oss.connections.add(self.connection)

    def finish(self) -> None:
        with self.oss.lock:
            self.oss.connections.discard(self.connection)
        super().finish()

    def handle_expect_100(self) -> bool:
        """Let the client send its body at once; boto3 waits a second for this."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def serve(self) -> None:
        oss, method = self.oss, self.command
        body = self._read_body()
        with oss.lock:
            oss.counts[method] += 1
        if oss.latency_s:
            time.sleep(oss.latency_s)
        if stranger := oss.take_fault("stranger", method):
            return self._answer_as_stranger(stranger.status)
        if oss.take_fault("hang", method):
            return self._hang(b"")
        if oss.take_fault("hang after headers", method):
            return self._hang(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nx-oss-request-id: 1\r\n\r\n")
        try:
            if fault := oss.take_fault("fail", method):
                raise Refused(fault.status, fault.code, "A fault that was asked for.")
            answer = self._act(body)
        except Refused as error:
            answer = error_answer(error)
        if oss.take_fault("drop", method):
            cut(self.connection)
            self.close_connection = True
            return None
        return self._send(answer)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = serve

    def _act(self, body: bytes) -> Answer:
        request, own_domain = self._parse()
        if self.oss.check_signatures:
            self._check_access(request)
        if request.bucket != self.oss.bucket:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        if not request.key:
            return bucket_answer(self.oss, request)
        if request.method == "PUT":
            return put_answer(self.oss, request, body)
        if request.method == "DELETE":
            self.oss.objects.pop(request.key, None)
            return Answer(204)
        if request.method in ("GET", "HEAD"):
            return get_answer(self.oss, request, own_domain)
        raise Refused(405, "MethodNotAllowed", "The fake server does not know this operation.")

    def _check_access(self, request: SignedRequest) -> None:
        try:
            signed = check_signature(request, self.oss.account, time.time() + self.oss.clock_offset_s)
        except Refused:
            self.oss.counts["auth failures"] += 1
            raise
        reading = request.method in ("GET", "HEAD") and request.key
        if not signed and not (self.oss.public_read and reading):
            raise Refused(403, "AccessDenied", "You have no right to access this object.")

    def _parse(self) -> tuple[SignedRequest, bool]:
        """Find bucket and key: from the path for an IP address, else from the host name."""
        parts = urlsplit(self.path)
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        path = unquote(parts.path).removeprefix("/")
        own_domain = host in self.oss.cnames
        if own_domain:
            bucket, key = self.oss.bucket, path
        elif host == "localhost" or host.replace(".", "").isdigit():
            bucket, _, key = path.partition("/")
        else:
            bucket, key = host.split(".")[0], path
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return SignedRequest(self.command, bucket, key, query, headers), own_domain

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size_bytes := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size_bytes))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer_as_stranger(self, status: int) -> None:
        page = b"" if self.oss.stranger_is_mute else b"<html><body>Please log in.</body></html>"
        lines = [f"HTTP/1.1 {status} Answer", "Server: portal", "Content-Type: text/html"]
        lines += ["Location: http://portal.test/login"] if 300 <= status < 400 else []
        lines += [f"Content-Length: {len(page)}", "", ""]
        self.wfile.write("\r\n".join(lines).encode() + (b"" if self.command == "HEAD" else page))
        self.wfile.flush()

    def _hang(self, start: bytes) -> None:
        self.wfile.write(start)
        self.wfile.flush()
        self.oss.released.wait()
        cut(self.connection)
        self.close_connection = True

    def _send(self, answer: Answer) -> None:
        headers = {"Content-Length": str(len(answer.body)), "x-oss-request-id": "0123456789ABCDEF01234567"}
        headers |= {"Date": formatdate(usegmt=True), "Server": "AliyunOSS", **answer.headers}
        if self.command == "HEAD" and answer.status >= 400:
            headers["Content-Length"] = "0"
            if self.oss.names_errors_on_head:
                headers["x-oss-err"] = base64.b64encode(answer.body).decode()
        lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in headers.items())]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)
        self.wfile.flush()


def cut(connection: socket.socket) -> None:
    """Close both directions at once; a connection that is already gone is as good."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a fake Aliyun OSS and print its settings.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--public-read", action="store_true")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with FakeOSS(port=options.port) as oss:
        oss.public_read = options.public_read
        print(json.dumps(oss.settings()), flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
