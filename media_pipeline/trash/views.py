"""The trash as people see it: what lies in it, taking it back, deleting it for good."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from devices.access.rights import Action, can, owners_only
from devices.commands.views import wants_json
from media_pipeline.captures.cards import picture_of
from media_pipeline.captures.finding import chosen_ids, way_back, with_parts
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture, read_thumbnail
from media_pipeline.captures.views import away_response
from media_pipeline.maintenance.deleting import delete_captures
from photohub.lib.database.cursors import page_of
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.ids import read_id
from photohub.lib.pages.picture_response import picture_response

from . import emptying, moving

_PAGE = 60
_BRIEFLY = "private, max-age=300"


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Show what lies in the trash, the last that went first."""
    _require_operator(request)
    try:
        items, following = page_of(
            moving.trash_of(request.user), "trashed_at", request.GET.get("cursor", ""), _PAGE
        )
    except ApiError:
        return redirect("trash")
    context = {
        "items": [(capture, picture_of(capture)) for capture in items],
        "next": following,
        "contents": moving.contents_of(request.user),
        "days": settings.TRASH_DAYS,
        "may_delete": can(request.user, Action.MANAGE),
        "emptying": emptying.is_under_way(),
    }
    return render(request, "media_pipeline/trash/trash.html", context)


@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Move pictures to the trash; the message says how to undo it."""
    ids = chosen_ids(request.user, request.POST.getlist("capture"), moving.AT_MOST)
    chosen = list(with_parts(Capture.objects.visible_to(request.user)).filter(pk__in=ids))
    if chosen and not any(can(request.user, Action.COMMAND, c.device) for c in chosen):
        raise PermissionDenied
    moved = moving.move_to_trash(request.user, chosen)
    if wants_json(request):
        return JsonResponse(
            {"trashed": moved.trashed, "kept": moved.kept, "refused": moved.refused, "undo": moved.undo}
        )
    _say_moved(request, moved)
    return redirect(way_back(request))


def _say_moved(request: HttpRequest, moved: moving.Moved) -> None:
    if not (moved.trashed or moved.kept):
        messages.warning(request, _("No picture was selected."))
    if moved.undo:
        text = ngettext(
            "%(count)s picture was moved to the trash.",
            "%(count)s pictures were moved to the trash.",
            moved.trashed,
        )
        # The templates make a button of it.
        messages.success(request, text % {"count": moved.trashed}, extra_tags=f"undo={moved.undo}")
    elif moved.trashed:
        text = ngettext("%(count)s picture was deleted.", "%(count)s pictures were deleted.", moved.trashed)
        messages.success(request, text % {"count": moved.trashed})
    if moved.kept:
        text = ngettext("%(count)s kept picture stayed.", "%(count)s kept pictures stayed.", moved.kept)
        messages.info(request, text % {"count": moved.kept})


@login_required
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take back what one move of this person put into the trash."""
    return _say_restored(request, moving.undo(request.user, request.POST.get("undo", "")))


@login_required
@require_POST
def restore(request: HttpRequest) -> HttpResponse:
    """Take pictures back from the trash."""
    return _say_restored(request, moving.restore(request.user, _chosen(request)))


def _say_restored(request: HttpRequest, count: int) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"restored": count})
    if count:
        text = ngettext("%(count)s picture was restored.", "%(count)s pictures were restored.", count)
        messages.success(request, text % {"count": count})
    else:
        messages.warning(request, _("None of these pictures is in the trash any more."))
    return redirect(way_back(request, "trash"))


@owners_only
@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Delete pictures of the trash for good."""
    count = delete_captures(request.user, _chosen(request)).gone
    text = ngettext(
        "%(count)s picture was deleted for good.", "%(count)s pictures were deleted for good.", count
    )
    messages.success(request, text % {"count": count})
    return redirect("trash")


@owners_only
@require_POST
def empty(request: HttpRequest) -> HttpResponse:
    """Have everything in the trash deleted for good."""
    if emptying.ask_to_empty(request.user):
        messages.success(request, _("The trash is being emptied."))
    return redirect("trash")


@login_required
@require_safe
def thumb(request: HttpRequest, id: UUID) -> HttpResponse:
    """Serve a small preview of a picture in the trash, else the picture itself."""
    capture = _trashed(request, id)
    if data := read_thumbnail(capture):
        return picture_response(data, "image/webp", f"{capture.code}.webp", _BRIEFLY)
    return _serve(capture)


@login_required
@require_safe
def original(request: HttpRequest, id: UUID) -> HttpResponse:
    """Serve a picture in the trash exactly as it was sent."""
    return _serve(_trashed(request, id))


def _serve(capture: Capture) -> HttpResponse:
    try:
        data = read_picture(capture)
    except PictureAway as error:
        return away_response(error.said)
    except PictureMissing as error:
        raise Http404 from error
    name = f"{capture.code}.{capture.path.rpartition('.')[2]}"
    return picture_response(data, capture.content_type, name, _BRIEFLY)


def _trashed(request: HttpRequest, id: UUID) -> Capture:
    rows = Capture.everything.in_trash().visible_to(request.user).select_related("device")
    capture = get_object_or_404(rows, pk=id)
    if not can(request.user, Action.COMMAND, capture.device):
        raise PermissionDenied
    return capture


def _chosen(request: HttpRequest) -> list[Capture]:
    return list(moving.trash_of(request.user).filter(pk__in=_ids(request)))


def _ids(request: HttpRequest) -> list[UUID]:
    texts = request.POST.getlist("capture")[: moving.AT_MOST]
    return [id for text in texts if (id := read_id(text))]


def _require_operator(request: HttpRequest) -> None:
    if not can(request.user, Action.COMMAND):
        raise PermissionDenied
