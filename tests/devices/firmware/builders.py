"""Signed images, devices that they fit, and a clock that can be moved."""

import hashlib
import io
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from devices.firmware import images, signing
from devices.firmware.checking import Facts
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import sweeping
from devices.firmware.rollouts.models import Rollout
from devices.firmware.rollouts.planning import Plan
from devices.protocol.firmware.manifest import Manifest
from devices.registry.models import Device

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
IMAGE = b"\xe9\x03\x02\x20" + b"firmware of the porch " * 400
ALL_AT_ONCE = ({"devices": 0, "percent": 100, "soak_s": 0},)


def trust(private: Ed25519PrivateKey = PRIVATE, name: str = "release") -> SigningKey:
    """Let the hub know the public half."""
    public_key = signing.public_bytes(private).hex()
    return SigningKey.objects.get_or_create(public_key=public_key, defaults={"name": name})[0]


def describe(data: bytes = IMAGE, **changes) -> Manifest:
    """Return the facts of an image, some of them changed."""
    facts = {
        "product": "generic",
        "hardware": "any",
        "module": "default",
        "version": "2.0.0",
        "counter": 2,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "created": f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    return Manifest(**facts | changes)


def signed(data: bytes = IMAGE, private: Ed25519PrivateKey = PRIVATE, **changes) -> signing.SignedManifest:
    manifest = describe(data, **changes)
    return signing.SignedManifest(manifest, signing.sign(manifest, private))


def store(data: bytes = IMAGE, **changes) -> Firmware:
    """Store a signed image."""
    trust()
    return images.store_firmware(io.BytesIO(data), Facts(), signed(data, **changes), lower_allowed=True)


def make_firmware(data: bytes = IMAGE, **changes) -> Firmware:
    """Return a published image."""
    return images.publish(store(data, **changes), lower_allowed=True)


def make_devices(count: int, **values) -> list[Device]:
    codes = [f"cam-{n:03}" for n in range(count)]
    return Device.objects.bulk_create(Device(code=c, name=c, profile="generic", **values) for c in codes)


def make_rollout(devices: list[Device], firmware: Firmware | None = None, **plan) -> Rollout:
    """Return a running rollout, to all at once unless the plan says otherwise."""
    plan = {"steps": ALL_AT_ONCE} | plan
    firmware = firmware or make_firmware()
    return rollouts.create(firmware, devices, plan=Plan(**plan), start=True)[0]


def move_clock(monkeypatch, seconds: float) -> None:
    """Let the hub's clock run ahead by so much more, and time with it."""
    now = timezone.now
    monkeypatch.setattr(sweeping._pace, "is_steady", lambda: True)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now() + timedelta(seconds=seconds))


def flip_byte(firmware: Firmware, at: int = 100) -> None:
    """Change one byte on the disk, in place."""
    path = images.path_of(firmware.sha256)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    with path.open("r+b") as file:
        file.write(data)
