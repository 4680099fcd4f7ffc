"""Who comes into the back office, and its table of people."""

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_noop

from devices.access.back_office import ReadOnlyAdmin
from devices.access.rights import is_owner
from photohub.accounts.views import log_out

# Rights are roles here; Django's groups of permissions would only mislead.
admin.site.unregister(Group)
admin.site.unregister(User)
# Second factors are on the pages of their people, and their secrets nowhere.
for table in (Authenticator, EmailAddress, EmailConfirmation):
    if admin.site.is_registered(table):
        admin.site.unregister(table)


def _owners_only(request: HttpRequest) -> bool:
    return is_owner(request.user)


# Django asks for `is_staff`, which says nothing about roles.
admin.site.has_permission = _owners_only


def _log_in(request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
    """Lead to the one login there is. Django's own asks for no second factor, and is written down nowhere."""
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


def _log_out(request: HttpRequest, extra_context: dict | None = None) -> HttpResponseBase:
    """End the session as everywhere, which is written down."""
    return log_out(request)


def _change_password(request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
    """Lead to where a new password is written down, and ends what it must end."""
    return redirect(reverse("account") + "#password")


admin.site.login = _log_in
admin.site.logout = _log_out  # pyrefly: ignore[bad-assignment]
admin.site.password_change = _change_password  # pyrefly: ignore[bad-assignment]


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin):
    """Inviting, roles, switching off: on the People page, which never lets the last owner go."""

    list_display = ["username", "is_active", "is_superuser", "last_login", "date_joined"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "email"]
    fields = ["username", "email", "is_active", "is_superuser", "last_login", "date_joined"]


# The tables of refused logins come from a library that has no Chinese: these are its words, for our catalogue.
LIBRARY_WORDS = (
    gettext_noop("access attempt"),
    gettext_noop("access attempts"),
    gettext_noop("access failure"),
    gettext_noop("access failures"),
    gettext_noop("access log"),
    gettext_noop("access logs"),
    gettext_noop("access attempt expiration"),
    gettext_noop("access attempt expirations"),
)
