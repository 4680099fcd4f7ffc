"""`/metrics`: the hub's figures as text, beside Django: who collects them comes by whatever name the web server has there."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings

from photohub.lib.database.db import in_thread
from photohub.lib.http.answer import answer
from photohub.lib.http.host_guard import refuse_unknown_host
from photohub.lib.http.scope import headers_of
from photohub.lib.memory.later import later
from photohub.metrics import families
from photohub.metrics.access import Verdict, judge

if TYPE_CHECKING:
    from prometheus_client import exposition, process_collector, registry
else:
    exposition = later("prometheus_client.exposition")
    process_collector, registry = (
        later("prometheus_client.process_collector"),
        later("prometheus_client.registry"),
    )

log = logging.getLogger(__name__)

PATH = "/metrics"
# The newer text form, and the one that everybody reads.
_OPEN_METRICS, _PLAIN = "application/openmetrics-text; version=1.0.0", "text/plain; version=0.0.4"
# So long everybody is told the same: figures cost the database a few questions, however many ask.
KEPT_S = 5.0
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
_WANTED = {**_TEXT, "WWW-Authenticate": 'Bearer realm="metrics"'}
_REFUSALS = {
    Verdict.TOKEN_WANTED: (
        401,
        b"Metrics are for whoever names PHOTOHUB_METRICS_TOKEN: Authorization: Bearer <token>.\n",
        _WANTED,
    ),
    Verdict.ELSEWHERE: (
        403,
        b"Metrics are told to this machine alone. Set PHOTOHUB_METRICS_TOKEN and name it (Authorization: Bearer <token>), "
        b"or name in PHOTOHUB_METRICS_FROM the networks that may ask.\n",
        _TEXT,
    ),
}


class _Answers:
    """The last answer in each of the two forms. Who asks while it is being made waits for it, and holds no thread."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._kept: dict[str, tuple[bytes, float]] = {}
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, form: str) -> tuple[bytes, str]:
        """Return the figures in this form, and its name in full."""
        encode, content_type = exposition.choose_encoder(form)
        body, made_s = self._kept.get(form, (b"", float("-inf")))
        if time.monotonic() - made_s >= KEPT_S:
            making = self._making.get(form)
            if making is None:
                making = self._making[form] = asyncio.create_task(in_thread(lambda: encode(_registry())))
                making.add_done_callback(lambda done: self._keep(form, done))
            body = await asyncio.shield(making)
        return body, content_type

    def _keep(self, form: str, made: "asyncio.Task[bytes]") -> None:
        self._making.pop(form, None)
        if not made.cancelled() and made.exception() is None:
            self._kept[form] = made.result(), time.monotonic()


answers = _Answers()


def _registry() -> "registry.CollectorRegistry":
    found = registry.CollectorRegistry(auto_describe=False)
    # It collects, as the library asks of a collector, and needs nothing else of its class.
    # pyrefly: ignore[bad-argument-type]
    found.register(families.Hub())
    if not settings.REDIS_URL:
        # Of several processes, whichever happened to be asked would tell of itself.
        process_collector.ProcessCollector(registry=found)
    return found


def serves(path: str) -> bool:
    """Tell whether this path is the endpoint's."""
    return path == PATH


async def application(scope: dict, receive, send) -> None:
    """Tell all figures to whoever may read them."""
    try:
        await _answer(scope, send)
    except OSError:
        pass  # Whoever asked has gone.


async def _answer(scope: dict, send) -> None:
    verdict = judge(scope)
    if verdict in _REFUSALS:
        await answer(send, *_REFUSALS[verdict])
        return
    # A page in a browser of this machine may have been led here by another name; it cannot name the token.
    if verdict is not Verdict.BY_TOKEN and await refuse_unknown_host(scope, send):
        return
    if scope["method"] not in ("GET", "HEAD"):
        await answer(send, 405, b"Metrics are read with GET.\n", {**_TEXT, "Allow": "GET, HEAD"})
        return
    try:
        body, content_type = await answers.get(_form_of(scope))
    except Exception:
        log.exception("The figures could not be told.")
        await answer(send, 500, b"The figures could not be told; PhotoHub's log says why.\n", _TEXT)
        return
    await answer(send, 200, body, {**_TEXT, "Content-Type": content_type})


def _form_of(scope: dict) -> str:
    return _OPEN_METRICS if "openmetrics-text" in (headers_of(scope).get("accept") or "") else _PLAIN
