"""What deleted pictures left behind. The row is the queue."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from photohub.lib.database.db import inline
from photohub.lib.pages.sentences import say


class RemovalQuerySet(models.QuerySet):
    def failed(self) -> "RemovalQuerySet":
        """Keep those that were tried in vain, by their partial index of errors."""
        return self.exclude(error=inline(""))


class Removal(models.Model):
    """A deleted picture whose file, thumbnail or mirror copy may still lie somewhere. The row is the queue."""

    capture_id = models.UUIDField(primary_key=True, editable=False)
    # On which machine's disk the file is.
    node = models.SmallIntegerField(null=True, blank=True, editable=False)
    path = models.CharField(max_length=160)
    mirror_key = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now, db_index=True)
    error = models.CharField(max_length=300, blank=True)
    error_said = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RemovalQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("removal"), _("removals")
        indexes = [models.Index(fields=["error"], condition=~Q(error=""), name="removals_that_failed")]

    def __str__(self) -> str:
        return self.path

    @property
    def error_text(self) -> str:
        """Why it could not be removed yet, in the language that is active."""
        return say(self.error_said, self.error)


class KeptFigure(models.Model):
    """How many rows of one kind there were when the sweep last counted them (`figures`)."""

    name = models.CharField(max_length=20, primary_key=True)
    count = models.BigIntegerField()
    size_bytes = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    took_ms = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"


class HourCount(models.Model):
    """How many pictures one camera has of one hour, by quarters, for time zones that begin at half an hour.

    `camera` is the key of a device, or 0 for all of them together; `hour` counts from 1970 in UTC. No foreign key: to
    count would lock the device.
    """

    camera = models.BigIntegerField()
    hour = models.IntegerField(db_index=True)
    first = models.IntegerField(default=0)
    second = models.IntegerField(default=0)
    third = models.IntegerField(default=0)
    fourth = models.IntegerField(default=0)
    # None: counted by a hub that did not add up sizes; the sweep counts such an hour again.
    size_bytes = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["camera", "hour"], name="one_count_per_camera_and_hour"),
        ]
        indexes = [
            models.Index(fields=["hour"], condition=Q(size_bytes=None), name="hours_without_their_size"),
        ]

    def __str__(self) -> str:
        return f"{self.camera}: {self.hour}"


class DayCount(models.Model):
    """How many pictures one camera has of one day in UTC, from 1970: the hours added up, to look over many years."""

    camera = models.BigIntegerField()
    day = models.IntegerField(db_index=True)
    pictures = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["camera", "day"], name="one_count_per_camera_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.camera}: {self.day}"


class DaySize(models.Model):
    """How many bytes one camera's pictures of one day in UTC have: the hours added up."""

    camera = models.BigIntegerField()
    day = models.IntegerField(db_index=True)
    size_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["camera", "day"], name="one_size_per_camera_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.camera}: {self.day}"


class CameraSize(models.Model):
    """How many bytes all counted pictures of one camera have: its days added up. Changed with them."""

    camera = models.BigIntegerField(primary_key=True)
    size_bytes = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.camera}: {self.size_bytes}"


class ChangedHour(models.Model):
    """An hour that lost pictures, to be counted again. Only ever inserted, so it waits for nobody."""

    hour = models.IntegerField()

    def __str__(self) -> str:
        return str(self.hour)


class CountedSpan(models.Model):
    """The one row that tells which hours are counted: from `since` up to and without `until`."""

    since = models.IntegerField()
    until = models.IntegerField()
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.since}–{self.until}"
