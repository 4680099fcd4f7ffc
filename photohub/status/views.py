"""The status page and its buttons."""

from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import is_owner, owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from media_pipeline.maintenance import figures, retention, retention_wording, thinning
from media_pipeline.mirror import gate, waking
from media_pipeline.mirror.stores import MirrorError, open_mirror
from media_pipeline.storage import cameras
from photohub.lib.pages.middleware import PageRequest
from photohub.lib.pages.sentences import Said, said
from photohub.status import parts as status


@never_cache
@login_required
@require_safe
def show(request: PageRequest) -> HttpResponse:
    """Show how the hub fares; the page asks for its inner part again every few seconds."""
    context: dict[str, object] = {"status": status.collect(), "sees_all": is_owner(request.user)}
    if context["sees_all"] and settings.PHOTOHUB_MIRROR != "none":
        context["mirror"] = _mirror_buttons()
    if context["sees_all"]:
        context["may_go_on"] = retention_wording.waits_for_an_owner(retention_wording.problems_now())
    if request.htmx:
        return render(request, "photohub/status/_parts.html", context)
    context |= {"probe": request.session.pop("storage_test", None), "cameras": cameras.largest(request.user)}
    return render(request, "photohub/status/status.html", context)


def _mirror_buttons() -> dict:
    """Count what the buttons would act upon."""
    stuck = figures.read("refused").count + figures.read("failed").count
    return {"stuck": stuck or int(bool(gate.reason())), "older": figures.read("never copied").count}


@require_POST
@owners_only
def try_storage(request: HttpRequest) -> HttpResponse:
    """Put, read and delete a few bytes in the mirror, and show each step in words."""
    try:
        store = open_mirror(settings)
        steps = [asdict(step) for step in store.probe()] if store else []
    except MirrorError as error:
        steps = [{"name": "open", "ok": False, "sentence": error.sentence, "elapsed_ms": 0}]
    if not steps:
        messages.warning(request, _("No mirror is set up, so there is nothing to test."))
        return redirect("status")
    request.session["storage_test"] = steps
    if all(step["ok"] for step in steps):
        _note(said("The mirror was tested: what waited for it goes on."))
        waking.unblock_all()
    return redirect("status")


@require_POST
@owners_only
def retry_mirror(request: HttpRequest) -> HttpResponse:
    """Make every blocked or failed copy due now."""
    _note(said("Copies that were blocked or had failed are tried again."))
    count = waking.unblock_all() + waking.retry_failed()
    text = ngettext("%(n)d picture is tried again now.", "%(n)d pictures are tried again now.", count)
    messages.success(request, text % {"n": count})
    return redirect("status")


@require_POST
@owners_only
def adopt_older(request: HttpRequest) -> HttpResponse:
    """Ask for copies of the pictures that came before there was a mirror."""
    if settings.PHOTOHUB_MIRROR == "none":
        messages.warning(request, _("No mirror is set up. Set PHOTOHUB_MIRROR first."))
        return redirect("status")
    _note(said("Older pictures are copied to the mirror."))
    count = waking.adopt_unmirrored()
    text = ngettext("%(n)d older picture will be copied.", "%(n)d older pictures will be copied.", count)
    messages.success(request, text % {"n": count})
    return redirect("status")


def _note(sentence: Said) -> None:
    """Write down what is asked for: it is done a little at a time, each in a transaction of its own."""
    with transaction.atomic():
        audit.note(Word.CHANGED, Kind.HUB, details=sentence)


_DAYS_AT_MOST = 36_500


@never_cache
@owners_only
@require_safe
def look_ahead_at_like_pictures(request: HttpRequest) -> HttpResponse:
    """Show of each camera what would go if like pictures older than so many days were thinned out."""
    text = request.GET.get("days", "")
    days = (
        int(text) if text.isascii() and text.isdigit() and len(text) < 6 else settings.THIN_AFTER_DAYS or 30
    )
    days = min(max(days, 1), _DAYS_AT_MOST)
    cameras, more = thinning.look_ahead(days)
    context = {
        "days": days,
        "set_to": settings.THIN_AFTER_DAYS,
        "cameras": cameras,
        "going": sum(told.going for told in cameras),
        "size_bytes": sum(told.size_bytes for told in cameras),
        "most": thinning.LOOKED_AT_MOST if more else 0,
    }
    return render(request, "photohub/status/like_pictures.html", context)


@require_POST
@owners_only
def go_on_retaining(request: HttpRequest) -> HttpResponse:
    """Believe the clock: what is too old by it goes from the next run on."""
    retention.go_on(request.user)
    messages.success(
        request, _("The clock is confirmed. Pictures that are too old will go within ten minutes.")
    )
    return redirect("status")
