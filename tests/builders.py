"""Making people, cameras and pictures for tests, with plain functions."""

import io
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageDraw

from devices.access.groups import DeviceGroup
from devices.access.models import Membership
from devices.keys import tokens
from devices.registry.models import Device
from devices.setup import adding
from media_pipeline.captures.models import Capture, Source
from media_pipeline.formats import images
from media_pipeline.intake.ingest import Upload, ingest
from media_pipeline.mirror import copying
from media_pipeline.picture_files import store

PASSWORD = "a long enough word 7"


def make_jpeg(
    width: int = 64, height: int = 48, colour: str = "seagreen", text: str = "", quality: int = 80
) -> bytes:
    """Return a small JPEG; another text gives other bytes."""
    picture = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(picture).text((2, 2), text, fill="white")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def make_user(name: str, role: str = "", group: DeviceGroup | None = None):
    """Return a person with this role; no role makes a stranger. An owner may use the back office."""
    user = get_user_model().objects.create_user(name, f"{name}@example.org", PASSWORD)
    if role == "owner":
        user.is_superuser = user.is_staff = True
        user.save()
    if role:
        Membership.objects.create(user=user, role=role, group=group)
    return user


def make_device(
    code: str = "porch",
    *,
    profile: str = "generic",
    name: str = "",
    group: DeviceGroup | None = None,
    groups: Iterable[DeviceGroup] = (),
    **values,
) -> Device:
    """Return a device with its profile filled in, in these groups or in this one."""
    groups = [group] if group else groups
    return adding.add_device(code=code, name=name, profile=profile, groups=groups, **values).device


def make_spool(data: bytes) -> store.Spool:
    """Return a body as an endpoint would have received it."""
    spool = store.Spool()
    spool.write(data)
    return spool


def make_upload(device: Device, data: bytes | None = None, *, name: str = "a", **values) -> Upload:
    """Return a picture as an endpoint hands it in."""
    data = make_jpeg(text=name) if data is None else data
    values.setdefault("source", Source.HTTP)
    values.setdefault("received_at", timezone.now())
    values["body"] = values.get("body") or make_spool(data)
    return Upload(device=device, name=name, facts=images.inspect(data), **values)


def make_capture(
    device: Device, data: bytes | None = None, *, name: str = "a", received_at=None, **values
) -> Capture:
    """Return a capture that came in through `ingest`; `values` are set on the row afterwards."""
    upload = make_upload(device, data, name=name, received_at=received_at or timezone.now())
    capture = Capture.objects.get(pk=ingest(upload).id)
    if values:
        Capture.objects.filter(pk=capture.pk).update(**values)
        capture.refresh_from_db()
    return capture


def make_program(user, *scopes: str) -> Client:
    """Return a client that sends an API token of this person; without scopes the token has all."""
    _token, secret = tokens.new_token(user, "program", list(scopes))
    return Client(headers={"Authorization": f"Bearer {secret}"})


def mirror_one(capture: Capture) -> str | None:
    """Copy a picture to the mirror now and return its new state there; None when it is not to be copied."""
    outcomes = copying.mirror_together([capture.pk], copying.open_mirror(settings))
    return next(iter(outcomes), None)
