"""The page where owners let Home Assistant in, choose what it is told of, and shut it out again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import owners_only
from devices.events import record as events
from devices.events.models import EventType
from devices.mqtt import home_assistant
from devices.registry.models import BrokerAccount
from photohub.accounts.shown_once import keep_once, take_once
from photohub.home_assistant.forms import GroupsForm, form_of
from photohub.lib.network import site
from photohub.lib.pages.sentences import said

_SLOT = "home_assistant"


@never_cache
@owners_only
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show whether it is let in, how it logs in and what it is told of; a new password once."""
    chosen = home_assistant.read()
    context = {
        "is_on": chosen.is_on,
        "secret": take_once(request, _SLOT),
        "host": site.mqtt_host(),
        "port": site.mqtt_port(),
        "username": home_assistant.USERNAME,
        "form": form_of(chosen),
        "device_count": home_assistant.devices_of(chosen).count(),
        "account": _account_at_the_broker(),
    }
    return render(request, "photohub/home_assistant/home_assistant.html", context)


def _account_at_the_broker() -> BrokerAccount | None:
    """Return the account where an outside broker keeps it and is not in step yet."""
    rows = BrokerAccount.objects.filter(username=home_assistant.USERNAME, device=None, user=None)
    return rows.exclude(state=BrokerAccount.State.SYNCED).first()


@require_POST
@owners_only
def let_in(request: HttpRequest) -> HttpResponse:
    """Make its account, or a new password for it."""
    is_new = not home_assistant.read().is_on
    keep_once(request, _SLOT, home_assistant.let_in())
    sentence = said("Home Assistant was let in.") if is_new else said("Home Assistant got a new password.")
    events.record(EventType.NOTICE, sentence, actor=request.user)
    return redirect("home_assistant")


@require_POST
@owners_only
def shut_out(request: HttpRequest) -> HttpResponse:
    """End its account, and take back what it was told."""
    home_assistant.shut_out()
    events.record(EventType.NOTICE, said("Home Assistant was shut out."), actor=request.user)
    messages.success(request, _("Home Assistant is shut out. Its devices disappear there within a minute."))
    return redirect("home_assistant")


@require_POST
@owners_only
def choose_groups(request: HttpRequest) -> HttpResponse:
    """Tell it of the devices of these groups alone."""
    form = GroupsForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("One of these groups no longer exists. Choose again."))
        return redirect("home_assistant")
    home_assistant.choose_groups([group.pk for group in form.cleaned_data["groups"]])
    messages.success(request, _("Home Assistant is told of these devices from now on."))
    return redirect("home_assistant")
