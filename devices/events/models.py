"""Events: what happened, in order. The id is the sequence number that live pages count by."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.access.models import visible_devices
from devices.registry.models import Device
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
            return self
        return visible_devices(self.exclude(device=None), user, "device__")

    def told(self) -> "EventQuerySet":
        """Keep the events with a sentence, which device pages show, by their partial index."""
        return self.exclude(sentence=inline(""))

    def silent(self) -> "EventQuerySet":
        """Keep the events without a sentence, by their partial index."""
        return self.filter(sentence=inline(""))


class Event(models.Model):
    """One thing that happened. Small: live pages get only its type and ids, and read the rest with their own rights."""

    seq = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    type = models.CharField(max_length=24, choices=EventType)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="events")
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
