"""Links for somebody without an account: made, opened, withdrawn, ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.models import visible_devices
from devices.access.rights import Action, actor_of, can, within_token
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.registry.models import Device
from media_pipeline.captures.labels import tell_changed
from media_pipeline.captures.models import Capture, CaptureQuerySet
from photohub.lib.network.site import base_url
from photohub.lib.pages.sentences import said, said_of

from .models import ShareKind, ShareLink

SHARE_FOR = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "never": None,
}
USUALLY = "1d"
PICTURES_AT_MOST = 500
SPAN_AT_MOST = timedelta(days=31)
PASSWORD_AT_MOST = 200


@dataclass(frozen=True)
class Wish:
    """What somebody wants to share: pictures, a camera's pictures of a span of time, or (neither) its live view."""

    captures: tuple[Capture, ...] = ()
    device: Device | None = None
    since: datetime | None = None
    before: datetime | None = None

    @property
    def kind(self) -> ShareKind:
        if self.captures:
            return ShareKind.PICTURE if len(self.captures) == 1 else ShareKind.SELECTION
        return ShareKind.DAY if self.since else ShareKind.LIVE

    @property
    def of_device(self) -> Device | None:
        """Whose it is; None for pictures of several devices."""
        devices = {c.device_id: c.device for c in self.captures}
        return self.device or (next(iter(devices.values())) if len(devices) == 1 else None)


def set_link_revoked(capture: Capture, revoked: bool) -> None:
    """Withdraw the picture's lasting link, or let it work again."""
    with transaction.atomic():
        Capture.objects.filter(pk=capture.pk).update(link_revoked_at=timezone.now() if revoked else None)
        tell_changed([capture])
        word = Word.REVOKED if revoked else Word.RESTORED
        audit.note(word, Kind.SHARE, capture.code, capture.name, said("The lasting link of a picture."))


def share(wish: Wish, user, expires_at: datetime | None, password: str = "") -> ShareLink:
    """Make a link. Raises ValidationError by field, in sentences. Rights are asked before."""
    _check(wish, expires_at, password)
    hashed = make_password(password) if password else ""
    facts = {"kind": wish.kind, "device": wish.of_device, "since": wish.since, "before": wish.before}
    with transaction.atomic():
        link = ShareLink.objects.create(
            **facts,
            capture=wish.captures[0] if wish.kind == ShareKind.PICTURE else None,
            created_by=actor_of(user),
            expires_at=expires_at,
            password=hashed,
        )
        if wish.kind == ShareKind.SELECTION:
            link.captures.add(*wish.captures)
        if link.device is not None:
            sentence = (
                said("A link to its live view was shared.")
                if wish.kind == ShareKind.LIVE
                else said("A link to its pictures was shared.")
            )
            events.record(EventType.DEVICE_CHANGED, device=link.device, actor=user, sentence=sentence)
        audit.note(Word.SHARED, Kind.SHARE, link.code, link.device or "", said_of(ShareKind(link.kind).label))
    return link


def _check(wish: Wish, expires_at: datetime | None, password: str) -> None:
    if expires_at and expires_at <= timezone.now():
        raise ValidationError({"expires_at": _("The link would have expired already.")})
    if len(password) > PASSWORD_AT_MOST:
        raise ValidationError(
            {"password": _("Use at most %(most)s characters.") % {"most": PASSWORD_AT_MOST}}
        )
    if len(wish.captures) > PICTURES_AT_MOST:
        sentence = _("Share at most %(most)s pictures at once.") % {"most": PICTURES_AT_MOST}
        raise ValidationError({"captures": sentence})
    if not wish.captures and wish.device is None:
        raise ValidationError({"captures": _("Choose what to share.")})
    if wish.since is None and wish.before is None:
        return
    if not (wish.since and wish.before and wish.since < wish.before <= wish.since + SPAN_AT_MOST):
        raise ValidationError({"before": _("Choose a span of at most 31 days.")})


def ends_after(word: str) -> datetime | None:
    """Return when a link that lasts so long ends: a key of SHARE_FOR."""
    lasts = SHARE_FOR[word]
    return timezone.now() + lasts if lasts else None


def revoke_share(link: ShareLink, user=None) -> bool:
    """End a link at once; False when it had ended already."""
    with transaction.atomic():
        ended = ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now())
        if ended and link.device is not None:
            sentence = said("A shared link was withdrawn.")
            events.record(EventType.DEVICE_CHANGED, device=link.device, actor=user, sentence=sentence)
        if ended:
            audit.note(Word.REVOKED, Kind.SHARE, link.code, link.device or "")
    return bool(ended)


def may_revoke(user, link: ShareLink) -> bool:
    """Tell whether the person may end it: whoever made it, or may command its device; owners end all."""
    if link.created_by_id and link.created_by_id == getattr(user, "pk", None):
        return can(user, Action.LOOK) and within_token(user, Action.COMMAND)
    return can(user, Action.COMMAND, link.device) if link.device else can(user, Action.MANAGE)


def url_of(link: ShareLink) -> str:
    """Return the address to hand out."""
    return f"{base_url()}/s/{link.code}"


# --- what a link opens ---


def pictures_of(link: ShareLink) -> CaptureQuerySet:
    """Return the pictures that a link opens: of its subject those that its maker may still see."""
    rows = Capture.objects.select_related("device", "command", "mirror")
    rows = rows.visible_to(link.created_by) if link.created_by else rows.none()
    if link.kind == ShareKind.PICTURE:
        return rows.filter(pk=link.capture_id)
    if link.kind == ShareKind.SELECTION:
        return rows.filter(pk__in=link.captures.through.objects.filter(sharelink=link).values("capture"))
    rows = rows.filter(device=link.device_id)
    return rows.filter(received_at__gte=link.since, received_at__lt=link.before) if link.since else rows


def opens_live(link: ShareLink) -> bool:
    """Tell whether it shows a live view now: the camera is on, and the maker of the link may still see it."""
    if link.kind != ShareKind.LIVE or not link.live or link.device is None or not link.device.enabled:
        return False
    return visible_devices(Device.objects.filter(pk=link.device_id), link.created_by).exists()


def find(code: str) -> ShareLink | None:
    """Return the link with this code, whatever became of it."""
    rows = ShareLink.objects.select_related("capture__mirror", "device", "created_by")
    return rows.filter(code=code).first()


def note_opened(link: ShareLink) -> None:
    """Count that somebody opened it."""
    ShareLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1, opened_at=timezone.now())


def names_of(captures: Iterable[Capture]) -> list[str]:
    """Return the names of the cameras, each once."""
    return list(dict.fromkeys(c.device.name for c in captures))
