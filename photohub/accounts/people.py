"""The people of the hub: owners invite them, give them roles and switch their accounts off."""

from collections.abc import Generator
from contextlib import contextmanager

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.models import Membership, Role
from devices.access.rights import owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.registry import broker_accounts
from photohub.accounts import invitations
from photohub.accounts.forms import InviteForm, RoleForm
from photohub.accounts.logins import factors
from photohub.accounts.shown_once import keep_once, take_once
from photohub.lib.pages.sentences import Said, said, said_of
from photohub.lib.pages.sessions import end_sessions


class LastOwner(Exception):
    """The change would leave a hub that nobody owns."""


def owners() -> QuerySet:
    """Return the people who can manage this hub."""
    owning = Q(is_superuser=True) | Q(memberships__role=Role.OWNER)
    return get_user_model().objects.filter(owning, is_active=True).distinct()


@never_cache
@owners_only
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List the people, and show a fresh invitation once."""
    return _render_people(request, link=take_once(request, "invitation"))


def _render_people(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    people = (
        get_user_model().objects.prefetch_related("memberships__group").order_by("-is_active", "username")
    )
    context.setdefault("invite_form", InviteForm())
    with_factors = factors.people_with()
    context["rows"] = [_row_of(person, with_factors) for person in people]
    return render(request, "photohub/accounts/people.html", context, status=status)


def _row_of(person, with_factors: set[int]) -> dict:
    """Return the person, his roles in words, and the form that changes them."""
    memberships = list(person.memberships.all())
    first = memberships[0] if memberships else None
    role = Role.OWNER if person.is_superuser else first.role if first else Role.VIEWER
    initial = {"role": role, "group": first.group_id if first and not person.is_superuser else None}
    return {
        "person": person,
        "role": Role(role) if person.is_superuser or first else None,
        "groups": [m.group.name for m in memberships if m.group],
        "form": RoleForm(initial=initial, auto_id=f"id_{person.pk}_%s"),
        "has_factors": person.pk in with_factors,
        "invited": not person.has_usable_password(),
    }


@require_POST
@owners_only
def invite(request: HttpRequest) -> HttpResponse:
    """Make an account without a password, and a link by which its person sets one."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _render_people(request, 422, invite_form=form)
    with transaction.atomic():
        person = User.objects.create_user(form.cleaned_data["username"])
        give_role(person, form.cleaned_data["role"], form.cleaned_data["group"])
        audit.note(Word.INVITED, Kind.PERSON, person.pk, person, _role_of(form))
    return _show_link(request, person)


@require_POST
@owners_only
def renew_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new one-time link for somebody who lost the first one, or the password."""
    person = get_object_or_404(get_user_model(), pk=pk, is_active=True)
    with transaction.atomic():
        audit.note(Word.INVITED, Kind.PERSON, person.pk, person, said("A new link to set a password."))
        return _show_link(request, person)


def _show_link(request: HttpRequest, person) -> HttpResponse:
    keep_once(request, "invitation", invitations.make_link(person))
    return redirect("people")


@require_POST
@owners_only
def change_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a person one role instead of what he had."""
    person = get_object_or_404(get_user_model(), pk=pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("people")
    try:
        with keeping_an_owner():
            give_role(person, form.cleaned_data["role"], form.cleaned_data["group"])
            audit.note(Word.CHANGED, Kind.PERSON, person.pk, person, _role_of(form))
    except LastOwner:
        return _refuse_last_owner(request, person)
    messages.success(request, _("The role of %(name)s was changed.") % {"name": person})
    return redirect("people")


@require_POST
@owners_only
def reset_second_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take away the second factors of somebody who lost them; his sessions end, in whoever's hands they are."""
    person = get_object_or_404(get_user_model(), pk=pk)
    if factors.reset(person):
        end_sessions(person, keep=request.session.session_key)
        messages.success(request, _("%(name)s logs in with the password alone again.") % {"name": person})
    return redirect("people")


@require_POST
@owners_only
def set_enabled(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch an account off, which ends everything its person has open, or on again."""
    person = get_object_or_404(get_user_model(), pk=pk)
    person.is_active = request.POST.get("enabled") == "yes"
    try:
        with keeping_an_owner():
            person.save(update_fields=["is_active"])
            sentence = said("Turned on.") if person.is_active else said("Turned off.")
            audit.note(Word.CHANGED, Kind.PERSON, person.pk, person, sentence)
    except LastOwner:
        return _refuse_last_owner(request, person)
    if person.is_active:
        messages.success(request, _("%(name)s can log in again.") % {"name": person})
    else:
        end_sessions(person)
        broker_accounts.unwant_person(person)
        messages.success(
            request, _("%(name)s is logged out everywhere and can no longer log in.") % {"name": person}
        )
    return redirect("people")


def _refuse_last_owner(request: HttpRequest, person) -> HttpResponse:
    messages.error(
        request, _("%(name)s is the only owner. Make someone else an owner first.") % {"name": person}
    )
    return redirect("people")


def _role_of(form: RoleForm) -> Said:
    role, group = form.cleaned_data["role"], form.cleaned_data["group"]
    devices = group.name if group else said("all devices")
    return said("%(role)s; devices: %(group)s.", role=said_of(Role(role).label), group=devices)


def give_role(person, role: str, group=None) -> None:
    """Set the person's one role. An owner may also use the back office, which asks for Django's own marks."""
    person.is_superuser = person.is_staff = role == Role.OWNER
    person.save(update_fields=["is_superuser", "is_staff"])
    person.memberships.all().delete()
    Membership.objects.create(user=person, role=role, group=group)


@contextmanager
def keeping_an_owner() -> Generator[None]:
    """Undo what is done inside, and raise LastOwner, when nobody would own the hub afterwards."""
    with transaction.atomic():
        # Two owners who demote each other at once wait for one another here.
        list(get_user_model().objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        yield
        if not owners().exists():
            raise LastOwner
