"""Settings of the hub that are chosen in its pages: one row each."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class HubSetting(models.Model):
    """One setting: its name in `choices` and its value."""

    name = models.CharField(primary_key=True, max_length=40)
    value = models.JSONField()
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("setting of the hub"), _("settings of the hub")

    def __str__(self) -> str:
        return self.name
