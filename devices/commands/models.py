"""Commands: the row is the queue."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import OfDevices
from devices.registry.models import Device
from photohub.lib.database.db import inline, inline_all
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say

ENDING_SHOWN_FOR = timedelta(minutes=5)
# A failure stays until somebody puts it away or the camera is asked again, but not for ever.
FAILURE_SHOWN_FOR = timedelta(days=1)


class CommandState(models.TextChoices):
    QUEUED = "queued", _("waiting for the camera")
    SENT = "sent", _("the camera was told")
    UPLOADED = "uploaded", _("the picture is here")
    FAILED = "failed", _("failed")
    EXPIRED = "expired", _("no answer in time")
    CANCELLED = "cancelled", _("cancelled")


class CommandQuerySet(OfDevices):
    def open(self) -> "CommandQuerySet":
        """Keep the commands that a picture may still answer."""
        return self.not_ended().filter(expires_at__gt=timezone.now())

    def queued(self) -> "CommandQuerySet":
        """Keep the commands that the camera was not told yet, by their partial index."""
        return self.filter(state=inline(CommandState.QUEUED))

    def not_ended(self) -> "CommandQuerySet":
        """Keep the commands that have not ended, even if their time is over, by their partial index."""
        return self.filter(state__in=inline_all(Command.OPEN))


class Command(models.Model):
    """One order to take a picture.

    Until it is sent, `expires_at` ends the wait for the camera; then it ends the wait for the picture.
    """

    OPEN = (CommandState.QUEUED, CommandState.SENT)
    FAILED = (CommandState.FAILED, CommandState.EXPIRED)
    FINAL = (CommandState.UPLOADED, CommandState.FAILED, CommandState.EXPIRED, CommandState.CANCELLED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="commands")
    name = models.CharField(max_length=49, unique=True)
    state = models.CharField(max_length=12, choices=CommandState, default=CommandState.QUEUED)
    # A stable word for programs, the sentence, and what that is made of (`lib.said`).
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    reason_said = models.JSONField(default=dict, blank=True)
    asked_by_id: int | None
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    # It was given in the answer to an upload: until then it is given again where the camera does not carry it out.
    returns_until = models.DateTimeField(null=True, blank=True)
    # Somebody saw how it ended and put it away.
    dismissed_at = models.DateTimeField(null=True, blank=True)
    answered_sha256 = models.CharField(max_length=64, blank=True)
    # A camera that answers with the bytes of the picture before is asked once more, and no more than once.
    again_of = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="second_try"
    )

    objects = CommandQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("command"), _("commands")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state="queued"), name="commands_to_send"),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=("queued", "sent")),
                name="commands_that_may_expire",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=("queued", "sent")),
                name="open_commands_by_age",
            ),
            models.Index(fields=["device", "-created_at"], name="commands_of_a_device"),
            models.Index(
                fields=["device", "created_at"],
                condition=Q(state__in=("queued", "sent")),
                name="open_commands_of_a_device",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_news(self) -> bool:
        """Whether people want to see it still: until it ends, and then for a while that nobody cut short."""
        if self.state in Command.OPEN:
            return True
        shown_for = FAILURE_SHOWN_FOR if self.state in Command.FAILED else ENDING_SHOWN_FOR
        return (
            self.dismissed_at is None and timezone.now() - (self.finished_at or self.created_at) < shown_for
        )

    @property
    def reason_text(self) -> str:
        """Why it ended as it did, in the language that is active."""
        return say(self.reason_said, self.reason)
