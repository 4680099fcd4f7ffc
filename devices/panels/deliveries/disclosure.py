"""What may be told of deliveries: where a picture came from is for those who may see it."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from devices.access.rights import Action, can, require
from devices.registry.disclosure import bare_address, foreign_among

from .models import Delivery, PictureOrigin


def tell_origins(user, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the deliveries, for showing only: where a picture came from is emptied where the person may not see it."""
    rows = list(deliveries)
    foreign = foreign_among(user, [row.origin_ref for row in rows if row.origin == PictureOrigin.CAPTURE])
    for row in rows:
        if row.origin == PictureOrigin.CAPTURE and row.origin_ref in foreign:
            # A rule and its caption name the camera.
            row.origin_ref = row.caption = row.cause = ""
        elif row.origin == PictureOrigin.URL and not can(user, Action.COMMAND, row):
            row.origin_ref = bare_address(row.origin_ref)
    return rows


def delivery_of(request: HttpRequest, id: UUID, action: Action = Action.LOOK) -> Delivery:
    """Return the delivery that is asked for. Raises Http404, or PermissionDenied without the right."""
    rows = Delivery.objects.visible_to(request.user).select_related("device")
    delivery = get_object_or_404(rows, pk=id)
    require(request.user, action, delivery)
    return delivery
