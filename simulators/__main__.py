"""Run simulated devices from the command line: `python -m simulators esp32s3 --help`."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config, mac_for
from simulators.http_camera import HttpCamera, HttpCameraConfig
from simulators.k230 import FRAME_TOPIC, K230, K230Config
from simulators.lossy import BadNetwork, bad_network, read_network
from simulators.panel_base import PanelBase
from simulators.panel_options import add_panel, add_trmnl, build_panel, build_trmnl
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from simulators.scenes import NAMES, Scene
from simulators.trmnl import Trmnl
from simulators.updating import UpdatingBoard, add_updating, build_board

SIZES = ("320x240", "640x480", "800x600", "1024x768")
Camera = Esp32S3Camera | HttpCamera | RaspberryPi | K230 | PanelBase | Trmnl


def read_address(text: str) -> tuple[str, int]:
    """Split `host:port`; the port may be missing for 1883."""
    return _split_address(text, "1883")


def read_stream_address(text: str) -> tuple[str, int]:
    """Split `host:port`; the port may be missing for 8100."""
    return _split_address(text, "8100")


def _split_address(text: str, default_port: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if ":" in text else (text, "", default_port)
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address of the form host:port.")
    return host, int(port)


def read_device(text: str) -> tuple[str, str]:
    """Split `code:key`."""
    code, _, key = text.partition(":")
    if not code or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form code:key.")
    return code, key


def read_fault(text: str) -> BadNetwork:
    """Read what is wrong with the network."""
    try:
        return read_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators", description="Simulated devices for PhotoHub."
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    _add_esp32s3(kinds)
    http = kinds.add_parser(
        "http", aliases=["generic"], help="cameras that post a picture every so often, with a key"
    )
    _add_common(http)
    http.add_argument("--every", type=float, default=10.0, help="seconds between pictures")
    http.add_argument(
        "--sleeps", action="store_true", help="do what the answers say: orders, and how long to sleep"
    )
    _add_streaming(kinds)
    add_panel(kinds, _add_identity, read_address)
    add_updating(kinds, read_address)
    add_trmnl(kinds)
    picture = kinds.add_parser("picture", help="write one picture of a scene to a file")
    _add_view(picture)
    picture.add_argument("--out", type=Path, required=True, help="the JPEG file to write")
    picture.add_argument("--at", type=float, default=None, help="unix time in the picture, otherwise now")
    picture.add_argument("--code", default="camera", help="the name burned into the picture")
    return parser


def _add_esp32s3(kinds) -> None:
    esp = kinds.add_parser("esp32s3", help="cameras that run the published ESP32-S3 program: MQTT and HTTP")
    _add_common(esp)
    esp.add_argument("--mqtt", type=read_address, default=("127.0.0.1", 1883), help="the broker's host:port")
    esp.add_argument(
        "--topics", choices=("seed", "native"), default="seed", help="/light/… or photohub/<code>/…"
    )
    esp.add_argument(
        "--keyless", action="store_true", help="upload without a key, as the published program does"
    )
    esp.add_argument(
        "--path", default="/api/upload", help="the upload path, /index.php for the older program"
    )
    esp.add_argument("--every", type=float, default=0.0, help="also take a picture every so many seconds")
    esp.add_argument("--status", action="store_true", help="say online and offline, as newer programs do")
    esp.add_argument("--settings", action="store_true", help="take settings up, as newer programs do")
    esp.add_argument("--fault", choices=("none", "padded", "stale_tail", "cut"), default="none")
    esp.add_argument("--latency", type=float, default=0.0, help="seconds from the order to the picture")
    esp.add_argument(
        "--drop-rate", type=float, default=0.0, help="the share of uploads that break off, 0 to 1"
    )
    esp.add_argument("--battery", type=int, default=0, help="millivolts at the start, 0 for none")


def _add_streaming(kinds) -> None:
    pi = kinds.add_parser("raspberry-pi", help="cameras that stream over TCP, as the published program does")
    _add_common(pi)
    pi.add_argument("--stream", type=read_stream_address, default=("127.0.0.1", 8100), help="host:port")
    pi.add_argument("--fps", type=float, default=24.0, help="frames a second")
    pi.set_defaults(size="640x480")
    pi.add_argument("--once", action="store_true", help="end when the connection breaks, as published")
    k230 = kinds.add_parser("k230", help="K230 boards in each of the ways that are published")
    _add_common(k230)
    k230.add_argument("--role", choices=("client", "server", "mqtt"), default="client")
    k230.add_argument("--stream", type=read_stream_address, default=("127.0.0.1", 8100), help="host:port")
    k230.add_argument("--mqtt", type=read_address, default=("127.0.0.1", 1883), help="the broker's host:port")
    k230.add_argument("--listen", type=read_stream_address, default=("127.0.0.1", 0), help="as a server")
    k230.add_argument("--framing", choices=("decimal", "letters", "single"), default="decimal")
    k230.add_argument("--payload", choices=("raw", "header", "parts"), default="raw")
    k230.add_argument("--topic", default=FRAME_TOPIC, help="over MQTT")
    k230.add_argument("--fps", type=float, default=10.0, help="frames a second")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hub", default="http://127.0.0.1:8000", help="the hub's address")
    _add_identity(parser)
    parser.add_argument(
        "--network",
        type=read_fault,
        default=None,
        metavar="latency=0.3,jitter=0.2,rate=20000,piece=512,cut=200000",
        help="a bad network in between: seconds, bytes a second, packet size, bytes until the connection breaks "
        "(cut) or swallows all (silent); any of them",
    )
    _add_view(parser)


def _add_identity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--code", default="", help="the device's code")
    parser.add_argument("--key", default="", help="the device's key")
    parser.add_argument(
        "--device",
        type=read_device,
        action="append",
        default=[],
        metavar="CODE:KEY",
        help="one more device; may be repeated",
    )


def _add_view(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scene", choices=NAMES, default=None, help="what the camera sees; otherwise each another"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another number gives another place of the same kind"
    )
    parser.add_argument("--size", choices=SIZES, default="1024x768")
    parser.add_argument("--quality", type=int, default=75, help="JPEG quality, 1 to 95")
    parser.add_argument(
        "--day", type=float, default=86_400.0, help="how many seconds a day in the picture lasts"
    )
    parser.add_argument("--first-hour", type=float, default=0.0, help="the picture's hour at 00:00 UTC")


def build_scene(options: argparse.Namespace, camera: str, number: int) -> Scene:
    """Return the view of the camera with this number."""
    width, height = (int(side) for side in options.size.split("x"))
    return Scene(
        options.scene or NAMES[number % len(NAMES)],
        camera=camera,
        seed=options.seed + number,
        width=width,
        height=height,
        quality=options.quality,
        day_s=options.day,
        first_hour=options.first_hour,
    )


def build_cameras(options: argparse.Namespace) -> list[Camera]:
    """Return the cameras that the options ask for."""
    if options.kind == "trmnl":
        return [build_trmnl(options)]
    devices = [(options.code, options.key)] if options.code or not options.device else []
    if options.kind == "panel":
        return [
            build_panel(options, code, key, number)
            for number, (code, key) in enumerate([*devices, *options.device])
        ]
    make = {"esp32s3": _build_esp32s3, "raspberry-pi": _build_pi, "k230": _build_k230}.get(
        options.kind, _build_http
    )
    return [
        make(options, code, key, build_scene(options, code or options.kind, number), number)
        for number, (code, key) in enumerate([*devices, *options.device])
    ]


def _build_esp32s3(options: argparse.Namespace, code: str, key: str, scene: Scene, number: int) -> Camera:
    native = options.topics == "native"
    config = Esp32S3Config(
        upload_url=options.hub.rstrip("/") + options.path,
        mqtt_host=options.mqtt[0],
        mqtt_port=options.mqtt[1],
        mac=mac_for(options.seed + number + 1),
        code=code,
        key=key,
        command_topic=f"photohub/{code}/command" if native else "/light/deviceIn",
        result_topic=f"photohub/{code}/result" if native else "/light/deviceOut",
        status_topic=f"photohub/{code}/status" if options.status else "",
        settings_topic=f"photohub/{code}/settings" if options.settings else "",
        keyed_upload=bool(key) and not options.keyless,
        fault=options.fault,
        latency_s=options.latency,
        drop_rate=options.drop_rate,
        battery_mv=options.battery,
        every_s=options.every,
        seed=options.seed + number,
    )
    return Esp32S3Camera(config, scene)


def _build_pi(options: argparse.Namespace, code: str, key: str, scene: Scene, _number: int) -> Camera:
    host, port = options.stream
    config = RaspberryPiConfig(host, port, code, key, options.fps, restarts=not options.once)
    return RaspberryPi(config, scene)


def _build_k230(options: argparse.Namespace, code: str, key: str, scene: Scene, _number: int) -> Camera:
    host, port = {"client": options.stream, "server": options.listen, "mqtt": options.mqtt}[options.role]
    config = K230Config(
        options.role, host, port, code, key, options.framing, options.payload, options.topic, options.fps
    )
    return K230(config, scene)


def _build_http(options: argparse.Namespace, code: str, key: str, scene: Scene, number: int) -> Camera:
    seed = options.seed + number
    config = HttpCameraConfig(options.hub, code, key, every_s=options.every, seed=seed, sleeps=options.sleeps)
    return HttpCamera(config, scene)


async def run_through(options: argparse.Namespace) -> None:
    """Run the cameras that the options ask for, through a bad network where that is wished."""
    async with contextlib.AsyncExitStack() as ways:
        if getattr(options, "network", None) is not None:
            for name in {"mqtt", "stream"} & vars(options).keys():
                host, port = getattr(options, name)
                port = await ways.enter_async_context(bad_network(host, port, options.network))
                setattr(options, name, ("127.0.0.1", port))
            options.hub = await _hub_through(ways, options)
        await run_cameras([build_board(options)] if options.kind == "update" else build_cameras(options))


async def _hub_through(ways: contextlib.AsyncExitStack, options: argparse.Namespace) -> str:
    hub = urlsplit(options.hub)
    # Only what is spoken openly can be carried: a certificate is for the hub's own name.
    if hub.scheme != "http" or not hub.hostname:
        return options.hub
    port = await ways.enter_async_context(bad_network(hub.hostname, hub.port or 80, options.network))
    return f"http://127.0.0.1:{port}{hub.path}"


async def run_cameras(cameras: Sequence[Camera | UpdatingBoard]) -> None:
    """Run all cameras until Ctrl-C or SIGTERM, then let each say goodbye."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signal handlers in its loop; Ctrl-C then ends the program without goodbye.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    running = [asyncio.create_task(camera.run()) for camera in cameras]
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait({*running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*(camera.stop() for camera in cameras))
    waiting.cancel()
    for task in done - {waiting}:
        task.result()
    for camera in cameras:
        print(f"{camera.config.code or 'camera'}: {dict(camera.counters)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = build_parser().parse_args(arguments)
    if options.kind == "picture":
        at = time.time() if options.at is None else options.at
        options.out.write_bytes(build_scene(options, options.code, 0).jpeg(at, 1))
        return 0
    if options.kind in ("http", "generic") and not all((options.code, options.key)) and not options.device:
        print("An HTTP camera needs --code and --key, or --device CODE:KEY.", file=sys.stderr)
        return 2
    if getattr(options, "topics", "") == "native" and not (options.code or options.device):
        print("Native topics carry the device's code: give --code and --key, or --device.", file=sys.stderr)
        return 2
    if options.kind in ("panel", "trmnl") and options.out is not None and not options.out.is_dir():
        print(f"There is no folder {options.out}; make it first.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(run_through(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
