"""Rollouts: a firmware on its way to many devices."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from photohub.lib.ids import new_id

from .device import Device
from .firmware import Firmware


class RolloutState(models.TextChoices):
    DRAFT = "draft", _("draft")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")
    CANCELLED = "cancelled", _("cancelled")


class Rollout(models.Model):
    """The plan: which firmware, in which steps, and when to stop."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    firmware = models.ForeignKey(Firmware, on_delete=models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=12, choices=RolloutState, default=RolloutState.DRAFT)
    reason = models.CharField(max_length=300, blank=True)
    plan = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.firmware} {self.state}"


class TargetState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    OFFERED = "offered", _("offered")
    DOWNLOADING = "downloading", _("downloading")
    FLASHING = "flashing", _("being written")
    PROVED = "proved", _("runs the new version")
    FAILED = "failed", _("failed")
    TIMED_OUT = "timed_out", _("fell silent")
    CANCELLED = "cancelled", _("cancelled")


class RolloutTarget(models.Model):
    """One device of a rollout."""

    ACTIVE = (TargetState.OFFERED, TargetState.DOWNLOADING, TargetState.FLASHING)

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="targets")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="rollout_targets")
    module = models.CharField(max_length=64, default="default")
    state = models.CharField(max_length=12, choices=TargetState, default=TargetState.WAITING)
    percent = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollout", "device"], name="a_device_once_per_rollout"),
            models.UniqueConstraint(
                fields=["device", "module"],
                condition=Q(state__in=("offered", "downloading", "flashing")),
                name="one_update_at_a_time_per_module",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.state}"
