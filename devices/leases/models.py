"""Leases of processes."""

from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class LeaseKind(models.TextChoices):
    # One row: whoever holds it rings for what is due.
    SCHEDULE = "schedule"
    # A beat that waits for the schedule.
    BEAT = "beat"
    # A gateway that holds its share of the devices.
    GATEWAY = "gateway"


# So long a gateway's devices wait at least when it dies.
GATEWAY_TTL_S = 8.0


class GatewayState(StrEnum):
    """What a gateway says of itself in its lease; see `photohub.gateway.membership`."""

    JOINING = "joining"
    LIVE = "live"
    LEAVING = "leaving"
    ADOPTED = "adopted"


class Lease(models.Model):
    """What one process holds, by its name, until it renews it no more. Times are the database's."""

    name = models.CharField(max_length=80, primary_key=True)
    kind = models.CharField(max_length=10, choices=LeaseKind.choices)
    # The process, by a word that no other has. Empty: it was given back.
    holder = models.CharField(max_length=32, blank=True)
    # The same for people: its host and its number there.
    place = models.CharField(max_length=120, blank=True)
    # The lowest that no other lease of this kind has, where they are counted.
    number = models.PositiveSmallIntegerField(null=True, blank=True)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(default=timezone.now)
    # What others need to know of its holder.
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("lease"), _("leases")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "number"], condition=Q(number__isnull=False), name="leases_counted_once"
            )
        ]

    def __str__(self) -> str:
        return self.name
