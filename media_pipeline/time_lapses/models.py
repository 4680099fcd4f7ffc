"""Time-lapse films of one device's pictures. The row is the queue."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import OfDevices
from devices.registry.models import Device
from photohub.lib.database.db import inline_all
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say


class LapseState(models.TextChoices):
    QUEUED = "queued", _("waiting its turn")
    WORKING = "working", _("being made")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class LapseFormat(models.TextChoices):
    MP4 = "mp4", "MP4 (H.264)"


class TimeLapseQuerySet(OfDevices):
    def unfinished(self) -> "TimeLapseQuerySet":
        """Keep those that are still to be worked on, by their partial index."""
        return self.filter(state__in=inline_all(TimeLapse.OPEN))


class TimeLapse(models.Model):
    """A film of one device's pictures. The row is the queue: what to make, how far it is, and what went wrong.

    Its pictures are those that came from `since` on, up to but without `before`, or those in `chosen`; of them every
    `step`-th, and with `skip_like` none that looks like the one shown before, whose hash is `like_to`. `after_at` and
    `after_id` name the last picture of the segments that are whole.
    """

    OPEN = (LapseState.QUEUED, LapseState.WORKING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="time_lapses")
    # The machine that makes it, and has the film.
    node = models.SmallIntegerField(null=True, blank=True, editable=False)
    since = models.DateTimeField(null=True, blank=True)
    before = models.DateTimeField(null=True, blank=True)
    chosen = models.JSONField(default=list, blank=True)
    step = models.PositiveSmallIntegerField(default=1)
    skip_like = models.BooleanField(default=False)
    fps = models.PositiveSmallIntegerField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField(null=True, blank=True)
    format = models.CharField(max_length=8, choices=LapseFormat, default=LapseFormat.MP4)
    stamped = models.BooleanField(default=False)
    zone = models.CharField(max_length=64, default="UTC")

    state = models.CharField(max_length=12, choices=LapseState, default=LapseState.QUEUED)
    frames_total = models.PositiveIntegerField()
    frames_done = models.PositiveIntegerField(default=0)
    frames_skipped = models.PositiveIntegerField(default=0)
    frames_like = models.PositiveIntegerField(default=0)
    like_to = models.BigIntegerField(null=True, blank=True)
    passed = models.PositiveIntegerField(default=0)
    segments = models.PositiveIntegerField(default=0)
    after_at = models.DateTimeField(null=True, blank=True)
    after_id = models.UUIDField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    worked_s = models.FloatField(default=0.0)
    reason = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=300, blank=True)
    error_said = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = TimeLapseQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("time-lapse"), _("time-lapses")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=("queued", "working")),
                name="time_lapses_to_make",
            ),
            models.Index(fields=["-created_at", "-id"], name="time_lapses_for_the_list"),
            models.Index(fields=["expires_at"], name="time_lapses_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def shape(self) -> str:
        """Return the shape that pages draw its state with."""
        shapes = {LapseState.READY: "good", LapseState.FAILED: "bad", LapseState.CANCELLED: "off"}
        return shapes.get(LapseState(self.state), "wait")

    @property
    def error_text(self) -> str:
        """Why it failed or is tried again, in the language that is active."""
        return say(self.error_said, self.error)

    @property
    def frames_shown(self) -> int:
        """How many pictures the film shows: those looked at without the like ones and those that could not be read."""
        return self.frames_done - self.frames_like - self.frames_skipped

    @property
    def seconds(self) -> float:
        """How long the film runs."""
        return self.frames_shown / self.fps
