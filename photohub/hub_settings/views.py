"""The settings page: what owners choose for the whole hub, with what it would do; and what the environment says."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.hub_settings import choices, values
from media_pipeline.storage import going
from photohub.accounts import time_zone
from photohub.lib.pages.sentences import Said, said
from photohub.lib.pages.sizes import size_in_words
from photohub.lib.pages.timezones import hub_timezone

from . import keep_rules
from .forms import LanguageForm, LinksForm, RetentionForm

_LANGUAGES = dict(settings.LANGUAGES)


@dataclass(frozen=True)
class Preview:
    """What would go by the limits that were filled in."""

    by_days: going.Going
    by_bytes: going.Going
    # Who keeps other limits than he has looked at is shown what these would take.
    limits: str

    @property
    def takes_something(self) -> bool:
        return bool(self.by_days.count or self.by_bytes.count)


@never_cache
@owners_only
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what holds, and what can be chosen."""
    return _page(request, RetentionForm())


def _page(
    request: HttpRequest,
    retention: RetentionForm,
    preview: Preview | None = None,
    rule_form: keep_rules.KeepRuleForm | None = None,
    **more: object,
) -> HttpResponse:
    limits = (values.KEEP_DAYS, values.KEEP_BYTES)
    pending = {which: found for which in limits if (found := values.waiting(which))}
    context = {
        "zone_form": time_zone.form_of_hub(),
        "hub_zone": str(hub_timezone()),
        "language_form": LanguageForm(initial={"language": choices.chosen_language() or "en"}),
        "links_form": LinksForm(initial={"lasting_links": "on" if values.lasting_links() else "off"}),
        "links_set": values.LASTING_LINKS.variable if values.is_set_outside(values.LASTING_LINKS) else "",
        "retention_form": retention,
        "set_outside": retention.shown_where_set(),
        "preview": preview,
        "pending_from": max((found.holds_from for found in pending.values()), default=None),
        "pending": [str(_said(which, found.value)) for which, found in pending.items()],
        "mirror": settings.PHOTOHUB_MIRROR,
        "outside": [row for row in settings.READ.values() if row.source != "default"],
        "rule_form": rule_form or keep_rules.KeepRuleForm(),
        "rules": keep_rules.lines(),
        "offered": keep_rules.offered(),
    } | more
    is_wrong = any(form.is_bound and form.errors for form in (retention, rule_form) if form)
    return render(request, "photohub/hub_settings/settings.html", context, status=422 if is_wrong else 200)


@require_POST
@owners_only
def choose_language(request: HttpRequest) -> HttpResponse:
    """Let the hub write in another language."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        code = form.cleaned_data["language"]
        with transaction.atomic():
            choices.write(choices.LANGUAGE, code)
            audit.note(
                Word.CHANGED, Kind.HUB, details=said("Language: %(language)s.", language=_LANGUAGES[code])
            )
        messages.success(request, _("Saved."))
    else:
        messages.error(request, " ".join(str(error) for error in form.errors["language"]))
    return redirect("hub_settings")


@require_POST
@owners_only
def choose_links(request: HttpRequest) -> HttpResponse:
    """Give pictures lasting links, or take them away."""
    form = LinksForm(request.POST)
    if values.is_set_outside(values.LASTING_LINKS):
        messages.error(request, _set_there(values.LASTING_LINKS))
    elif not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["lasting_links"]))
    else:
        on = form.cleaned_data["lasting_links"]
        sentence = said("Lasting links were turned on.") if on else said("Lasting links were turned off.")
        _choose(request, {values.LASTING_LINKS: (on, False)}, [sentence])
        messages.success(request, _("Saved. Every process of the hub goes by it within seconds."))
    return redirect("hub_settings")


@require_POST
@owners_only
def choose_retention(request: HttpRequest) -> HttpResponse:
    """Show what lower limits would take, and keep them once somebody has seen that."""
    form = RetentionForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    chosen = form.chosen
    lower = {which for which, number in chosen.items() if number and not 0 < values.value(which) <= number}
    preview = _look_ahead(form)
    has_seen = request.POST.get("seen") == preview.limits or not (lower and preview.takes_something)
    if request.POST.get("deed") != "apply" or not has_seen:
        return _page(request, form, preview)
    if chosen:
        found = {which: (number, which in lower) for which, number in chosen.items()}
        _choose(request, found, [_said(which, number) for which, number in chosen.items()])
    text = (
        _("Saved. Lower limits hold in an hour; until then you can take them back.") if lower else _("Saved.")
    )
    messages.success(request, text)
    return redirect("hub_settings")


@require_POST
@owners_only
def choose_keep_rule(request: HttpRequest) -> HttpResponse:
    """Show what the limit of one camera or group would take, and keep it once somebody has seen that."""
    form = keep_rules.KeepRuleForm(request.POST)
    if not form.is_valid():
        return _page(request, RetentionForm(), rule_form=form)
    seen = f"{form.cleaned_data['whose']} {form.cleaned_data['days']}"
    if request.POST.get("deed") == "apply" and request.POST.get("seen") == seen:
        keep_rules.keep(request, form)
        return redirect("hub_settings")
    return _page(
        request, RetentionForm(), rule_form=form, rule_going=keep_rules.look_ahead(form), rule_seen=seen
    )


@require_POST
@owners_only
def take_back(request: HttpRequest) -> HttpResponse:
    """Let the limits go on holding that held before, where lower ones do not hold yet."""
    found = {
        which: values.value(which) for which in (values.KEEP_DAYS, values.KEEP_BYTES) if values.waiting(which)
    }
    if found:
        sentences = [_said(which, number) for which, number in found.items()]
        _choose(request, {which: (number, False) for which, number in found.items()}, sentences)
        messages.success(request, _("Taken back: nothing was deleted by it."))
    else:
        messages.warning(request, _("There is nothing to take back: what was chosen holds."))
    return redirect("hub_settings")


def _look_ahead(form: RetentionForm) -> Preview:
    days = form.cleaned_data["keep_days"]
    size_bytes = form.chosen.get(values.KEEP_BYTES, values.keep_bytes())
    return Preview(going.older_than(days), going.beyond(size_bytes, days), f"{days} {size_bytes}")


def _choose(
    request: HttpRequest, found: Mapping[values.Choosable, tuple[object, bool]], sentences: list[Said]
) -> None:
    with transaction.atomic():
        for which, (value, later) in found.items():
            values.choose(which, value, later=later)
        for sentence in sentences:
            events.record(EventType.NOTICE, sentence, actor=request.user)
            audit.note(Word.CHANGED, Kind.HUB, details=sentence)
    # What was read inside of the transaction is what it wrote.
    values.forget()


def _said(which: values.Choosable, number: int) -> Said:
    if which is values.KEEP_DAYS:
        if number:
            return said("Retention was changed: pictures are deleted after %(days)s days.", days=number)
        return said("Retention was changed: pictures are kept for ever.")
    if number:
        size = size_in_words(number)
        return said("Retention was changed: at most %(size)s of pictures stay on the hub.", size=size)
    return said("Retention was changed: any amount of pictures stays on the hub.")


def _set_there(which: values.Choosable) -> str:
    return _("%(variable)s is set in the environment. Change it there.") % {"variable": which.variable}
