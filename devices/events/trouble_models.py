"""Troubles: what the hub could not take from a device, or could not do for it, until it works again."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.registry.models import Device

SHOWN_FOR = timedelta(days=1)


class TroubleQuerySet(models.QuerySet):
    def open(self) -> "TroubleQuerySet":
        """Keep those that are not over and were seen within a day, by a clock that may have been ahead then."""
        now = timezone.now()
        return self.filter(over_at=None, last_at__gt=now - SHOWN_FOR, last_at__lt=now + SHOWN_FOR)


class Trouble(models.Model):
    """One kind of trouble of one device: a word and its arguments, which become a sentence when shown."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="troubles")
    word = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(default=timezone.now)
    over_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveBigIntegerField(default=1)

    objects = TroubleQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["device", "word"], name="one_trouble_of_a_kind")]
        indexes = [
            models.Index(fields=["device"], condition=Q(over_at=None), name="open_troubles_of_a_device"),
            models.Index(fields=["last_at"], name="troubles_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.word}"

    @property
    def is_open(self) -> bool:
        """Say `TroubleQuerySet.open` of one row."""
        return self.over_at is None and abs(timezone.now() - self.last_at) < SHOWN_FOR
