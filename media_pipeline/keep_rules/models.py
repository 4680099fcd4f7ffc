"""Limits of cameras and of groups."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class KeepRule(models.Model):
    """After how many days pictures go: of one camera, or of a group's cameras. 0: never; None: as of the whole hub.

    Until `holds_from` it is `before_days` that holds.
    """

    device_id: int | None
    group_id: int | None

    device = models.OneToOneField(
        "devices.Device", null=True, blank=True, on_delete=models.CASCADE, related_name="keep_rule"
    )
    group = models.OneToOneField(
        "devices.DeviceGroup", null=True, blank=True, on_delete=models.CASCADE, related_name="keep_rule"
    )
    keep_days = models.PositiveIntegerField(null=True, blank=True)
    before_days = models.PositiveIntegerField(null=True, blank=True)
    holds_from = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("retention of some"), _("retention of some")
        constraints = [
            models.CheckConstraint(
                condition=Q(device=None, group__isnull=False) | Q(group=None, device__isnull=False),
                name="a_keep_rule_is_of_a_camera_or_a_group",
            ),
        ]

    def __str__(self) -> str:
        return str(self.device or self.group)
