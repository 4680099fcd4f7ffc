"""Which devices are in a group: adding and taking out, as many at once as a page shows."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access.groups import DeviceGroup
from devices.access.models import devices_in
from devices.access.rights import owners_only
from devices.registry.changes import put_into_group, take_out_of_group
from devices.registry.disclosure import name_groups
from devices.registry.models import Device, DeviceQuerySet
from photohub.lib.pages.instants import text_of

ON_A_PAGE = 100


@never_cache
@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the devices of a group, and others that can be added; a form posts those that come or go."""
    group = get_object_or_404(DeviceGroup, pk=pk)
    if request.method == "POST":
        return _change(request, group)
    wanted = text_of(request.GET, "q")
    inside = Paginator(Device.objects.in_groups([pk]), ON_A_PAGE).get_page(request.GET.get("page"))
    outside = list(_fitting(Device.objects.exclude(pk__in=devices_in([pk])), wanted)[: ON_A_PAGE + 1])
    name_groups(request.user, [*inside, *outside])
    context = {
        "group": group,
        "inside": inside,
        "outside": outside[:ON_A_PAGE],
        "has_more": len(outside) > ON_A_PAGE,
        "most": ON_A_PAGE,
        "q": wanted,
    }
    return render(request, "photohub/accounts/group_devices.html", context)


def _fitting(devices: DeviceQuerySet, text: str) -> DeviceQuerySet:
    """Keep those that a text names by themselves or by one of their groups."""
    if not text:
        return devices
    named = devices_in(DeviceGroup.objects.filter(name__icontains=text))
    return devices.filter(Q(name__icontains=text) | Q(code__icontains=text.lower()) | Q(pk__in=named))


def _change(request: HttpRequest, group: DeviceGroup) -> HttpResponse:
    chosen = Device.objects.filter(code__in=request.POST.getlist("device"))
    if request.POST.get("action") == "take":
        n = take_out_of_group(group, chosen, request.user)
        text = ngettext(
            "%(n)s device was taken out of %(name)s.", "%(n)s devices were taken out of %(name)s.", n
        )
    else:
        n = put_into_group(group, chosen, request.user)
        text = ngettext("%(n)s device was added to %(name)s.", "%(n)s devices were added to %(name)s.", n)
    if n:
        messages.success(request, text % {"n": n, "name": group})
    else:
        messages.warning(request, _("No device was chosen."))
    wanted = text_of(request.POST, "q")
    query = f"?{urlencode({'q': wanted})}" if wanted else ""
    return redirect(reverse("group_devices", args=[group.pk]) + query)
