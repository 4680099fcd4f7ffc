"""Rules and their runs in words, for pages: which panels, what came of it last, and why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from devices.panels.deliveries.models import Delivery
from devices.panels.deliveries.wording import words_of
from devices.registry.models import Device
from photohub.lib.pages.sentences import say

from .models import RunState, ShowRule, ShowRun

# The reasons that hold no figure, for rows of an older hub, which have them in the language of the process that wrote them.
_REASONS = {
    "not_asked": gettext_lazy("Nobody requested this picture."),
    "overtaken": gettext_lazy("A newer picture was shown."),
    "echo": gettext_lazy("The camera itself was just shown a picture from one of these panels."),
    "missing": gettext_lazy("The picture's file is missing."),
    "disk": gettext_lazy("The picture could not be written to disk."),
    "fault": gettext_lazy("An error in the hub kept it from being shown."),
}


@dataclass(frozen=True)
class RunLine:
    """One run as pages show it: `tone` is the shape of its state; each delivery with how far it is."""

    run: ShowRun
    tone: str
    words: str
    reason: str
    sent: list[tuple[Delivery, str]]


@dataclass(frozen=True)
class RuleLine:
    """One rule as pages show it: the panels that this person may see, and how many more there are."""

    rule: ShowRule
    panels: list[Device]
    hidden: int
    last: RunLine | None

    def panel_links(self) -> SafeString:
        """Return the panels as links to what they show, with the list comma of the reader's language."""
        links = [(reverse("devices:show", args=[panel.code]), panel.name) for panel in self.panels]
        return format_html_join(gettext(", "), '<a href="{}">{}</a>', links)


def rules_seen_by(user) -> QuerySet:
    """Return the rules of the cameras that this person may see."""
    rows = ShowRule.objects.filter(camera__in=Device.objects.visible_to(user))
    return rows.select_related("camera").prefetch_related("panels")


def lines_of_rules(rules: Iterable[ShowRule], user) -> list[RuleLine]:
    """Dress rules for a page, each with its last run."""
    newest = ShowRun.objects.filter(rule=OuterRef("pk")).values("pk")[:1]
    rows = list(rules)
    keys = ShowRule.objects.filter(pk__in=[rule.pk for rule in rows]).annotate(newest=Subquery(newest))
    runs = {run.rule_id: run for run in ShowRun.objects.filter(pk__in=keys.values("newest"))}
    visible = set(Device.objects.visible_to(user).values_list("pk", flat=True))
    return [_rule_line(rule, visible, runs.get(rule.pk)) for rule in rows]


def _rule_line(rule: ShowRule, visible: set[int], last: ShowRun | None) -> RuleLine:
    every = sorted(rule.panels.all(), key=lambda panel: panel.name)
    panels = [panel for panel in every if panel.pk in visible]
    hidden = len(every) - len(panels)
    return RuleLine(rule, panels, hidden, run_line(last, names_panels=not hidden) if last else None)


def with_deliveries(runs: QuerySet, user) -> QuerySet:
    """Fetch along what the runs sent to panels that this person may see."""
    sent = Delivery.objects.visible_to(user).select_related("device")
    shown = runs.filter(capture__trashed_at=None)
    return shown.select_related("capture").prefetch_related(Prefetch("deliveries", sent, to_attr="seen"))


def run_line(run: ShowRun, *, names_panels: bool) -> RunLine:
    """Dress a run for a page; what it sent is named when it was fetched by `with_deliveries`.

    A refusal names its panel: it is left out where the person may not see all panels of the rule.
    """
    tones = {RunState.SHOWN: "good", RunState.SKIPPED: "off", RunState.FAILED: "bad"}
    state = RunState(run.state)
    reason = say(run.reason_said) or str(_REASONS.get(run.reason_word, run.reason))
    # It reached some of the panels, and the reason says which of them refused.
    tone = "warn" if state == RunState.SHOWN and reason else tones[state]
    sent = [(delivery, words_of(delivery)) for delivery in getattr(run, "seen", [])]
    told = reason if names_panels or run.reason_word in _REASONS else ""
    return RunLine(run, tone, str(state.label), told, sent)
