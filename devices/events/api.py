"""Events as the API shows them."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema

from photohub.lib.pages.api import Limit

from . import record as events

router = Router()


class EventsOut(Schema):
    """What happened, oldest first. Ask again with `seq` as `since`; each item holds small ids only."""

    items: list[dict[str, str | int]]
    seq: int
    next: None = None


@router.get("/events", response=EventsOut, summary="What happened since")
def list_events(
    request: HttpRequest, since: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0, limit: Limit = 500
):
    """The same events that live pages get over the WebSocket; a gap there is filled from here."""
    items, seq = events.since(request.user, since, limit)
    return {"items": items, "seq": seq}
