"""The Aliyun endpoint of firmware updates, over MQTT: what devices say and are answered, and what the hub says first.

A device that is connected is told at once when there is something for it, and again after it was away. What comes
on these topics and cannot be read is passed over: a published sample publishes its telemetry there.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from devices.firmware import images
from devices.firmware.errors import FirmwareError
from devices.firmware.rollouts import planning, targets
from devices.firmware.rollouts.models import Rollout, RolloutTarget, RolloutTargetQuerySet, TargetState
from devices.mqtt.addressing import Hears, Sender
from devices.protocol.aliyun.blocks import (
    MAX_FILE_BYTES,
    decode_request,
    encode_block,
    encode_refusal,
    find_block,
)
from devices.protocol.aliyun.topics import OtaChannel, build_topic
from devices.protocol.aliyun.updates import (
    FirmwareGet,
    Inform,
    Offer,
    Progress,
    by_mqtt,
    decode_get,
    decode_inform,
    decode_progress,
    encode_get_error,
    encode_get_reply,
    encode_upgrade,
)
from devices.protocol.json_fields import Unreadable
from devices.protocol.pictures.chunked_upload import Answer
from devices.registry import presence
from devices.registry.models import Device, LinkState
from photohub.lib.database.walking import walk
from photohub.lib.network.site import base_url

DOOR = "aliyun"
_PUSH_AT_ONCE = 50
_TRIES_AT_ONCE = 200


# --- what devices say -----------------------------------------------------------------------------------------


def inform(sender: Sender, payload: bytes) -> Answer | None:
    """A device says which version runs: the proof of an update, and the moment to offer the next."""
    device = sender.device
    presence.heard(device)
    said = decode_inform(payload)
    if not isinstance(said, Inform):
        return None
    targets.report_version(device, said.module, said.version)
    busy = targets.find_active(device, said.module)
    if busy is not None and _was_said(busy, device) and not sender.repeated:
        return None
    offer = targets.next_offer(device, said.module, DOOR, unasked=True)
    if offer is None:
        return None
    note_said([Push(_push_of(offer), offer.target.pk, device.link_changed_at)])
    return _push_of(offer)


def _was_said(target: RolloutTarget, device: Device) -> bool:
    """Tell whether the hub said it in this connection already. Of one that nobody tells of it is not known."""
    known = device.link_state == LinkState.CONNECTED and target.said_on is not None
    return known and target.said_on == device.link_changed_at


def progress(sender: Sender, payload: bytes) -> None:
    """A device says how far it is, or what failed."""
    presence.heard(sender.device)
    said = decode_progress(payload)
    if isinstance(said, Progress):
        targets.note_progress(sender.device, said.module, said.step, said.desc, DOOR)


def ask(sender: Sender, payload: bytes) -> Answer | None:
    """A device asks whether there is something for it."""
    presence.heard(sender.device)
    said = decode_get(payload)
    topic = _topic(sender.device, OtaChannel.GET_REPLY)
    if isinstance(said, Unreadable):
        return Answer(topic, encode_get_error(said.id, 400, said.reason))
    if not isinstance(said, FirmwareGet):
        return None
    offer = targets.next_offer(sender.device, said.module, DOOR)
    return Answer(topic, encode_get_reply(_written(offer) if offer else None, said.id))


def send_block(sender: Sender, payload: bytes) -> Answer | None:
    """A device asks for a piece of its image, over MQTT."""
    said = decode_request(payload)
    topic = _topic(sender.device, OtaChannel.DOWNLOAD_REPLY)
    if isinstance(said, Unreadable):
        return Answer(topic, encode_refusal(said.id, 400, said.reason))
    if said is None:
        return None
    rows = RolloutTarget.objects.active().select_related("device", "rollout__firmware")
    target = rows.filter(device=sender.device, pk=said.stream_id).first() if said.file_id == 1 else None
    if target is None:
        return Answer(topic, encode_refusal(said.id, 404, "There is no such stream for this device."))
    try:
        image = images.verified_bytes(target.rollout.firmware)
    except FirmwareError as error:
        return Answer(topic, encode_refusal(said.id, 404, str(error)))
    part = find_block(said, len(image))
    if part is None or len(image) > MAX_FILE_BYTES:
        return Answer(topic, encode_refusal(said.id, 413, f"The image has {len(image)} bytes."))
    targets.note_download(target, part[1], DOOR)
    return Answer(topic, encode_block(said, len(image), bytes(image[part[0] : part[1]])))


# --- what the hub says first ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Push:
    """An offer to be published, and the connection, by its beginning, in which it is said."""

    answer: Answer
    target_pk: int
    link_at: datetime | None


class Pushing:
    """Finds what to say first. It goes round, so that devices whose turn is not yet come keep nobody waiting."""

    def __init__(self) -> None:
        self._behind = {"waiting": 0, "active": 0}

    def find(self, hears: Hears, limit: int = _PUSH_AT_ONCE) -> list[Push]:
        """Return offers for devices that listen: what waits for them, and what was not said in this connection.

        Each is noted with `note_said` when the broker took it: one that is lost before is said again.
        """
        if not Rollout.objects.running().exists():
            return []
        found: list[Push] = []
        # In this order: who was waiting is active afterwards, and would be found twice.
        for name, rows in (("active", _unsaid()), ("waiting", _waiting())):
            found += self._find(name, rows, hears, limit - len(found))
        return found

    def _find(self, name: str, rows: QuerySet[RolloutTarget], hears: Hears, limit: int) -> list[Push]:
        found: list[Push] = []
        held: set[int] = set()
        tries = _TRIES_AT_ONCE
        rows = rows.filter(pk__gt=self._behind[name])
        columns = ("rollout", "device__code", "device__product_key", "device__device_name")
        for key, _pk, rollout, code, product, device_name in walk(rows, "pk", *columns):
            if len(found) >= limit or not tries:
                return found
            self._behind[name] = key
            topic = build_topic(OtaChannel.UPGRADE, product, device_name)
            if rollout in held or not hears(code, topic):
                continue
            tries -= 1
            if push := _find_push(key):
                found.append(push)
            elif _holds_all(key):
                held.add(rollout)
        self._behind[name] = 0
        return found


def note_said(pushes: list[Push]) -> None:
    """The broker took these."""
    with transaction.atomic():
        for push in sorted(pushes, key=lambda push: push.target_pk):
            RolloutTarget.objects.filter(pk=push.target_pk).update(said_on=push.link_at)


def _find_push(key: int) -> Push | None:
    target = RolloutTarget.objects.select_related("device").filter(pk=key).first()
    if target is None:
        return None
    offer = targets.next_offer(target.device, target.module, DOOR, unasked=True)
    return Push(_push_of(offer), offer.target.pk, target.device.link_changed_at) if offer else None


def _holds_all(key: int) -> bool:
    """Tell whether what keeps this device from its offer keeps all of its rollout from theirs now."""
    target = RolloutTarget.objects.select_related("device", "rollout__firmware").filter(pk=key).first()
    return target is not None and planning.hindrance(target, DOOR) in planning.FOR_ALL


def _connected() -> RolloutTargetQuerySet:
    rows = RolloutTarget.objects.exclude(device__product_key="")
    return rows.filter(device__enabled=True, device__link_state=LinkState.CONNECTED)


def _waiting() -> QuerySet[RolloutTarget]:
    rows = _connected().filter(state=TargetState.WAITING, rollout__in=Rollout.objects.running())
    return rows.filter(step__lte=F("rollout__step"))


def _unsaid() -> QuerySet[RolloutTarget]:
    rows = _connected().active().filter(door=DOOR)
    return rows.filter(Q(said_on=None) | ~Q(said_on=F("device__link_changed_at")))


def _push_of(offer: targets.Offer) -> Answer:
    # The vendor's ids are milliseconds since 1970.
    id_ = int(timezone.now().timestamp() * 1000)
    return Answer(_topic(offer.target.device, OtaChannel.UPGRADE), encode_upgrade(_written(offer), id_))


def _written(offer: targets.Offer) -> Offer:
    firmware = offer.firmware
    written = Offer(
        version=firmware.version,
        size_bytes=firmware.size_bytes,
        md5=firmware.md5,
        sha256=firmware.sha256,
        module=offer.target.module,
        url=f"{base_url()}/ota/f/{offer.token}",
    )
    return by_mqtt(written, offer.target.pk) if offer.target.device.firmware_over_mqtt else written


def _topic(device: Device, channel: OtaChannel) -> str:
    return build_topic(channel, device.product_key, device.device_name)
