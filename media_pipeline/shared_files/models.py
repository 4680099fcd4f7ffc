"""Shared files: one row for each that the object store has, or is to get. A hub with one data folder has none."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SharedFile(models.Model):
    """Bytes that any machine may need. The row comes before the copy and goes after it, so no copy is forgotten."""

    # Kind and SHA-256, which is also where the copy lies.
    key = models.CharField(max_length=80, primary_key=True)
    # Which machine offered it last: while there is no copy, that one has the file.
    node = models.SmallIntegerField(null=True, blank=True, editable=False)
    stored_at = models.DateTimeField(null=True, blank=True)
    # By the clock of the database, which all machines share.
    used_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("file of all machines"), _("files of all machines")
        indexes = [
            models.Index(fields=["node"], condition=Q(stored_at=None), name="shared_files_to_store"),
        ]

    def __str__(self) -> str:
        return self.key
