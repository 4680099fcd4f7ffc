"""Rollouts: planning one, watching it live, and stopping it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can, require
from devices.firmware.errors import FirmwareError, RolloutError
from devices.firmware.models import Firmware
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import wording
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget, TargetState
from devices.registry.finding import get_device
from devices.registry.tabs import frame_of

from .rollout_forms import RolloutForm, say_wait
from .views import rollout_line

_TARGETS_ON_A_PAGE = 100
_ORDERS = {"pause": rollouts.pause, "resume": rollouts.resume, "cancel": rollouts.cancel}
# The way of a device, as the funnel shows it; what went wrong stands beside it.
_FUNNEL = ("waiting", "offered", "downloading", "flashing", "proved")
_WRONG = ("failed", "timed_out", "cancelled")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, id: UUID) -> HttpResponse:
    """Plan a rollout of an image."""
    require(request.user, Action.MANAGE)
    firmware = get_object_or_404(Firmware, pk=id)
    form = RolloutForm(
        request.POST if request.method == "POST" else None, firmware=firmware, user=request.user
    )
    action = request.POST.get("action", "")
    # Anything but these two only asks what the values would do.
    wanted = action in ("start", "draft")
    rollout = form.save(start=action == "start") if wanted and form.is_valid() else None
    if rollout is None:
        outlook = form.outlook() if form.is_bound else None
        context = {"form": form, "firmware": firmware, "outlook": outlook}
        status = 422 if wanted else 200
        return render(request, "devices/firmware/rollouts/new.html", context, status=status)
    for code, word in list(form.left_out.items())[:5]:
        messages.info(
            request, _("%(code)s is left out: %(why)s") % {"code": code, "why": wording.sentence_of(word)}
        )
    return redirect("firmware:rollout", rollout.pk)


@login_required
@never_cache
@require_safe
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show how a rollout goes: the funnel, and every device with what it waits for."""
    rows = Rollout.objects.visible_to(request.user).select_related("firmware", "created_by")
    rollout = get_object_or_404(rows, pk=id)
    state = request.GET.get("state", "")
    targets = RolloutTarget.objects.filter(rollout=rollout).visible_to(request.user)
    targets = targets.filter(state=state) if state in TargetState.values else targets
    page = Paginator(targets.select_related("device", "rollout__firmware"), _TARGETS_ON_A_PAGE)
    targets_page = page.get_page(request.GET.get("page"))
    told = zip(targets_page, wording.explain_all(rollout, list(targets_page)), strict=True)
    line = rollout_line(rollout, request.user)
    context = line | {
        "funnel": [_stage(name, line) for name in _FUNNEL],
        "wrong": [_stage(name, line) for name in _WRONG],
        "steps": [
            {
                "percent": step.get("percent", 0),
                "devices": step.get("devices", 0),
                "wait": say_wait(step.get("soak_s", 0)),
                "state": _step_state(rollout, number),
            }
            for number, step in enumerate(rollout.steps)
        ],
        "targets": targets_page,
        "told": [{"target": t, "why": why, "shape": shape_of(t.state)} for t, why in told],
        "chosen": state,
        "can_manage": can(request.user, Action.MANAGE),
    }
    return render(request, "devices/firmware/rollouts/rollout.html", context)


def _stage(name: str, line: dict) -> dict:
    shape = shape_of(name)
    return {"name": name, "label": TargetState(name).label, "count": line["counts"][name], "shape": shape}


def _step_state(rollout: Rollout, number: int) -> str:
    if number < rollout.step or rollout.state == RolloutState.FINISHED:
        return "done"
    moving = rollout.state in (RolloutState.RUNNING, RolloutState.PAUSED)
    return "now" if number == rollout.step and moving else "ahead"


@login_required
@require_POST
def change(request: HttpRequest, id: UUID, order: str) -> HttpResponse:
    """Pause, resume or cancel."""
    if order not in _ORDERS:
        raise Http404
    rollout = get_object_or_404(Rollout.objects.visible_to(request.user), pk=id)
    require(request.user, Action.MANAGE)
    try:
        if not _ORDERS[order](rollout, request.user):
            messages.info(request, _("Nothing to change: this is already the case, or it has ended."))
    except (RolloutError, FirmwareError) as error:
        messages.error(request, error.sentence)
    return redirect("firmware:rollout", id)


UPDATES_ON_PAGE = 50
_SHAPES = {"proved": "good", "failed": "bad", "timed_out": "bad", "waiting": "off", "cancelled": "off"}


def shape_of(target_state: str) -> str:
    """Return the shape that stands beside an update's state; what is under way is half filled."""
    return _SHAPES.get(target_state, "wait")


@login_required
@require_safe
def firmware(request: HttpRequest, code: str) -> HttpResponse:
    """What runs on it, and its updates."""
    device = get_device(request.user, code)
    updates = device.rollout_targets.select_related("rollout__firmware", "device").order_by("-pk")
    shown = [
        {"target": target, "why": wording.explain(target), "shape": shape_of(target.state)}
        for target in updates[:UPDATES_ON_PAGE]
    ]
    modules = {"default": device.firmware_version} | device.modules
    context = {
        "updates": shown,
        "modules": {name: version for name, version in modules.items() if version or name != "default"},
    }
    return render(
        request, "devices/firmware/rollouts/of_device.html", frame_of(request, device, "firmware") | context
    )
