"""Looking for pictures, as the API does it."""

from typing import Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from media_pipeline.captures import filters as captures_filters
from media_pipeline.captures import finding
from media_pipeline.captures.api import CaptureOut
from media_pipeline.captures.models import CaptureQuerySet
from photohub.lib.pages import instants
from photohub.lib.pages.api import ApiError, Cursor, Limit, Page, Text, bad_cursor

from . import matching
from . import query as history

router = Router()


class CaptureFilters(Schema):
    """Which pictures are looked for; the same words as in the address of the history page."""

    device: list[Text] = Field([], description="Codes of devices; may be repeated")
    group: Text = Field("", description="Name of a group")
    from_: Text = Field("", alias="from", description="A day (UTC) or an ISO 8601 time")
    to: Text = Field("", description="A day (UTC), counted in, or a time, not counted in")
    state: Literal["", "mirrored", "waiting", "problem"] = Field("", description="Of the mirror")
    flag: Text = Field("", description="e.g. truncated")
    fault: Literal["", "any", "cut_short", "grey_band", "black", "blown_out", "blurred"] = Field(
        "", description="What is wrong with it; any: whatever it is"
    )
    tag: Text = ""
    q: Text = Field("", description="Part of a name or note, or of the name of a camera, a group or a tag")
    asked: Literal["", "yes", "no"] = Field("", description="Whether a command asked for it")
    kept: Literal["", "yes", "no"] = Field("", description="yes: only kept ones")


@router.get("/captures", response=Page[CaptureOut], summary="List pictures")
def list_captures(
    request: HttpRequest, wanted: Query[CaptureFilters], limit: Limit = 100, cursor: Cursor = ""
):
    """Newest first, only of devices that you may see."""
    try:
        filters = captures_filters.Filters.from_query(request.GET)
    except instants.BadFilter as error:
        raise ApiError(422, "invalid", str(error)) from error
    found = matching.matching(request.user, filters)
    try:
        items, following = history.page_of(found, history.after(cursor), limit, _dressed)
    except instants.BadFilter:
        raise bad_cursor() from None
    return {"items": items, "next": following}


def _dressed(rows: CaptureQuerySet) -> CaptureQuerySet:
    return finding.with_all_parts(rows).prefetch_related("tags")
