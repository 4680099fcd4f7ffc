"""Device keys as the API shows them."""

from datetime import datetime

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status

from devices.access.rights import Action
from devices.registry.finding import device_of
from devices.registry.models import DeviceKey
from photohub.lib.pages.api import Cursor, Limit, Page, page_of

from . import identity

router = Router()


class KeyOut(Schema):
    """One key of a device: never the secret itself, only how it begins."""

    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    """A key just made: the only time it is shown."""

    key: str


@router.get("/devices/{code}/keys", response=Page[KeyOut], summary="List a device's keys")
def list_keys(request: HttpRequest, code: str, limit: Limit = 100, cursor: Cursor = ""):
    """For owners. Revoked keys are listed too; the secrets are not kept anywhere."""
    device = device_of(request, code, Action.MANAGE)
    items, following = page_of(device.keys.all(), "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/devices/{code}/keys", response={201: NewKeyOut}, summary="Give a device a new key")
def rotate_key(request: HttpRequest, code: str):
    """For owners. The key before stays good, so the device is not locked out; a third revokes the oldest."""
    device = device_of(request, code, Action.MANAGE)
    secret = identity.issue_key_for(device, request.user)
    row = device.keys.latest("created_at", "pk")
    return Status(201, {**KeyOut.from_orm(row).model_dump(), "key": secret})


@router.delete("/devices/{code}/keys/{prefix}", response={204: None}, summary="Revoke a key")
def revoke_key(request: HttpRequest, code: str, prefix: str):
    """For owners. Every connection that used it is closed within seconds."""
    device = device_of(request, code, Action.MANAGE)
    if not prefix.isprintable():
        raise Http404
    key: DeviceKey = get_object_or_404(device.keys.filter(revoked_at=None), prefix=prefix)
    identity.revoke_key(key, request.user)
    return Status(204, None)
