"""Captures: the pictures that were received, and their labels."""

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from devices.access.models import OfDevices, Role, visible_devices
from devices.commands.models import Command
from devices.registry.models import Device
from photohub.lib.database.db import inline
from photohub.lib.database.indexes import HoldsWord, IsMissing, Unindexed
from photohub.lib.ids import new_id, new_link_code

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from media_pipeline.mirror.models import OSSObject


class Source(models.TextChoices):
    HTTP = "http", "HTTP"
    MQTT = "mqtt", "MQTT"
    TCP = "tcp", "TCP"
    PULL = "pull", _("pulled")
    MANUAL = "manual", _("by hand")


class Step(models.TextChoices):
    """State of a piece of work that a capture still owes: its thumbnail, the publishing of its URL."""

    NONE = "none", _("not requested")
    PENDING = "pending", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class Freshness(models.TextChoices):
    """What a picture that was asked for is worth as an answer."""

    FRESH = "fresh", _("fresh")
    SAME = "same", _("same bytes as before")
    UNLIKE = "unlike", _("unlike the order")


# What may be odd about how a picture came. Each has a partial index, so that one that is rare is found among millions.
FLAGS = ("truncated", "trailing", "transport", "clock", "large_preview", "no_preview")
# What few pictures have, with the columns that tell.
LABELS: tuple[tuple[str, list[str], Any], ...] = (
    ("kept", ["kept"], Q(kept=True)),
    ("asked_for", ["command"], Q(command__isnull=False)),
    ("any_fault", ["fault"], Q(fault__isnull=False)),
    *((word, ["flags"], Q(HoldsWord("flags", word))) for word in FLAGS),
)


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        verbose_name, verbose_name_plural = _("tag"), _("tags")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CaptureQuerySet(OfDevices):
    def commanded_by(self, user) -> "CaptureQuerySet":
        """Keep the pictures of devices that the person may command."""
        return visible_devices(self, user, "device__", roles=(Role.OPERATOR, Role.OWNER))

    def in_trash(self) -> "CaptureQuerySet":
        """Keep those that lie in the trash, by their partial index."""
        return self.filter(trashed_at__isnull=False)

    def without_thumbnail(self) -> "CaptureQuerySet":
        """Keep those whose thumbnail is still to be made, by their partial index."""
        return self.filter(thumbnail_state=inline(Step.PENDING))

    def to_publish(self) -> "CaptureQuerySet":
        """Keep those whose URL is still to be published, by their partial index."""
        return self.filter(publish_state=inline(Step.PENDING))


class ShownCaptures(models.Manager.from_queryset(CaptureQuerySet)):
    """The pictures that are shown: all but those in the trash. Whoever asks for pictures asks here."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(trashed_at=None)


class Capture(models.Model):
    """One picture that a device sent: the file's facts and the times of its way. Its bytes never change."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=24, unique=True, default=new_link_code, editable=False)
    # What rooms above hang onto a picture; their foreign keys make these.
    mirror: "OSSObject"
    share_links: "RelatedManager[Any]"

    # Without an index of its own: the constraint and the partial index begin with it.
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="captures", db_index=False)
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
    # On which machine's disk the file is (`nodes.here`). Without a foreign key, whose index and check every picture pays.
    node = models.SmallIntegerField(null=True, blank=True, editable=False)

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
    # Null and not empty where nothing is wrong, so that both databases use the partial index: a word of
    # formats.faults.WORDS and the figures behind it, found when the preview is made.
    fault = models.CharField(max_length=12, null=True, blank=True)  # noqa: DJ001
    fault_values = models.JSONField(null=True, blank=True)
    # Null for a picture that nobody asked for. The values say against what it was held.
    freshness = models.CharField(max_length=8, choices=Freshness, null=True, blank=True)  # noqa: DJ001
    freshness_values = models.JSONField(null=True, blank=True)

    kept = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="captures", through="Tagging")

    # Of one move to the trash all have the same instant, by which it is undone.
    trashed_at = models.DateTimeField(null=True, blank=True)
    trashed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )

    # The first is what `device.captures` returns as well. `everything` is for those who store and keep: a picture in
    # the trash still is a picture that came, takes space, and has a file and a copy.
    # A manager has the methods of its query set, which its type does not say.
    objects = cast(CaptureQuerySet, ShownCaptures())
    everything = CaptureQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("picture"), _("pictures")
        ordering = ["-received_at", "-id"]
        constraints = [
            # A repeated upload finds the first one by this; two replicas that get it at once cannot both store it.
            models.UniqueConstraint(fields=["device", "sha256", "name"], name="same_bytes_same_name_once"),
        ]
        indexes = [
            # Without what lies in the trash, so that a page of the history never walks past it. Columns of a condition
            # stand in these indexes once more: else SQLite would look each row up to count them.
            models.Index(
                fields=["-received_at", "-id", "trashed_at"],
                condition=Q(trashed_at=None),
                name="captures_newest_first",
            ),
            models.Index(
                fields=["device", "-received_at", "-id", "trashed_at"],
                condition=Q(trashed_at=None),
                name="captures_of_one_device",
            ),
            models.Index(
                fields=["-trashed_at", "-id"], condition=Q(trashed_at__isnull=False), name="captures_in_trash"
            ),
            models.Index(
                fields=["sha256"], condition=Q(trashed_at__isnull=False), name="captures_in_trash_by_bytes"
            ),
            models.Index(
                fields=["received_at"],
                condition=Q(thumbnail_state="pending"),
                name="captures_without_thumbnail",
            ),
            # A hub with one data folder has no rows in it.
            models.Index(
                fields=["node", "received_at"],
                condition=Q(thumbnail_state="pending", node__isnull=False),
                name="captures_without_thumb_of_node",
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
            models.Index(
                fields=["-received_at", "-id", "fault", "trashed_at"],
                condition=Q(fault__isnull=False, trashed_at=None),
                name="captures_with_any_fault",
            ),
            # By each filter of the history a page is read from its own index, newest first: so a filter that finds few
            # pictures, or none, costs no more than one that finds all.
            models.Index(
                fields=["fault", "-received_at", "-id", "trashed_at"],
                condition=Q(fault__isnull=False, trashed_at=None),
                name="captures_of_one_fault",
            ),
            models.Index(
                fields=["-received_at", "-id", "kept", "trashed_at"],
                condition=Q(kept=True, trashed_at=None),
                name="captures_kept",
            ),
            models.Index(
                fields=["-received_at", "-id", "command", "trashed_at"],
                condition=Q(command__isnull=False, trashed_at=None),
                name="captures_asked_for",
            ),
            models.Index(
                fields=["-received_at", "-id", "command", "trashed_at"],
                condition=Q(IsMissing("command"), trashed_at=None),
                name="captures_sent_by_themselves",
            ),
            *(
                models.Index(
                    fields=["-received_at", "-id", "flags", "trashed_at"],
                    condition=Q(HoldsWord("flags", word), trashed_at=None),
                    name=f"captures_{word}",
                )
                for word in FLAGS
            ),
            # The same of one camera, for those who may see some: few have a label, so few stand in these.
            *(
                models.Index(
                    fields=["device", "-received_at", "-id", *column, "trashed_at"],
                    condition=condition & Q(trashed_at=None),
                    name=f"of_one_device_{name}",
                )
                for name, column, condition in LABELS
            ),
            # Not of the column itself, or SQLite would take the index of one fault, of which all cameras may have many.
            models.Index(
                F("device"),
                Unindexed("fault"),
                F("received_at").desc(),
                F("id").desc(),
                F("trashed_at"),
                condition=Q(fault__isnull=False, trashed_at=None),
                name="of_one_device_one_fault",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Tagging(models.Model):
    """A tag on a picture. It has the picture's time, which never changes: so the newest of a tag are read from its index."""

    capture = models.ForeignKey(Capture, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("tag of a picture"), _("tags of pictures")
        db_table = "media_pipeline_capture_tags"
        unique_together = [("capture", "tag")]
        indexes = [models.Index(fields=["tag", "-received_at", "-capture"], name="newest_captures_of_a_tag")]

    def __str__(self) -> str:
        return f"{self.tag_id}: {self.capture_id}"
