"""Playlists: the pictures that a panel shows in turn."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.registry.models import Device
from photohub.lib.ids import new_id


class PlaylistItem(models.Model):
    """One picture of those that a panel shows in turn: a lasting one, or the newest of a camera."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # For showing only, as `turns.tell_items` sets them: the person may not see the camera; the picture is in the trash.
    hidden: bool = False
    trashed: bool = False

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="playlist")
    position = models.PositiveIntegerField(default=0)
    # Exactly one of the two: whose newest picture, or a picture of the outbox.
    camera = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    original_sha256 = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True)
    caption = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("playlist picture"), _("playlist pictures")
        ordering = ["position", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(camera=None) & ~Q(original_sha256=""))
                | (Q(camera__isnull=False) & Q(original_sha256="")),
                name="a_playlist_item_is_a_camera_or_a_picture",
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.camera or self.original_sha256[:8])
