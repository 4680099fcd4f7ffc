"""Adding a device: choose what it is, name it, watch it connect."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.access.rights import Action, get_device, is_owner
from devices.events.models import Event, EventType
from devices.keys import shown_once as secrets_once
from devices.registry.models import Device
from devices.registry.profiles import PROFILES
from devices.registry.rules import topic_holder

from .forms import AddForm, propose_code
from .snippets import connection_facts, snippets_for

BOARDS = {
    "esp32s3": "esp32",
    "k230": "k230",
    "raspberry-pi": "pi",
    "panel": "panel",
    "esp8266-stm32": "serial",
    "generic": "generic",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Step 1 without a profile, step 2 with one."""
    _require_owner(request)
    profile = PROFILES.get(request.GET.get("profile", ""))
    if profile is None:
        kinds = [{"profile": p, "board": BOARDS[p.slug]} for p in PROFILES.values()]
        return render(request, "devices/setup/add_profile.html", {"kinds": kinds})
    known = {"hardware_address": request.GET.get("address", "")[:32]}
    form = AddForm(request.POST if request.method == "POST" else None, initial=known)
    made = form.add(profile.slug, request.user) if request.method == "POST" and form.is_valid() else None
    if made is None:
        context = {"profile": profile, "board": BOARDS[profile.slug], "form": form, "taken": _taken(profile)}
        return render(request, "devices/setup/add_name.html", context)
    secrets_once.keep_for_next_page(request, made.device, made.key, made.device_secret or "")
    return redirect("devices:added", made.device.code)


def _require_owner(request: HttpRequest) -> None:
    if not is_owner(request.user):
        raise PermissionDenied


def _taken(profile) -> tuple[str, Device] | None:
    """Return the first topic of the published program that another device holds, and which one."""
    held = ((topic, topic_holder(topic)) for topic in profile.fixed.values())
    return next(((topic, device) for topic, device in held if device), None)


@login_required
@require_safe
def code_for(request: HttpRequest) -> HttpResponse:
    """Answer the code that an empty field would become, as plain text."""
    _require_owner(request)
    return HttpResponse(propose_code(request.GET.get("name", "")[:80]), content_type="text/plain")


@login_required
@never_cache
@require_safe
def added(request: HttpRequest, code: str) -> HttpResponse:
    """Step 3: the key this once, the programs with it filled in, and the line that says what has arrived."""
    device = get_device(request.user, code, Action.MANAGE)
    shown = secrets_once.take(request, device)
    profile = PROFILES[device.profile]
    context = {
        "device": device,
        "shown": shown,
        "arrivals": arrivals_of(device),
        "snippets": snippets_for(device, shown.key if shown else ""),
        "facts": connection_facts(device),
        "taken": _taken(profile) if _has_own_topics(device, profile) else None,
    }
    return render(request, "devices/setup/added.html", context)


def _has_own_topics(device: Device, profile) -> bool:
    return any(getattr(device, column) != topic for column, topic in profile.fixed.items())


@dataclass(frozen=True)
class Arrival:
    """One step of a device's first minutes: its state (done, now, ahead), words, and when."""

    state: str
    words: str
    at: object = None


def arrivals_of(device: Device) -> list[Arrival]:
    """Tell how far a new device has come: heard, connected from somewhere, first picture."""
    first = device.events.filter(type=EventType.CAPTURE_CREATED).order_by("seq").first()
    heard = device.last_seen_at is not None or first is not None
    place = {"address": device.last_address}
    connected = _("Connected from %(address)s") % place if device.last_address else _("Connected")
    return [
        Arrival("done", connected, _first_heard(device))
        if heard
        else Arrival("now", _("Waiting for the first message…")),
        Arrival("done", _("First picture received"), first.at)
        if first
        else Arrival(
            "now" if heard else "ahead", _("Waiting for the first picture…") if heard else _("First picture")
        ),
    ]


def _first_heard(device: Device) -> object:
    event: Event | None = device.events.filter(type=EventType.DEVICE_CHANGED).order_by("seq").first()
    return event.at if event else device.last_seen_at


@login_required
@never_cache
@require_safe
def first_light(request: HttpRequest, code: str) -> HttpResponse:
    """The fragment that says how far a new device has come."""
    device = get_device(request.user, code, Action.MANAGE)
    return render(
        request, "devices/setup/_first_light.html", {"device": device, "arrivals": arrivals_of(device)}
    )
