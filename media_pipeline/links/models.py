"""Links for people without an account."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from media_pipeline.captures.models import Capture
from photohub.lib.ids import new_link_code


class ShareLink(models.Model):
    """A link for somebody without an account: to one picture, until a day, counted, revocable."""

    code = models.CharField(max_length=24, unique=True, default=new_link_code, editable=False)
    capture = models.ForeignKey(Capture, on_delete=models.CASCADE, related_name="share_links")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.code

    @property
    def live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())
