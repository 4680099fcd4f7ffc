"""What the JSON interface of both apps shares: errors, texts, lists and their cursors."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")

# PostgreSQL keeps no NUL in texts, so none is let in.
NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, Field(pattern=NO_NUL)]
# An answer names a device by its code.
CodeOf = Annotated[str, BeforeValidator(lambda device: getattr(device, "code", device))]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str, Query(max_length=500, description="`next` of the page before; empty for the first")]


def between(bounds: tuple[int, int]) -> Any:
    """Return the field of a whole number within these bounds, both included."""
    return Field(ge=bounds[0], le=bounds[1])


class ApiError(Exception):
    """A refusal with its HTTP status, its word for programs and its sentence for people.

    `fields` maps names of wrong fields to sentences; it belongs to `invalid` and `conflict`.
    """

    def __init__(self, status: int, word: str, sentence: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(status, word, sentence, fields)
        self.status = status
        self.word = word
        self.sentence = sentence
        self.fields = fields


class Body(BaseModel):
    """A request body: a wrong type or a misspelt field is refused, never guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Changes(Body):
    """A request body of which only what is sent counts, so the document names no defaults.

    Programs made from the document would send each default along, and with it change what was left out.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema, handler) -> dict[str, Any]:
        schema = handler(core_schema)
        for field in handler.resolve_ref_schema(schema).get("properties", {}).values():
            field.pop("default", None)
        return schema


class Page(Schema, Generic[Item]):
    """One page of a list. `next` goes into `cursor` to get the following one; null: there is none."""

    items: list[Item]
    next: str | None


class ErrorOut(Schema):
    """Every answer that is not 2xx."""

    code: int = Field(1, description="Always 1; the upload door answers 0 on success")
    des: str = Field(description="What happened and what to do, for people")
    err: str = Field(description="The same in one stable word, for programs")
    fields: dict[str, str] | None = Field(None, description="With `invalid` and `conflict`: field → sentence")


def page_of(rows: QuerySet, column: str, cursor: str, limit: int) -> tuple[list[Any], str | None]:
    """Return one page, newest first by `column` and key, and the cursor of the next. Raises ApiError."""
    items, last = rows_after(rows, column, _read_cursor(cursor, rows) if cursor else None, limit)
    return items, last and _write_cursor(getattr(last, column), last.pk, rows)


def rows_after(rows: QuerySet, column: str, place: tuple | None, limit: int) -> tuple[list[Any], Any | None]:
    """Return up to `limit` rows after a place, newest first by `column` and key, and the last one if more follow."""
    rows = rows.order_by(f"-{column}", "-pk")
    if place:
        at, key = place
        # The last condition alone bounds the index; the others settle rows of the same microsecond.
        rows = rows.filter(Q(**{f"{column}__lt": at}) | Q(pk__lt=key), **{f"{column}__lte": at})
    items = list(rows[: limit + 1])
    return items[:limit], items[limit - 1] if len(items) > limit else None


def _write_cursor(at: datetime, key: object, rows: QuerySet) -> str:
    return signing.Signer(salt=rows.model._meta.label).sign_object([at.isoformat(), str(key)])


def _read_cursor(cursor: str, rows: QuerySet) -> tuple[datetime, str]:
    # Signed, so that what comes back is what was given out: no key of another list, no number out of range.
    try:
        at, key = signing.Signer(salt=rows.model._meta.label).unsign_object(cursor)
        return datetime.fromisoformat(at), key
    except (signing.BadSignature, ValueError):
        raise bad_cursor() from None


def bad_cursor() -> ApiError:
    """Return the refusal of a cursor that was not given out by this list."""
    sentence = _("This cursor is not one of this list. Start again without it.")
    return ApiError(422, "invalid", sentence, {"cursor": sentence})


def refusal_of(error: ValidationError) -> ApiError:
    """Turn Django's ValidationError into a refusal: `conflict` when something is taken, else `invalid`."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    fields = {
        name.replace("__all__", ""): " ".join(ValidationError(e).messages) for name, e in by_field.items()
    }
    codes = {e.code for errors in by_field.values() for e in errors}
    taken = bool(codes & {"unique", "unique_together", "taken"})
    sentence = " ".join(fields.values())
    return ApiError(409 if taken else 422, "conflict" if taken else "invalid", sentence, fields)
