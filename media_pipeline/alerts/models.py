"""What is to be told, what happened, and the messages about it: the row of a message is the queue."""

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from photohub.lib.database.db import inline
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say

from .channels.models import AlertChannel, OwnedQuerySet

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class AlertRule(models.Model):
    """Tell `channels` when something of this kind happens to a device, to those of a group, or to all of them."""

    user_id: int | None
    device_id: int | None
    group_id: int | None
    alerts: "RelatedManager[Any]"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Nobody's: the hub's own.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # A word of `kinds.table`, where each kind is one entry.
    kind = models.CharField(max_length=24)
    device = models.ForeignKey(
        Device, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules"
    )
    group = models.ForeignKey(
        DeviceGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules"
    )
    # Seconds or percent, as the kind says.
    threshold = models.PositiveIntegerField(default=0)
    # Minutes of the hub's day. Between these something counts at all; between those nobody is told.
    from_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    until_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    quiet_from = models.PositiveSmallIntegerField(null=True, blank=True)
    quiet_until = models.PositiveSmallIntegerField(null=True, blank=True)
    only_unlike = models.BooleanField(default=False)
    # So long after one picture no other is told of.
    pause_s = models.PositiveIntegerField(default=0)
    channels = models.ManyToManyField(AlertChannel, related_name="rules")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # How far it has looked, for kinds that look along a time.
    seen_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("alert rule"), _("alert rules")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class AlertQuerySet(models.QuerySet):
    def open(self) -> "AlertQuerySet":
        """Keep those that are not over, by their partial index."""
        return self.filter(over_at=None)


class Alert(models.Model):
    """One thing that happened, as one rule sees it. What lasts is told twice: when it begins, and when it is over."""

    device_id: int | None
    messages: "RelatedManager[Any]"
    # Its messages, where a list fetched them along.
    told: list["AlertMessage"]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    # What it is about, in a word for programs: of what lasts, a rule has one that is open.
    key = models.CharField(max_length=80)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # The picture that goes along. Without a foreign key: what is told stays when the picture is deleted.
    capture_id = models.UUIDField(null=True, blank=True)
    lasts = models.BooleanField(default=True)
    what = models.CharField(max_length=300)
    what_said = models.JSONField(default=dict, blank=True)
    end = models.CharField(max_length=300, blank=True)
    end_said = models.JSONField(default=dict, blank=True)
    began_at = models.DateTimeField(default=timezone.now)
    over_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    over_told_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("alert"), _("alerts")
        ordering = ["-began_at", "-id"]
        constraints = [
            # Two workers that find the same thing tell of it once.
            models.UniqueConstraint(
                fields=["rule", "key"], condition=Q(lasts=True, over_at=None), name="one_open_alert_of_a_rule"
            ),
            models.UniqueConstraint(
                fields=["rule", "key"], condition=Q(lasts=False), name="one_alert_of_a_thing"
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "-began_at", "-id"], name="alerts_of_a_rule"),
            models.Index(fields=["-began_at", "-id"], name="alerts_newest_first"),
            models.Index(fields=["device"], condition=Q(over_at=None), name="open_alerts_of_a_device"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"

    @property
    def what_text(self) -> str:
        """What happened, in the language that is active."""
        return say(self.what_said, self.what)

    @property
    def end_text(self) -> str:
        return say(self.end_said, self.end)


class Phase(models.TextChoices):
    BEGAN = "began", _("it began")
    OVER = "over", _("it is over")


class MessageState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent")
    SKIPPED = "skipped", _("not sent")
    FAILED = "failed", _("failed")


class MessageQuerySet(models.QuerySet):
    def waiting(self) -> "MessageQuerySet":
        """Keep those that are still to be sent, by their partial index."""
        return self.filter(state=inline(MessageState.WAITING))


class AlertMessage(models.Model):
    """One alert on its way by one channel. The row is the queue; its key is what the other side knows a repetition by."""

    alert_id: uuid.UUID
    channel_id: uuid.UUID

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="messages")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="messages")
    phase = models.CharField(max_length=8, choices=Phase)
    state = models.CharField(max_length=8, choices=MessageState, default=MessageState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Also the end of the lease of whoever sends it: nobody else takes it before.
    next_try_at = models.DateTimeField(default=timezone.now)
    # Waits for the end of quiet hours, and was never tried.
    is_held = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    give_up_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    error_said = models.JSONField(default=dict, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("message of an alert"), _("messages of alerts")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "phase"], name="each_phase_once_by_a_channel"
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="alert_messages_to_send"),
            models.Index(
                fields=["channel", "created_at"],
                condition=Q(state="waiting"),
                name="alert_messages_of_a_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.phase}: {self.state}"

    @property
    def error_text(self) -> str:
        """Why it was not sent, in the language that is active."""
        return say(self.error_said, self.error)


class LoginPlace(models.Model):
    """A network from which a person has logged in."""

    user_id: int

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    place = models.CharField(max_length=64)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("place of logins"), _("places of logins")
        constraints = [models.UniqueConstraint(fields=["user", "place"], name="each_place_of_a_person_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.place}"
