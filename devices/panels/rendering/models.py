"""Render profiles: how one kind of panel wants its pictures."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .naming import name_ready_made


class RenderProfile(models.Model):
    """How one kind of panel wants its pictures; `settings` are the fields of `devices.panels.rendering.drawing.Profile`."""

    name = models.SlugField(max_length=40, unique=True)
    label = models.CharField(max_length=80, blank=True)
    settings = models.JSONField(default=dict)
    # Ready-made ones come with PhotoHub: they can be copied, not changed.
    ready_made = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("render profile"), _("render profiles")
        ordering = ["-ready_made", "name"]

    def __str__(self) -> str:
        return self.label or (name_ready_made(self.name) if self.ready_made else "") or self.name
