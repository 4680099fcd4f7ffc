"""Pictures: what was received, its copy in object storage, its labels and links."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import visible_devices
from devices.commands.models import Command
from devices.registry.models import Device
from photohub.lib.database.db import inline, inline_all
from photohub.lib.ids import new_id, new_link_code
from photohub.lib.pages.sentences import say


class Source(models.TextChoices):
    HTTP = "http", "HTTP"
    MQTT = "mqtt", "MQTT"
    TCP = "tcp", "TCP"
    PULL = "pull", _("pulled")
    MANUAL = "manual", _("by hand")


class Step(models.TextChoices):
    """State of a piece of work that a capture still owes: its thumbnail, the publishing of its URL."""

    NONE = "none", _("not asked for")
    PENDING = "pending", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CaptureQuerySet(models.QuerySet):
    def visible_to(self, user) -> "CaptureQuerySet":
        """Keep the pictures of devices that the person may look at."""
        return visible_devices(self, user, "device__")

    def without_thumbnail(self) -> "CaptureQuerySet":
        """Keep those whose thumbnail is still to be made, by their partial index."""
        return self.filter(thumbnail_state=inline(Step.PENDING))

    def to_publish(self) -> "CaptureQuerySet":
        """Keep those whose URL is still to be published, by their partial index."""
        return self.filter(publish_state=inline(Step.PENDING))


class Capture(models.Model):
    """One picture that a device sent: the file's facts and the times of its way. Its bytes never change."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=24, unique=True, default=new_link_code, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="captures")
    command = models.OneToOneField(
        Command, null=True, blank=True, on_delete=models.SET_NULL, related_name="capture"
    )
    name = models.CharField(max_length=128)
    source = models.CharField(max_length=8, choices=Source)
    path = models.CharField(max_length=160)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    flags = models.JSONField(default=list, blank=True)
    telemetry = models.JSONField(default=dict, blank=True)
    sent_from = models.CharField(max_length=64, blank=True)

    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    publish_state = models.CharField(max_length=8, choices=Step, default=Step.NONE)
    publish_next_try_at = models.DateTimeField(null=True, blank=True)
    link_revoked_at = models.DateTimeField(null=True, blank=True)

    thumbnail_state = models.CharField(max_length=8, choices=Step, default=Step.PENDING)
    thumbnail_attempts = models.PositiveSmallIntegerField(default=0)
    colour = models.CharField(max_length=7, blank=True)
    dhash = models.BigIntegerField(null=True, blank=True)

    kept = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="captures")

    objects = CaptureQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            # A repeated upload finds the first one by this; two replicas that get it at once cannot both store it.
            models.UniqueConstraint(fields=["device", "sha256", "name"], name="same_bytes_same_name_once"),
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="captures_for_history"),
            models.Index(fields=["device", "-received_at", "-id"], name="captures_of_a_device"),
            models.Index(
                fields=["received_at"],
                condition=Q(thumbnail_state="pending"),
                name="captures_without_thumbnail",
            ),
            models.Index(
                fields=["publish_next_try_at"],
                condition=Q(publish_state="pending"),
                name="captures_to_publish",
            ),
            models.Index(
                fields=["received_at"],
                condition=Q(publish_state="pending"),
                name="captures_to_publish_by_age",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MirrorState(models.TextChoices):
    OFF = "off", _("no mirror is set up")
    PENDING = "pending", _("waiting")
    UPLOADING = "uploading", _("being copied")
    MIRRORED = "mirrored", _("mirrored")
    BLOCKED = "blocked", _("blocked by a wrong setting")
    FAILED = "failed", _("failed")


class OSSObjectQuerySet(models.QuerySet):
    def waiting(self) -> "OSSObjectQuerySet":
        """Keep the copies that are still to be made, by their partial index."""
        return self.filter(state__in=inline_all(OSSObject.RETRYABLE))

    def with_local_file(self) -> "OSSObjectQuerySet":
        """Keep the mirrored ones whose file is on the hub as well, by their partial index."""
        return self.filter(state=inline(MirrorState.MIRRORED), local_freed_at=None)


class OSSObject(models.Model):
    """The picture's copy in object storage. The row is the queue: what to do, when, and what went wrong."""

    RETRYABLE = (MirrorState.PENDING, MirrorState.UPLOADING, MirrorState.BLOCKED)

    capture = models.OneToOneField(Capture, primary_key=True, on_delete=models.CASCADE, related_name="mirror")
    key = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=MirrorState, default=MirrorState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    error_word = models.CharField(max_length=60, blank=True)
    # What the error's sentence is made of (`lib.said`).
    error_said = models.JSONField(default=dict, blank=True)
    etag = models.CharField(max_length=80, blank=True)
    crc64 = models.CharField(max_length=24, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    mirrored_at = models.DateTimeField(null=True, blank=True)
    # Set when retention gave the hub's own file up: from then on its absence is no loss.
    local_freed_at = models.DateTimeField(null=True, blank=True)

    objects = OSSObjectQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=("pending", "uploading", "blocked")),
                name="objects_to_mirror",
            ),
            models.Index(
                fields=["-created_at"],
                condition=Q(state__in=("pending", "uploading", "blocked")),
                name="newest_objects_to_mirror",
            ),
            models.Index(
                fields=["mirrored_at"],
                condition=Q(state="mirrored") & Q(local_freed_at=None),
                name="objects_with_a_local_file",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def error_text(self) -> str:
        """Why there is no copy yet, in the language that is active."""
        return say(self.error_said, self.error)


class ShareLink(models.Model):
    """A link for somebody without an account: to one picture, until a day, counted, revocable."""

    code = models.CharField(max_length=24, unique=True, default=new_link_code, editable=False)
    capture = models.ForeignKey(Capture, on_delete=models.CASCADE, related_name="share_links")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.code

    @property
    def live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class Removal(models.Model):
    """A deleted picture whose file, thumbnail or mirror copy may still lie somewhere. The row is the queue."""

    capture_id = models.UUIDField(primary_key=True, editable=False)
    path = models.CharField(max_length=160)
    mirror_key = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now, db_index=True)
    error = models.CharField(max_length=300, blank=True)
    error_said = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.path

    @property
    def error_text(self) -> str:
        """Why it could not be removed yet, in the language that is active."""
        return say(self.error_said, self.error)


class LapseState(models.TextChoices):
    QUEUED = "queued", _("waiting its turn")
    WORKING = "working", _("being made")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class LapseFormat(models.TextChoices):
    MP4 = "mp4", "MP4 (H.264)"


class TimeLapseQuerySet(models.QuerySet):
    def visible_to(self, user) -> "TimeLapseQuerySet":
        """Keep the time-lapses of devices that the person may look at."""
        return visible_devices(self, user, "device__")

    def unfinished(self) -> "TimeLapseQuerySet":
        """Keep those that are still to be worked on, by their partial index."""
        return self.filter(state__in=inline_all(TimeLapse.OPEN))


class TimeLapse(models.Model):
    """A film of one device's pictures. The row is the queue: what to make, how far it is, and what went wrong.

    Its pictures are those that came from `since` on, up to but without `before`, or those in `chosen`; of them every
    `step`-th. `after_at` and `after_id` name the last picture of the segments that are whole.
    """

    OPEN = (LapseState.QUEUED, LapseState.WORKING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="time_lapses")
    since = models.DateTimeField(null=True, blank=True)
    before = models.DateTimeField(null=True, blank=True)
    chosen = models.JSONField(default=list, blank=True)
    step = models.PositiveSmallIntegerField(default=1)
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
    def error_text(self) -> str:
        """Why it failed or is tried again, in the language that is active."""
        return say(self.error_said, self.error)

    @property
    def frames_shown(self) -> int:
        """How many pictures the film shows: those looked at without those that could not be read."""
        return self.frames_done - self.frames_skipped

    @property
    def seconds(self) -> float:
        """How long the film runs."""
        return self.frames_shown / self.fps


# Django looks for an app's models here.
from media_pipeline.rules.models import RunState, ShowRule, ShowRun  # noqa: E402, F401
