"""The Plots tab of a device, and its tables for spreadsheets."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.registry.finding import get_device
from devices.registry.tabs import frame_of
from photohub.lib.pages import vendor
from photohub.lib.pages.timezones import in_hubs_timezone

from .drawn import plots_of
from .export import OF, table_of
from .spans import span_of
from .wording import SPANS, tell


@login_required
@require_safe
def plots(request: HttpRequest, code: str) -> HttpResponse:
    """Draw how the device fares."""
    device = get_device(request.user, code)
    span = span_of(request.GET.get("range", ""))
    found = {plot.name: plot for plot in plots_of(device, span) if plot.has_values}
    if "battery_percent" in found:
        # The voltage says the same; the CSV has both.
        found.pop("battery_mv", None)
    with in_hubs_timezone():
        told = [tell(plot, span) for plot in found.values()]
    context = {
        "told": told,
        "span": span,
        "spans": SPANS.items(),
        "zone": str(span.zone),
        "can_draw": vendor.is_there("vendor/uplot.min.js"),
    }
    return render(request, "media_pipeline/plots/plots.html", frame_of(request, device, "plots") | context)


@login_required
@never_cache
@require_safe
def export(request: HttpRequest, code: str, of: str) -> HttpResponse:
    """Hand out one table."""
    device = get_device(request.user, code)
    if of not in OF:
        raise Http404
    span = span_of(request.GET.get("range", ""))
    name = f"{device.code}-{of}-{timezone.now().astimezone(span.zone):%Y-%m-%d}-{span.name}.csv"
    # The mark lets spreadsheets know the encoding.
    response = HttpResponse("\ufeff" + table_of(device, span, of), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
