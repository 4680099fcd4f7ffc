"""What all tables of the back office share: only owners come in, and what machines write is only read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from unfold.admin import ModelAdmin

from .rights import is_owner

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # The name that the types of Django give a lazy text.


def told(label: "str | _StrPromise", say: Callable[[Any], object]) -> Callable[[Any], str]:
    """Return a column of a table that says a row's sentence in the reader's language."""

    @admin.display(description=label)
    def column(row: Any) -> str:
        return str(say(row))

    return column


def style_sheet(request: HttpRequest) -> str:
    """Return the address of the sheet that gives the back office the looks of the other pages."""
    return static("css/photohub/pages/back_office.css")


def script(request: HttpRequest) -> str:
    """Return the address of the script that the back office loads before its own."""
    return static("js/photohub/pages/back_office.js")


class OwnersAdmin(ModelAdmin):
    """A table for owners. Rights come from the roles, not from Django's own permissions."""

    list_per_page = 50
    # Counting a million rows to say "of 1,000,000" takes longer than showing fifty of them.
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_owner(request.user)

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return is_owner(request.user)

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return is_owner(request.user)

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return is_owner(request.user)

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return is_owner(request.user)


class ReadOnlyAdmin(OwnersAdmin):
    """A table that PhotoHub itself writes: people look, and change it by the pages that know the rules."""

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
