"""Whether an image, its facts and its signature fit each other: asked at upload, at publishing and at serving.

Words of a refusal: `words` `manifest` `facts` `size` `hash` `empty` `too_large` `image` · `unsigned` `unknown_key`
`revoked_key` `signature` · `expired` `future` · `counter`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.protocol.firmware.manifest import MAX_NUMBER, MAX_TEXT_CHARS, Manifest, decode_manifest, key_id
from photohub.lib.pages.times.wording import day

from . import signing
from .errors import FirmwareRefused
from .models import Firmware, SigningKey
from .signing import SignedManifest

# In a manifest a hardware must stand; this word says that the image runs on every one.
ANY_HARDWARE = "any"
_CLOCKS_DIFFER = timedelta(days=1)
_CREATED_FORM = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Facts:
    """What somebody says of an image. What is empty or None is not said, and comes from the manifest."""

    product: str = ""
    hardware: str = ""
    module: str = ""
    version: str = ""
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What the bytes say of themselves; `front` are their first ones."""

    size_bytes: int
    md5: str
    sha1: str
    sha256: str
    front: bytes


def settle_facts(facts: Facts, measured: Measured, signed: SignedManifest | None) -> Manifest:
    """Return the facts under which an image is kept. Raises FirmwareRefused when the sources disagree."""
    if signed is None:
        return _manifest_of(facts, measured)
    manifest = signed.manifest
    for name in ("product", "hardware", "module", "version", "counter"):
        said = getattr(facts, name)
        if said not in ("", None) and said != getattr(manifest, name):
            sentence = _("The form says %(field)s %(said)s, but the manifest says %(written)s.")
            words = {"field": name, "said": said, "written": getattr(manifest, name)}
            raise FirmwareRefused("facts", sentence % words)
    if manifest.size_bytes != measured.size_bytes:
        sentence = _("The file has %(size)d bytes, but the manifest is for one with %(written)d.")
        words = {"size": measured.size_bytes, "written": manifest.size_bytes}
        raise FirmwareRefused("size", sentence % words)
    if manifest.sha256 != measured.sha256 or manifest.md5 not in ("", measured.md5):
        raise FirmwareRefused("hash", _("The file is not the one that the manifest was made for."))
    return manifest


def _manifest_of(facts: Facts, measured: Measured) -> Manifest:
    words = {
        "product": facts.product,
        "hardware": facts.hardware or ANY_HARDWARE,
        "module": facts.module or "default",
        "version": facts.version,
    }
    for name, word in words.items():
        if not (1 <= len(word) <= MAX_TEXT_CHARS and word.isprintable() and word == word.strip()):
            sentence = _("%(field)s is missing or is not 1 to 64 printable characters.")
            raise FirmwareRefused("words", sentence % {"field": name})
    made = Manifest(**words, counter=0, size_bytes=measured.size_bytes, sha256=measured.sha256, created="")
    counter = max(1, _highest_counter(made) + 1) if facts.counter is None else facts.counter
    if not 0 <= counter <= MAX_NUMBER:
        raise FirmwareRefused("words", _("The counter must be a whole number, 0 or higher."))
    created = f"{timezone.now():{_CREATED_FORM}}"
    return Manifest(**words, counter=counter, size_bytes=measured.size_bytes, sha256=measured.sha256,
                    created=created, md5=measured.md5)  # fmt: skip


def find_signer(manifest: Manifest, signature: signing.Signature | None) -> SigningKey | None:
    """Return the live key that signed these facts; None when nobody did and unsigned firmware is allowed."""
    if signature is None:
        check_unsigned_allowed()
        return None
    keys = list(SigningKey.objects.all())
    named = [k for k in keys if signature.key_id in ("", key_id(bytes.fromhex(k.public_key)))]
    live = [k for k in named if k.revoked_at is None]
    if not named:
        sentence = _("The hub does not know the key %(key)s. Add its public half under Signing keys first.")
        raise FirmwareRefused("unknown_key", sentence % {"key": signature.key_id or "?"})
    if not live:
        raise _revoked(named[0])
    for key in live:
        if signing.verify(manifest, signature.raw, bytes.fromhex(key.public_key)):
            return key
    raise FirmwareRefused(
        "signature", _("The signature does not match: the manifest was changed after signing.")
    )


def check_unsigned_allowed() -> None:
    if settings.UNSIGNED_FIRMWARE != "allow":
        sentence = _(
            "The image is not signed. Sign it with sign_firmware, or set PHOTOHUB_UNSIGNED_FIRMWARE."
        )
        raise FirmwareRefused("unsigned", sentence)


def _revoked(key: SigningKey) -> FirmwareRefused:
    sentence = _("The key %(name)s was revoked. Sign the image with an active one.")
    return FirmwareRefused("revoked_key", sentence % {"name": key.name})


def check_age(manifest: Manifest) -> None:
    """Refuse a manifest that is too old, which is how an old release would be played again, or from the future."""
    made_at = datetime.strptime(manifest.created, _CREATED_FORM).replace(tzinfo=UTC)
    age = timezone.now() - made_at
    if age < -_CLOCKS_DIFFER:
        sentence = _("The manifest is dated %(day)s, which is in the future. Check the clocks.")
        raise FirmwareRefused("future", sentence % {"day": day(made_at)})
    days = settings.FIRMWARE_MANIFEST_DAYS
    if days and age > timedelta(days=days):
        sentence = _(
            "The manifest of %(day)s has expired: it is older than %(days)d days. Sign the image again."
        )
        raise FirmwareRefused("expired", sentence % {"day": day(made_at), "days": days})


def check_counter(manifest: Manifest, *, lower_allowed: bool = False) -> bool:
    """Refuse a counter that is not above all published ones, unless an owner wants it so; tell whether it is lower."""
    highest = _highest_counter(manifest)
    if manifest.counter > highest:
        return False
    if lower_allowed:
        return True
    sentence = _(
        "The counter is %(counter)d, but %(highest)d is already published. Use a higher one, or "
        "confirm that devices may go back."
    )
    raise FirmwareRefused("counter", sentence % {"counter": manifest.counter, "highest": highest})


def _highest_counter(manifest: Manifest) -> int:
    rows = Firmware.objects.filter(
        product=manifest.product,
        hardware=manifest.hardware,
        module=manifest.module,
        published_at__isnull=False,
    ).exclude(version=manifest.version)
    return max(rows.values_list("counter", flat=True), default=-1)


_NO_IMAGES = {
    b"\x7fELF": "ELF",
    b"PK\x03\x04": "ZIP",
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"<!DO": "HTML",
    b"<htm": "HTML",
    b":100": "Intel HEX",
}


def check_image(front: bytes) -> None:
    """Refuse what a device could not run, as far as the first bytes tell."""
    if not front:
        raise FirmwareRefused("empty", _("The file is empty."))
    for magic, kind in _NO_IMAGES.items():
        if front.startswith(magic):
            sentence = _("This is a %(kind)s file. Upload the binary image that is written to flash.")
            raise FirmwareRefused("image", sentence % {"kind": kind})


def check_row(firmware: Firmware) -> Manifest:
    """Check a stored row again: its facts against its manifest, signature, key and age. Returns the manifest."""
    manifest = _stored_manifest(firmware.manifest)
    if manifest is None or _facts_of(firmware) != manifest:
        raise FirmwareRefused("facts", _("The stored details no longer match the manifest."))
    check_age(manifest)
    if firmware.signing_key is None or not firmware.signature:
        check_unsigned_allowed()
    elif firmware.signing_key.revoked_at is not None:
        raise _revoked(firmware.signing_key)
    elif not _verified(manifest, bytes(firmware.signature), firmware.signing_key.public_key):
        raise FirmwareRefused("signature", _("The stored signature no longer matches the manifest."))
    return manifest


@lru_cache(maxsize=256)
def _stored_manifest(text: str) -> Manifest | None:
    found = decode_manifest(text.encode())
    return found if isinstance(found, Manifest) else None


@lru_cache(maxsize=256)
def _verified(manifest: Manifest, signature: bytes, public_key: str) -> bool:
    # Pure arithmetic over its arguments: once for each process and image is as good as at every read.
    return signing.verify(manifest, signature, bytes.fromhex(public_key))


def _facts_of(firmware: Firmware) -> Manifest | None:
    manifest = _stored_manifest(firmware.manifest)
    return manifest and Manifest(
        product=firmware.product,
        hardware=firmware.hardware,
        module=firmware.module,
        version=firmware.version,
        counter=firmware.counter,
        size_bytes=firmware.size_bytes,
        sha256=firmware.sha256,
        created=manifest.created,
        md5=firmware.md5 if manifest.md5 else "",
    )


def damage_of(path: Path, size_bytes: int, sha256: str) -> str:
    """Return what is wrong with a stored image; its bytes are looked at where the hash is given."""
    try:
        if path.stat().st_size != size_bytes:
            return "firmware_changed"
        if not sha256:
            return ""
        with path.open("rb") as file:
            return "" if hashlib.file_digest(file, "sha256").hexdigest() == sha256 else "firmware_changed"
    except FileNotFoundError:
        return "firmware_missing"
    except OSError:
        return "unreadable"
