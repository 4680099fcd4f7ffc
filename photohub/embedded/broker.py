"""The embedded MQTT broker: its listeners, what it remembers of accounts, and what it asks and tells the project."""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from devices.protocol.mqtt.packets import ConnackCode, Connect, connack
from devices.protocol.topics import matches
from photohub.broker.accounts import Account, ConnectionInfo
from photohub.embedded.connection import Connection
from photohub.embedded.core import Core
from photohub.embedded.links import Link, Receive, Send, TcpLink, WebSocketLink
from photohub.embedded.outgoing import Backlogs
from photohub.embedded.receipts import Published, Receipt, Room
from photohub.embedded.refusals import Refused
from photohub.lib.pages.sentences import Said, said

__all__ = ["Account", "ConnectionInfo", "EmbeddedBroker", "PortTaken"]

log = logging.getLogger(__name__)

CONNECTIONS_PER_ACCOUNT = 8
KEPT_SESSIONS_PER_ACCOUNT = 8
REVALIDATE_S = 5.0
REVALIDATE_PATIENCE_S = 30.0
HUB_PATIENCE_S = 30.0
STOP_S = 5.0
READ_AHEAD_BYTES = 32 * 1024
LARGE_BYTES = 256 * 1024
HELD_MAX_BYTES = 64 * 2**20
UNTOLD_PER_ACCOUNT = 200
DENIED_LOG_S = 60.0
# A connection that was refused nothing for so long shows that earlier trouble is over.
WELL_AFTER_S = 60.0

Authenticate = Callable[[Connect, str], Awaitable[Account | None]]
OnConnect = Callable[[Account, str, str], Awaitable[None]]
OnDisconnect = Callable[[Account, str, Said], Awaitable[None]]
OnSubscribe = Callable[[Account, str], Awaitable[None]]
OnRefused = Callable[[Account, str, dict[str, str | Said]], Awaitable[None]]
OnCrowd = Callable[[int, int], Awaitable[None]]
OnWell = Callable[[Account], Awaitable[None]]
Revalidate = Callable[[list[Account]], Awaitable[Iterable[Account]]]


class PortTaken(OSError):
    """Say that another program listens where the broker should."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            errno.EADDRINUSE,
            f"port {port} on {host} is in use by another program; stop it or change PHOTOHUB_MQTT",
        )
        self.host = host
        self.port = port


@dataclass
class Standing:
    """What the broker remembers of an account between its connections."""

    tokens: float
    refilled_at: float
    connections: set[Connection] = field(default_factory=set)
    published: Published = field(default_factory=Published)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    untold: int = 0
    untold_filters: set[str] = field(default_factory=set)
    denied: int = 0
    denied_unlogged: int = 0
    denied_logged_at: float = float("-inf")


class EmbeddedBroker:
    """MQTT 3.1.1 for the single process, over TCP and over the HTTP server's WebSockets.

    `authenticate` is asked for every connection and may raise, which the client sees as "server unavailable".
    `on_connect` is told of every connection, `on_disconnect` when the account's last one is gone,
    `on_subscribe` after a subscription stands, automatic and restored ones too, or was ended; one account's calls
    never overlap. `on_refused` is told what the broker did not take from a client, as a word of
    `devices.events.wording` and its values, and `on_well` once of each connection that was refused nothing for a
    minute. `on_crowd` is told every five seconds how many were turned away, because as many as it bears were there.
    `revalidate` is asked as often about all connected accounts and returns those to throw out. `core.hub` is the hub's
    own way in: where `devices.mqtt.client` has an address, this has none.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        *,
        host: str,
        port: int,
        max_packet_bytes: int = 12 * 2**20,
        max_connections: int = 2000,
        messages_per_s: float = 100,
        messages_burst: float = 400,
        stall_s: float = 2.0,
        on_connect: OnConnect | None = None,
        on_disconnect: OnDisconnect | None = None,
        on_subscribe: OnSubscribe | None = None,
        on_refused: OnRefused | None = None,
        on_well: OnWell | None = None,
        on_crowd: OnCrowd | None = None,
        revalidate: Revalidate | None = None,
    ) -> None:
        self.authenticate = authenticate
        self.max_packet_bytes = max_packet_bytes
        self.stall_s = stall_s
        self.core = Core()
        self.backlogs = Backlogs()
        self._room = Room()
        self._address = (host, port)
        self._max_connections = max_connections
        self._messages_per_s = messages_per_s
        self._messages_burst = messages_burst
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._on_subscribe = on_subscribe
        self._on_refused = on_refused
        self._on_well = on_well
        self._on_crowd = on_crowd
        self._revalidate = revalidate
        self._begin_empty()

    def _begin_empty(self) -> None:
        """Know nobody yet."""
        self._turned_away = 0
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._by_key: dict[str, Connection] = {}
        self._standings: dict[str, Standing] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    # --- life

    async def start(self) -> None:
        """Listen; raises PortTaken."""
        host, port = self._address
        try:
            self._server = await asyncio.start_server(
                self._tcp_connected, host, port, limit=READ_AHEAD_BYTES, backlog=512
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port) from None
            raise
        self.core.hub.port = self.port
        self._watch = asyncio.create_task(self._watch_accounts())

    async def stop(self) -> None:
        """Close the listener and every connection, and wait until the callbacks have been told."""
        if self._server is None or self._watch is None:
            return
        self._server.close()
        self._watch.cancel()
        leaving = list(self._connections)
        for connection in leaving:
            connection.end(said("the hub stopped"))
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(connection.finished.wait() for connection in leaving))
                while self._telling:
                    await asyncio.wait(set(self._telling))
        await asyncio.gather(self._watch, return_exceptions=True)
        self._server = None

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return tuple(self._server.sockets) if self._server else ()

    @property
    def port(self) -> int:
        return self.sockets[0].getsockname()[1]

    # --- endpoints

    async def _tcp_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._guard(TcpLink(reader, writer))

    async def websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve MQTT over WebSocket: an ASGI application for `/mqtt`."""
        await receive()
        offered = scope.get("subprotocols", [])
        chosen = next((name for name in ("mqtt", "mqttv3.1") if name in offered), None)
        if chosen is None or self._server is None:
            await send({"type": "websocket.close", "code": 1002})
            return
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await self._guard(WebSocketLink(scope, receive, send))

    async def _guard(self, link: Link) -> None:
        if len(self._connections) >= self._max_connections:
            self._turned_away += 1
            with suppress(OSError, TimeoutError):
                await link.write(connack(ConnackCode.UNAVAILABLE), self.stall_s)
                await link.close()
            link.abort()
            return
        self._connections.add(connection := Connection(self, link))
        await connection.run()

    # --- for the connections

    async def claim(self, connection: Connection) -> None:
        """Give the account's client id to this connection and end the one which had it; raises Refused."""
        account, key = connection.owner, connection.key
        standing = self._standing(account)
        rivals = [other for other in standing.connections if other.key == key]
        if len(standing.connections) - len(rivals) >= CONNECTIONS_PER_ACCOUNT:
            sentence = said("it has %(count)s connections already", count=CONNECTIONS_PER_ACCOUNT)
            raise Refused(sentence, ConnackCode.UNAVAILABLE)
        if standing.untold >= UNTOLD_PER_ACCOUNT:
            raise Refused(said("it comes and goes too often"), ConnackCode.UNAVAILABLE)
        standing.connections.add(connection)
        while (rival := self._by_key.get(key)) is not None:
            rival.end(said("the device connected again"))
            await rival.finished.wait()
        self._by_key[key] = connection
        abandoned = [name for name in self.core.offline_sessions(account.username) if name != key]
        for name in abandoned[: max(0, len(abandoned) + 1 - KEPT_SESSIONS_PER_ACCOUNT)]:
            self.core.drop(name)

    def forget(self, connection: Connection, reason: Said) -> None:
        self._connections.discard(connection)
        if connection.account is None:
            return
        self._standing(connection.account).connections.discard(connection)
        if self._by_key.get(connection.key) is connection:
            del self._by_key[connection.key]
            self._tell(connection.owner, self._tell_gone(connection, reason))

    async def pace(self, account: Account, cost: float = 1) -> None:
        """Wait until the account may send its next packet; one that takes more time than others costs more."""
        standing, now = self._standing(account), time.monotonic()
        refill = (now - standing.refilled_at) * self._messages_per_s
        standing.tokens = min(self._messages_burst, standing.tokens + refill) - cost
        standing.refilled_at = now
        if standing.tokens < 0:
            await asyncio.sleep(-standing.tokens / self._messages_per_s)

    def check_held(self, connection: Connection) -> None:
        """Bound what packets take that are not whole yet or wait: of one account (raises Refused), and in all."""
        if connection.held_bytes <= LARGE_BYTES:
            return
        own = self._standing(connection.owner).connections
        if sum(each.held_bytes for each in own) > 2 * self.max_packet_bytes:
            raise Refused(said("its connections send too much at once"))
        if sum(each.held_bytes for each in self._connections) > HELD_MAX_BYTES:
            largest = max(self._connections, key=lambda each: each.held_bytes)
            largest.cut(said("too much is sent at once"))

    async def wait_for_room(self, account: Account, size_bytes: int) -> None:
        """Hold an account back while the hub has enough of it; raises Refused, so that the device keeps the message."""
        try:
            await self._room.wait(self.published(account), size_bytes, HUB_PATIENCE_S)
        except TimeoutError:
            raise Refused(said("the hub has been too busy for half a minute")) from None

    def publish(
        self, account: Account, topic: str, payload: bytes, qos: int, *, repeated: bool = False
    ) -> Receipt:
        """Pass a message on, and return what becomes of it."""
        receipt = self.core.publish(topic, payload, qos, repeated=repeated)
        self._room.enter(self.published(account), len(payload), receipt)
        return receipt

    def published(self, account: Account) -> Published:
        return self._standing(account).published

    def count_denied(self, account: Account, topic: str, *, first: bool) -> None:
        """Count a use of a topic without a right to it; `first`: the first one of its connection."""
        standing, now = self._standing(account), time.monotonic()
        standing.denied += 1
        standing.denied_unlogged += 1
        log_it = now - standing.denied_logged_at >= DENIED_LOG_S
        if first or log_it:
            self.tell_refused(account, "topic_refused", topic=topic)
        if log_it:
            log.warning(
                "MQTT account %s used topics it has no right to (%s times since the last line), now %.200r",
                account.username,
                standing.denied_unlogged,
                topic,
            )
            standing.denied_unlogged, standing.denied_logged_at = 0, now

    # --- what the project asks

    def connections(self) -> list[ConnectionInfo]:
        return [connection.info() for connection in self._by_key.values()]

    def denied(self, username: str) -> int:
        """Count the refused publishes and subscriptions of an account since the start."""
        standing = self._standings.get(username)
        return standing.denied if standing else 0

    def hears(self, username: str, topic: str) -> bool:
        """Tell, from any thread, whether a connection of this account is subscribed to the topic now."""
        standing = self._standings.get(username)
        sessions = [connection.session for connection in list(standing.connections)] if standing else []
        return any(
            matches(topic_filter, topic)
            for session in sessions
            if session is not None
            for topic_filter in list(session.filters)
        )

    async def _watch_accounts(self) -> None:
        while True:
            await asyncio.sleep(REVALIDATE_S)
            self.core.sweep()
            self._tell_well()
            await self._tell_crowd()
            accounts = list({connection.owner for connection in self._by_key.values()})
            if self._revalidate is None or not accounts:
                continue
            try:
                async with asyncio.timeout(REVALIDATE_PATIENCE_S):
                    unwanted = set(await self._revalidate(accounts))
            except Exception as error:
                log.error("MQTT accounts could not be checked again, they stay connected: %r", error)
                continue
            for connection in list(self._by_key.values()):
                if connection.account in unwanted:
                    connection.end(said("the device is no longer allowed"))

    # --- telling the project

    def tell_connected(self, connection: Connection) -> None:
        if self._on_connect:
            told = self._on_connect(connection.owner, connection.client_id, connection.peer)
            self._tell(connection.owner, told)

    def tell_subscribed(self, connection: Connection, topic_filter: str) -> None:
        account = connection.owner
        waiting = self._standing(account).untold_filters
        # Told once however often it is said, and again when it is said later.
        if self._on_subscribe and topic_filter not in waiting:
            waiting.add(topic_filter)
            self._tell(account, self._tell_listens(self._on_subscribe, account, topic_filter, waiting))

    async def _tell_listens(
        self, tell: OnSubscribe, account: Account, topic_filter: str, waiting: set[str]
    ) -> None:
        waiting.discard(topic_filter)
        await tell(account, topic_filter)

    def tell_refused(self, account: Account, word: str, **values: str | Said) -> None:
        # Of who comes and goes faster than he can be told of, the rest is not told.
        if self._on_refused and self._standing(account).untold <= UNTOLD_PER_ACCOUNT:
            self._tell(account, self._on_refused(account, word, values))

    def _tell_well(self) -> None:
        for connection in list(self._by_key.values()):
            if self._on_well and connection.turned_well(WELL_AFTER_S):
                self._tell(connection.owner, self._on_well(connection.owner))

    async def _tell_crowd(self) -> None:
        turned_away, self._turned_away = self._turned_away, 0
        try:
            if self._on_crowd:
                await self._on_crowd(turned_away, self._max_connections)
        except Exception as error:
            log.warning("That MQTT connections were turned away could not be told: %r", error)

    async def _tell_gone(self, connection: Connection, reason: Said) -> None:
        # Asked only now, in the account's turn: a connection that came meanwhile has been told as connected,
        # or will be.
        if self._on_disconnect and not self._standing(connection.owner).connections:
            await self._on_disconnect(connection.owner, connection.client_id, reason)

    def _tell(self, account: Account, told: Awaitable[None]) -> None:
        standing = self._standing(account)
        standing.untold += 1
        task = asyncio.create_task(self._tell_in_turn(standing, told))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_in_turn(self, standing: Standing, told: Awaitable[None]) -> None:
        async with standing.telling:
            try:
                await told
            except Exception:
                log.exception("Telling about an MQTT connection failed")
            finally:
                standing.untold -= 1

    def _standing(self, account: Account) -> Standing:
        standing = self._standings.get(account.username)
        if standing is None:
            standing = self._standings[account.username] = Standing(self._messages_burst, time.monotonic())
        return standing
