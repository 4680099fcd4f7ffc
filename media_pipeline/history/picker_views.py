"""The newest pictures as a choice of one, for forms of other rooms."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.registry.models import Device
from media_pipeline.captures.cards import picture_of
from media_pipeline.history.query import BadFilter, Filters, captures_matching, page_of, with_parts
from media_pipeline.models import Capture
from photohub.lib.ids import read_id

PAGE_SIZE = 24


@login_required
@never_cache
@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """Return a fragment of radio buttons `capture`, newest first; `of` narrows it to one camera, `chosen` is checked."""
    code, chosen = request.GET.get("of", ""), request.GET.get("chosen", "")
    visible = Device.objects.visible_to(request.user).filter(captures__isnull=False).distinct()
    rows = captures_matching(request.user, Filters(devices=(code,) if code else ()))
    try:
        items, following = page_of(with_parts(rows), request.GET.get("cursor", ""), PAGE_SIZE)
    except BadFilter:
        items, following = [], None
    first, wanted = "cursor" not in request.GET, read_id(chosen)
    if first and wanted and all(capture.pk != wanted for capture in items):
        items = [*with_parts(Capture.objects.visible_to(request.user)).filter(pk=wanted), *items]
    context = {
        "pictures": [picture_of(capture) for capture in items],
        "next": following,
        "first": first,
        "cameras": visible.order_by("name"),
        "of": code,
        "chosen": chosen,
    }
    return render(request, "media_pipeline/history/_picker.html", context)
