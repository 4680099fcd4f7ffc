"""The management API of rollouts: firmware on its way to devices."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action, require
from devices.firmware.api import Word, firmware_of
from devices.registry import disclosure
from devices.registry.models import Device
from photohub.lib.pages.api import ApiError, Body, CodeOf, Cursor, Limit, Page, Text, between, page_of

from . import planning, wording
from . import queue as rollouts
from .models import Rollout, RolloutTarget
from .planning import Plan

router = Router()


class StepIn(Body):
    """How far a step goes: by percent of all devices or by count."""

    percent: Annotated[int, Field(ge=0, le=100)] = 0
    devices: Annotated[int, Field(ge=0)] = 0
    soak_s: Annotated[int, between(planning.SOAK_S)] = 0


class NewRollout(Body):
    """Which image, for whom, and how fast. Either `devices` or `group`."""

    firmware: str = Field(description="Id of the image")
    devices: Annotated[list[Text], Field(max_length=rollouts.DEVICES_AT_MOST)] = Field(
        [], description="Codes of devices"
    )
    group: Annotated[Text, Field(max_length=80)] = ""
    steps: Annotated[list[int | StepIn], Field(max_length=planning.STEPS_AT_MOST)] = Field(
        [], description="Percents, or objects; left out: 1 device, 10 %, 100 %"
    )
    rate_per_minute: Annotated[int, between(planning.RATE_PER_MINUTE)] = Field(
        0, description="0: as fast as it goes"
    )
    error_threshold: Annotated[int, between(planning.ERROR_PERCENT)] = Field(
        10, description="Pause when so many percent failed"
    )
    error_minimum: Annotated[int, between(planning.ERROR_MINIMUM)] = Field(
        5, description="… of at least so many that ended"
    )
    error_count: Annotated[int, between(planning.ERROR_COUNT)] = Field(
        0, description="Pause at so many failures; 0: off"
    )
    deadline_s: Annotated[int, between(planning.DEADLINE_S)] = Field(
        1800, description="A device that is silent for so long has failed"
    )
    offers_at_most: Annotated[int, between(planning.OFFERS_AT_MOST)] = 5
    allow_rollback: bool = Field(False, description="Allow devices to go back to a lower counter")
    start: bool = True


class RolloutOut(Schema):
    """An image on its way to devices."""

    id: UUID
    firmware: UUID
    state: Literal["draft", "running", "paused", "finished", "cancelled"]
    reason_word: str
    reason: str = Field(description="Why it stands")
    targets: dict[str, int] = Field(description="How many devices are in each state")
    group: str
    steps: list[dict[str, int]]
    step: int
    rate_per_minute: int
    error_threshold: int
    error_minimum: int
    error_count: int
    deadline_s: int
    offers_at_most: int
    allow_rollback: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class NewRolloutOut(RolloutOut):
    """A rollout just made, with the devices that it is not for."""

    left_out: dict[str, str] = Field(description="Code → why")


class TargetOut(Schema):
    """One device of a rollout."""

    device: CodeOf
    module: str
    state: Literal[
        "waiting", "offered", "downloading", "flashing", "proved", "failed", "timed_out", "cancelled"
    ]
    percent: int
    step: int
    offers: int
    door: str
    from_version: str
    reason_word: str
    reason: str = Field(description="What the device said")
    explanation: str = Field(description="How it stands, in a sentence")
    offered_at: datetime | None
    heard_at: datetime | None
    deadline_at: datetime | None
    finished_at: datetime | None


@router.get("/rollouts", response=Page[RolloutOut], summary="List rollouts")
def list_rollouts(request: HttpRequest, state: Word = "", limit: Limit = 100, cursor: Cursor = ""):
    """Newest first, only those that reach a device which you may see."""
    rows = Rollout.objects.visible_to(request.user)
    rows = rows.filter(state=state) if state else rows
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": [_as_json(row, request.user) for row in items], "next": following}


@router.post("/rollouts", response={201: NewRolloutOut}, summary="Roll firmware out")
def create_rollout(request: HttpRequest, new: NewRollout):
    """For owners. It starts at once unless `start` is false. Devices that the image does not fit are left out and
    named; 422 `no_devices` when nobody is left, 409 `not_published` when the image is not published.
    """
    require(request.user, Action.MANAGE)
    try:
        firmware = firmware_of(UUID(new.firmware))
        plan = Plan(
            steps=planning.read_steps([s if isinstance(s, int) else s.model_dump() for s in new.steps])
            if new.steps
            else planning.DEFAULT_STEPS,
            rate_per_minute=new.rate_per_minute,
            error_percent=new.error_threshold,
            error_minimum=new.error_minimum,
            error_count=new.error_count,
            deadline_s=new.deadline_s,
            offers_at_most=new.offers_at_most,
            allow_rollback=new.allow_rollback,
        )
        devices = _devices_of(request, new)
        rollout, left_out = rollouts.create(
            firmware, devices, request.user, plan=plan, group_name=new.group, start=new.start
        )
    except ValueError as error:
        sentence = _("This is not the ID of a firmware.")
        raise ApiError(422, "invalid", sentence, {"firmware": sentence}) from error
    words = {code: wording.sentence_of(word) for code, word in left_out.items()}
    return Status(201, _as_json(rollout, request.user) | {"left_out": words})


def _devices_of(request: HttpRequest, new: NewRollout) -> list[Device]:
    if bool(new.devices) == bool(new.group):
        sentence = _("Name either devices or a group.")
        raise ApiError(422, "invalid", sentence, {"devices": sentence})
    rows = Device.objects.visible_to(request.user)
    if new.group:
        return list(disclosure.of_group(rows, request.user, new.group))
    found = list(rows.filter(code__in=set(new.devices)))
    if missing := set(new.devices) - {device.code for device in found}:
        sentence = _("There is no device %(code)s.") % {"code": min(missing)}
        raise ApiError(422, "invalid", sentence, {"devices": sentence})
    return found


def _as_json(rollout: Rollout, user) -> dict[str, Any]:
    fields = (
        "id state reason_word steps step rate_per_minute error_minimum error_count deadline_s offers_at_most"
        " allow_rollback created_at started_at finished_at"
    ).split()
    return {name: getattr(rollout, name) for name in fields} | {
        "firmware": rollout.firmware_id,
        "reason": wording.explain_rollout(rollout),
        "targets": rollouts.counts_of(rollout, user),
        "group": disclosure.tell_group(user, rollout.group_name),
        "error_threshold": rollout.error_percent,
    }


def _rollout_of(request: HttpRequest, id: UUID, action: Action = Action.LOOK) -> Rollout:
    rollout = get_object_or_404(Rollout.objects.visible_to(request.user), pk=id)
    if action == Action.MANAGE:
        require(request.user, action)
    return rollout


@router.get("/rollouts/{id}", response=RolloutOut, summary="Read a rollout")
def read_rollout(request: HttpRequest, id: UUID):
    return _as_json(_rollout_of(request, id), request.user)


@router.get("/rollouts/{id}/targets", response=Page[TargetOut], summary="List a rollout's devices")
def list_targets(request: HttpRequest, id: UUID, state: Word = "", limit: Limit = 100, cursor: Cursor = ""):
    """Those that changed last come first; only devices that you may see."""
    rollout = _rollout_of(request, id)
    rows: QuerySet = RolloutTarget.objects.filter(rollout=rollout).visible_to(request.user)
    rows = rows.filter(state=state) if state else rows
    items, following = page_of(
        rows.select_related("device", "rollout__firmware"), "changed_at", cursor, limit
    )
    for target, why in zip(items, wording.explain_all(rollout, items), strict=True):
        target.explanation = why
    return {"items": items, "next": following}


@router.post("/rollouts/{id}/pause", response=RolloutOut, summary="Pause a rollout")
def pause_rollout(request: HttpRequest, id: UUID):
    """For owners. Nobody new is offered it; devices that are busy with it may finish."""
    return _order(request, id, rollouts.pause)


@router.post("/rollouts/{id}/resume", response=RolloutOut, summary="Start a rollout, or let it go on")
def resume_rollout(request: HttpRequest, id: UUID):
    """For owners. Failures so far are forgiven."""
    return _order(request, id, rollouts.resume)


@router.post("/rollouts/{id}/cancel", response=RolloutOut, summary="Cancel a rollout")
def cancel_rollout(request: HttpRequest, id: UUID):
    """For owners. Devices that have not ended are taken out of it. 409 `ended` when it was over."""
    return _order(request, id, rollouts.cancel)


def _order(request: HttpRequest, id: UUID, order) -> dict[str, Any]:
    rollout = _rollout_of(request, id, Action.MANAGE)
    done = order(rollout, request.user)
    if not done and rollout.state not in Rollout.OPEN:
        raise ApiError(409, "ended", wording.sentence_of("ended"))
    return _as_json(rollout, request.user)
