"""Rules that show a camera's pictures on panels: making them, and what they may not do.

No circle can form: rules are edges from cameras to panels, and one that closes a circle is refused. What runs
them is in `show_runs`.
"""

import string
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.panels.rendering.models import RenderProfile
from devices.registry.models import Device
from photohub.lib.pages.sentences import Said, said

from .models import ShowRule
from .watch import watch

CAPTION_WORDS = ("camera", "time")
LIMITS = {"only_fresh_s": (0, 7 * 24 * 3600), "min_interval_s": (0, 7 * 24 * 3600)}
RULES_AT_MOST = 200
FIELDS = (
    "name",
    "camera",
    "caption",
    "render",
    "only_fresh_s",
    "min_interval_s",
    "only_asked",
    "enabled",
)
# Of a delivery this word stands for a playlist, and of a render profile for none.
_RESERVED = {"playlist"}


def save_rule(
    values: Mapping[str, object],
    panels: Iterable[Device] | None = None,
    rule: ShowRule | None = None,
    user=None,
) -> ShowRule:
    """Make a rule, or change one; what is left out stays. Raises ValidationError by field, in sentences."""
    row = ShowRule.objects.get(pk=rule.pk) if rule else ShowRule(created_by=actor_of(user))
    was_on = row.enabled and not row._state.adding
    before = row.camera_id
    for field, value in values.items():
        if field not in FIELDS:
            raise KeyError(field)
        setattr(row, field, value.strip() if isinstance(value, str) else value)
    chosen = list(panels) if panels is not None else (list(row.panels.all()) if rule else [])
    with transaction.atomic():
        # Two rules that close a circle only together: the second one sees the first.
        list(ShowRule.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
        _check(row, chosen)
        if row.enabled and (not was_on or before != row.camera_id):
            # It acts on what comes from now on, not on what came while it was off.
            row.since_at = row.seen_until = timezone.now()
        row.save()
        row.panels.set(chosen)
        _tell(row, user)
        audit.note(Word.CHANGED if rule else Word.ADDED, Kind.RULE, row.pk, row.name)
    watch.forget()
    return row


def delete_rule(rule: ShowRule, user=None) -> None:
    """Delete a rule with its runs; what it sent stays."""
    with transaction.atomic():
        _tell(rule, user, said("The rule “%(name)s” was deleted.", name=rule.name))
        audit.note(Word.DELETED, Kind.RULE, rule.pk, rule.name)
        rule.delete()
    watch.forget()


def _tell(rule: ShowRule, user, sentence: Said | None = None) -> None:
    sentence = sentence or said("The rule “%(name)s” was saved.", name=rule.name)
    events.record_change(rule.camera, user, sentence)


def _check(rule: ShowRule, panels: list[Device]) -> None:
    faults: dict[str, str] = {}
    faults |= _check_words(rule)
    if rule.camera_id is None:
        faults["camera"] = _("Choose the camera.")
    if not panels:
        faults["panels"] = _("Choose at least one panel.")
    elif deaf := next((panel for panel in panels if not panel.takes_pictures), None):
        faults["panels"] = _("%(device)s cannot show pictures.") % {"device": deaf}
    elif rule.camera_id and rule.enabled and (circle := circle_of(rule, panels)):
        words = {"way": " → ".join(device.name for device in circle)}
        faults["panels"] = _("These rules would send pictures in a circle: %(way)s.") % words
    for field, (low, high) in LIMITS.items():
        value = getattr(rule, field)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            faults[field] = _("Enter a number of seconds, at most 7 days.")
    if rule._state.adding and ShowRule.objects.count() >= RULES_AT_MOST:
        faults["name"] = _("There are already %(count)s rules.") % {"count": RULES_AT_MOST}
    if faults:
        raise ValidationError(faults)
    rule.full_clean(exclude=["camera"])


def _check_words(rule: ShowRule) -> dict[str, str]:
    faults = {}
    if not rule.name or not rule.name.isprintable() or rule.name in _RESERVED:
        faults["name"] = _("Give the rule a name.")
    if not reads_as_caption(rule.caption):
        faults["caption"] = _("In a caption, only {camera} and {time} may be in braces.")
    if rule.render and rule.render != "none" and not RenderProfile.objects.filter(name=rule.render).exists():
        faults["render"] = _("There is no render profile named %(name)s.") % {"name": rule.render[:40]}
    return faults


def reads_as_caption(text: str) -> bool:
    """Tell whether a caption's braces hold only what can be filled in."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    plain = all(not spec and not conversion for _text, _name, spec, conversion in parts)
    return plain and all(name is None or name in CAPTION_WORDS for _text, name, _spec, _conversion in parts)


def circle_of(rule: ShowRule, panels: Iterable[Device]) -> list[Device]:
    """Return the devices along which pictures would go round with this rule, first and last the same; else nothing."""
    edges: dict[int, set[int]] = {}
    others = ShowRule.objects.filter(enabled=True).exclude(pk=rule.pk)
    for camera, panel in others.values_list("camera", "panels"):
        edges.setdefault(camera, set()).add(panel)
    for panel in panels:
        way = _way(edges, panel.pk, rule.camera_id)
        if way:
            named = Device.objects.in_bulk(way)
            return [named[rule.camera_id], *(named[pk] for pk in way)]
    return []


def _way(edges: dict[int, set[int]], start: int, goal: int) -> list[int]:
    """Return a way along the edges from start to goal, both counted in; nothing when there is none."""
    came_from: dict[int, int | None] = {start: None}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here == goal:
            way = [here]
            while (before := came_from[way[-1]]) is not None:
                way.append(before)
            return way[::-1]
        for there in edges.get(here, ()):
            if there is not None and there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return []
