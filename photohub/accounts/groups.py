"""Groups: their names, their order, and who may see the devices of each."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.groups import DeviceGroup
from devices.access.models import Membership, Role
from devices.access.rights import owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from photohub.lib.pages.form_fields import narrow
from photohub.lib.pages.sentences import said, said_of

# An owner owns everything, so nobody owns a group.
_ROLES = [(role, role.label) for role in (Role.VIEWER, Role.OPERATOR)]


class GroupForm(forms.ModelForm):
    """A group's name, which no other group has."""

    class Meta:
        model = DeviceGroup
        fields = ["name"]
        labels = {"name": gettext_lazy("Name")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class PersonForm(forms.Form):
    """Somebody for a group, and what he may do there."""

    person = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=get_user_model().objects.none(),
        empty_label=gettext_lazy("choose one"),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=_ROLES, initial=Role.VIEWER)

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        narrow(self, "person", _everyone())


def _everyone() -> QuerySet:
    """Return the people to whom a role in a group says anything."""
    return get_user_model().objects.filter(is_active=True, is_superuser=False).order_by("username")


@never_cache
@owners_only
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List the groups in their order, with their people."""
    return _render(request, GroupForm())


def _render(request: HttpRequest, new: GroupForm, status: int = 200) -> HttpResponse:
    people = Membership.objects.select_related("user").order_by("user__username")
    groups = DeviceGroup.objects.annotate(device_count=Count("devices")).prefetch_related(
        Prefetch("membership_set", people, to_attr="people")
    )
    rows = [_row(group) for group in groups]
    if rows:
        rows[0]["is_first"] = rows[-1]["is_last"] = True
    context = {"rows": rows, "new": new, "everyone": list(_everyone()), "roles": _ROLES}
    return render(request, "photohub/accounts/groups.html", context, status=status)


def _row(group: Any) -> dict:
    """Dress a group that came with its people and the number of its devices."""
    return {
        "group": group,
        "people": group.people,
        "can_delete": not group.people,
        "ask_delete": _ask_delete(group.name, group.device_count),
        "name_form": GroupForm(instance=group, auto_id=f"id_{group.pk}_%s"),
    }


def _ask_delete(name: str, n: int) -> str:
    text = ngettext(
        "Delete the group %(name)s? %(n)s device is taken out of it and stays.",
        "Delete the group %(name)s? %(n)s devices are taken out of it and stay.",
        n,
    )
    return (text if n else _("Delete the group %(name)s?")) % {"name": name, "n": n}


def _of_group(view: Callable[..., HttpResponse | None]) -> Callable[..., HttpResponse]:
    """Let owners post to one group, and lead them back to it."""

    @wraps(view)
    def wrapped(request: HttpRequest, pk: int, **kwargs) -> HttpResponse:
        answer = view(request, get_object_or_404(DeviceGroup, pk=pk), **kwargs)
        return answer or redirect(f"{reverse('groups')}#group-{pk}")

    return require_POST(owners_only(wrapped))


@require_POST
@owners_only
def add(request: HttpRequest) -> HttpResponse:
    """Make a group; it stands behind the others."""
    form = GroupForm(request.POST)
    if not form.is_valid():
        return _render(request, form, status=422)
    with transaction.atomic():
        group = form.save()
        audit.note(Word.ADDED, Kind.GROUP, group.pk, group.name)
    messages.success(request, _("The group %(name)s is added.") % {"name": group})
    return redirect("groups")


@_of_group
def rename(request: HttpRequest, group: DeviceGroup) -> None:
    """Give a group another name; its devices and people stay."""
    form = GroupForm(request.POST, instance=group)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return
    before = DeviceGroup.objects.values_list("name", flat=True).get(pk=group.pk)
    with transaction.atomic():
        form.save()
        sentence = said("Its name was %(name)s.", name=before)
        audit.note(Word.CHANGED, Kind.GROUP, group.pk, group.name, sentence)


@_of_group
def move(request: HttpRequest, group: DeviceGroup) -> None:
    """Move a group one place `up` or down. From then on every group has its place."""
    step = -1 if request.POST.get("by") == "up" else 1
    with transaction.atomic():
        keys = list(DeviceGroup.objects.values_list("pk", flat=True))
        at = keys.index(group.pk)
        keys.insert(max(0, min(at + step, len(keys) - 1)), keys.pop(at))
        # By their keys, so that two who move at once do not wait for each other.
        for key in sorted(keys):
            DeviceGroup.objects.filter(pk=key).update(position=keys.index(key))
        audit.note(Word.CHANGED, Kind.GROUP, group.pk, group.name, said("Its place among the groups."))


@_of_group
def delete(request: HttpRequest, group: DeviceGroup) -> HttpResponse:
    """Delete a group in which nobody is. Its devices stay, without it."""
    if Membership.objects.filter(group=group).exists():
        messages.error(
            request, _("People have access to %(name)s. Remove them from it first.") % {"name": group}
        )
        return redirect("groups")
    with transaction.atomic():
        n, key = group.devices.count(), group.pk
        group.delete()
        words = {"name": group.name, "n": n}
        sentence = said("The group %(name)s was deleted; devices taken out of it: %(n)d.", **words)
        events.record(EventType.NOTICE, actor=request.user, sentence=sentence)
        audit.note(Word.DELETED, Kind.GROUP, key, group.name)
    text = ngettext(
        "The group %(name)s is deleted. %(n)s device was taken out of it.",
        "The group %(name)s is deleted. %(n)s devices were taken out of it.",
        n,
    )
    messages.success(request, (text if n else _("The group %(name)s is deleted.")) % words)
    return redirect("groups")


@_of_group
def give(request: HttpRequest, group: DeviceGroup) -> None:
    """Give somebody a role in a group, beside those that he has elsewhere."""
    form = PersonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the person and the role."))
        return
    person, role = form.cleaned_data["person"], form.cleaned_data["role"]
    try:
        with transaction.atomic():
            Membership.objects.update_or_create(user=person, group=group, defaults={"role": role})
            sentence = said("%(role)s; devices: %(group)s.", role=said_of(Role(role).label), group=group.name)
            audit.note(Word.CHANGED, Kind.PERSON, person.pk, person, sentence)
    except IntegrityError:
        # Two owners gave it at once.
        Membership.objects.filter(user=person, group=group).update(role=role)


@_of_group
def take(request: HttpRequest, group: DeviceGroup, person: int) -> None:
    """Take somebody out of a group."""
    rows = Membership.objects.filter(group=group, user=person).exclude(role=Role.OWNER)
    with transaction.atomic():
        going = list(rows.select_related("user"))
        rows.delete()
        for row in going:
            sentence = said("Taken out of the group %(group)s.", group=group.name)
            audit.note(Word.CHANGED, Kind.PERSON, row.user.pk, row.user, sentence)
    if going:
        messages.success(request, _("Taken out of %(name)s.") % {"name": group})
