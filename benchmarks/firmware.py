"""Firmware to many devices: bytes for each second of a core beside nginx, and a rush that cameras should not feel."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import fetching, load
from benchmarks.hubs import in_hub
from benchmarks.measuring import alternate, table
from benchmarks.memory import Sampler, resident_mb
from benchmarks.pictures import make_picture
from benchmarks.servers import Server, embedded_server, nginx_peer, proxy_before
from benchmarks.transfer import rest_share, row_of, take_turn
from tests.hub_process import HubProcess, running_hub

HUB, NGINX = "PhotoHub embedded", "nginx, one process, sendfile"
PROXIED = "PhotoHub embedded behind nginx, both"
_AT_ONCE = 16


@dataclass(frozen=True)
class Size:
    """`devices` fetch in each turn, again within `over_s`, and all at once; cameras send so many pictures a second."""

    devices: int
    image_bytes: int
    rounds: int
    camera_s: float
    over_s: float = 10.0
    per_s: float = 20.0
    rest_s: float = 5.0


TINY = Size(4, 60_000, 1, 0.5, over_s=0.5, rest_s=0.2)
SHORT = Size(500, 1_000_000, 3, 10.0)
LONG = Size(500, 1_000_000, 9, 30.0)


def run(size: Size) -> dict[str, Any]:
    """Measure the servers in turn, then let the devices come one after the other, and all at once, while cameras send."""
    with (
        running_hub(env={"PHOTOHUB_UNSIGNED_FIRMWARE": "allow"}) as hub,
        nginx_peer(NGINX, 1) as nginx,
        proxy_before(hub.http_port) as proxy,
    ):
        roots = {HUB: [hub.pid], PROXIED: [hub.pid, *proxy.roots()], NGINX: nginx.roots()}
        _offer(hub, size)
        (image,) = (hub.data / "firmware").glob("[!.]*")
        shutil.copy(image, nginx.folder / "image.bin")

        at_rest = {name: rest_share(pids, size.rest_s) for name, pids in roots.items()}

        def measure(name: str) -> dict[str, Any]:
            urls = [f"{nginx.urls[0]}image.bin"] * size.devices if name == NGINX else _offer(hub, size)
            if name == PROXIED:
                urls = [url.replace(hub.url, proxy.urls[0]) for url in urls]
            return take_turn(roots[name], urls, at_rest[name], _AT_ONCE)

        turns = alternate(size.rounds, list(roots), measure)
        rows = [row_of(name, turns[name], turns[NGINX]) for name in roots]
        camera = embedded_server("hub", hub, [hub.add_device("lane", "esp32s3")])
        spread_out = _meanwhile(hub, camera, size, size.over_s)
        return {
            "rows": rows,
            "devices": size.devices,
            "over_s": size.over_s,
            "spread_out": spread_out,
            "rush": _meanwhile(hub, camera, size, 0.0),
        }


def _offer(hub: HubProcess, size: Size) -> list[str]:
    """Return the addresses of images for devices that have fetched nothing yet."""
    tokens = in_hub(hub.env, "offer_image", devices=size.devices, size_bytes=size.image_bytes)
    return [f"{hub.url}/ota/f/{token}" for token in tokens]


def _meanwhile(hub: HubProcess, camera: Server, size: Size, over_s: float) -> dict[str, Any]:
    """Let the devices come within `over_s` seconds, and cameras send at a fixed pace before and meanwhile."""
    urls = _offer(hub, size)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(55_000))
        order = camera.order(picture, 8, size.camera_s, size.per_s)
        quiet = load.run(order)
        rest_mb = resident_mb(hub.pid)
        with Sampler(hub.pid) as sampler:
            sending = pool.submit(load.run, order)
            fetched = fetching.run(fetching.Order(urls, size.devices, over_s))
            busy = sending.result()
    return {
        "fetched": asdict(fetched),
        "quiet": asdict(quiet),
        "busy": asdict(busy),
        "rest_mb": rest_mb,
        "highest_mb": max(sampler.samples_mb),
    }


def report(result: dict[str, Any]) -> str:
    """Return the result as two tables."""
    head = ("server", "MB for each second of a core", "ratio", "spread", "MB/s", "p99 ms", "errors")
    names = ("server", "mb_per_cpu_s", "ratio", "spread", "mb_per_s", "p99_ms", "errors")
    rows = [[f"{row[n]:.0%}" if n == "spread" else row[n] for n in names] for row in result["rows"]]
    spread_out, rush = result["spread_out"], result["rush"]
    shown = zip(_figures(spread_out), _figures(rush), strict=True)
    figures = [(name, one_by_one, at_once) for (name, one_by_one), (_name, at_once) in shown]
    columns = (f"{result['devices']} devices come", f"within {result['over_s']:.0f} s", "in one moment")
    return table(head, rows) + "\n\n" + table(columns, figures)


def _figures(came: dict[str, Any]) -> list[tuple[str, str]]:
    fetched, quiet, busy = came["fetched"], came["quiet"], came["busy"]
    return [
        ("all have it after", f"{fetched['seconds']:.1f} s"),
        ("asked to come again", f"{fetched['refused']} times, {fetched['errors']} errors"),
        ("memory before, highest", f"{came['rest_mb']:.0f} MB, {came['highest_mb']:.0f} MB"),
        ("a camera's answer before, p50 / p99", f"{quiet['p50_ms']:.0f} / {quiet['p99_ms']:.0f} ms"),
        ("the same meanwhile", f"{busy['p50_ms']:.0f} / {busy['p99_ms']:.0f} ms, {busy['errors']} errors"),
    ]
