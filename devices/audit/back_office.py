"""What owners change in the tables of the back office, written down as everything else that people do."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.http import HttpRequest

from devices.access.back_office import OwnersAdmin
from photohub.lib.pages.sentences import in_english

from .models import Kind, Word
from .record import note


class LoggedAdmin(OwnersAdmin):
    """A table that owners change. Django calls these in the transaction of the change."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        _note(Word.ADDED, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        _note(Word.CHANGED, obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        for obj in queryset:
            _note(Word.DELETED, obj)
        return super().log_deletions(request, queryset)


def _note(word: Word, obj: Any) -> None:
    note(word, Kind.TABLE_ROW, f"{obj._meta.model_name}.{obj.pk}", in_english(obj))
