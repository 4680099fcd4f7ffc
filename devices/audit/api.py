"""The audit log as the API shows it."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from devices.access.rights import require_owner
from photohub.lib.pages.api import ApiError, Cursor, Limit, Page, page_of
from photohub.lib.pages.instants import BadFilter
from photohub.lib.pages.timezones import timezone_of

from .finding import find, read_wanted
from .models import AuditEntry

router = Router()
Filter = Annotated[str, Query(max_length=200)]


class AuditEntryOut(Schema):
    """What one person did, from where, and when."""

    id: int
    at: datetime
    person: str = Field(description="The name to log in with, as it was then", validation_alias="person_name")
    via: str = Field(description="The API token or the command of the shell; empty: the pages")
    address: str
    word: str
    kind: str = Field(description="Of what kind the object is")
    object_id: str = Field(description="What programs call the object, as the code of a device")
    object_name: str
    details: str = Field(description="For people, in the language of Accept-Language")

    @staticmethod
    def resolve_details(entry: AuditEntry) -> str:
        return entry.text


@router.get("/audit", response=Page[AuditEntryOut], summary="List what people did")
def list_audit_entries(
    request: HttpRequest,
    person: Filter = "",
    word: Filter = "",
    object: Filter = "",
    from_: Annotated[str, Query(max_length=40, alias="from")] = "",
    to: Annotated[str, Query(max_length=40)] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
):
    """For owners, newest first. `from` and `to` narrow it to days (2026-11-30) or exact times."""
    require_owner(request)
    try:
        query = {"person": person, "word": word, "object": object, "from": from_, "to": to}
        wanted = read_wanted(query, timezone_of(request))
    except BadFilter as error:
        raise ApiError(422, "invalid", str(error)) from error
    items, following = page_of(find(wanted), "at", cursor, limit)
    return {"items": items, "next": following}
