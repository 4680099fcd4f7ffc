"""The options of simulated panels, and what is built from them."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from simulators.panel_base import ACK_TOPIC, PICTURE_TOPIC, PanelBase, PanelConfig
from simulators.trmnl import Trmnl, TrmnlConfig


def read_percent(text: str) -> float:
    """Read 0 to 100 as a share."""
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", text, re.ASCII) or float(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100.")
    return float(text) / 100


def add_panel(kinds, add_identity: Callable, read_address: Callable[[str], tuple[str, int]]) -> None:
    """Add the options of panels that receive pictures in packets."""
    panel = kinds.add_parser("panel", help="panels that receive pictures in packets: MQTT")
    add_identity(panel)
    panel.add_argument(
        "--mqtt", type=read_address, default=("127.0.0.1", 1883), help="the broker's host:port"
    )
    panel.add_argument(
        "--topics", choices=("seed", "native"), default="seed", help="mqttTest… or photohub/<code>/picture…"
    )
    panel.add_argument("--out", type=Path, default=None, help="the folder for pictures that came whole")
    panel.add_argument("--status", action="store_true", help="say online and offline")
    panel.add_argument(
        "--ack-base", type=int, choices=(0, 1), default=0, help="the number of the first answer"
    )
    panel.add_argument(
        "--ack-style", choices=("data", "all"), default="data", help="which answers base 1 shifts"
    )
    panel.add_argument("--window", type=int, default=1, help="how many packets it takes out of order")
    for name, what in (
        ("loss", "messages lost in each direction"),
        ("dup", "messages repeated in each direction"),
        ("reorder", "messages that come after the next one, in each direction"),
        ("nack", "packets that come broken"),
        ("wrong-numbers", "answers with the number of another packet"),
    ):
        panel.add_argument(f"--{name}", type=read_percent, default=0.0, metavar="PERCENT", help=what)
    panel.add_argument("--slow", type=float, default=0.0, help="seconds from a packet to its answer")
    panel.add_argument("--restart-after", type=int, default=0, help="lose power once, after so many packets")
    panel.add_argument("--seed", type=int, default=0, help="another number gives other luck")


def add_trmnl(kinds) -> None:
    """Add the options of panels with the TRMNL firmware."""
    trmnl = kinds.add_parser("trmnl", help="a panel with the TRMNL firmware, which fetches its pictures")
    trmnl.add_argument("--hub", default="http://127.0.0.1:8000", help="the hub's address")
    trmnl.add_argument("--address", default="94:A9:90:8C:6D:18", help="its hardware address")
    trmnl.add_argument("--code", default="", help="only for what it prints")
    trmnl.add_argument("--key", default="", help="the key of an earlier set-up; otherwise it asks for one")
    trmnl.add_argument("--out", type=Path, default=None, help="the folder for what it shows")
    trmnl.add_argument(
        "--sleep-at-most", type=float, default=None, help="seconds; otherwise as long as the hub says"
    )


def build_panel(options: argparse.Namespace, code: str, key: str, number: int) -> PanelBase:
    """Return the panel with this number."""
    native = options.topics == "native"
    host, port = options.mqtt
    config = PanelConfig(
        host,
        port,
        code,
        key,
        picture_topic=f"photohub/{code}/picture" if native else PICTURE_TOPIC,
        ack_topic=f"photohub/{code}/picture/ack" if native else ACK_TOPIC,
        status_topic=f"photohub/{code}/status" if options.status else "",
        ack_base=options.ack_base,
        ack_style=options.ack_style,
        window=options.window,
        lost=options.loss,
        repeated=options.dup,
        swapped=options.reorder,
        broken=options.nack,
        wrong_numbers=options.wrong_numbers,
        slow_s=options.slow,
        restart_after=options.restart_after,
        folder=options.out,
        seed=options.seed + number,
    )
    return PanelBase(config)


def build_trmnl(options: argparse.Namespace) -> Trmnl:
    """Return the panel that the options ask for."""
    config = TrmnlConfig(
        options.hub,
        options.address,
        options.code,
        options.key,
        sleep_at_most_s=options.sleep_at_most,
        folder=options.out,
    )
    return Trmnl(config)
