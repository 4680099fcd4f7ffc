"""Pages of channels: adding one, changing and testing it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from devices.access.rights import require_owner
from media_pipeline.alerts import delivering

from . import push, rules
from .catalogue import BY_WORD, SERVICES
from .forms import ChannelForm, PushForm, ServiceForm, WebhookForm
from .models import AlertChannel

WEBHOOK, PUSH = "webhook", "push"


@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choose a service, then fill in what it needs. `hub`: for the hub instead of the person."""
    for_hub = request.GET.get("hub") == "yes"
    if for_hub:
        require_owner(request)
    word = request.GET.get("service", "")
    if not word:
        context = {"services": SERVICES, "for_hub": for_hub}
        return render(request, "media_pipeline/alerts/channel_kinds.html", context)
    posted = request.POST if request.method == "POST" else None
    if word == WEBHOOK:
        form = WebhookForm(posted)
    elif word == PUSH and not for_hub:
        form = PushForm(posted)
    elif word in BY_WORD:
        form = ServiceForm(posted, service=BY_WORD[word])
    else:
        raise Http404
    channel = form.save(request.user, for_hub=for_hub) if form.is_bound and form.is_valid() else None
    if channel is None:
        context: dict[str, object] = {"form": form, "service": BY_WORD.get(word), "for_hub": for_hub}
        status = 422 if form.is_bound else 200
        page = "channel_form"
        if word == PUSH:
            context["key"], page = push.public_key(), "push_form"
        return render(request, f"media_pipeline/alerts/{page}.html", context, status=status)
    messages.success(request, _("Channel added. Send a test to see whether it works."))
    return redirect("alert_channel", channel.pk)


def _channel_of(request: HttpRequest, id: UUID) -> AlertChannel:
    return get_object_or_404(AlertChannel.objects.seen_by(request.user), pk=id)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show a channel with the last answer, and change it."""
    channel = _channel_of(request, id)
    form = ChannelForm(request.POST if request.method == "POST" else None, channel=channel)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, _("Channel saved."))
        return redirect("alert_channel", channel.pk)
    context = {"form": form, "channel": channel, "rules": channel.rules.count()}
    status = 422 if form.is_bound else 200
    return render(request, "media_pipeline/alerts/channel.html", context, status=status)


@login_required
@require_POST
def test(request: HttpRequest, id: UUID) -> HttpResponse:
    """Send a test now, and show what the other side answered."""
    channel = _channel_of(request, id)
    why = delivering.send_test(channel)
    if why is None:
        channel.refresh_from_db()
        messages.success(request, _("The test was sent. Answer: %(answer)s") % {"answer": channel.answer})
    else:
        messages.error(request, _("The test was not sent. %(why)s") % {"why": why})
    return redirect("alert_channel", channel.pk)


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete a channel, with what still waits for it."""
    rules.delete_channel(_channel_of(request, id))
    messages.success(request, _("The channel was deleted."))
    return redirect("alerts")
