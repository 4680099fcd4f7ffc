"""What a panel shows in turn: seeing it, adding to it, its order."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can
from devices.panels.deliveries.models import PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver
from devices.panels.showing import drafts
from devices.panels.showing.drafts import Draft
from devices.panels.sources import outbox
from devices.panels.sources.sources import trashed_among
from devices.registry.finding import get_device
from devices.registry.models import Device, DeviceQuerySet, Panel, has_picture
from devices.registry.tabs import frame_of
from photohub.lib.ids import read_id
from photohub.lib.pages.picture_response import picture_response
from photohub.lib.pages.times.wording import stamp
from photohub.lib.pages.timezones import hub_timezone

from . import turns as playlists
from .models import PlaylistItem

_THUMBNAIL = {"format": "jpeg", "width": 288, "height": 216}
# An item keeps its picture for as long as it is there.
_FOR_EVER = "private, max-age=31536000, immutable"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def playlist(request: HttpRequest, code: str) -> HttpResponse:
    """Show what the panel shows in turn; a POST adds a camera's newest picture, or a lasting one."""
    adds = request.method == "POST"
    device = get_device(request.user, code, Action.COMMAND if adds else Action.LOOK)
    if not adds:
        return _page(request, device)
    try:
        _add(request, device)
    except CannotDeliver as refusal:
        return _page(request, device, refusal.sentence, status=422)
    except ValidationError as error:
        return _page(request, device, " ".join(error.messages), status=422)
    except OSError:
        problem = _("The picture could not be stored on the hub's disk. The playlist is unchanged.")
        return _page(request, device, problem, status=507)
    return redirect("devices:playlist", code)


def _add(request: HttpRequest, device: Device) -> None:
    """Put what the form names at the end. Raises CannotDeliver, ValidationError, or OSError of the disk."""
    if not device.takes_pictures:
        raise ValidationError(_("%(device)s cannot show pictures.") % {"device": device})
    caption = request.POST.get("caption", "")
    if request.POST.get("source") == "camera":
        wanted = request.POST.get("camera", "")
        camera = Device.objects.visible_to(request.user).filter(code=wanted).first()
        if camera is None:
            raise ValidationError(_("Choose the camera."))
        playlists.add_camera(device, camera, caption, request.user)
        return
    draft = drafts.read_draft(request.user, request.POST, request.FILES, fetch=True)
    # What cannot be drawn at all is refused here rather than passed over at every turn.
    drafts.render_draft(draft, _THUMBNAIL, "")
    playlists.add_picture(device, draft.picture or b"", _label_of(draft), caption, request.user)


def _label_of(draft: Draft) -> str:
    """Return what people know a lasting picture by: a picture of the history by its time."""
    if draft.origin != PictureOrigin.CAPTURE or draft.stamp_at is None:
        return draft.label
    return _("picture of %(time)s") % {"time": stamp(draft.stamp_at, hub_timezone())}


def _page(request: HttpRequest, device: Device, problem: str = "", status: int = 200) -> HttpResponse:
    panel = Panel.objects.filter(device=device).first() or Panel(device=device)
    items = playlists.tell_items(device, request.user)
    turn = panel.playlist_index % len(items) if items else 0
    visible = Device.objects.visible_to(request.user)
    form = request.POST
    context = {
        "lines": [_line(item, at == turn) for at, item in enumerate(items)],
        "takes": device.takes_pictures,
        "may_change": can(request.user, Action.COMMAND, device),
        "cameras": _cameras(visible, device),
        "by_packets": device.takes_packets,
        "every": every(panel.poll_interval_s),
        "problem": problem,
        "form": form,
        "source": form.get("source", "capture"),
        "capture": str(read_id(form.get("capture", "")) or ""),
    }
    return render(
        request,
        "devices/panels/playlists/playlist.html",
        frame_of(request, device, "playlist") | context,
        status=status,
    )


def _cameras(visible: DeviceQuerySet, device: Device) -> QuerySet:
    """Return the devices whose newest picture can be added, those that have one first."""
    others = visible.cameras().exclude(pk=device.pk)
    return others.annotate(pictured=has_picture()).order_by("-pictured", "name")


def _line(item: PlaylistItem, is_next: bool) -> dict:
    """Dress an item."""
    return {
        "item": item,
        "is_next": is_next,
        "hidden": item.hidden,
        "trashed": item.trashed,
        "has_newest": item.camera is not None and item.camera.captures.exists(),
        "label": _("a picture from History") if read_id(item.label) else item.label,
    }


def every(seconds: int) -> str:
    """Say how often something happens."""
    if seconds % 3600 == 0:
        return ngettext("every hour", "every %(count)s hours", seconds // 3600) % {"count": seconds // 3600}
    if seconds % 60 == 0:
        return ngettext("every minute", "every %(count)s minutes", seconds // 60) % {"count": seconds // 60}
    return ngettext("every second", "every %(count)s seconds", seconds) % {"count": seconds}


@login_required
@require_POST
def move(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """Move an item one place `up` or down."""
    device = get_device(request.user, code, Action.COMMAND)
    keys = [item.pk for item in playlists.items_of(device)]
    if id not in keys:
        raise Http404
    step = -1 if request.POST.get("by") == "up" else 1
    playlists.move(device, id, max(0, keys.index(id) + step), request.user)
    return redirect("devices:playlist", code)


@login_required
@require_POST
def remove(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """Take an item out."""
    device = get_device(request.user, code, Action.COMMAND)
    if not playlists.remove(device, id, request.user):
        raise Http404
    messages.success(request, _("Removed from the playlist."))
    return redirect("devices:playlist", code)


@login_required
@require_safe
def picture(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """A lasting picture of the playlist, small."""
    device = get_device(request.user, code)
    item = get_object_or_404(device.playlist.exclude(original_sha256=""), pk=id)
    if trashed_among([item.original_sha256]):
        raise Http404
    try:
        draft = Draft(PictureOrigin.UPLOAD, item.label, outbox.read(item.original_sha256))
        small = drafts.render_draft(draft, _THUMBNAIL, "")
    except (outbox.BlobMissing, CannotDeliver) as nothing:
        raise Http404 from nothing
    return picture_response(small.data, small.content_type, f"{code}-playlist", _FOR_EVER)
