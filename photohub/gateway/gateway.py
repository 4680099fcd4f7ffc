"""The gateway: the one process part that holds the connection to the broker, and takes in the streams.

It sends what the rows say (commands, URLs to publish) and hands in what devices say, acknowledging each message
after its commit. A notice through the channel layer makes it look at once; it also looks every second by itself.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from functools import partial

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from devices.camera_settings import saying
from devices.commands import listening
from devices.commands import queue as commands
from devices.commands.models import Command
from devices.firmware.endpoints import aliyun
from devices.mqtt import addressing, dynsec
from devices.mqtt.client import Incoming, Link, MqttDown, Reachable, keep_connected
from devices.mqtt.sharing import Share
from devices.panels.deliveries import leases
from devices.panels.deliveries.pushing import Pusher
from devices.protocol.mqtt import dynsec as dynsec_control
from media_pipeline.captures.models import Capture
from media_pipeline.links import publish
from photohub.broker import log as broker_log
from photohub.gateway import notices, state
from photohub.gateway.inbox import Inbox
from photohub.gateway.membership import NOTICE, Membership
from photohub.gateway.mqtt_routes import channels_of, lane_of
from photohub.gateway.part import Part
from photohub.gateway.streams import Intake
from photohub.gateway.subscriptions import Subscriptions
from photohub.home_assistant.announcing import Announcer
from photohub.lib import failpoints
from photohub.lib.clock import wait_at_most
from photohub.lib.database.batching import Batcher
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread
from photohub.lib.log.throttling import Seldom
from photohub.lib.pages.sentences import Said, said

log = logging.getLogger(__name__)

_said = Seldom()
_LOOK_EVERY_S = 1.0
_LINKS_APART_S = 0.1
_DATABASE_AWAY = (DatabaseError, InterfaceError)
_LISTENERS_EVERY_S = 2.0
_SEND_AT_ONCE = 32


class Gateway:
    """Runs until cancelled. `hears` tells who listens right now; None: as the broker's log says.

    `membership`: where this is one of several gateways that share the devices.
    """

    def __init__(
        self,
        address: Reachable,
        intake: Intake,
        hears: addressing.Hears | None = None,
        membership: Membership | None = None,
    ) -> None:
        self._part = Part(address, membership)
        self._intake = intake
        if membership is not None:
            intake.frame_intake.moves = self._part.moves
        self._inbox = Inbox(channels_of(intake.frame_intake), self._note_stuck)
        self._hears = hears
        self._wake = asyncio.Event()
        # Notified of a link to publish and nothing else, as for every picture of some cameras: then only that is looked
        # for.
        self._only_links = False
        self._urgent = asyncio.Event()
        self._subscriptions = Subscriptions(lambda: self._part.share, self._other_filters)
        self.listening = self._subscriptions.listening
        self._pushing = aliyun.Pushing()
        self._sending = asyncio.Semaphore(_SEND_AT_ONCE)
        self._note_sent = Batcher(commands.note_all_sent)
        self._broker_log: broker_log.BrokerLog | None = None
        self._accounts: dynsec.Accounts | None = None
        self._pusher: Pusher | None = None
        self._home: Announcer | None = None
        self._sends, self._listeners = Looks(state.something_waits), Looks(listening.is_unsettled)
        self._listening_changed = asyncio.Event()

    async def run(self) -> None:
        """Keep connected, listen for notices, hand messages in."""
        if self._hears is None:
            loop = asyncio.get_running_loop()
            self._broker_log = broker_log.BrokerLog(
                lambda: loop.call_soon_threadsafe(self._look), self._part.holds
            )
            self._hears = self._broker_log.hears
            self._inbox.read_log = self._broker_log.read
        # What a gateway before this one said of its messages does not count any more.
        with contextlib.suppress(*_DATABASE_AWAY):
            await in_thread(state.note_stuck, False)
        async with asyncio.TaskGroup() as group:
            if (membership := self._part.membership) is not None:
                membership.on_change = self._share_changed
                group.create_task(membership.run())
                # Whether there are others says what this one may forget of the time before.
                await membership.ready()
            group.create_task(notices.listen(self._take_notice, self._look))
            group.create_task(self._inbox.run())
            group.create_task(self._intake.run())
            group.create_task(keep_connected(self._part.reachable(), self._session, self._tell))

    def _note_stuck(self, stuck: bool) -> None:
        if (membership := self._part.membership) is None:
            state.note_stuck(stuck)
            return
        membership.note_stuck(stuck)
        state.tell_stuck(stuck)

    def _hears_own(self, code: str, topic: str) -> bool:
        return self._part.holds(code) and self._hearing()(code, topic)

    def _share_changed(self) -> None:
        self._part.note_change()
        self._subscriptions.changed.set()
        self._intake.look()
        self._look()

    async def _settle(self, share: Share, devices: int) -> None:
        await self._part.settle(share, devices)
        if self._broker_log is not None:
            await in_thread(self._broker_log.catch_up)

    def _other_filters(self) -> set[str]:
        """What is listened to beside the devices that are ours: the broker's log, and what still moves."""
        others = set(self._broker_log.filters) if self._broker_log is not None else set()
        others |= self._home.filters if self._home is not None else set()
        return others | (self._pusher.topics if self._pusher is not None else set())

    def _hearing(self) -> addressing.Hears:
        if self._hears is None:
            raise RuntimeError("The gateway runs without a way to tell who listens.")
        return self._hears

    async def listen_to(self, topics: Iterable[str]) -> None:
        """Return when the hub listens to these topics."""
        await self._subscriptions.listen_to(topics)

    async def leave(self) -> None:
        """Hand over to the others, if there are any."""
        await self._part.leave(self._subscriptions.leave, self._is_idle)

    async def stop(self) -> None:
        """After `run`: give back what the database and the broker have of us."""
        await self._part.end()

    def _is_idle(self) -> bool:
        return self._inbox.is_idle() and not (self._pusher is not None and self._pusher.topics)

    async def _tell(self, ok: bool, sentence: str | Said) -> None:
        if not ok:
            self.listening.clear()
            log.warning("%s", sentence)
            if (membership := self._part.membership) is not None:
                await membership.disconnected()
        try:
            # While another gateway is connected, the hub is.
            if ok or self._part.is_alone:
                await in_thread(state.note_broker, ok, sentence)
        except Exception:
            log.exception("The broker's state could not be written down.")

    async def _session(self, link: Link) -> None:
        self._inbox.connected(link)
        self._pusher = None
        try:
            await self._begin(link)
        except _DATABASE_AWAY as error:
            raise MqttDown(said("the hub's own database does not answer")) from error
        self.listening.set()
        self._pusher = Pusher(link, self._hears_own, self._part.word)
        self._home = Announcer(link, self._part.holds, self._subscriptions.changed.set)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._inbox.hold())
                group.create_task(self._pusher.run())
                group.create_task(self._home.run())
                group.create_task(self._home.hear())
                group.create_task(self._receive(link))
                group.create_task(self._send(link))
                group.create_task(self._subscriptions.keep(link, self._settle))
                group.create_task(self._part.adopt(self._take_adopted))
                group.create_task(self._part.stand())
                group.create_task(self._note_listeners())
                group.create_task(
                    state.send_heartbeats(state.LOG_HEARTBEAT if self._broker_log is not None else "")
                )
                if settings.MQTT_URL and settings.MQTT_DYNSEC:
                    listen = self._subscriptions.listen_to_devices
                    username = self._part.address.username
                    self._accounts = dynsec.Accounts(link, username, self._part.holds, listen)
                    group.create_task(self._accounts.run())
        except* MqttDown as broken:
            raise broken.exceptions[0] from None

    async def _begin(self, link: Link) -> None:
        """Bring all in step with a connection that has just begun."""
        part = self._part
        part.link = link
        if part.membership is not None:
            await part.membership.connected()
            self._share_changed()
        if self._broker_log is not None and not (link.resumed and await in_thread(state.heard_lately)):
            await in_thread(partial(self._broker_log.start_over, doubt=part.is_alone))
        await in_thread(leases.put_back_former, part.others_words)
        await self._subscriptions.begin(part.kept(link))
        await self._settle(*await self._subscriptions.bring_in_step(link))

    async def _take_adopted(self, link: Link, message: Incoming) -> None:
        await self._inbox.put(link, message, lane_of(message.topic))

    # --- listening ---

    async def _note_listeners(self) -> None:
        while True:
            self._listening_changed.clear()
            try:
                await in_thread(
                    self._listeners.look, listening.note_listeners, self._hearing(), self._part.holds
                )
            except _DATABASE_AWAY:
                pass
            except Exception:
                # All devices would lose the connection for it.
                log.exception("Which devices listen could not be noted; it is tried again.")
            # Many may begin to listen at once.
            await asyncio.sleep(_LISTENERS_EVERY_S)
            await self._listeners.wait(self._listening_changed, _LISTENERS_EVERY_S)

    async def _receive(self, link: Link) -> None:
        async for message in self._part.in_time(link.messages()):
            if self._home is not None and self._home.take(message):
                continue
            if message.retained:
                message.ack()
                continue
            if message.topic == dynsec_control.RESPONSE and self._accounts is not None:
                try:
                    self._accounts.take(message.payload)
                except Exception:
                    # The broker would bring it again on each new connection.
                    log.exception("An answer about the broker's accounts could not be read.")
                message.ack()
                continue
            await self._inbox.put(link, message, lane_of(message.topic))

    # --- sending ---

    def _take_notice(self, message: dict) -> None:
        if message.get("type") == "gateway.keep":
            self._intake.keep_next(message["device"])
            return
        if message.get("type") == NOTICE["type"]:
            if (membership := self._part.membership) is not None:
                membership.look()
            return
        if message.get("type") == "gateway.devices":
            self._intake.look()
            self._subscriptions.changed.set()
            if self._home is not None:
                self._home.look()
            if self._accounts is not None:
                self._accounts.look()
        if message.get("type") == "gateway.publish":
            self._only_links = not self._wake.is_set() or self._only_links
            self._wake.set()
        else:
            self._look()

    def _look(self) -> None:
        self._only_links = False
        self._wake.set()
        self._listening_changed.set()
        self._urgent.set()
        if self._pusher is not None:
            self._pusher.look()

    async def _send(self, link: Link) -> None:
        clock, looked_s = asyncio.get_running_loop().time, 0.0
        links_s = 0.0
        while True:
            if self._only_links and (early_s := links_s + _LINKS_APART_S - clock()) > 0:
                # Each look for links costs two commits, so those of pictures that come in numbers go together.
                await wait_at_most(self._urgent, early_s)
            only_links = self._only_links and clock() - looked_s < _LOOK_EVERY_S
            links_s = clock()
            looked_s = looked_s if only_links else links_s
            self._only_links = False
            self._wake.clear()
            self._urgent.clear()
            await self._send_what_is_due(link, only_links)
            await self._sends.wait(self._wake, _LOOK_EVERY_S)

    def _claim_due(
        self, only_links: bool
    ) -> tuple[list[Command], list[aliyun.Push], list[saying.Say], list[Capture]]:
        """Claim what is to be sent now: commands, offers of firmware, settings, links to publish. None keeps the others back."""
        if only_links:
            return [], [], [], _found(self._claim_links)
        due = _found(self._claim_commands)
        offers = _found(lambda: self._pushing.find(self._hears_own))
        return due, offers, _found(lambda: saying.claim(self._hears_own)), _found(self._claim_links)

    def _claim_links(self) -> list[Capture]:
        return publish.claim_to_publish(holds=None if self._part.share.is_whole else self._part.holds)

    def _claim_commands(self) -> list[Command]:
        commands.expire_due()
        listening.fail_unheard(self._hearing(), self._part.holds)
        return commands.claim_to_send(hears=self._hears_own)

    async def _send_what_is_due(self, link: Link, only_links: bool) -> None:
        claim = self._claim_due if only_links else partial(self._sends.look, self._claim_due)
        due, offers, sayings, urls = await in_thread(claim, only_links)
        if len(due) >= commands.CLAIM_AT_MOST or len(urls) >= publish.CLAIM_AT_MOST:
            # There may be more, and the commands' time runs.
            self._wake.set()
        results = await asyncio.gather(
            *(self._send_command(link, command) for command in due),
            self._send_offers(link, offers),
            saying.send(link, sayings),
            self._publish_all(link, urls),
            return_exceptions=True,
        )
        for error in results:
            if isinstance(error, MqttDown) or (error is not None and not isinstance(error, Exception)):
                raise error
            if error is not None and (count := _said.count(("sent", type(error)))):
                # What was sent and not noted is still claimed, and due again when the claim is over.
                log.warning("The gateway could not note what it sent (%r, %d times).", error, count)

    async def _send_command(self, link: Link, command: Command) -> None:
        try:
            payload = commands.payload_of(command)
            async with self._sending:
                expiry_s = commands.seconds_left(command)
                await link.publish(command.device.command_topic, payload, expiry_s=expiry_s)
        except ValueError as error:
            # A name or a topic that cannot be sent will not get better.
            sentence = said("The command cannot be sent on the device's topic: %(why)s", why=error)
            await in_thread(commands.fail, command, "not_sendable", sentence)
            return
        except MqttDown:
            with contextlib.suppress(*_DATABASE_AWAY):
                await in_thread(commands.unclaim, command)
            raise
        await self._note_sent.do(command)

    async def _send_offers(self, link: Link, offers: list[aliyun.Push]) -> None:
        if not offers:
            return
        publishing = (link.publish(offer.answer.topic, offer.answer.payload) for offer in offers)
        failed = await asyncio.gather(*publishing, return_exceptions=True)
        await in_thread(aliyun.note_said, [o for o, error in zip(offers, failed, strict=True) if not error])
        if error := next(filter(None, failed), None):
            raise error

    async def _publish_all(self, link: Link, captures: list[Capture]) -> None:
        if not captures:
            return
        failpoints.hit("publish.claimed")
        sent = await asyncio.gather(*(self._publish(link, capture) for capture in captures))
        failpoints.hit("publish.published")
        await in_thread(publish.note_all_published, [c for c, ok in zip(captures, sent, strict=True) if ok])
        if unfit := [c for c, ok in zip(captures, sent, strict=True) if not ok]:
            await in_thread(publish.give_up, unfit)

    async def _publish(self, link: Link, capture: Capture) -> bool:
        """Publish a picture's link. Returns False when it cannot be published at all, by its topic."""
        topic, payload = publish.message_of(capture)
        try:
            async with self._sending:
                await link.publish_unheard(topic, payload)
        except ValueError as error:
            log.warning("The link of %s cannot be published on %r: %s", capture.pk, topic, error)
            return False
        return True


def _found(claim: Callable[[], list]) -> list:
    """Return what was claimed; nothing when that failed, so that what others wait for still goes out."""
    try:
        return claim()
    except Exception as error:
        if count := _said.count(("claim", type(error))):
            log.warning("The gateway could not read what to send (%d times).", count, exc_info=error)
        return []
