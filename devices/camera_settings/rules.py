"""What may be wished of a camera, in words for people, for pages and API alike."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from devices.protocol import camera_settings as wire


def check(values: Mapping[str, Any], known: list[str]) -> dict[str, Any]:
    """Return the values in their one form; None takes a wish back. Raises ValidationError by field, in sentences.

    `known`: which settings the camera says that it has; empty: it did not say.
    """
    clean: dict[str, Any] = {}
    faults: dict[str, ValidationError] = {}
    for name, value in values.items():
        if value is None or value == "":
            clean[name] = None
        elif known and name not in known:
            faults[name] = ValidationError(_("The camera says that it does not have this setting."))
        elif (read := wire.read_value(name, value)) is None:
            faults[name] = ValidationError(_describe(name))
        else:
            clean[name] = read
    if faults:
        raise ValidationError(faults)
    return clean


def _describe(name: str) -> str:
    if name == "frame_size":
        return _("Choose a size by its name, like SVGA, or as width and height, like 800x600.")
    if name == "led":
        return _("Choose off, on or auto.")
    low, high = wire.NUMBERS[name]
    return _("Choose a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
