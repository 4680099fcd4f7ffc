"""Everything in one process: web server, MQTT broker, gateway, worker, and simulated devices when asked."""

import asyncio
import logging
import signal
import socket

from django.conf import settings

from devices.events import heartbeats, overload, troubles
from devices.keys import logins
from devices.mqtt.client import Address
from devices.registry import presence
from devices.registry.models import Device
from media_pipeline.intake.ingest import committer
from media_pipeline.links import publish
from photohub import asgi
from photohub.broker.accounts import Account
from photohub.broker.accounts_db import find_account, no_longer_valid
from photohub.demo.cast import Addresses
from photohub.demo.playing import SimulatedDevices
from photohub.gateway import streams
from photohub.gateway.gateway import Gateway
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread
from photohub.lib.http.guessing import FailedTries
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import Said
from photohub.start.serving import Server, server_config, settle

from .broker import EmbeddedBroker
from .hub_link import HubEndpoint
from .worker import EmbeddedWorker

log = logging.getLogger(__name__)

_HUB_FIRST_S = 4
_REFUSALS = ("topic_refused", "mqtt_refused")


class Hub:
    """The embedded form. `run()` returns after SIGTERM or SIGINT, with everything stopped in order."""

    def __init__(
        self,
        http: socket.socket,
        stream: socket.socket,
        mqtt_address: tuple[str, int],
        on_ready=None,
        demo: bool = False,
    ) -> None:
        self._http = http
        self._stream = stream
        self._mqtt_address = mqtt_address
        self._on_ready = on_ready
        self._demo = demo
        self.broker: EmbeddedBroker | None = None
        self.ended_all = True
        self._server: Server | None = None
        self._gateway: Gateway
        self._failed_tries = FailedTries(per_second=0.5, burst=20)
        self._accounts, self._checked = Looks(), set[Account]()
        # Also by a hub before this one.
        self._crowd_is_told = True

    async def run(self) -> None:
        """Start everything, serve, stop everything."""
        loop = asyncio.get_running_loop()
        notify.bind(loop)
        heartbeats.keep_in_memory()
        worker = EmbeddedWorker()
        tasks: list[asyncio.Task] = []
        frames = streams.build_frames()
        try:
            address = await self._start_broker()
            intake = streams.Intake(frames, self._stream)
            self._gateway = Gateway(address, intake, self.broker.hears if self.broker else None)
            tasks.append(asyncio.create_task(self._gateway.run(), name="gateway"))
            worker.start()
            simulated = SimulatedDevices(self._addresses(), self._demo)
            tasks.append(asyncio.create_task(simulated.run(), name="simulators"))
            for task in tasks:
                task.add_done_callback(self._stop_when_broken)
            async with streams.showing(frames):
                await self._serve(loop)
        finally:
            await self._stop(tasks, worker)

    async def _start_broker(self) -> Address | HubEndpoint:
        if settings.MQTT_URL:
            return Address.from_url(settings.MQTT_URL)
        await in_thread(presence.forget_links)
        self.broker = EmbeddedBroker(
            self._authenticate,
            host=self._mqtt_address[0],
            port=self._mqtt_address[1],
            max_packet_bytes=settings.MQTT_MAX_PACKET_BYTES,
            on_connect=self._connected,
            on_disconnect=self._disconnected,
            on_subscribe=self._subscribed,
            on_refused=self._refused,
            on_well=self._well,
            on_crowd=self._crowd,
            revalidate=self._revalidate,
        )
        await self.broker.start()
        publish.ask_broker(self.broker.core.is_heard)
        asgi.serve_mqtt_at(self.broker.websocket)
        return self.broker.core.hub

    def _addresses(self) -> Addresses | None:
        """Where simulated devices find this hub; None where their broker is another one."""
        if self.broker is None:
            return None
        http, stream = (held.getsockname()[1] for held in (self._http, self._stream))
        return Addresses(http, self.broker.port, stream)

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        self._server = Server(server_config())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        settle()
        if self._on_ready:
            loop.call_later(0, self._on_ready, self)
        await self._server.serve(sockets=[self._http])

    def stop(self) -> None:
        """Begin to stop; `run()` returns when all is stopped."""
        if self._server is not None:
            self._server.should_exit = True

    def _stop_when_broken(self, task: asyncio.Task) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("A part of PhotoHub broke; the hub stops.", exc_info=task.exception())
            self.stop()

    async def _stop(self, tasks: list[asyncio.Task], worker: EmbeddedWorker) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.ended_all = await asyncio.to_thread(worker.stop)
        await asyncio.to_thread(committer.stop)
        if self.broker is not None:
            publish.ask_broker(None)
            await self.broker.stop()
        heartbeats.keep_in_memory(False)
        notify.bind(None)

    # --- what the broker asks and tells ---

    async def _authenticate(self, connect, peer: str) -> Account | None:
        proof = repr((connect.username, connect.password))
        if self._failed_tries.wait_s(peer, proof):
            return None
        account = await in_thread(find_account, connect)
        if account is None:
            self._failed_tries.missed(peer)
            await in_thread(logins.note_refused_mqtt, connect.client_id, connect.username or "", peer)
            return None
        self._failed_tries.found(proof)
        async with asyncio.timeout(_HUB_FIRST_S):
            await self._gateway.listen_to(account.publish)
        return account

    async def _revalidate(self, accounts: list[Account]) -> list[Account]:
        asked = set(accounts)
        # A person's token ends by itself; who came since the last look was let in by what may have changed before it.
        is_due = any(account.kind == "person" for account in accounts) or not asked <= self._checked
        if not (is_due or self._accounts.is_due()):
            return []
        unwanted = await in_thread(self._accounts.look, no_longer_valid, accounts)
        self._checked = asked
        return unwanted

    async def _connected(self, account: Account, client_id: str, peer: str) -> None:
        if account.kind == "device":
            await in_thread(_note, account, presence.connected, peer)
            await in_thread(_note, account, troubles.over, logins.MQTT)

    async def _disconnected(self, account: Account, client_id: str, reason: Said) -> None:
        if account.kind == "device":
            await in_thread(_note, account, presence.disconnected, reason)

    async def _refused(self, account: Account, word: str, values: dict[str, str | Said]) -> None:
        if account.kind == "device":
            await in_thread(_note, account, troubles.note, word, **values)

    async def _crowd(self, turned_away: int, limit: int) -> None:
        if turned_away or self._crowd_is_told:
            self._crowd_is_told = await in_thread(overload.note, overload.MQTT, turned_away, limit)

    async def _well(self, account: Account) -> None:
        if account.kind == "device":
            await in_thread(_note, account, troubles.over, *_REFUSALS)

    async def _subscribed(self, account: Account, topic_filter: str) -> None:
        notify.send(notify.GATEWAY, [{"type": "gateway.commands"}])


def _note(account: Account, function, *args: str | Said, **values: str | Said) -> None:
    device = Device.objects.filter(pk=account.subject[0]).first()
    if device is not None:
        function(device, *args, **values)
