"""The troubles of a device as the API shows them."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from .models import Trouble
from .wording import sentence_of


class TroubleOut(Schema):
    """What goes wrong with a device right now, as its page shows it."""

    word: str = Field(description="Names the kind; it does not change with the language")
    sentence: str = Field(description="The same for people, in the language that Accept-Language asks for")
    since: datetime
    last_at: datetime
    count: int

    @staticmethod
    def resolve_sentence(trouble: Trouble) -> str:
        return sentence_of(trouble.word, trouble.values)
