"""Links for somebody without an account: made, withdrawn, ended."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from media_pipeline.captures.labels import tell_changed
from media_pipeline.captures.models import Capture

from .models import ShareLink

SHARE_FOR = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "never": None,
}


def set_link_revoked(capture: Capture, revoked: bool) -> None:
    """Withdraw the picture's lasting link, or let it work again."""
    with transaction.atomic():
        Capture.objects.filter(pk=capture.pk).update(link_revoked_at=timezone.now() if revoked else None)
        tell_changed([capture])


def share(capture: Capture, user, how_long: str) -> ShareLink:
    """Make a link for somebody without an account. `how_long` is a key of SHARE_FOR."""
    lasts = SHARE_FOR[how_long]
    return ShareLink.objects.create(
        capture=capture, created_by=user, expires_at=timezone.now() + lasts if lasts else None
    )


def revoke_share(capture: Capture, code: str) -> bool:
    """End a share link at once; False when there is no such living link on this picture."""
    rows = ShareLink.objects.filter(capture=capture, code=code, revoked_at=None)
    return bool(rows.update(revoked_at=timezone.now()))
