"""Somebody who looks at pages, and a program that asks the API, all the time through a balancer.

A connection that ends before an answer is tried once more, as browsers do; any other failure is noted.
"""

import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx

from tests.production.stack import OWNER

PAGES = ("/", "/history", "/status", "/devices/")
ASKED = ("/api/v1/captures?limit=3", "/api/v1/devices", "/api/v1/status")
_TIMEOUT_S = 30
_AGAIN_AFTER_S = 0.2
_STATIC = re.compile(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"')


class Visitors:
    """Both of them; `failed` has what went wrong, `asked` counts what was answered well."""

    def __init__(self, url: str, token: str, fetches_files: bool = True) -> None:
        self.url, self.fetches_files = url, fetches_files
        self.failed: list[str] = []
        self.asked: Counter[str] = Counter()
        self._program = {"Authorization": f"Bearer {token}"}
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def coming(self) -> Iterator["Visitors"]:
        threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._browse, self._ask)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _run(self, work) -> None:
        try:
            work()
        except Exception as error:
            self.failed.append(repr(error))

    def _client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=_TIMEOUT_S, **options)

    def _browse(self) -> None:
        """Log in once, and go on with the session, whichever machine answers."""
        with self._client() as browser:
            self._get(browser, "/login")
            proof = {"X-CSRFToken": browser.cookies["photohub_csrf"], "Referer": f"{self.url}/login"}
            words = {
                "username": OWNER["DJANGO_SUPERUSER_USERNAME"],
                "password": OWNER["DJANGO_SUPERUSER_PASSWORD"],
            }
            assert browser.post("/login", data=words, headers=proof).status_code == 302
            while not self._stopped.is_set():
                for page in PAGES:
                    text = self._get(browser, page)
                    for file in sorted(set(_STATIC.findall(text)))[:3] if self.fetches_files else ():
                        self._get(browser, file)

    def _ask(self) -> None:
        with self._client(headers=self._program) as program:
            while not self._stopped.is_set():
                for address in ASKED:
                    self._get(program, address)

    def _get(self, client: httpx.Client, path: str) -> str:
        for is_last in (False, True):
            try:
                # Each asks on a connection of its own: the balancer chooses for connections.
                answer = client.get(path, headers={"Connection": "close"})
            except httpx.TransportError as error:
                if is_last:
                    self.failed.append(f"{path}: {error!r}")
                # The balancer needs a moment to see that a machine leaves.
                time.sleep(_AGAIN_AFTER_S)
                continue
            if answer.status_code != 200:
                self.failed.append(f"{path}: {answer.status_code} {answer.text[:200]}")
            self.asked[path] += answer.status_code == 200
            time.sleep(0.02)
            return answer.text
        return ""
