"""Presence of devices as Mosquitto reports it: its log, published under `$SYS/broker/log` (`log_dest topic`).

Mosquitto 2.0 has no messages about connections, but it prints a line for each and publishes its lines:

    …/log/N             New client connected from 192.0.2.7:50212 as porch (p2, c1, k60, u'porch').
                        Client porch disconnected.   and others that begin so, by how the connection ended
    …/log/I             mosquitto version 2.0.11 running
    …/log/M/subscribe   porch 1 photohub/porch/command

Lines wait 20 s for the gateway's persistent session, so a short absence loses none.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from devices.events import troubles
from devices.protocol import topics
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.pages.sentences import said

TOPIC = "$SYS/broker/log/"
KEPT_S = 15.0  # Mosquitto keeps a line for 20 s; the rest is for the way back

# Longer than a gateway may be dead before another holds its devices.
_UNSAID_FOR_S = 60.0
_UNSAID_AT_MOST = 20_000

# The name that a client gave itself may hold anything, even such lines: each expression is bound at its end.
_CONNECTED = re.compile(r"New client connected from (\S+):\d+ as (.*) \(p\d+, c([01]), k\d+, u'([^']*)'\)\.")
_ENDED = re.compile(
    r"(?:Bad socket read/write on client (?P<broken>.*): [^:]+"
    r"|Client (?P<id>.*) (?P<how>disconnected(?: due to [^:.]+|, [a-z ]+)?"
    r"|been disconnected by administrative action"
    r"|closed its connection"
    r"|has exceeded timeout, disconnecting))\."
)
_STARTED = re.compile(r"mosquitto version \S+ running")
_QOS = re.compile(r" [012] ")
_REASONS = {
    "closed its connection": said("the connection broke"),
    "has exceeded timeout, disconnecting": said("silent for longer than its keepalive"),
    "disconnected": said("the device ended it"),
    "disconnected, not authorised": said("the device is no longer allowed"),
    "been disconnected by administrative action": said("it was thrown out"),
}
_FAULT = "disconnected due to "


def _connected(code: str, address: str) -> None:
    device = Device.objects.filter(code=code).first()
    if device is not None:
        presence.connected(device, address)
        troubles.over(device, "mqtt_refused")


def _ended(code: str, how: str) -> None:
    device = Device.objects.filter(code=code).first()
    if device is not None:
        reason = _REASONS.get(how) or said("the broker says: %(how)s", how=how)
        presence.disconnected(device, reason)
        if how.startswith(_FAULT):
            troubles.note(device, "mqtt_refused", detail=reason)


class BrokerLog:
    """Reads the lines in their order and tells `devices.registry.presence`."""

    filters: tuple[str, ...] = (f"{TOPIC}N", f"{TOPIC}I", f"{TOPIC}M/subscribe")

    def __init__(
        self,
        on_listening: Callable[[], object] = lambda: None,
        holds: Callable[[str], bool] = lambda _code: True,
    ) -> None:
        self._on_listening = on_listening
        # Which devices are this gateway's. Of the others it knows who is there as well, and writes nothing down.
        self._holds = holds
        # The last word on each of the others, for when one of them becomes ours: whoever held it may have died before it.
        self._unsaid: OrderedDict[str, tuple[float, Callable[[], None]]] = OrderedDict()
        self._codes: dict[str, str] = {}
        self._subscribed: dict[str, set[str]] = {}

    def start_over(self, *, doubt: bool = True) -> None:
        """Forget everything: lines were missed. `doubt`: nobody else heard them."""
        self._codes.clear()
        self._subscribed.clear()
        if doubt:
            presence.doubt_links()

    def catch_up(self) -> None:
        """Write down what was last heard of devices that have become ours."""
        for code, (heard_s, note) in list(self._unsaid.items()):
            if time.monotonic() - heard_s > _UNSAID_FOR_S:
                self._unsaid.pop(code, None)
            elif self._holds(code):
                self._unsaid.pop(code, None)
                note()

    def _note(self, code: str, note: Callable[[], None]) -> None:
        # What was heard before is no news any more, whoever writes this down.
        self._unsaid.pop(code, None)
        if self._holds(code):
            note()
            return
        self._unsaid[code] = (time.monotonic(), note)
        while len(self._unsaid) > _UNSAID_AT_MOST:
            self._unsaid.popitem(last=False)

    def read(self, topic: str, payload: bytes) -> None:
        """Take one line of the broker's log."""
        line = payload.decode("utf-8", "replace")
        if topic == f"{TOPIC}M/subscribe":
            self._note_subscription(line)
        elif match := _CONNECTED.fullmatch(line):
            self._note_connected(*match.groups())
        elif match := _ENDED.fullmatch(line):
            self._note_ended(match["id"] or match["broken"] or "", match["how"] or "closed its connection")
        elif _STARTED.fullmatch(line):
            self._codes.clear()
            self._subscribed.clear()
            presence.forget_links(self._holds)

    def hears(self, code: str, topic: str) -> bool:
        """Tell whether a message would reach the device: not between its connecting and its subscribing."""
        heard = self._subscribed.get(code)
        return heard is None or any(topics.matches(f, topic) for f in heard)

    def _note_connected(self, address: str, client_id: str, fresh: str, username: str) -> None:
        self._codes[client_id] = username
        device = Device.objects.filter(code=username).first()
        if device is None:
            return
        if fresh == "1":
            self._subscribed[username] = set()
        else:
            # A kept session has its subscriptions already.
            self._subscribed.pop(username, None)
        self._note(username, partial(_connected, username, address.removeprefix("::ffff:")))

    def _note_ended(self, client_id: str, how: str) -> None:
        # The shipped broker makes the user name the client id: so it tells who left after our own restart.
        code = self._codes.get(client_id, client_id)
        if any(other == code for name, other in self._codes.items() if name != client_id):
            self._codes.pop(client_id, None)
            return
        self._note(code, partial(_ended, code, how))
        # Forgotten last: while the database is away, the line is read again.
        self._codes.pop(client_id, None)
        self._subscribed.pop(code, None)

    def _note_subscription(self, line: str) -> None:
        for match in _QOS.finditer(line):
            code = self._codes.get(line[: match.start()])
            if code is not None and code in self._subscribed:
                self._subscribed[code].add(line[match.end() :])
                self._on_listening()
                return
