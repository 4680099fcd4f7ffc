"""Heartbeats of PhotoHub's own processes, for the status page."""

from django.db import models
from django.utils import timezone

from photohub.lib.pages.sentences import say


class ServiceBeat(models.Model):
    """When a process of one kind was last alive, and what it last said of its outside part."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    ok = models.BooleanField(default=True)
    sentence = models.CharField(max_length=300, blank=True)
    # What the sentence is made of (`lib.said`), where people read it.
    sentence_said = models.JSONField(default=dict, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        """The sentence in the language that is active."""
        return say(self.sentence_said, self.sentence)
