"""The gap map for programs."""

from datetime import date, timedelta
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from devices.registry.finding import device_of
from photohub.lib.pages.api import ApiError, CodeOf, Cursor, Limit, Page, page_of

from .days import month_of, rows_of

router = Router()


class GapDayOut(Schema):
    """One camera and one day of the hub's time zone."""

    device: CodeOf
    day: date = Field(examples=["2026-12-01"])
    expected: int = Field(description="Scheduled pictures whose end is known", examples=[96])
    arrived: int = Field(examples=[90])
    offline: int = Field(description="Missing because the camera was offline", examples=[4])
    silent: int = Field(description="Missing because the camera was told and sent nothing", examples=[1])
    refused: int = Field(description="Missing because the camera, or the hub, refused", examples=[0])
    hub_away: int = Field(description="Missing because the hub or its broker was away", examples=[1])


@router.get("/gaps", response=Page[GapDayOut], summary="List expected and arrived pictures by day")
def list_gaps(
    request: HttpRequest,
    since: Annotated[
        date | None, Query(alias="from", description="First day; else of the present month")
    ] = None,
    until: Annotated[date | None, Query(alias="to", description="Last day; else today")] = None,
    device: Annotated[str, Query(max_length=32, description="Code of a camera")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
):
    """Newest day first. Kept for 400 days."""
    month = month_of("")
    first, last = since or month.first, until or month.today
    if last < first or last == date.max:
        sentence = _("The last day lies before the first.")
        raise ApiError(422, "invalid", sentence, {"to": sentence})
    rows = rows_of(request.user, first, last + timedelta(days=1))
    if device:
        rows = rows.filter(device=device_of(request, device))
    items, following = page_of(rows.select_related("device"), "day", cursor, limit)
    return {"items": items, "next": following}
