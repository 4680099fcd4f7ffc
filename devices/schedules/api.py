"""The management API of schedules and their runs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, require, require_owner
from devices.registry.finding import device_of
from photohub.lib.pages.api import Changes, CodeOf, Cursor, Limit, Page, Text, between, page_of

from . import rules
from .models import Schedule, ScheduledRun

router = Router()

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Time = Annotated[Text, Field(max_length=16, examples=["08:00", "sunset-30"])]
_WHEN = "HH:MM by the hub's clock, or sunrise or sunset with up to 180 minutes before or after: sunset-30"


class ScheduleOut(Schema):
    """When a camera, or each camera of a group, is asked for a picture."""

    id: UUID
    name: str
    device: CodeOf | None = Field(description="The camera; null for a group's schedule")
    group: str | None
    kind: Literal["every", "times"]
    every_min: int
    times: list[str]
    weekdays: list[Day]
    from_at: str
    until_at: str
    quiet_from: str
    quiet_until: str
    stagger_s: int
    latitude: float | None
    longitude: float | None
    enabled: bool
    created_at: datetime
    next_run_at: datetime | None = Field(description="null: paused, or no such time within a year")
    last_run_at: datetime | None

    @staticmethod
    def resolve_group(schedule: Schedule) -> str | None:
        return schedule.group.name if schedule.group else None

    @staticmethod
    def resolve_weekdays(schedule: Schedule) -> list[str]:
        return [name for day, name in enumerate(_DAYS) if schedule.weekdays >> day & 1]

    @staticmethod
    def resolve_next_run_at(schedule: Schedule) -> datetime | None:
        return schedule.next_run_at if schedule.enabled else None


class ScheduleChanges(Changes):
    """What can be changed of a schedule. What is left out stays as it is."""

    name: Annotated[Text, Field(min_length=1, max_length=80)] = ""
    device: Annotated[Text, Field(max_length=32)] | None = Field(None, description="Code of the camera")
    group: Annotated[Text, Field(max_length=80)] | None = Field(
        None, description="Name of a group, instead of a camera"
    )
    kind: Literal["every", "times"] = "every"
    every_min: Annotated[int, between(rules.LIMITS["every_min"])] = Field(60, examples=[15])
    times: Annotated[list[Time], Field(max_length=48)] = Field(
        [], description=_WHEN, examples=[["12:00", "18:00"]]
    )
    weekdays: Annotated[list[Day], Field(min_length=1, max_length=7)] = list(_DAYS)
    from_at: Time = Field("", description=f"{_WHEN}; empty: all day", examples=["sunrise"])
    until_at: Time = Field("", description=_WHEN, examples=["sunset"])
    quiet_from: Time = Field("", description=f"{_WHEN}; empty: no quiet hours", examples=["22:00"])
    quiet_until: Time = Field("", description=_WHEN, examples=["06:00"])
    stagger_s: Annotated[int, between(rules.LIMITS["stagger_s"])] = Field(
        0, description="Seconds between two cameras of the group"
    )
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = Field(
        None, description="Where the sun is asked for; null: at the hub's place"
    )
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    enabled: bool = True


class NewSchedule(ScheduleChanges):
    """A schedule to be made, of a camera or of a group."""

    name: Annotated[Text, Field(min_length=1, max_length=80)] = Field(examples=["Every quarter of an hour"])


class SchedulePreviewOut(Schema):
    """The next times at which a schedule would run."""

    times: list[datetime]


class ScheduledRunOut(Schema):
    """One time of a schedule for one camera, or several that were missed together."""

    id: UUID
    device: CodeOf
    due_at: datetime
    until_at: datetime | None = Field(description="The last of several times that were missed together")
    slots: int = Field(description="How many times were missed together; else 1")
    state: Literal["waiting", "ordered", "answered", "missed", "skipped"]
    gap: Literal["", "offline", "silent", "refused", "hub_away"] = Field(
        description="Why the picture is missing, in short"
    )
    reason: str = Field(description="The same for people, in the language of Accept-Language")
    reason_word: str = Field(description="The same for programs")
    command: UUID | None
    ended_at: datetime | None

    @staticmethod
    def resolve_reason(run: ScheduledRun) -> str:
        return run.reason_text

    @staticmethod
    def resolve_command(run: ScheduledRun) -> UUID | None:
        return run.command_id


def _rows(request: HttpRequest):
    return Schedule.objects.visible_to(request.user).present().select_related("device", "group")


@router.get("/schedules", response=Page[ScheduleOut], summary="List the schedules")
def list_schedules(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """For operators. Newest first."""
    require(request.user, Action.COMMAND)
    items, following = page_of(_rows(request), "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/schedules", response={201: ScheduleOut}, summary="Create a schedule")
def create_schedule(request: HttpRequest, new: NewSchedule):
    """For owners. 422 `invalid` when it would never run, or when the sun is asked for and no place is known."""
    require_owner(request)
    return Status(201, rules.save_schedule(_values_of(request, new), user=request.user))


@router.post("/schedules/preview", response=SchedulePreviewOut, summary="Preview a schedule")
def preview_schedule(request: HttpRequest, new: NewSchedule):
    """For owners. Stores nothing, and tells the next five times."""
    require_owner(request)
    return {"times": rules.preview(rules.draft(_values_of(request, new)))}


@router.get("/schedules/{id}", response=ScheduleOut, summary="Read a schedule")
def read_schedule(request: HttpRequest, id: UUID):
    """For operators."""
    return rules.get_schedule(request.user, id, Action.COMMAND)


@router.patch("/schedules/{id}", response=ScheduleOut, summary="Change a schedule")
def patch_schedule(request: HttpRequest, id: UUID, changes: ScheduleChanges):
    """For owners. `enabled` pauses it, or lets it go on with the next time that comes."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE)
    return rules.save_schedule(_values_of(request, changes), schedule, request.user)


@router.delete("/schedules/{id}", response={204: None}, summary="Delete a schedule")
def delete_schedule(request: HttpRequest, id: UUID):
    """For owners. For 30 days it can be restored."""
    rules.delete_schedule(rules.get_schedule(request.user, id, Action.MANAGE), request.user)
    return Status(204, None)


@router.post("/schedules/{id}/restore", response=ScheduleOut, summary="Restore a deleted schedule")
def restore_schedule(request: HttpRequest, id: UUID):
    """For owners."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE, deleted=True)
    rules.restore_schedule(schedule, request.user)
    return schedule


@router.get("/schedules/{id}/runs", response=Page[ScheduledRunOut], summary="List what a schedule did")
def list_runs(request: HttpRequest, id: UUID, limit: Limit = 100, cursor: Cursor = ""):
    """For operators. Newest first; kept for 14 days."""
    schedule = rules.get_schedule(request.user, id, Action.COMMAND)
    runs = ScheduledRun.objects.visible_to(request.user).filter(schedule=schedule)
    items, following = page_of(runs.select_related("device"), "due_at", cursor, limit)
    return {"items": items, "next": following}


@router.get(
    "/devices/{code}/missed", response=Page[ScheduledRunOut], summary="List a device's missed pictures"
)
def list_missed(request: HttpRequest, code: str, limit: Limit = 100, cursor: Cursor = ""):
    """Newest first; kept for 14 days."""
    runs = ScheduledRun.objects.missed().filter(device=device_of(request, code))
    items, following = page_of(runs.select_related("device"), "due_at", cursor, limit)
    return {"items": items, "next": following}


def _values_of(request: HttpRequest, asked: ScheduleChanges) -> dict:
    values = asked.model_dump(exclude_unset=True)
    # It is of one or the other.
    values |= {"group": None} if values.get("device") is not None and "group" not in values else {}
    values |= {"device": None} if values.get("group") is not None and "device" not in values else {}
    if values.get("device") is not None:
        values["device"] = device_of(request, values["device"], Action.MANAGE)
    if values.get("group") is not None:
        groups = DeviceGroup.objects.visible_to(request.user)
        values["group"] = get_object_or_404(groups, name=values["group"])
    if "weekdays" in values:
        values["weekdays"] = sum(1 << _DAYS.index(day) for day in set(values["weekdays"]))
    return values
