"""Deliveries: one picture pushed to one device."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from photohub.lib.ids import new_id

from .access import visible_devices
from .device import Device


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    SENDING = "sending", _("being sent")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class DeliveryQuerySet(models.QuerySet):
    def visible_to(self, user) -> "DeliveryQuerySet":
        return visible_devices(self, user, "device__")


class Delivery(models.Model):
    """One picture on its way to a device, counted in packets."""

    OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.QUEUED)
    reason = models.CharField(max_length=300, blank=True)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    packets_total = models.PositiveIntegerField(default=0)
    packets_acked = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    progressed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(packets_acked__lte=models.F("packets_total")), name="acked_at_most_total"
            ),
            models.UniqueConstraint(
                fields=["device"], condition=Q(state="sending"), name="one_picture_at_a_time_per_device"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state="queued"), name="deliveries_to_send")
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.state}"
