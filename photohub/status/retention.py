"""How retention fares: which limit is not kept, why, and whether an owner's word is all that is missing."""

from django.conf import settings
from django.utils.translation import gettext as _

from devices.hub_settings import values
from media_pipeline.keep_rules import rules
from media_pipeline.maintenance import figures as figures_of
from media_pipeline.maintenance import retention_wording
from photohub.lib.pages.sizes import size_in_words
from photohub.status.part import Part


def look_at_retention() -> Part:
    """Describe retention, and the doubt of the clock that also keeps films and lost files from being deleted."""
    limits = _limits()
    figures = limits + _trash()
    problems = retention_wording.problems_now()
    if problems:
        first = next(iter(retention_wording.unwell()), None)
        sentence = " ".join(problem.sentence for problem in problems)
        since = first.changed_at if first else None
        return Part("warning", sentence, since=since, figures=figures, help=_help(problems))
    if not limits:
        return Part("off", _("No limit is set: every picture is kept."), figures=figures)
    return Part("ok", _("Within limits."), figures=figures)


def _limits() -> list[tuple[str, str]]:
    def days(number: int) -> str:
        return _("%(days)d days") % {"days": number}

    limits = [
        (_("Delete pictures after"), values.keep_days(), days(values.keep_days())),
        (_("Limit on this hub"), values.keep_bytes(), size_in_words(values.keep_bytes())),
        (_("Thin out similar pictures after"), settings.THIN_AFTER_DAYS, days(settings.THIN_AFTER_DAYS)),
        (_("Only in the mirror after"), settings.FREE_LOCAL_AFTER_DAYS, days(settings.FREE_LOCAL_AFTER_DAYS)),
    ]
    if others := len(rules.days_by_camera()):
        limits.append((_("Cameras with another limit"), others, f"{others:,}"))
    return [(label, text) for label, limit, text in limits if limit]


def _help(problems: list[retention_wording.Problem]) -> str:
    if retention_wording.waits_for_an_owner(problems):
        return _(
            "Correct the clock, preferably with NTP. If it is right, an owner can confirm that with "
            "the button."
        )
    if problems[0].word in ("retention_disk", "retention_mirror", "clock_database"):
        return _("Nothing more is deleted or freed until this is fixed.")
    return _("Free up space, keep fewer pictures, fix the mirror, or raise the limit.")


def _trash() -> list[tuple[str, str]]:
    found = figures_of.read("trash")
    if not found.count:
        return []
    words = {"count": f"{found.count:,}", "size": size_in_words(found.size_bytes)}
    return [(_("In the trash"), _("%(count)s (%(size)s)") % words)]
