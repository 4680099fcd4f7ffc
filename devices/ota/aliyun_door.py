"""The Aliyun door of firmware updates, over MQTT: what devices say and are answered, and what the hub says first.

A device that is connected is told at once when there is something for it, and again after it was away. What comes
on these topics and cannot be read is passed over: a published sample publishes its telemetry there.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from photohub.lib.site import base_url

from .. import presence
from ..addressing import Sender
from ..models import Device, LinkState, Rollout, RolloutTarget, TargetState
from ..protocol.aliyun_blocks import MAX_FILE_BYTES, decode_request, encode_block, encode_refusal, find_block
from ..protocol.aliyun_ota import (
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
from ..protocol.aliyun_topics import OtaChannel, build_topic
from ..protocol.chunked_upload import Answer
from ..protocol.json_fields import Unreadable
from . import images, targets
from .errors import FirmwareError

DOOR = "aliyun"
_PUSH_AT_ONCE = 50
_SAY_AGAIN = timedelta(minutes=5)

Hears = Callable[[Device, str], bool]


# --- what devices say -----------------------------------------------------------------------------------------


def inform(sender: Sender, payload: bytes) -> Answer | None:
    """A device says which version runs: the proof of an update, and the moment to offer the next."""
    presence.heard(sender.device)
    said = decode_inform(payload)
    if not isinstance(said, Inform):
        return None
    targets.report_version(sender.device, said.module, said.version)
    offer = targets.next_offer(sender.device, said.module, DOOR)
    return _push_of(offer) if offer else None


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


def claim_to_push(hears: Hears, limit: int = _PUSH_AT_ONCE) -> list[Answer]:
    """Offer to connected devices what waits for them, and again to those that were away meanwhile.

    An offer is noted before it is published: one that is lost is said again.
    """
    if not Rollout.objects.running().exists():
        return []
    found: list[Answer] = []
    for target in [*_waiting()[: 4 * limit], *_to_say_again()[:limit]]:
        device = target.device
        if not hears(device.code, _topic(device, OtaChannel.UPGRADE)):
            continue
        if offer := targets.next_offer(device, target.module, DOOR):
            found.append(_push_of(offer))
        if len(found) >= limit:
            break
    return found


def _connected() -> QuerySet[RolloutTarget]:
    rows = RolloutTarget.objects.select_related("device").exclude(device__product_key="")
    return rows.filter(device__enabled=True, device__link_state=LinkState.CONNECTED)


def _waiting() -> QuerySet[RolloutTarget]:
    rows = _connected().filter(state=TargetState.WAITING, rollout__in=Rollout.objects.running())
    return rows.filter(step__lte=F("rollout__step")).order_by("rollout__created_at", "position")


def _to_say_again() -> QuerySet[RolloutTarget]:
    long_ago = timezone.now() - _SAY_AGAIN
    came_back = Q(device__link_changed_at__gt=F("last_offer_at"))
    unheard = Q(state=TargetState.OFFERED, last_offer_at__lt=long_ago)
    return _connected().filter(state__in=RolloutTarget.ACTIVE, door=DOOR).filter(came_back | unheard)


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
