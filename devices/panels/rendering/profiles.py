"""Render profiles as rows: the ready-made ones and those that people make."""

from dataclasses import asdict, fields

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.registry.models import Panel

from . import naming
from .models import RenderProfile
from .profile_values import PROFILES, Fault, Profile, check

_FIELDS = {field.name for field in fields(Profile)}


def profile_of(settings: dict) -> Profile:
    """Return the renderer's profile for a row's settings; none at all leaves the bytes as they are.

    Settings that a later version wrote are left out rather than refused.
    """
    if not settings:
        return Profile(format="original")
    return Profile(**{name: value for name, value in settings.items() if name in _FIELDS})


def settings_of(profile: Profile) -> dict:
    """Return what a row keeps of a profile: what differs from the defaults."""
    plain = asdict(Profile())
    changed = {name: value for name, value in asdict(profile).items() if value != plain[name]}
    # Always with its format, because no settings at all mean the bytes as they are.
    return {"format": profile.format} | changed


def offer_ready_made() -> None:
    """Make the rows of the ready-made profiles, and bring them in step with this version."""
    for name, profile in PROFILES.items():
        RenderProfile.objects.update_or_create(
            name=name, defaults={"settings": settings_of(profile), "ready_made": True}
        )
    RenderProfile.objects.filter(ready_made=True).exclude(name__in=PROFILES).update(ready_made=False)


def save_profile(
    name: str, label: str, settings: dict, profile: RenderProfile | None = None
) -> RenderProfile:
    """Make or change a profile of the owner's own. Raises ValidationError by field, in sentences."""
    if profile is not None and profile.ready_made:
        raise ValidationError(_("Ready-made profiles cannot be changed. Make a copy under another name."))
    unknown = sorted(set(settings) - _FIELDS)
    if unknown:
        raise ValidationError(
            {"settings": _("There is no value named %(name)s.") % {"name": unknown[0][:40]}}
        )
    if faults := faults_of(Profile(**settings)):
        raise faults
    row = profile or RenderProfile()
    row.name, row.label, row.settings = name, label, settings_of(Profile(**settings))
    row.full_clean()
    if row.name == "none":
        raise ValidationError({"name": _("The name “none” is reserved: it means the original file.")})
    with transaction.atomic():
        row.save()
        word = Word.CHANGED if profile else Word.ADDED
        audit.note(word, Kind.RENDER_PROFILE, row.name, row.label or row.name)
    return row


def faults_of(profile: Profile) -> ValidationError | None:
    """Return what is wrong with a profile, by field and in sentences; None when it can be used."""
    faults = check(profile)
    return ValidationError({fault.field: in_words(fault) for fault in faults}) if faults else None


def remove_profile(profile: RenderProfile) -> None:
    """Delete a profile of the owner's own. Raises ValidationError while it is needed."""
    if profile.ready_made:
        raise ValidationError(_("Ready-made profiles cannot be changed. Make a copy under another name."))
    users = Panel.objects.filter(render_profile=profile).select_related("device").order_by("device__name")
    names = [panel.device.name for panel in users[:4]]
    if names:
        shown = _(", ").join(names[:3]) + ("…" if len(names) > 3 else "")
        raise ValidationError(
            _("%(panels)s still uses this profile. Choose another one in its settings first.")
            % {"panels": shown}
        )
    with transaction.atomic():
        audit.note(Word.DELETED, Kind.RENDER_PROFILE, profile.name, profile.label or profile.name)
        profile.delete()


def describe(profile: RenderProfile) -> str:
    """Say in a few words what comes out: size, form, colours."""
    return naming.describe(profile_of(profile.settings))


def choices_of() -> list[tuple[RenderProfile, str]]:
    """Return the profiles that can be chosen, the owner's own first, each with what comes out."""
    rows = RenderProfile.objects.order_by("ready_made", "name")
    return [(profile, describe(profile)) for profile in rows]


def in_words(fault: Fault) -> str:
    """Say what is wrong with one value of a profile."""
    sentences = {
        "unknown": _("This is not one of the possible values."),
        "out_of_range": _("This number is too small or too large."),
        "not_a_colour": _("Enter an English colour name or #rrggbb."),
        "bad_palette": _(
            "Use palette: with a known name, or 2 to 16 different colours as #rrggbb separated by commas."
        ),
        "needs_palette": _("This format needs a palette."),
        "too_many_codes": _("The palette has more colours than this format supports."),
        "needs_lossless": _("JPEG cannot keep an exact palette. Choose another format."),
        "needs_size": _("Cropping and padding need a width and a height."),
        "too_large": _("Width times height is more than 4 million."),
        "only_for_jpeg": _("Only JPEG can be limited to a size in bytes."),
        "unchanged": _("The original is sent as it is, so nothing else can be chosen."),
    }
    return sentences.get(fault.word, fault.word)
