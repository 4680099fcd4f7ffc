"""The management API of rules that show a camera's pictures on panels."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action, require_owner
from devices.registry.finding import device_of
from photohub.lib.pages.api import Changes, CodeOf, Cursor, Limit, Page, Text, page_of

from . import rules as show_rules
from .models import ShowRule, ShowRun

router = Router()

Code = Annotated[str, Field(max_length=32)]
Seconds = Annotated[int, Field(ge=0, le=show_rules.LIMITS["only_fresh_s"][1])]


class RuleOut(Schema):
    """When `camera` takes a picture, it is shown on `panels`."""

    id: UUID
    name: str
    camera: CodeOf
    panels: list[str]
    caption: str
    render: str
    only_fresh_s: int
    min_interval_s: int
    only_asked: bool
    enabled: bool
    created_at: datetime
    last_shown_at: datetime | None

    @staticmethod
    def resolve_panels(rule: ShowRule) -> list[str]:
        return sorted(panel.code for panel in rule.panels.all())


class RuleChanges(Changes):
    """What can be changed of a rule. What is left out stays as it is."""

    name: Annotated[Text, Field(min_length=1, max_length=80)] = ""
    camera: Code = Field("", description="Code of the camera")
    panels: Annotated[list[Code], Field(max_length=50, description="Codes of the panels")] = []
    caption: Annotated[Text, Field(max_length=200)] = Field("", description="May hold {camera} and {time}")
    render: Annotated[Text, Field(max_length=40)] = Field("", description="Empty: each panel's own profile")
    only_fresh_s: Seconds = Field(600, description="Older pictures are not shown; 0: however old")
    min_interval_s: Seconds = Field(0, description="Pause between two pictures")
    only_asked: bool = Field(False, description="Only requested pictures")
    enabled: bool = True


class NewRule(RuleChanges):
    """A rule to be made."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    camera: Code
    panels: Annotated[list[Code], Field(min_length=1, max_length=50)]


class RunOut(Schema):
    """What a rule made of one picture."""

    id: UUID
    capture: UUID
    state: Literal["shown", "skipped", "failed"]
    reason: str = Field(description="Why it was not shown, for people, in the language of Accept-Language")
    reason_word: str = Field(description="The same for programs")
    deliveries: list[UUID]
    at: datetime

    @staticmethod
    def resolve_capture(run: ShowRun) -> UUID:
        return run.capture_id

    @staticmethod
    def resolve_reason(run: ShowRun) -> str:
        return run.reason_text

    @staticmethod
    def resolve_deliveries(run: ShowRun) -> list[UUID]:
        return [delivery.pk for delivery in run.deliveries.all()]


def _rules():
    return ShowRule.objects.select_related("camera").prefetch_related("panels")


def _rule_of(request: HttpRequest, id: UUID) -> ShowRule:
    require_owner(request)
    return get_object_or_404(_rules(), pk=id)


@router.get("/rules", response=Page[RuleOut], summary="List the rules")
def list_rules(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """For owners. Newest first."""
    require_owner(request)
    items, following = page_of(_rules(), "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/rules", response={201: RuleOut}, summary="Create a rule")
def create_rule(request: HttpRequest, new: NewRule):
    """For owners. 422 `invalid` when pictures would go round in a circle."""
    require_owner(request)
    return Status(201, _save(request, new))


@router.get("/rules/{id}", response=RuleOut, summary="Read a rule")
def read_rule(request: HttpRequest, id: UUID):
    """For owners."""
    return _rule_of(request, id)


@router.patch("/rules/{id}", response=RuleOut, summary="Change a rule")
def patch_rule(request: HttpRequest, id: UUID, changes: RuleChanges):
    """For owners. A rule that is switched on acts on what comes from then on."""
    return _save(request, changes, _rule_of(request, id))


@router.delete("/rules/{id}", response={204: None}, summary="Delete a rule")
def delete_rule(request: HttpRequest, id: UUID):
    """For owners. What it sent stays."""
    show_rules.delete_rule(_rule_of(request, id), request.user)
    return Status(204, None)


@router.get("/rules/{id}/runs", response=Page[RunOut], summary="List what a rule did")
def list_runs(request: HttpRequest, id: UUID, limit: Limit = 100, cursor: Cursor = ""):
    """For owners. Newest first; the last 500 or so are kept."""
    rows = _rule_of(request, id).runs.prefetch_related("deliveries")
    items, following = page_of(rows, "at", cursor, limit)
    return {"items": items, "next": following}


def _save(request: HttpRequest, asked: RuleChanges, rule: ShowRule | None = None) -> ShowRule:
    values = asked.model_dump(exclude_unset=True)
    codes = values.pop("panels", None)
    panels = None if codes is None else [device_of(request, code, Action.MANAGE) for code in codes]
    if "camera" in values:
        values["camera"] = device_of(request, values["camera"], Action.MANAGE)
    saved = show_rules.save_rule(values, panels, rule, request.user)
    return _rules().get(pk=saved.pk)
