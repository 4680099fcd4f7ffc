"""Events: what happened, in order. The id is the sequence number that live pages count by."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.models import visible_devices, without_removed
from photohub.lib.database.db import inline
from photohub.lib.pages.sentences import say

from .wording import sentence_of


class EventType(models.TextChoices):
    CAPTURE_CREATED = "capture.created"
    CAPTURE_MIRRORED = "capture.mirrored"
    CAPTURE_CHANGED = "capture.changed"
    COMMAND_CHANGED = "command.changed"
    DEVICE_CHANGED = "device.changed"
    DELIVERY_CHANGED = "delivery.changed"
    UPDATE_CHANGED = "update.changed"
    NOTICE = "notice"


class EventQuerySet(models.QuerySet):
    def visible_to(self, user) -> "EventQuerySet":
        """Keep the events of devices that the person may look at; those of no device are for owners."""
        if getattr(user, "is_superuser", False) and user.is_active:
            return without_removed(self)
        return visible_devices(self.exclude(device=None), user, "device__")

    def told(self) -> "EventQuerySet":
        """Keep the events with a sentence, which device pages show, by their partial index."""
        return self.exclude(sentence=inline(""))

    def silent(self) -> "EventQuerySet":
        """Keep the events without a sentence, by their partial index."""
        return self.filter(sentence=inline(""))


class Event(models.Model):
    """One thing that happened. Small: live pages get only its type and ids, and read the rest with their own rights."""

    # Of how many like ones it is the newest, where a list folds them.
    times: int = 1

    actor_id: int | None
    seq = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    type = models.CharField(max_length=24, choices=EventType)
    device_id: int | None
    device = models.ForeignKey(
        "devices.Device", null=True, blank=True, on_delete=models.CASCADE, related_name="events"
    )
    subject = models.UUIDField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    sentence = models.CharField(max_length=300, blank=True)
    # What the sentence was made of: a word of `trouble_words` and its values, or no word and what `lib.said` keeps.
    word = models.CharField(max_length=40, blank=True, default="")
    values = models.JSONField(default=dict, blank=True)
    problem = models.BooleanField(default=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        ordering = ["-seq"]
        indexes = [
            models.Index(
                fields=["device", "-seq"], condition=~Q(sentence=""), name="events_told_on_device_page"
            ),
            # Each event is in one of them: those with a sentence stay for longer and would stand in the others' way.
            models.Index(fields=["at"], condition=Q(sentence=""), name="silent_events_by_age"),
            models.Index(fields=["at"], condition=~Q(sentence=""), name="told_events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    @property
    def text(self) -> str:
        """The sentence in the language that is active, where the row keeps what it was made of."""
        return sentence_of(self.word, self.values) if self.word else say(self.values, self.sentence)


class ServiceBeat(models.Model):
    """When a process of one kind was last alive, and what it last said of its outside part."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    ok = models.BooleanField(default=True)
    sentence = models.CharField(max_length=300, blank=True)
    # What the sentence is made of (`lib.said`), where people read it.
    sentence_said = models.JSONField(default=dict, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("heartbeat"), _("heartbeats")

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        """The sentence in the language that is active."""
        return say(self.sentence_said, self.sentence)


SHOWN_FOR = timedelta(days=1)


class TroubleQuerySet(models.QuerySet):
    def open(self) -> "TroubleQuerySet":
        """Keep those that are not over and were seen within a day, by a clock that may have been ahead then."""
        now = timezone.now()
        return self.filter(over_at=None, last_at__gt=now - SHOWN_FOR, last_at__lt=now + SHOWN_FOR)


class Trouble(models.Model):
    """One kind of trouble of one device: a word and its arguments, which become a sentence when shown."""

    device_id: int
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="troubles")
    word = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(default=timezone.now)
    over_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveBigIntegerField(default=1)

    objects = TroubleQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("trouble"), _("troubles")
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["device", "word"], name="one_trouble_of_a_kind")]
        indexes = [
            models.Index(fields=["device"], condition=Q(over_at=None), name="open_troubles_of_a_device"),
            models.Index(fields=["last_at"], name="troubles_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.word}"

    @property
    def text(self) -> str:
        """The sentence in the language that is active."""
        return sentence_of(self.word, self.values)

    @property
    def is_open(self) -> bool:
        """Say `TroubleQuerySet.open` of one row."""
        return self.over_at is None and abs(timezone.now() - self.last_at) < SHOWN_FOR
