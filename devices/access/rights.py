"""One place decides who may do what: pages, API, files, sockets and streams all ask `can`."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import wraps
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from .models import DeviceInGroup, Role, Rows, memberships_of, shared_with, visible_devices


class Action(StrEnum):
    """What somebody may want to do to a device, or (with no device) to the hub itself."""

    LOOK = "look"
    COMMAND = "command"
    MANAGE = "manage"


_ALLOWED: dict[str, set[Action]] = {
    Role.VIEWER: {Action.LOOK},
    Role.OPERATOR: {Action.LOOK, Action.COMMAND},
    Role.OWNER: {Action.LOOK, Action.COMMAND, Action.MANAGE},
}


def can(user, action: Action | str, subject=None) -> bool:
    """Tell whether a person may do `action` to a device, to something of a device, or (None) to the hub."""
    if isinstance(user, AnonymousUser) or user is None or not user.is_active:
        return False
    if not within_token(user, action):
        return False
    if user.is_superuser:
        return True
    # A role in no group holds for all; one in a group says nothing of the hub itself, but for what is anywhere.
    allowing = [(role, group) for role, group in memberships_of(user) if Action(action) in _ALLOWED[role]]
    if any(group is None or (subject is None and role != Role.OWNER) for role, group in allowing):
        return True
    key = _key_of_device(subject) if allowing else None
    return key is not None and not shared_with(user).of(key).isdisjoint(group for _role, group in allowing)


def _key_of_device(subject: Any) -> int | None:
    device = getattr(subject, "device", subject)
    # The class belongs to a room above; the key of a row of another table says nothing of a device.
    kind = cast(type, DeviceInGroup._meta.get_field("device").related_model)
    return device.pk if isinstance(device, kind) else None


def look_up(user, devices: Iterable[int]) -> None:
    """Find out at once about devices, by their keys, of each of which `can` will be asked."""
    if not sees_all(user) and getattr(user, "is_active", False):
        shared_with(user).read(devices)


def keep_allowed(devices: Rows, user, action: Action) -> Rows:
    """Keep the devices to which the person may do `action`: what `can` says, asked of the database."""
    if not within_token(user, action):
        return devices.none()
    return visible_devices(
        devices, user, roles=tuple(Role(role) for role in _ALLOWED if action in _ALLOWED[role])
    )


def groups_in_which(user, action: Action) -> set[int] | None:
    """Return the groups to all of whose devices the person may do `action`; None: to those of every group."""
    if not getattr(user, "is_active", False) or not within_token(user, action):
        return set()
    if user.is_superuser:
        return None
    groups = {group for role, group in memberships_of(user) if action in _ALLOWED[role]}
    return None if None in groups else {group for group in groups if group is not None}


def within_token(user, action: Action | str) -> bool:
    """Tell whether the request's API token has the scope for `action`; whoever comes without a token has all of them.

    For what is a person's own, on top of his roles.
    """
    # A request that came with an API token carries the token's scopes on its user (photohub.api.api sets them).
    scopes = getattr(user, "token_scopes", None)
    wanted = {Action.LOOK: "read", Action.COMMAND: "command", Action.MANAGE: "manage"}[Action(action)]
    return scopes is None or wanted in scopes


def sees_all(user) -> bool:
    """Tell whether the person may look at every device, whatever its group."""
    if not getattr(user, "is_active", False):
        return False
    return user.is_superuser or any(group_id is None for _role, group_id in memberships_of(user))


def is_owner(user) -> bool:
    return can(user, Action.MANAGE)


def actor_of(user):
    """Return who a row names as its doer: None for the hub itself, a process, or a stranger."""
    return user if getattr(user, "pk", None) else None


def person_asking(context: dict | None):
    """Return the person for whom the API shapes an answer; None, who may do nothing, where nobody is known."""
    request = (context or {}).get("request")
    return getattr(request, "user", None)


def require(user, action: Action, subject=None) -> None:
    """Raise PermissionDenied where `can` says no."""
    if not can(user, action, subject):
        raise PermissionDenied


def require_owner(request: HttpRequest) -> None:
    require(request.user, Action.MANAGE)


def owners_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Send strangers to the login and refuse everybody who is not an owner."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        require_owner(request)
        return view(request, *args, **kwargs)

    return login_required(guarded)


def owner_exists() -> bool:
    """Tell whether somebody can already manage this hub."""
    users = get_user_model().objects.filter(is_active=True)
    return users.filter(is_superuser=True).exists() or users.filter(memberships__role="owner").exists()
