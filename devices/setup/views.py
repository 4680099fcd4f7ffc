"""Adding a device: choose what it is, name it, watch it connect."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, require_owner
from devices.keys import shown_once
from devices.panels.fetching import trmnl
from devices.panels.fetching.forms import PanelForm
from devices.registry.camera_profiles import PROFILES
from devices.registry.changes import change_device
from devices.registry.finding import get_device
from devices.registry.models import PANEL, Device, Panel
from devices.registry.removing import remove_device
from devices.registry.rules import topic_holder, warn_of_network
from devices.registry.tabs import frame_of
from photohub.lib.messaging import notify
from photohub.lib.network import site

from . import adding, simulated
from .adding import propose_code
from .arrivals import arrivals_of
from .forms import AddForm, RemoveForm, SettingsForm
from .panels import AddPanelForm, sets_itself_up
from .sections import sections_of, uses_of
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
    require_owner(request)
    profile = PROFILES.get(request.GET.get("profile", ""))
    if profile is None:
        kinds = [{"profile": p, "board": BOARDS[p.slug]} for p in PROFILES.values()]
        return render(request, "devices/setup/add_profile.html", {"kinds": kinds})
    known = {"hardware_address": request.GET.get("address", "")[:32]}
    form_of = AddPanelForm if profile.slug == PANEL else AddForm
    form = form_of(request.POST if request.method == "POST" else None, initial=known)
    made = form.add(profile.slug, request.user) if request.method == "POST" and form.is_valid() else None
    if made is None:
        context = {"profile": profile, "board": BOARDS[profile.slug], "form": form, "taken": _taken(profile)}
        return render(request, "devices/setup/add_name.html", context)
    if made.key:
        shown_once.keep_for_next_page(request, made.device, made.key, made.device_secret or "")
    return redirect("devices:added", made.device.code)


def _taken(profile) -> tuple[str, Device] | None:
    """Return the first topic of the published program that another device holds, and which one."""
    held = ((topic, topic_holder(topic)) for topic in profile.fixed.values())
    return next(((topic, device) for topic, device in held if device), None)


@login_required
@require_safe
def code_for(request: HttpRequest) -> HttpResponse:
    """Answer the code that an empty field would become, as plain text."""
    require_owner(request)
    kind = PANEL if request.GET.get("profile") == PANEL else "camera"
    return HttpResponse(propose_code(request.GET.get("name", "")[:80], kind), content_type="text/plain")


@login_required
@never_cache
@require_safe
def added(request: HttpRequest, code: str) -> HttpResponse:
    """Step 3: the key this once, the programs with it filled in, and the line that says what has arrived."""
    device = get_device(request.user, code, Action.MANAGE)
    shown = shown_once.take(request, device)
    profile = PROFILES[device.profile]
    context = _first_light_of(device) | {
        "base_url": site.base_url(),
        "shown": shown,
        "snippets": snippets_for(device, shown.key if shown else ""),
        "facts": connection_facts(device),
        "taken": _taken(profile) if _has_own_topics(device, profile) else None,
    }
    return render(request, "devices/setup/added.html", context)


def _has_own_topics(device: Device, profile) -> bool:
    return any(getattr(device, column) != topic for column, topic in profile.fixed.items())


@login_required
@never_cache
@require_safe
def first_light(request: HttpRequest, code: str) -> HttpResponse:
    """The fragment that says how far a new device has come."""
    device = get_device(request.user, code, Action.MANAGE)
    return render(request, "devices/setup/_first_light.html", _first_light_of(device))


def _first_light_of(device: Device) -> dict:
    return {
        "device": device,
        "is_panel": device.profile == PANEL,
        "sets_itself_up": sets_itself_up(device),
        "arrivals": arrivals_of(device),
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, code: str) -> HttpResponse:
    """Show the settings and store them."""
    device = get_device(request.user, code, Action.MANAGE)
    posted = request.POST if request.method == "POST" else None
    form, panel = SettingsForm(posted, device=device), PanelForm(posted, device=device)
    changed = _save(request, form, panel) if posted is not None else None
    if changed is None:
        return _show(request, device, form, RemoveForm(device=device), panel)
    messages.success(request, _("Settings saved."))
    if warning := warn_of_network(changed.allowed_network):
        messages.warning(request, warning)
    return redirect("devices:settings", device.code)


def _save(request: HttpRequest, form: SettingsForm, panel: PanelForm) -> Device | None:
    """Store both parts or neither; None when one of them may not be, and its form then says why."""
    # Both are asked, so that all mistakes are shown at once.
    if not all([form.is_valid(), panel.is_valid()]):
        return None
    with transaction.atomic():
        changed = form.save(request.user)
        if changed is not None and panel.save(changed, request.user):
            return changed
        transaction.set_rollback(True)
    return None


def _show(
    request: HttpRequest,
    device: Device,
    form: SettingsForm,
    remove: RemoveForm,
    panel: PanelForm | None = None,
) -> HttpResponse:
    panel = panel or PanelForm(device=device)
    sections = sections_of(device)
    context = {
        "sections": sections,
        "uses": uses_of(device),
        "fold_open": any(sections.folds(name) for name in form.errors if name != NON_FIELD_ERRORS)
        or bool(panel.errors and (not sections.panel or "window" in panel.errors)),
        "form": form,
        "panel": panel,
        "remove": remove,
        "pictures": device.captures(manager="everything").count(),
        "certificate": _shown_certificate(device),
        "claimed": Panel.objects.filter(device=device)
        .exclude(hardware_address="")
        .exclude(claimed_at=None)
        .first(),
    }
    page = frame_of(request, device, "settings") | context
    refused = form.is_bound or remove.is_bound
    return render(request, "devices/setup/settings.html", page, status=422 if refused else 200)


def _shown_certificate(device: Device) -> str:
    """Return the fingerprint that the camera shows and nobody has trusted; empty when there is none."""
    asked = ("fetch_certificate_unknown", "fetch_certificate_changed")
    trouble = device.troubles.open().filter(word__in=asked).first()
    return str(trouble.values.get("fingerprint", "")) if trouble else ""


@login_required
@require_POST
def allow_again(request: HttpRequest, code: str) -> HttpResponse:
    """Let a panel that was reset be given a key once more."""
    device = get_device(request.user, code, Action.MANAGE)
    if trmnl.allow_again(device, request.user):
        messages.success(request, _("Restart the panel now: it will be given a new key."))
    else:
        messages.info(request, _("It has not been set up yet, so there is nothing to allow."))
    return redirect("devices:settings", code)


@login_required
@require_POST
def trust_certificate(request: HttpRequest, code: str) -> HttpResponse:
    """Trust the certificate that the page showed, or with nothing none any more."""
    device = get_device(request.user, code, Action.MANAGE)
    fingerprint = request.POST.get("fingerprint", "")
    try:
        change_device(device, {"pull_fingerprint": fingerprint}, request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        told = _("The certificate is trusted for this device. Its pictures are fetched now.")
        messages.success(request, told if fingerprint else _("No certificate is trusted for this device."))
    return redirect("devices:settings", code)


@login_required
@require_POST
def ask_config(request: HttpRequest, code: str) -> HttpResponse:
    """Let hawkBit's device API ask the device once more what it is."""
    device = get_device(request.user, code, Action.MANAGE)
    change_device(device, {"config_wanted": True}, request.user)
    messages.success(request, _("It will be asked the next time it checks for firmware."))
    return redirect("devices:firmware", code)


@login_required
@require_POST
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Remove the device and everything it sent, once its code was typed."""
    device = get_device(request.user, code, Action.MANAGE)
    form = RemoveForm(request.POST, device=device)
    if not form.is_valid():
        return _show(request, device, SettingsForm(device=device), form)
    name = device.name
    if remove_device(device, request.user):
        text = _("%(name)s was removed with its pictures.")
    else:
        text = _("%(name)s was removed. Its pictures are being deleted; Status shows how far that is.")
    messages.success(request, text % {"name": name})
    return redirect("devices:list")


AT_MOST = 20


@login_required
@require_POST
def simulate(request: HttpRequest) -> HttpResponse:
    """Add a simulated camera and ask the hub to run it."""
    require_owner(request)
    if simulated.devices().count() >= AT_MOST:
        messages.error(request, _("There are already %(count)s simulated devices.") % {"count": AT_MOST})
        return redirect("live")
    code, number = _free_code()
    name = _("Simulated camera %(number)s") % {"number": number}
    made = adding.add_device(code=code, name=name, profile="esp32s3", simulated=True)
    message = {"type": "simulator.add", "device": code, "key": made.key}
    notify.send_after_commit(simulated.GROUP, message)
    messages.success(
        request, _("A simulated camera is starting. Its first picture will arrive in a few seconds.")
    )
    return redirect("live")


def _free_code() -> tuple[str, int]:
    taken = set(Device.objects.filter(code__startswith="demo-").values_list("code", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"demo-{n}" not in taken)
    return f"demo-{number}", number


@login_required
@require_POST
def simulate_remove(request: HttpRequest) -> HttpResponse:
    """Remove all simulated devices with their pictures and their firmware."""
    require_owner(request)
    count = simulated.remove_all(request.user)
    words = ngettext(
        "%(count)s simulated device was removed.", "%(count)s simulated devices were removed.", count
    )
    messages.success(request, words % {"count": count})
    return redirect("live")
