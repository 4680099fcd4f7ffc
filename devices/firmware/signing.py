"""Ed25519: the hub checks signatures with public keys; only the tool on the maker's own machine signs.

The signed form of an image's facts is in `devices.protocol.firmware.manifest`. Manifest and signature travel
together in one small JSON file, which is written for people and read strictly:

    {"manifest": {"counter": 12, …}, "key": "0123456789abcdef", "ed25519": "<base64 of 64 bytes>"}

What is verified is the canonical form of `manifest`, so spaces and the order of keys in the file do not count.
"""

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devices.protocol.firmware.manifest import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Manifest,
    Signature,
    decode_manifest,
    encode_manifest,
    key_id,
    signed_bytes,
)
from devices.protocol.json_fields import Unreadable, read_object
from photohub.lib.memory.later import later

if TYPE_CHECKING:
    from cryptography import exceptions
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
else:
    exceptions = later("cryptography.exceptions")
    serialization = later("cryptography.hazmat.primitives.serialization")
    ed25519 = later("cryptography.hazmat.primitives.asymmetric.ed25519")

MAX_FILE_BYTES = 8192


class BadKey(Exception):
    """This is no Ed25519 key; the text says what one looks like."""


class BadManifest(Exception):
    """A manifest file that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """An image's facts with the signature over them; `signature` is None when nobody signed."""

    manifest: Manifest
    signature: Signature | None


def verify(manifest: Manifest, signature: bytes, public_key: bytes) -> bool:
    """Tell whether the owner of this public key signed exactly these facts."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed_bytes(manifest))
    except (exceptions.InvalidSignature, ValueError):
        return False
    return True


def sign(manifest: Manifest, private_key: "ed25519.Ed25519PrivateKey") -> Signature:
    """Sign an image's facts."""
    return Signature(key_id(public_bytes(private_key)), private_key.sign(signed_bytes(manifest)))


def public_bytes(private_key: "ed25519.Ed25519PrivateKey") -> bytes:
    """Return the public half, 32 bytes."""
    return private_key.public_key().public_bytes_raw()


def make_key() -> "ed25519.Ed25519PrivateKey":
    """Make a key pair."""
    return ed25519.Ed25519PrivateKey.generate()


def make_key_file(path: Path) -> bytes:
    """Make a key pair, write the private half (PKCS #8, PEM) for nobody but its owner, and return the public half.

    Raises FileExistsError: a key that was overwritten could never sign again for devices that know it.
    """
    key = make_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return public_bytes(key)


def read_key_file(path: Path) -> "ed25519.Ed25519PrivateKey":
    """Read a private key. Raises BadKey or OSError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm) as error:
        raise BadKey(f"{path} holds no private key in PEM form without a password.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise BadKey(f"{path} holds a key of another kind than Ed25519.")
    return key


def read_public_key(text: str) -> bytes:
    """Read a public key as people paste it: 64 hex digits, base64, or PEM. Raises BadKey."""
    bare = text.strip()
    if bare.startswith("-----BEGIN"):
        return _public_from_pem(bare)
    raw = _from_hex(bare) or _from_base64(bare)
    if raw is None or len(raw) != PUBLIC_KEY_BYTES:
        raise BadKey("A public key is 64 hex digits, 44 characters of base64, or a PEM block.")
    return raw


def _public_from_pem(text: str) -> bytes:
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, exceptions.UnsupportedAlgorithm) as error:
        raise BadKey("The PEM block holds no public key.") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise BadKey("The PEM block holds a key of another kind than Ed25519.")
    return key.public_bytes_raw()


def read_signature(text: str) -> bytes:
    """Read the 64 bytes of a signature, written in hex or base64. Raises BadManifest."""
    bare = text.strip()
    raw = _from_hex(bare) or _from_base64(bare)
    if raw is None or len(raw) != SIGNATURE_BYTES:
        raise BadManifest("An Ed25519 signature is 128 hex digits, or 88 characters of base64.")
    return raw


def _from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text, re.ASCII) else None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def write_manifest_file(manifest: Manifest, signature: Signature | None) -> bytes:
    """Write manifest and signature as one file."""
    fields: dict = {"manifest": json.loads(encode_manifest(manifest))}
    if signature is not None:
        fields |= {"key": signature.key_id, "ed25519": base64.b64encode(signature.raw).decode()}
    return json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n"


def read_manifest_file(file: bytes) -> SignedManifest:
    """Read a manifest file, or a bare manifest without signature. Raises BadManifest."""
    fields = read_object(file, MAX_FILE_BYTES)
    if fields is None:
        raise BadManifest(f"The manifest is no JSON object of at most {MAX_FILE_BYTES} bytes.")
    if "manifest" not in fields:
        return SignedManifest(_manifest_of(fields), None)
    if unknown := fields.keys() - {"manifest", "key", "ed25519"}:
        raise BadManifest(f"The manifest file has the unknown key {min(unknown)[:40]!r}.")
    return SignedManifest(_manifest_of(fields["manifest"]), _signature_of(fields))


def _manifest_of(fields: object) -> Manifest:
    if not isinstance(fields, dict):
        raise BadManifest("manifest is no JSON object.")
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    found = decode_manifest(text.encode("utf-8", "replace"))
    if isinstance(found, Manifest):
        return found
    raise BadManifest(found.reason if isinstance(found, Unreadable) else "The manifest cannot be read.")


def _signature_of(fields: dict) -> Signature | None:
    if fields.keys() == {"manifest"}:
        return None
    if not all(isinstance(fields.get(name), str) for name in ("key", "ed25519")):
        raise BadManifest("key and ed25519 stand in the manifest file together, as texts.")
    return Signature(fields["key"][:16], read_signature(fields["ed25519"]))
