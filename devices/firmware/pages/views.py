"""Firmware: what is stored, uploading more, and the keys that it is signed with."""

import json
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can, require
from devices.firmware import images, keys
from devices.firmware.errors import FirmwareError
from devices.firmware.models import Firmware, FirmwareState, SigningKey
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import wording
from devices.firmware.rollouts.models import Rollout, RolloutTarget
from devices.registry.disclosure import tell_group

from .forms import FirmwareForm, SigningKeyForm

_ON_A_PAGE = 30
_ROLLOUTS_SHOWN = 20


def rollout_line(rollout: Rollout, user) -> dict:
    """Return what a list shows of a rollout."""
    counts = rollouts.counts_of(rollout, user)
    total = sum(counts.values())
    return {
        "rollout": rollout,
        "group": tell_group(user, rollout.group_name),
        "counts": counts,
        "total": total,
        "proved": counts["proved"],
        "failed": counts["failed"] + counts["timed_out"],
        "active": sum(counts[state] for state in RolloutTarget.ACTIVE),
        "step_now": rollout.step + 1,
        "is_open": rollout.state in Rollout.OPEN,
        "why": wording.explain_rollout(rollout),
    }


def newest_rollouts(user) -> QuerySet[Rollout]:
    """Return the rollouts that a person may see: those that are not over first."""
    rows = Rollout.objects.visible_to(user).select_related("firmware")
    return rows.order_by(Case(When(state__in=Rollout.OPEN, then=0), default=1), "-created_at")


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show the rollouts that go on or lately ended, and all images."""
    require(request.user, Action.LOOK)
    going = newest_rollouts(request.user)[:_ROLLOUTS_SHOWN]
    page = Paginator(Firmware.objects.select_related("signing_key"), _ON_A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "images": page,
        "rollouts": [rollout_line(rollout, request.user) for rollout in going],
        "broken": [str(firmware) for firmware in Firmware.objects.filter(state=FirmwareState.BROKEN)],
        "can_manage": can(request.user, Action.MANAGE),
        "unsigned_allowed": settings.UNSIGNED_FIRMWARE == "allow",
    }
    return render(request, "devices/firmware/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take an image in. The page's script asks for JSON: a followed redirect would eat the message."""
    require(request.user, Action.MANAGE)
    form = FirmwareForm(request.POST, request.FILES) if request.method == "POST" else FirmwareForm()
    firmware = form.save(request.user) if form.is_bound and form.is_valid() else None
    if firmware is not None:
        messages.success(request, _("%(name)s is stored.") % {"name": firmware})
        if request.headers.get("Accept") == "application/json":
            return JsonResponse({"url": reverse("firmware:detail", args=[firmware.pk])}, status=201)
        return redirect("firmware:detail", firmware.pk)
    context = {
        "form": form,
        "unsigned_allowed": settings.UNSIGNED_FIRMWARE == "allow",
        "has_keys": SigningKey.objects.filter(revoked_at=None).exists(),
        "limit_bytes": settings.FIRMWARE_MAX_BYTES,
    }
    return render(request, "devices/firmware/upload.html", context, status=422 if form.is_bound else 200)


@login_required
@require_safe
def detail(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show one image's facts and what became of it."""
    require(request.user, Action.LOOK)
    firmware = get_object_or_404(Firmware.objects.select_related("signing_key", "uploaded_by"), pk=id)
    going = newest_rollouts(request.user).filter(firmware=firmware)
    context = {
        "firmware": firmware,
        "rollouts": [rollout_line(rollout, request.user) for rollout in going[:_ROLLOUTS_SHOWN]],
        "manifest": _shown_manifest(firmware),
        "can_manage": can(request.user, Action.MANAGE),
    }
    return render(request, "devices/firmware/detail.html", context)


def _shown_manifest(firmware: Firmware) -> str:
    """Return the manifest one fact a line; what cannot be read is shown as it is."""
    try:
        return json.dumps(json.loads(firmware.manifest), indent=2, ensure_ascii=False)
    except ValueError:
        return firmware.manifest


@login_required
@require_POST
def publish(request: HttpRequest, id: UUID) -> HttpResponse:
    """Let rollouts use an image."""
    require(request.user, Action.MANAGE)
    firmware = get_object_or_404(Firmware, pk=id)
    try:
        images.publish(firmware, request.user, lower_allowed="lower" in request.POST)
        messages.success(request, _("%(name)s is published.") % {"name": firmware})
    except FirmwareError as error:
        messages.error(request, error.sentence)
    return redirect("firmware:detail", id)


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete an image that no open rollout uses."""
    require(request.user, Action.MANAGE)
    firmware = get_object_or_404(Firmware, pk=id)
    try:
        images.delete_firmware(firmware, request.user)
    except FirmwareError as error:
        messages.error(request, error.sentence)
        return redirect("firmware:detail", id)
    messages.success(request, _("%(name)s was deleted.") % {"name": firmware})
    return redirect("firmware:list")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def signing_keys(request: HttpRequest) -> HttpResponse:
    """Show the trusted public keys, and trust another."""
    require(request.user, Action.MANAGE)
    form = SigningKeyForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and (key := form.save(request.user)):
        messages.success(request, _("%(name)s is now trusted.") % {"name": key})
        return redirect("firmware:keys")
    context = {"form": form, "keys": SigningKey.objects.select_related("added_by")}
    return render(request, "devices/firmware/keys.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def revoke_signing_key(request: HttpRequest, pk: int) -> HttpResponse:
    """End the trust in a key, for good."""
    require(request.user, Action.MANAGE)
    key = get_object_or_404(SigningKey, pk=pk)
    if keys.revoke_key(key, request.user):
        messages.success(
            request,
            _("%(name)s is no longer trusted. Rollouts of images it signed are paused.") % {"name": key},
        )
    return redirect("firmware:keys")
