"""What a message says, in the language of its channel; and whether its person may still be told."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from devices.access.rights import is_owner
from devices.registry.models import Device
from media_pipeline.captures.finding import has_lasting_link, link_of
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureMissing, read_picture, read_thumbnail
from photohub.lib.network.site import base_url
from photohub.lib.pages.timezones import in_hubs_timezone

from .channels.letter import Letter, Picture, Tone
from .channels.models import AlertChannel
from .kinds.table import BY_WORD
from .models import Alert, AlertMessage, Phase

_PICTURE_AT_MOST_BYTES = 1_500_000
_NAMED_AT_MOST = 20


def may_be_told(alert: Alert) -> bool:
    """Tell whether whoever made the rule may know of this now. It is asked again before each letter."""
    user, kind = alert.rule.user, BY_WORD.get(alert.rule.kind)
    if alert.device_id is not None:
        rows = Device.objects.filter(pk=alert.device_id)
        return (rows if user is None else rows.visible_to(user)).exists()
    if user is None:
        return True
    return user.is_active and ((kind is not None and kind.about == "person") or is_owner(user))


def letter_of(message: AlertMessage) -> Letter:
    """Write one message."""
    alert, is_over = message.alert, message.phase == Phase.OVER
    picture = None if is_over else Capture.objects.filter(pk=alert.capture_id).first()
    with override(message.channel.language), in_hubs_timezone():
        return Letter(
            id=str(message.pk),
            title=_title_of(alert, is_over),
            text=alert.end_text if is_over else alert.what_text,
            link=link_to(alert),
            tone=_tone_of(alert, is_over),
            facts=_facts_of(message, picture),
            picture=_picture_of(picture) if picture is not None else None,
            path=path_of(alert),
            image_path=reverse("capture_thumb", args=[picture.pk]) if picture is not None else "",
        )


def letter_of_many(messages: list[AlertMessage]) -> Letter:
    """Write one letter of many messages of one channel and phase."""
    first, last = letter_of(messages[0]), messages[-1].alert
    with override(messages[0].channel.language), in_hubs_timezone():
        is_over = messages[0].phase == Phase.OVER
        lines = [m.alert.end_text if is_over else m.alert.what_text for m in messages[:_NAMED_AT_MOST]]
        if more := len(messages) - len(lines):
            lines.append(ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more})
        title = ngettext("%(n)d message", "%(n)d messages", len(messages)) % {"n": len(messages)}
    return Letter(
        first.id,
        title,
        "\n".join(lines),
        base_url() + reverse("alerts"),
        _tone_of(last, is_over),
        first.facts,
        path=reverse("alerts"),
    )


def letter_of_test(channel: AlertChannel, id: str) -> Letter:
    """Write a letter that only tells that the channel works."""
    with override(channel.language):
        return Letter(
            id,
            _("PhotoHub: a test"),
            _("This channel works. Alerts arrive here."),
            base_url() + reverse("alerts"),
            facts={"type": "test"},
            path=reverse("alerts"),
        )


def _title_of(alert: Alert, is_over: bool) -> str:
    kind = BY_WORD.get(alert.rule.kind)
    if kind is None:
        return "PhotoHub"
    text = kind.over_title if is_over else kind.began_title
    return _(text) % {"device": alert.device.name if alert.device else "PhotoHub"} if text else "PhotoHub"


def _tone_of(alert: Alert, is_over: bool) -> Tone:
    return "over" if is_over else "problem" if alert.lasts else "news"


def link_to(alert: Alert) -> str:
    """Return the page that shows more."""
    return base_url() + path_of(alert)


def path_of(alert: Alert) -> str:
    """Return the path of the page that shows more."""
    if alert.capture_id is not None and not alert.lasts:
        return reverse("capture", args=[alert.capture_id])
    if alert.device is not None:
        return reverse("devices:detail", args=[alert.device.code])
    if alert.key.startswith("rollout:"):
        return reverse("firmware:rollout", args=[alert.key.removeprefix("rollout:")])
    return reverse("status")


def _facts_of(message: AlertMessage, picture: Capture | None) -> dict:
    alert = message.alert
    device = {"code": alert.device.code, "name": alert.device.name} if alert.device else None
    facts: dict[str, Any] = {
        "type": f"alert.{message.phase}",
        "alert": str(alert.pk),
        "rule": str(alert.rule_id),
        "kind": alert.rule.kind,
        "device": device,
        "began_at": alert.began_at.isoformat(),
        "over_at": alert.over_at.isoformat() if alert.lasts and alert.over_at else None,
        "picture": None,
    }
    if picture is not None:
        page = base_url() + reverse("capture", args=[picture.pk])
        link = link_of(picture) if has_lasting_link(picture) else None
        taken = (picture.captured_at or picture.received_at).isoformat()
        facts["picture"] = {"id": str(picture.pk), "page": page, "link": link, "taken_at": taken}
    return facts


def _picture_of(capture: Capture) -> Picture | None:
    """Return the picture to go along: itself, or its preview where that is large; none where nobody has it now."""
    try:
        if capture.size_bytes <= _PICTURE_AT_MOST_BYTES:
            ending = capture.path.rpartition(".")[2] or "jpg"
            return Picture(read_picture(capture), capture.content_type, f"{capture.code}.{ending}")
        data = read_thumbnail(capture)
    except PictureMissing:
        return None
    return Picture(data, "image/webp", f"{capture.code}.webp") if data else None
