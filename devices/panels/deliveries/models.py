"""Deliveries: one picture on its way to one device. The row is the queue."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import OfDevices
from devices.registry.models import Device
from photohub.lib.database.db import inline
from photohub.lib.ids import new_id


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    SENDING = "sending", _("being sent")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class PictureOrigin(models.TextChoices):
    """Where the picture of a delivery came from."""

    CAPTURE = "capture", _("a picture of the history")
    UPLOAD = "upload", _("an uploaded file")
    URL = "url", _("fetched from an address")


class DeliveryWay(models.TextChoices):
    """How the device gets it."""

    PACKETS = "packets", _("in packets over MQTT")
    PULL = "pull", _("fetched by the panel")


class DeliveryQuerySet(OfDevices):
    def queued(self) -> "DeliveryQuerySet":
        """Keep those that wait, by their partial index."""
        return self.filter(state=inline(DeliveryState.QUEUED))

    def sending(self) -> "DeliveryQuerySet":
        """Keep those that are on their way, by their partial index."""
        return self.filter(state=inline(DeliveryState.SENDING))


class Delivery(models.Model):
    """One picture on its way to a device, counted in packets.

    queued (fetched and rendered meanwhile: `prepared_at`) ──► sending ──► delivered | failed | cancelled
    """

    OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING)
    FINAL = (DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="deliveries")
    way = models.CharField(max_length=8, choices=DeliveryWay, default=DeliveryWay.PACKETS)
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.QUEUED)
    # A stable word for programs, the sentence, and what that is made of (`lib.said`).
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    reason_said = models.JSONField(default=dict, blank=True)

    # What was asked for. The original lies in the outbox under its hash; a URL has none until it was fetched.
    origin = models.CharField(max_length=8, choices=PictureOrigin, default=PictureOrigin.UPLOAD)
    origin_ref = models.CharField(max_length=500, blank=True)
    original_sha256 = models.CharField(max_length=64, blank=True)
    render_name = models.CharField(max_length=40, blank=True)
    render = models.JSONField(default=dict, blank=True)
    caption = models.CharField(max_length=200, blank=True)
    stamp_at = models.DateTimeField(null=True, blank=True)
    # The rule that asked for it, by its name at that time; empty when a person or a program did.
    cause = models.CharField(max_length=80, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    # What is sent: rendered, in the outbox under its hash.
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    content_type = models.CharField(max_length=40, blank=True)
    file_name = models.CharField(max_length=64, default="image.jpg")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    packets_total = models.PositiveIntegerField(default=0)
    packets_acked = models.PositiveIntegerField(default=0)
    packets_resent = models.PositiveIntegerField(default=0)

    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    prepared_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    progressed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # A device that stays away gets nothing older than this.
    expires_at = models.DateTimeField(default=timezone.now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("picture sent"), _("pictures sent")
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
            models.Index(
                fields=["created_at"],
                condition=Q(state="queued", prepared_at__isnull=False),
                name="deliveries_to_send",
            ),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="deliveries_being_sent"),
            models.Index(
                fields=["created_at"],
                condition=Q(state="queued", prepared_at=None),
                name="deliveries_to_prepare",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(state="queued"), name="deliveries_that_may_expire"
            ),
            models.Index(fields=["sha256"], name="deliveries_of_these_bytes"),
            models.Index(fields=["original_sha256"], name="deliveries_of_an_original"),
            models.Index(fields=["device", "-created_at"], name="deliveries_of_a_device"),
            # The list of all of them, and of those in a state that few have and that lasts. The first has a condition that
            # is always true, so that SQLite takes it for the list alone, which names it, and not for what looks for work.
            models.Index(
                fields=["-created_at", "-id"], condition=Q(state__gte="a"), name="deliveries_newest_first"
            ),
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(state__in=("failed", "cancelled")),
                name="deliveries_that_came_to_naught",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.state}"

    @property
    def percent(self) -> int:
        """Return how much of it the device has acknowledged."""
        return 100 * self.packets_acked // self.packets_total if self.packets_total else 0
