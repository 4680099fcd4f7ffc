"""What is wrong with a value that a program sent, in the reader's language; pydantic says it in English alone."""

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

# pydantic's type of error → its sentence, with the names of its context.
SENTENCES = {
    "missing": _("Field required"),
    "extra_forbidden": _("Extra inputs are not permitted"),
    "json_invalid": _("Invalid JSON: %(error)s"),
    "none_required": _("Input should be None"),
    "bool_type": _("Input should be a valid boolean"),
    "bool_parsing": _("Input should be a valid boolean, unable to interpret input"),
    "int_type": _("Input should be a valid integer"),
    "int_parsing": _("Input should be a valid integer, unable to parse string as an integer"),
    "int_parsing_size": _("Unable to parse input string as an integer, exceeded maximum size"),
    "int_from_float": _("Input should be a valid integer, got a number with a fractional part"),
    "float_type": _("Input should be a valid number"),
    "float_parsing": _("Input should be a valid number, unable to parse string as a number"),
    "finite_number": _("Input should be a finite number"),
    "greater_than": _("Input should be greater than %(gt)s"),
    "greater_than_equal": _("Input should be greater than or equal to %(ge)s"),
    "less_than": _("Input should be less than %(lt)s"),
    "less_than_equal": _("Input should be less than or equal to %(le)s"),
    "string_type": _("Input should be a valid string"),
    "string_too_short": _("String should have at least %(min_length)s characters"),
    "string_too_long": _("String should have at most %(max_length)s characters"),
    "string_pattern_mismatch": _("String should match pattern '%(pattern)s'"),
    "literal_error": _("Input should be %(expected)s"),
    "enum": _("Input should be %(expected)s"),
    "list_type": _("Input should be a valid list"),
    "dict_type": _("Input should be a valid dictionary"),
    "too_short": _(
        "%(field_type)s should have at least %(min_length)s items after validation, not %(actual_length)s"
    ),
    "too_long": _(
        "%(field_type)s should have at most %(max_length)s items after validation, not %(actual_length)s"
    ),
    "model_type": _("Input should be a valid dictionary or instance of %(class_name)s"),
    "model_attributes_type": _("Input should be a valid dictionary or object to extract fields from"),
    "uuid_type": _("UUID input should be a string, bytes or UUID object"),
    "uuid_parsing": _("Input should be a valid UUID, %(error)s"),
    "datetime_type": _("Input should be a valid datetime"),
    "datetime_parsing": _("Input should be a valid datetime, %(error)s"),
    "datetime_from_date_parsing": _("Input should be a valid datetime or date, %(error)s"),
    "date_type": _("Input should be a valid date"),
    "date_parsing": _("Input should be a valid date in the format YYYY-MM-DD, %(error)s"),
    "date_from_datetime_parsing": _("Input should be a valid date or datetime, %(error)s"),
    "timezone_aware": _("Input should have timezone info"),
}


def say(error: dict) -> str:
    """Return the sentence of one of pydantic's errors; its own in English, and where no other is known."""
    sentence, context = SENTENCES.get(error.get("type", "")), error.get("ctx") or {}
    if sentence is None or (get_language() or "en").startswith("en"):
        return error["msg"]
    try:
        return gettext(sentence) % context
    except (KeyError, TypeError, ValueError):
        return error["msg"]
