"""Links for people without an account."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import visible_devices
from devices.access.rights import sees_all
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from photohub.lib.ids import new_link_code


class ShareKind(models.TextChoices):
    PICTURE = "picture", _("one picture")
    SELECTION = "selection", _("several pictures")
    DAY = "day", _("pictures of one camera from a span of time")
    LIVE = "live", _("live view of one camera")


class ShareLinkQuerySet(models.QuerySet):
    def visible_to(self, user) -> "ShareLinkQuerySet":
        """Keep the person's own links, and those of devices that he may look at; owners of the hub see all."""
        if not getattr(user, "is_active", False):
            return self.none()
        if sees_all(user):
            return self
        of_devices = visible_devices(ShareLink.objects.all(), user, "device__").values("pk")
        return self.filter(Q(created_by=user) | Q(pk__in=of_devices))


class ShareLink(models.Model):
    """A link for somebody without an account: what it opens, until when, counted, revocable."""

    code = models.CharField(max_length=24, unique=True, default=new_link_code, editable=False)
    kind = models.CharField(max_length=12, choices=ShareKind, default=ShareKind.PICTURE)
    # Which of these says what it opens depends on the kind. The device is also whose people may revoke it: none for
    # pictures of several.
    capture = models.ForeignKey(
        Capture, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    captures = models.ManyToManyField(Capture, blank=True, related_name="+")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(null=True, blank=True)
    before = models.DateTimeField(null=True, blank=True)

    created_by_id: int | None
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Hashed; empty: none is asked for.
    password = models.CharField(max_length=128, blank=True, default="")
    opened = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("share link"), _("share links")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.code

    @property
    def live(self) -> bool:
        is_over = self.revoked_at is not None or self.is_orphaned
        return not is_over and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def is_orphaned(self) -> bool:
        """Tell whether its maker's account is gone, whose rights were the link's own."""
        return self.created_by_id is None
