"""Schedules, the times at which they ran, and how many pictures came on each day."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.groups import DeviceGroup
from devices.access.models import OfDevices
from devices.access.rights import Action, groups_in_which, keep_allowed
from devices.commands.models import Command
from devices.registry.models import Device
from photohub.lib.database.db import inline
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say

EVERY_DAY = 0b1111111


class ScheduleKind(models.TextChoices):
    EVERY = "every", _("every so many minutes")
    TIMES = "times", _("at certain times")


class ScheduleQuerySet(models.QuerySet):
    def present(self) -> "ScheduleQuerySet":
        """Keep the schedules that nobody deleted."""
        return self.filter(deleted_at=None)

    def running(self) -> "ScheduleQuerySet":
        """Keep the schedules that are turned on, by their partial indexes."""
        return self.filter(enabled=True, deleted_at=None)

    def visible_to(self, user) -> "ScheduleQuerySet":
        """Keep the schedules whose camera, or whose group's cameras, the person may command."""
        devices = keep_allowed(Device.objects.all(), user, Action.COMMAND)
        groups = groups_in_which(user, Action.COMMAND)
        of_groups = Q(group__isnull=False) if groups is None else Q(group__in=groups)
        return self.filter(Q(device__in=devices.values("pk")) | of_groups)


class Schedule(models.Model):
    """When a camera, or each of a group, is asked for a picture. The row is the queue: it says when it is due next.

    Times of day are kept as people write them ("08:00", "sunset-30"), and hold in the hub's time zone.
    """

    device_id: int | None
    group_id: int | None

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80)
    device = models.ForeignKey(
        Device, null=True, blank=True, on_delete=models.CASCADE, related_name="schedules"
    )
    group = models.ForeignKey(
        DeviceGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="schedules"
    )
    kind = models.CharField(max_length=8, choices=ScheduleKind, default=ScheduleKind.EVERY)
    every_min = models.PositiveIntegerField(default=60)
    times = models.JSONField(default=list, blank=True)
    # A bit for each day, Monday the lowest.
    weekdays = models.PositiveSmallIntegerField(default=EVERY_DAY)
    # Between which times of day it runs; empty: all day.
    from_at = models.CharField(max_length=16, blank=True)
    until_at = models.CharField(max_length=16, blank=True)
    quiet_from = models.CharField(max_length=16, blank=True)
    quiet_until = models.CharField(max_length=16, blank=True)
    # Between one camera of the group and the next.
    stagger_s = models.PositiveIntegerField(default=0)
    # Where the sun is asked for, if not at the hub's own place.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # None: there is no such time in sight, as of a sunrise in the polar night.
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When that was reckoned: what lies ahead of the clock was reckoned by another clock.
    planned_at = models.DateTimeField(default=timezone.now, editable=False)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    # It can be got back for a while.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("schedule"), _("schedules")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(device=None, group__isnull=False) | Q(device__isnull=False, group=None),
                name="a_schedule_is_of_a_camera_or_a_group",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"],
                condition=Q(enabled=True, deleted_at=None),
                name="schedules_that_are_due",
            ),
            models.Index(
                fields=["planned_at"],
                condition=Q(enabled=True, deleted_at=None),
                name="schedules_by_planning",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    WAITING = "waiting", _("waiting for its turn")
    ORDERED = "ordered", _("the camera was asked")
    ANSWERED = "answered", _("the picture is here")
    MISSED = "missed", _("missed")
    SKIPPED = "skipped", _("not asked")


class Gap(models.TextChoices):
    """Why a picture is missing, as the gap map counts it."""

    OFFLINE = "offline", _("offline")
    SILENT = "silent", _("no answer")
    REFUSED = "refused", _("refused")
    HUB_AWAY = "hub_away", _("hub away")


class ScheduledRunQuerySet(OfDevices):
    def missed(self) -> "ScheduledRunQuerySet":
        """Keep the runs that brought no picture, by their partial index."""
        return self.filter(state=inline(RunState.MISSED))

    def waiting(self) -> "ScheduledRunQuerySet":
        """Keep the runs that wait for their turn, by their partial index."""
        return self.filter(state=inline(RunState.WAITING))

    def asked(self) -> "ScheduledRunQuerySet":
        """Keep the runs that wait for their picture, by their partial index."""
        return self.filter(state=inline(RunState.ORDERED))


class ScheduledRun(models.Model):
    """One time at which a schedule ran for one camera, or a stretch of times that were missed together."""

    OPEN = (RunState.WAITING, RunState.ORDERED)

    device_id: int
    schedule_id: uuid.UUID
    command_id: uuid.UUID | None

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs", db_index=False)
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="scheduled_runs", db_index=False
    )
    due_at = models.DateTimeField()
    # The next time of the schedule: from then on the order makes no sense.
    expires_at = models.DateTimeField()
    # Of several times that were missed together: the last of them, and how many they are.
    until_at = models.DateTimeField(null=True, blank=True)
    slots = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.WAITING)
    gap = models.CharField(max_length=8, choices=Gap, blank=True)
    # A stable word for programs, the sentence, and what that is made of.
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    reason_said = models.JSONField(default=dict, blank=True)
    command = models.ForeignKey(Command, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # When to look at it next.
    check_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ScheduledRunQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("run of a schedule"), _("runs of schedules")
        ordering = ["-due_at", "-id"]
        constraints = [
            # Also after a clock that was set back: the same time is never run twice.
            models.UniqueConstraint(
                fields=["schedule", "due_at", "device"], name="a_schedule_runs_once_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["device"], condition=Q(state="waiting"), name="waiting_runs_of_a_device"),
            # Each on its own: those whose turn is hours away would stand in the way of those that were asked.
            models.Index(fields=["check_at"], condition=Q(state="waiting"), name="runs_to_order"),
            models.Index(fields=["check_at"], condition=Q(state="ordered"), name="runs_to_end"),
            models.Index(fields=["device", "-due_at", "-id"], name="runs_of_a_device"),
            models.Index(
                fields=["device", "-due_at", "-id"],
                condition=Q(state="missed"),
                name="missed_runs_of_a_device",
            ),
            models.Index(fields=["ended_at"], condition=Q(state="missed"), name="missed_runs_by_end"),
            models.Index(fields=["due_at"], name="runs_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id}: {self.due_at:%Y-%m-%d %H:%M} {self.state}"

    @property
    def reason_text(self) -> str:
        """Why no picture came, in the language that is active."""
        return say(self.reason_said, self.reason)

    @property
    def last_at(self) -> datetime:
        return self.until_at or self.due_at


class RunDay(models.Model):
    """How many pictures one camera should have sent on one day of the hub's time zone, and why some did not come."""

    # The constraint's index has the days of a device.
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="run_days", db_index=False)
    day = models.DateField()
    expected = models.PositiveIntegerField(default=0)
    arrived = models.PositiveIntegerField(default=0)
    offline = models.PositiveIntegerField(default=0)
    silent = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    hub_away = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("day of scheduled pictures"), _("days of scheduled pictures")
        constraints = [
            models.UniqueConstraint(fields=["device", "day"], name="one_count_of_runs_per_device_and_day")
        ]
        indexes = [models.Index(fields=["day", "device"], name="run_days_by_day")]

    def __str__(self) -> str:
        return f"{self.device_id} {self.day}: {self.arrived}/{self.expected}"
