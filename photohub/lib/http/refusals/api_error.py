"""Refusals of the API, for whatever raises them: programs and pages."""

from django.core.exceptions import ValidationError


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
