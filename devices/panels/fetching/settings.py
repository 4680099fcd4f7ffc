"""What only panels have to be told: their picture format, how long they sleep, and by which address they enrol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.panels.rendering.models import RenderProfile
from devices.registry.changes import change_device
from devices.registry.models import Device, Panel
from photohub.lib.pages.sentences import said, said_of

POLL_INTERVAL_S = (5, 7 * 24 * 3600)
WINDOW = (1, 32)

FIELDS = {
    "render_profile": gettext_lazy("render profile"),
    "poll_interval_s": gettext_lazy("time between fetches"),
    "window": gettext_lazy("packets at once"),
    "hardware_address": gettext_lazy("hardware address"),
}


@dataclass(frozen=True)
class PanelValues:
    """A panel's settings as programs see them; `render_profile` by its name, empty for the bytes as they are."""

    render_profile: str
    poll_interval_s: int
    window: int
    hardware_address: str


def values_of(panel: Panel) -> PanelValues:
    """Return a panel's settings."""
    return PanelValues(
        panel.render_profile.name if panel.render_profile else "",
        panel.poll_interval_s,
        panel.window,
        panel.hardware_address,
    )


def fetches(device: Device) -> bool:
    """Tell whether this device fetches its pictures: it is a panel, and has no topics to be sent them."""
    return not device.takes_packets and hasattr(device, "panel")


def read_hardware_address(text: str) -> str | None:
    """Return a MAC address as AA:BB:CC:DD:EE:FF, however it was written; None when it is none."""
    digits = re.sub(r"[:. -]", "", text.strip()).upper()
    if not re.fullmatch(r"[0-9A-F]{12}", digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def change_panel(device: Device, values: Mapping[str, object], user=None) -> list[str]:
    """Set these values of FIELDS and store them; makes the device a panel when it was none.

    `render_profile` is a name or a row. A hardware address makes it a panel that fetches: its picture topics are
    emptied. Returns the names of what changed. Raises ValidationError by field, in sentences; nothing is stored then.
    """
    clean = {field: _clean(field, value) for field, value in values.items()}
    panel = Panel.objects.filter(device=device).first() or Panel(device=device)
    new = panel._state.adding
    changed = [field for field, value in clean.items() if getattr(panel, field) != value]
    if not (changed or new):
        return []
    for field in changed:
        setattr(panel, field, clean[field])
    _check(panel)
    if "hardware_address" in changed:
        # Whoever has the new address has not been given a key yet.
        panel.claimed_at = None
    try:
        with transaction.atomic():
            panel.save()
            _tell(device, changed, user)
            _follow(device, panel, changed, user)
    except IntegrityError as error:
        _check(panel)
        raise ValidationError(_("Someone else changed this in the meantime. Try again.")) from error
    device.panel = panel
    return changed


def _clean(field: str, value: object) -> object:
    if field not in FIELDS:
        raise KeyError(field)
    if field == "render_profile":
        return _profile(value)
    if field == "hardware_address":
        text = str(value or "").strip()
        address = read_hardware_address(text) if text else ""
        if address is None:
            raise ValidationError(
                {field: _("Enter the address printed on the panel: 12 hexadecimal digits.")}
            )
        return address
    return value


def _profile(value: object) -> RenderProfile | None:
    if not value:
        return None
    if isinstance(value, RenderProfile):
        return value
    profile = RenderProfile.objects.filter(name=str(value)).first()
    if profile is None:
        sentence = _("There is no render profile named %(name)s.") % {"name": str(value)[:40]}
        raise ValidationError({"render_profile": sentence})
    return profile


def _check(panel: Panel) -> None:
    faults: dict[str, ValidationError] = {}
    if not _between(panel.poll_interval_s, *POLL_INTERVAL_S):
        faults["poll_interval_s"] = ValidationError(_("A panel fetches every 5 seconds to 7 days."))
    if not _between(panel.window, *WINDOW):
        faults["window"] = ValidationError(_("1 to 32 packets can be on their way at once."))
    if panel.hardware_address:
        others = Panel.objects.exclude(pk=panel.pk).filter(hardware_address=panel.hardware_address)
        holder = others.select_related("device").first()
        if holder:
            sentence = _("This address belongs to %(code)s.") % {"code": holder.device.code}
            faults["hardware_address"] = ValidationError(sentence, code="taken")
    if faults:
        raise ValidationError(faults)


def _between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _tell(device: Device, changed: list[str], user) -> None:
    if changed:
        fields = [said_of(FIELDS[field]) for field in changed]
        sentence = said("Settings changed: %(fields)s.", fields=fields)
        events.record_change(device, user, sentence)
        audit.note(Word.CHANGED, Kind.DEVICE, device.code, device.name, sentence)


def _follow(device: Device, panel: Panel, changed: list[str], user) -> None:
    """Bring the device in step: no topics for a panel with an address, and patience as long as its sleep."""
    values: dict[str, object] = {}
    if panel.hardware_address and "hardware_address" in changed:
        values |= {"picture_topic": "", "picture_ack_topic": ""}
    device.panel = panel
    if "poll_interval_s" in changed and (values or fetches(device)):
        values["reporting_interval_s"] = panel.poll_interval_s
    if values:
        change_device(device, values, user)
