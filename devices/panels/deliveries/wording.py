"""Pictures on their way, in words: how far each is, why one failed, and what can be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.rights import Action, can
from devices.panels.sources.outbox import KEEP
from photohub.lib.pages.sentences import Said, said_of, say

from .disclosure import tell_origins
from .models import Delivery, DeliveryState, DeliveryWay, PictureOrigin

# The reasons that hold no figure. A row of an older hub has them in the language of the process that wrote it.
_REASONS = {
    "replaced": gettext_lazy("Replaced by a newer picture."),
    "gone": gettext_lazy("The picture is missing from the outbox."),
    "away": gettext_lazy(
        "The picture is on a machine of the hub that does not answer; it will be tried again."
    ),
    "not_image": gettext_lazy("This is not a readable picture."),
    "too_many_pixels": gettext_lazy("The picture has too many pixels."),
    "target_too_small": gettext_lazy("The picture cannot be made small enough for the profile."),
    "bad_profile": gettext_lazy("The render profile has values that contradict each other."),
    "not_made": gettext_lazy("The picture could not be prepared; see the log."),
    "url_not_allowed": gettext_lazy(
        "Fetching pictures from this address is not allowed. The owner can allow hosts with "
        "PHOTOHUB_FETCH_FROM."
    ),
    "no_ack_begin": gettext_lazy("The device did not answer the start message. Is its program running?"),
    "no_ack_end": gettext_lazy("The device did not acknowledge the end message."),
    "bad_begin": gettext_lazy("The device refused the start message. Is the picture too large for it?"),
    "bad_end": gettext_lazy("The device reported the complete picture as damaged."),
    "ack_base": gettext_lazy(
        "The device counts its acknowledgements from a different number: change 0 to 1, or 1 to 0, in its settings."
    ),
}
_TONES = {
    DeliveryState.QUEUED: "wait",
    DeliveryState.SENDING: "live",
    DeliveryState.DELIVERED: "good",
    DeliveryState.FAILED: "bad",
    DeliveryState.CANCELLED: "off",
}


@dataclass(frozen=True)
class Line:
    """One delivery as pages show it. `tone` is the shape of its state, `at` when it came to that."""

    delivery: Delivery
    tone: str
    words: str
    reason: str
    source: str
    at: object
    is_open: bool
    can_cancel: bool
    can_repeat: bool
    has_picture: bool


def lines_of(deliveries: Iterable[Delivery], user) -> list[Line]:
    """Dress deliveries for a page. Their devices should have been fetched along."""
    return [
        _line(delivery, can(user, Action.COMMAND, delivery)) for delivery in tell_origins(user, deliveries)
    ]


def _line(delivery: Delivery, may: bool) -> Line:
    is_open = delivery.state in Delivery.OPEN
    ended = delivery.finished_at or delivery.created_at
    return Line(
        delivery=delivery,
        tone=_TONES[DeliveryState(delivery.state)],
        words=words_of(delivery),
        reason=reason_of(delivery),
        source=source_of(delivery),
        at=delivery.finished_at or delivery.created_at,
        is_open=is_open,
        can_cancel=may and is_open,
        can_repeat=may and delivery.state in (DeliveryState.FAILED, DeliveryState.CANCELLED),
        has_picture=bool(delivery.sha256) and (is_open or timezone.now() - ended < KEEP),
    )


def words_of(delivery: Delivery) -> str:
    """Say how far a delivery is."""
    if delivery.state == DeliveryState.SENDING:
        figures = {"acked": delivery.packets_acked, "total": delivery.packets_total}
        return _("packet %(acked)s of %(total)s") % figures
    if delivery.state != DeliveryState.QUEUED:
        return str(DeliveryState(delivery.state).label)
    if delivery.prepared_at is None:
        return _("being prepared")
    if delivery.way == DeliveryWay.PULL:
        return _("ready, until the panel fetches it")
    return _("waiting its turn") if delivery.device.online else _("waiting for the panel, which is offline")


def reason_of(delivery: Delivery) -> str:
    """Say why it ended as it did, in the reader's language; what an older hub wrote, as far as it has no figures."""
    return say(delivery.reason_said) or words_for(delivery.reason_word, delivery.reason)


def words_for(word: str, otherwise: str = "") -> str:
    """Return the sentence for a reason's word; `otherwise` for one whose sentence has figures."""
    return str(_REASONS.get(word, otherwise))


def said_for(word: str) -> Said:
    """Return the same sentence to be kept; the word for one whose sentence has figures."""
    return said_of(_REASONS.get(word, word))


def source_of(delivery: Delivery) -> str:
    """Say what people know the picture by."""
    if delivery.origin == PictureOrigin.CAPTURE:
        return _("a picture from History")
    return delivery.origin_ref or str(PictureOrigin(delivery.origin).label)
