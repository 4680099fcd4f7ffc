"""What deleted pictures left behind. The row is the queue."""

from django.db import models
from django.utils import timezone

from photohub.lib.pages.sentences import say


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
