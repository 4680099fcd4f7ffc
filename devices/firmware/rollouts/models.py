"""Rollouts: a firmware on its way to many devices. The rows are the queue and the record."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import OfDevices, visible_devices
from devices.firmware.models import Firmware
from devices.registry.models import Device
from photohub.lib.database.db import inline, inline_all
from photohub.lib.ids import new_id, new_key


class RolloutState(models.TextChoices):
    DRAFT = "draft", _("draft")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")
    CANCELLED = "cancelled", _("cancelled")


class RolloutQuerySet(models.QuerySet):
    def running(self) -> "RolloutQuerySet":
        """Keep those that go on by themselves, by their partial index."""
        return self.filter(state=inline(RolloutState.RUNNING))

    def visible_to(self, user) -> "RolloutQuerySet":
        """Keep the rollouts that reach a device which the person may look at."""
        if getattr(user, "is_active", False) and user.is_superuser:
            return self
        seen = visible_devices(RolloutTarget.objects.filter(rollout=models.OuterRef("pk")), user, "device__")
        return self.filter(models.Exists(seen))


class Rollout(models.Model):
    """The plan: which firmware, in which steps, and when to stop.

    `steps` is a list of {"devices": n, "percent": 0, "soak_s": seconds} or the same with 0 devices and 1-100 percent:
    up to how many of all devices the step goes. It is over when its devices have ended and the soak time has
    passed; then the next begins. `started_at` is when it was last set going: failures before that are forgiven.
    """

    OPEN = (RolloutState.DRAFT, RolloutState.RUNNING, RolloutState.PAUSED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    firmware = models.ForeignKey(Firmware, on_delete=models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=12, choices=RolloutState, default=RolloutState.DRAFT)
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    group_name = models.CharField(max_length=80, blank=True)

    steps = models.JSONField(default=list)
    step = models.PositiveSmallIntegerField(default=0)
    step_started_at = models.DateTimeField(null=True, blank=True)
    step_done_at = models.DateTimeField(null=True, blank=True)
    rate_per_minute = models.PositiveIntegerField(default=0)  # 0: as fast as it goes
    # Stop when so many percent of those that ended have failed, once at least so many ended; or by a plain count.
    error_percent = models.PositiveSmallIntegerField(default=10)
    error_minimum = models.PositiveIntegerField(default=5)
    error_count = models.PositiveIntegerField(default=0)  # 0: no limit by count
    deadline_s = models.PositiveIntegerField(default=1800)
    offers_at_most = models.PositiveSmallIntegerField(default=5)
    allow_rollback = models.BooleanField(default=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RolloutQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("rollout"), _("rollouts")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state="running"), name="rollouts_that_go_on"),
        ]

    def __str__(self) -> str:
        return f"{self.firmware} {self.state}"

    @property
    def shape(self) -> str:
        """Return the shape that pages draw its state with."""
        shapes = {RolloutState.FINISHED: "good", RolloutState.PAUSED: "warn", RolloutState.RUNNING: "wait"}
        return shapes.get(RolloutState(self.state), "off")


class TargetState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    OFFERED = "offered", _("offered")
    DOWNLOADING = "downloading", _("downloading")
    FLASHING = "flashing", _("being written")
    PROVED = "proved", _("runs the new version")
    FAILED = "failed", _("failed")
    TIMED_OUT = "timed_out", _("went silent")
    CANCELLED = "cancelled", _("cancelled")


class RolloutTargetQuerySet(OfDevices):
    def active(self) -> "RolloutTargetQuerySet":
        """Keep those that a device is busy with, by their partial index."""
        return self.filter(state__in=inline_all(RolloutTarget.ACTIVE))


class RolloutTarget(models.Model):
    """One device of a rollout. Its number is what hawkBit clients call the action; success is only `proved`."""

    ACTIVE = (TargetState.OFFERED, TargetState.DOWNLOADING, TargetState.FLASHING)
    OPEN = (TargetState.WAITING, *ACTIVE)
    FINAL = (TargetState.PROVED, TargetState.FAILED, TargetState.TIMED_OUT, TargetState.CANCELLED)

    id = models.BigAutoField(primary_key=True)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="targets")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="rollout_targets")
    module = models.CharField(max_length=64, default="default")
    # The order in which devices get their turn, drawn once, so that each step takes the next ones.
    position = models.PositiveIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=TargetState, default=TargetState.WAITING)
    percent = models.PositiveSmallIntegerField(default=0)
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    from_version = models.CharField(max_length=64, blank=True)
    # Opens this image for this device, in download addresses: short, because clients cut long ones.
    token = models.CharField(max_length=64, unique=True, default=new_key, editable=False)
    door = models.CharField(max_length=12, blank=True)
    offers = models.PositiveSmallIntegerField(default=0)
    offered_at = models.DateTimeField(null=True, blank=True)
    last_offer_at = models.DateTimeField(null=True, blank=True)
    # When the connection began in which the hub said it first, unasked; it says it once in each.
    said_on = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = RolloutTargetQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("device in a rollout"), _("devices in rollouts")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "device"], name="a_device_once_per_rollout"),
            models.UniqueConstraint(
                fields=["device", "module"],
                condition=Q(state__in=("offered", "downloading", "flashing")),
                name="one_update_at_a_time_per_module",
            ),
        ]
        indexes = [
            models.Index(
                fields=["deadline_at"],
                condition=Q(state__in=("offered", "downloading", "flashing")),
                name="targets_with_a_deadline",
            ),
            models.Index(fields=["rollout", "state", "step", "position"], name="targets_of_a_rollout"),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.state}"
