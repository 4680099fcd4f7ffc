"""What the JSON interface of both apps shares: errors, texts, lists and their cursors. The pages' modules load none of it."""

from typing import Annotated, Any, Generic, TypeVar

from ninja import Query, Schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from photohub.lib.database.cursors import bad_cursor as bad_cursor
from photohub.lib.database.cursors import page_of as page_of
from photohub.lib.http.refusals.api_error import ApiError as ApiError
from photohub.lib.http.refusals.api_error import refusal_of as refusal_of

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
