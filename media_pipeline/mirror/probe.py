"""Test a mirror for real: put a few bytes, read them back, read them as a stranger would, delete them."""

import ipaddress
import re
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from photohub.lib.pages.sentences import Said, said

from .stores import MirrorError, MirrorStore, ProbeStep

PUBLIC_READ_TIMEOUT_S = 5
SIGNED_URL_EXPIRES_S = 300
BODY_LIMIT_BYTES = 4096


def is_loopback(url: str) -> bool:
    """Tell whether the URL points at this machine, where a proxy from the environment would only harm."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def run_probe(store: MirrorStore) -> list[ProbeStep]:
    """Walk the four steps; a failing one stops the rest, but what was put is always deleted."""
    key = f"photohub-test/{secrets.token_hex(8)}.txt"
    content = secrets.token_hex(16).encode()
    steps: list[ProbeStep] = []
    for name, act in (
        ("put", lambda: _put(store, key, content)),
        ("read back", lambda: _read_back(store, key, content)),
        ("public read", lambda: _public_read(store, key, content)),
    ):
        steps.append(_step(name, act))
        if not steps[-1].ok:
            break
    # Even a put that failed may have arrived, with only its answer lost.
    steps.append(_step("delete", lambda: _delete(store, key)))
    return steps


def _step(name: str, act: Callable[[], Said]) -> ProbeStep:
    started = time.perf_counter()
    try:
        sentence, ok = act(), True
    except MirrorError as error:
        sentence, ok = error.said, False
    except OSError as error:
        sentence, ok = said("Failed: %(why)s.", why=error.strerror or type(error).__name__), False
    return ProbeStep(name, ok, str(sentence), round((time.perf_counter() - started) * 1000, 1))


def _put(store: MirrorStore, key: str, content: bytes) -> Said:
    with tempfile.TemporaryDirectory(prefix="photohub-probe-") as folder:
        path = Path(folder) / "probe.txt"
        path.write_bytes(content)
        store.put(path, key, "text/plain")
    return said("%(count)s bytes were stored.", count=len(content))


def _read_back(store: MirrorStore, key: str, content: bytes) -> Said:
    try:
        with store.open(key) as stored:
            found = stored.read()
    except FileNotFoundError:
        raise MirrorError(said("The mirror accepted the file but cannot find it again."), "lost") from None
    if found != content:
        raise MirrorError(said("The data read back is not what was stored."), "inconsistent")
    return said("The same bytes came back.")


def _public_read(store: MirrorStore, key: str, content: bytes) -> Said:
    url = store.signed_url(key, SIGNED_URL_EXPIRES_S) or store.public_url(key)
    if url is None:
        return said("This mirror has no public address; PhotoHub shows its pictures itself.")
    host = urlsplit(url).hostname
    found, disposition = _fetch(url)
    if found != content:
        raise MirrorError(
            said("%(host)s returned different bytes than were stored.", host=host), "inconsistent"
        )
    if disposition.startswith("attachment"):
        return said(
            (
                "%(host)s served the file but forces a download. To show pictures in the browser, set a "
                "custom domain."
            ),
            host=host,
        )
    return said("%(host)s served the same bytes to someone with only the link.", host=host)


def _fetch(url: str) -> tuple[bytes, str]:
    host = urlsplit(url).hostname
    proxies = urllib.request.ProxyHandler({} if is_loopback(url) else None)
    try:
        answer = urllib.request.build_opener(proxies).open(url, timeout=PUBLIC_READ_TIMEOUT_S)
        with answer:
            return answer.read(BODY_LIMIT_BYTES), answer.headers.get("Content-Disposition", "")
    except urllib.error.HTTPError as error:
        with error:
            found = re.search(rb"<Code>(\w+)</Code>", error.read(BODY_LIMIT_BYTES))
        code = found[1].decode() if found else ""
        sentence = said(
            "%(host)s answered %(answer)s. Check the public endpoint or domain.",
            host=host,
            answer=f"{error.code} {code}".strip(),
        )
        raise MirrorError(sentence, "public_read", configuration=True) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        sentence = said(
            "%(host)s did not answer (%(why)s). Check the public endpoint and its certificate.",
            host=host,
            why=reason,
        )
        raise MirrorError(sentence, "public_read") from None


def _delete(store: MirrorStore, key: str) -> Said:
    store.delete(key)
    return said("The test object is gone.")
