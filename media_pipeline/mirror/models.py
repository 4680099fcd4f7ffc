"""Copies of pictures in object storage. The row is the queue."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from photohub.lib.database.db import inline, inline_all
from photohub.lib.pages.sentences import say


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

    def refused(self) -> "OSSObjectQuerySet":
        """Keep those that the mirror refused because of a wrong setting, by their partial index."""
        return self.filter(state=inline(MirrorState.BLOCKED))

    def failed(self) -> "OSSObjectQuerySet":
        """Keep those that were given up, by their partial index."""
        return self.filter(state=inline(MirrorState.FAILED))

    def never_copied(self) -> "OSSObjectQuerySet":
        """Keep those that came while no mirror was set up, by their partial index."""
        return self.filter(state=inline(MirrorState.OFF))

    def with_local_file(self) -> "OSSObjectQuerySet":
        """Keep the mirrored ones whose file is on the hub as well, by their partial index."""
        return self.filter(state=inline(MirrorState.MIRRORED), local_freed_at=None)


class OSSObject(models.Model):
    """The picture's copy in object storage. The row is the queue: what to do, when, and what went wrong."""

    RETRYABLE = (MirrorState.PENDING, MirrorState.UPLOADING, MirrorState.BLOCKED)

    # Set while a copy is made: whether it was blocked before.
    was_blocked: bool = False

    capture = models.OneToOneField(
        "media_pipeline.Capture", primary_key=True, on_delete=models.CASCADE, related_name="mirror"
    )
    # The picture's, once more, so that each machine finds what it is to copy.
    node = models.SmallIntegerField(null=True, blank=True, editable=False)
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
        verbose_name, verbose_name_plural = _("copy in the mirror"), _("copies in the mirror")
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
            # A hub with one data folder has no rows in these two.
            models.Index(
                fields=["node", "next_try_at"],
                condition=Q(state__in=("pending", "uploading", "blocked"), node__isnull=False),
                name="objects_of_a_node_to_mirror",
            ),
            models.Index(
                fields=["node", "-created_at"],
                condition=Q(state__in=("pending", "uploading", "blocked"), node__isnull=False),
                name="newest_objects_of_a_node",
            ),
            models.Index(fields=["next_try_at"], condition=Q(state="blocked"), name="objects_refused"),
            models.Index(fields=["next_try_at"], condition=Q(state="failed"), name="objects_given_up"),
            models.Index(fields=["next_try_at"], condition=Q(state="off"), name="objects_never_copied"),
            models.Index(
                fields=["mirrored_at"],
                condition=Q(state="mirrored") & Q(local_freed_at=None),
                name="objects_with_a_local_file",
            ),
            # What the filters of the history ask for.
            models.Index(
                fields=["capture"], condition=Q(state__in=("pending", "uploading")), name="objects_that_wait"
            ),
            models.Index(
                fields=["capture"], condition=Q(state__in=("blocked", "failed")), name="objects_in_trouble"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def error_text(self) -> str:
        """Why there is no copy yet, in the language that is active."""
        return say(self.error_said, self.error)
