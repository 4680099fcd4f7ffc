"""Presence of devices as Mosquitto reports it: its log, published under `$SYS/broker/log` (`log_dest topic`).

Mosquitto 2.0 has no messages about connections, but it prints a line for each and publishes its lines:

    …/log/N             New client connected from 192.0.2.7:50212 as porch (p2, c1, k60, u'porch').
                        Client porch disconnected.   and others that begin so, by how the connection ended
    …/log/I             mosquitto version 2.0.11 running
    …/log/M/subscribe   porch 1 photohub/porch/command

Lines wait 20 s for the gateway's persistent session, so a short absence loses none.
"""

import re
from collections.abc import Callable

from devices.events import troubles
from devices.protocol import topics
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.pages.sentences import said

TOPIC = "$SYS/broker/log/"
KEPT_S = 15.0  # Mosquitto keeps a line for 20 s; the rest is for the way back

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


class BrokerLog:
    """Reads the lines in their order and tells `devices.registry.presence`."""

    filters: tuple[str, ...] = (f"{TOPIC}N", f"{TOPIC}I", f"{TOPIC}M/subscribe")

    def __init__(self, on_listening: Callable[[], object] = lambda: None) -> None:
        self._on_listening = on_listening
        self._codes: dict[str, str] = {}
        self._subscribed: dict[str, set[str]] = {}

    def start_over(self) -> None:
        """Forget everything: lines were missed."""
        self._codes.clear()
        self._subscribed.clear()
        presence.doubt_links()

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
            presence.forget_links()

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
        presence.connected(device, address.removeprefix("::ffff:"))
        troubles.over(device, "mqtt_refused")

    def _note_ended(self, client_id: str, how: str) -> None:
        # The shipped broker makes the user name the client id: so it tells who left after our own restart.
        code = self._codes.get(client_id, client_id)
        if any(other == code for name, other in self._codes.items() if name != client_id):
            self._codes.pop(client_id, None)
            return
        device = Device.objects.filter(code=code).first()
        if device is not None:
            reason = _REASONS.get(how) or said("the broker says: %(how)s", how=how)
            presence.disconnected(device, reason)
            if how.startswith(_FAULT):
                troubles.note(device, "mqtt_refused", detail=reason)
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
