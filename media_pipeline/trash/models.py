"""The order to empty the trash. The row is the queue."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class EmptyingOrder(models.Model):
    """Somebody wants everything gone that was in the trash at `upto`. There is one at most, until it is done."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    upto = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("emptying of the trash"), _("emptyings of the trash")

    def __str__(self) -> str:
        return f"{self.upto:%Y-%m-%d %H:%M}"
