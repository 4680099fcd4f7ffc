"""Firmware in the production form: what nginx sends for the hub beside nginx alone, and cameras while many boards come."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import fetching, load
from benchmarks.hubs import in_hub
from benchmarks.measuring import alternate, median, ratio, table
from benchmarks.pictures import make_picture
from benchmarks.servers import Server, nginx_peer, production, production_server, proxy_before
from benchmarks.transfer import rest_share, row_of, take_turn
from tests.production.stack import Stack

HUB, PASSED, NGINX = "the hub allows, nginx sends", "the hub sends, nginx passes on", "nginx alone"
_MARK = "proxy_set_header X-Sends-Firmware nginx;"


@dataclass(frozen=True)
class Size:
    """`devices` fetch an image of each of these sizes in each turn, and cameras send so many pictures a second."""

    devices: dict[int, int]
    rounds: int
    boards: int
    camera_s: float
    over_s: float = 10.0
    per_s: float = 20.0
    rest_s: float = 5.0
    at_once: int = 16


TINY = Size({100_000: 8}, 1, 8, 1.0, over_s=0.5, rest_s=0.2)
SHORT = Size({1_000_000: 1000, 8_000_000: 200, 32_000_000: 50}, 5, 500, 12.0)
LONG = Size({1_000_000: 1000, 8_000_000: 200, 32_000_000: 50}, 9, 500, 30.0)


def run(size: Size) -> dict[str, Any]:
    """Measure each size of image in turn by each way, then what a camera feels of the boards."""
    env = {"PHOTOHUB_UNSIGNED_FIRMWARE": "allow"}
    with production(env) as stack, nginx_peer(NGINX, 1) as alone, _passing_on(stack) as passing:
        hubs = {HUB: stack.url, PASSED: passing.urls[0]}
        images = [
            row for image_bytes in size.devices for row in _rows(stack, alone, passing, size, image_bytes)
        ]
        ways = [(HUB, size.over_s), (PASSED, size.over_s), (HUB, 0.0)]
        camera = production_server("hub", stack, stack.add_device("lane", "esp32s3"), behind_nginx=True)
        boards = [
            _beside_boards(stack, camera, size, hubs[name], over_s) | {"server": name}
            for name, over_s in ways
        ]
    return {"images": images, "boards": boards, "devices": size.boards}


@contextlib.contextmanager
def _passing_on(stack: Stack) -> Iterator[Server]:
    """Run a second nginx before the same web servers, one that sends no image for the hub."""
    webs = [port for name, port in stack.ports.items() if name.startswith("web")]
    with proxy_before(*webs, without=_MARK) as proxy:
        yield proxy


def _rows(stack: Stack, alone: Server, passing: Server, size: Size, image_bytes: int) -> list[dict[str, Any]]:
    services = {name: process.pid for name, process in stack.processes.items()}
    hub = [pid for name, pid in services.items() if name != "nginx"] + [stack.database.pid]
    roots = {HUB: [*hub, services["nginx"]], PASSED: [*hub, *passing.roots()], NGINX: alone.roots()}
    hubs = {HUB: stack.url, PASSED: passing.urls[0]}
    at_rest = {name: rest_share(pids, size.rest_s) for name, pids in roots.items()}
    devices = size.devices[image_bytes]
    # What nginx keeps it fetches once, which is no part of what a download costs.
    fetching.run(fetching.Order(_offer(stack, 1, image_bytes, stack.url), 1))
    images = (stack.data / "firmware").glob("[!.]*")
    file = alone.folder / f"{image_bytes}.bin"
    shutil.copy(next(path for path in images if path.stat().st_size == image_bytes), file)

    def measure(name: str) -> dict[str, Any]:
        if name == NGINX:
            urls = [f"{alone.urls[0]}{file.name}"] * devices
        else:
            urls = _offer(stack, devices, image_bytes, hubs[name])
        return take_turn(roots[name], urls, at_rest[name], size.at_once)

    turns = alternate(size.rounds, list(roots), measure)
    return [row_of(name, turns[name], turns[NGINX]) | {"image_bytes": image_bytes} for name in roots]


def _offer(stack: Stack, devices: int, image_bytes: int, url: str) -> list[str]:
    tokens = in_hub(stack.environment("web"), "offer_image", devices=devices, size_bytes=image_bytes)
    return [f"{url}/ota/f/{token}" for token in tokens]


def _beside_boards(stack: Stack, camera: Server, size: Size, url: str, over_s: float) -> dict[str, Any]:
    """Let boards come within `over_s` seconds while cameras send at a fixed pace, and cameras alone before."""
    rounds = []
    for _ in range(size.rounds):
        urls = _offer(stack, size.boards, min(size.devices), url)
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
            picture = Path(folder) / "picture.jpg"
            picture.write_bytes(make_picture(55_000))
            order = camera.order(picture, 8, size.camera_s, size.per_s)
            quiet = load.run(order)
            sending = pool.submit(load.run, order)
            fetched = fetching.run(fetching.Order(urls, size.boards, over_s))
            rounds.append((asdict(quiet), asdict(sending.result()), asdict(fetched)))
    quiet_ms, busy_ms = ([each[part]["p99_ms"] for each in rounds] for part in (0, 1))
    return {
        "over_s": over_s,
        "seconds": median(fetched["seconds"] for _quiet, _busy, fetched in rounds),
        "refused": sum(fetched["refused"] for _quiet, _busy, fetched in rounds),
        "errors": sum(part["errors"] for each in rounds for part in each),
        "quiet_p99_ms": median(quiet_ms),
        "busy_p99_ms": median(busy_ms),
        "ratio": ratio(busy_ms, quiet_ms),
        "rounds": rounds,
    }


def report(result: dict[str, Any]) -> str:
    """Return the result as two tables."""
    return f"{_table_of_images(result['images'])}\n\n{_table_of_boards(result['boards'], result['devices'])}"


def _table_of_images(rows: list[dict[str, Any]]) -> str:
    core = "MB for each second of a core"
    head = ("image", "server", "MB/s", "ratio", core, "ratio", "spread", "p99 ms", "errors")
    names = ("server", "mb_per_s", "ratio_per_s", "mb_per_cpu_s", "ratio", "spread", "p99_ms", "errors")
    shown = [[f"{row[name]:.0%}" if name == "spread" else row[name] for name in names] for row in rows]
    sizes = [f"{row['image_bytes'] / 1e6:.3g} MB" for row in rows]
    return table(head, [[size, *row] for size, row in zip(sizes, shown, strict=True)])


def _table_of_boards(ways: list[dict[str, Any]], devices: int) -> str:
    waits = "camera's p99 before, meanwhile"
    head = ("boards come", "server", "all have it after", "come again", waits, "ratio", "errors")
    rows = [
        [
            f"{devices} within {way['over_s']:.0f} s" if way["over_s"] else f"{devices} in one moment",
            way["server"],
            f"{way['seconds']:.1f} s",
            way["refused"],
            f"{way['quiet_p99_ms']:.0f}, {way['busy_p99_ms']:.0f} ms",
            way["ratio"],
            way["errors"],
        ]
        for way in ways
    ]
    return table(head, rows)
