"""Live tests of what lies outside PhotoHub's own code, for `manage.py doctor`. None needs another to work."""

import asyncio
import json
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Literal

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from devices.mqtt.client import Address, MqttDown, connect
from devices.registry import broker_names
from media_pipeline.mirror.probe import is_loopback
from media_pipeline.mirror.stores import MirrorError, open_mirror
from photohub import checks
from photohub.lib.files.mounts import NETWORK_KINDS, file_system_of
from photohub.lib.log.logs import mask
from photohub.lib.network import ports, site
from photohub.lib.pages.sizes import size_in_words

TIMEOUT_S = 5


@dataclass(frozen=True)
class Finding:
    """What one test found: the part, OK, PROBLEM or OFF, a sentence, and what to do."""

    part: str
    state: Literal["OK", "PROBLEM", "OFF"]
    sentence: str
    help: str = ""


def examine() -> Iterator[Finding]:
    """Run every test, one after the other. A test that breaks is a finding too."""
    for part, test in _TESTS.items():
        try:
            yield from test()
        except Exception as error:
            sentence = mask(f"The test itself failed: {type(error).__name__}: {error}.")
            yield Finding(part, "PROBLEM", sentence, "Please report this line.")


def _data_folder() -> Iterator[Finding]:
    folder = settings.PHOTOHUB_DATA
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"PhotoHub")
            file.flush()
    except OSError as error:
        help_ = f"Give the user that runs PhotoHub the right to write to {folder}, or set PHOTOHUB_DATA."
        yield Finding("data folder", "PROBLEM", f"{folder} cannot be written: {error.strerror}.", help_)
        return
    kind = file_system_of(folder)
    if kind in NETWORK_KINDS and not settings.DATABASE_URL:
        help_ = "Put PHOTOHUB_DATA on a disk of this machine, or use PostgreSQL by DATABASE_URL."
        yield Finding(
            "data folder", "PROBLEM", f"{folder} is on a network ({kind}), where SQLite is not safe.", help_
        )
    else:
        yield Finding("data folder", "OK", f"{folder} can be written ({kind or 'unknown file system'}).")
    for warning in checks.check_privacy(None):
        yield Finding("data folder", "PROBLEM", warning.msg, warning.hint or "")


def _disk() -> Iterator[Finding]:
    free, floor = shutil.disk_usage(settings.PHOTOHUB_DATA).free, settings.DISK_FLOOR_BYTES
    words = f"{size_in_words(free)} are free; uploads are refused below {size_in_words(floor)}."
    if free < floor:
        yield Finding(
            "disk", "PROBLEM", words, "Delete something, use a larger disk, or lower PHOTOHUB_DISK_FLOOR."
        )
    else:
        yield Finding("disk", "OK", words)


def _database() -> Iterator[Finding]:
    kind = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    started_s = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        took_ms = (time.perf_counter() - started_s) * 1000
        executor = MigrationExecutor(connection)
        steps = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        sentence = mask(f"{kind} does not answer: {' '.join(str(error).split())}.")
        yield Finding("database", "PROBLEM", sentence, "Start the database, or correct DATABASE_URL.")
        return
    waiting = f" {steps} steps of its update are due; the next start does them." if steps else ""
    yield Finding("database", "OK", f"{kind} answers in {took_ms:.1f} ms.{waiting}")


def _redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("Redis", "OFF", "REDIS_URL is empty: everything runs inside one process.")
        return
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
    try:
        client.ping()
    except redis.RedisError as error:
        yield Finding(
            "Redis",
            "PROBLEM",
            mask(f"Redis does not answer: {str(error).rstrip('.')}."),
            "Start Redis, or correct REDIS_URL.",
        )
    else:
        yield Finding("Redis", "OK", "Redis is responding.")
    finally:
        client.close()


def _broker() -> Iterator[Finding]:
    if not settings.MQTT_URL:
        yield _port("MQTT broker", settings.MQTT_HOST, settings.MQTT_PORT, "PHOTOHUB_MQTT")
        return
    address = Address.from_url(settings.MQTT_URL)
    where = f"{address.host}:{address.port}"
    try:
        asyncio.run(_greet(address))
    except (MqttDown, TimeoutError) as error:
        sentence = f"The broker at {where} does not let us in: {str(error) or f'no answer in {TIMEOUT_S} s'}."
        yield Finding("MQTT broker", "PROBLEM", sentence, "Start the broker, or correct PHOTOHUB_MQTT_URL.")
    else:
        yield Finding("MQTT broker", "OK", f"The broker at {where} takes our user name and password.")


def _names() -> Iterator[Finding]:
    try:
        found = broker_names.collisions()
    except DatabaseError:
        yield Finding("names", "OFF", "Not known while the database does not answer.")
        return
    help_ = "Give the person another name, or add the device under another code and remove this one."
    for sentence in found:
        yield Finding("names", "PROBLEM", sentence, help_)
    if not found:
        yield Finding("names", "OK", "Hub, devices and people have names of their own at the message broker.")


async def _greet(address: Address) -> None:
    # A client id of its own: with the gateway's, the broker would throw the gateway out.
    async with asyncio.timeout(TIMEOUT_S), connect(replace(address, client_id="photohub-doctor")):
        pass


def _web_port() -> Iterator[Finding]:
    yield _port("web port", settings.HTTP_HOST, settings.HTTP_PORT, "PHOTOHUB_HTTP")


def _port(part: str, host: str, port: int, setting: str) -> Finding:
    try:
        ports.listen(host, port, may_move=False, setting=setting).close()
    except ports.PortTaken as error:
        if _fetch_health(f"http://127.0.0.1:{settings.HTTP_PORT}/healthz") == "":
            return Finding(part, "OK", f"PhotoHub runs here; port {port} is taken, as it should be.")
        return Finding(
            part, "PROBLEM", str(error), f"Stop the other program, or set {setting} to another port."
        )
    return Finding(part, "OK", f"Port {port} is free: PhotoHub takes it when it starts.")


def _storage() -> Iterator[Finding]:
    store = None
    try:
        store = open_mirror(settings)
    except MirrorError as error:
        yield Finding("mirror", "PROBLEM", str(error), "Correct the mirror's settings.")
    if settings.PHOTOHUB_MIRROR == "none":
        yield Finding("mirror", "OFF", "PHOTOHUB_MIRROR is none: pictures are kept on this hub only.")
    for step in store.probe() if store else []:
        yield Finding(f"mirror: {step.name}", "OK" if step.ok else "PROBLEM", mask(step.sentence))


def _outside() -> Iterator[Finding]:
    if not settings.PHOTOHUB_URL:
        yield Finding(
            "outside address", "OFF", f"PHOTOHUB_URL is empty; {site.base_url()} was found by itself."
        )
        return
    trouble = _fetch_health(f"{settings.PHOTOHUB_URL}/healthz")
    if trouble:
        help_ = "Start PhotoHub, then check the name, the reverse proxy and the certificate."
        yield Finding(
            "outside address", "PROBLEM", f"{settings.PHOTOHUB_URL} does not lead here: {trouble}.", help_
        )
    else:
        yield Finding("outside address", "OK", f"{settings.PHOTOHUB_URL} leads to PhotoHub.")


def _fetch_health(url: str) -> str:
    """Ask a running PhotoHub for its health; return what went wrong, or nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({} if is_loopback(url) else None))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            healthy = json.loads(answer.read(1000)).get("ok") is True
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code}"
    except (OSError, HTTPException) as error:
        return str(getattr(error, "reason", error))
    except (ValueError, AttributeError):
        return "something else answers there"
    return "" if healthy else "something else answers there"


_TESTS: dict[str, Callable[[], Iterator[Finding]]] = {
    "data folder": _data_folder,
    "disk": _disk,
    "database": _database,
    "Redis": _redis,
    "web port": _web_port,
    "MQTT broker": _broker,
    "names": _names,
    "mirror": _storage,
    "outside address": _outside,
}
