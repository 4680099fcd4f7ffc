"""Write what a firmware image is in the one form that is signed, and the signature as a text file.

The manifest is canonical JSON: UTF-8, keys sorted, no space between tokens, whole numbers, nothing escaped that
need not be. The same facts are the same bytes everywhere.

    {"counter":12,"created":"2026-03-14T15:09:26Z","hardware":"esp32s3-cam","md5":"…","module":"default",
     "product":"porch-camera","sha256":"…","size":432945,"version":"2.0.0"}          (in one line)

`md5` may be missing. What Ed25519 signs is the manifest behind one line that says what it is, so that a
signature for something else never fits:

    photohub firmware 1\n<manifest>

The signature's file, three lines; the key is named by the first 16 hex digits of the SHA-256 of its 32 bytes:

    photohub firmware signature 1
    key: 0123456789abcdef
    ed25519: <base64 of 64 bytes>

`counter` grows with every release of a module and is what forbids going back. `version` is for people.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from devices.protocol.json_fields import Unreadable, read_object

SIGNED_FRONT = b"photohub firmware 1\n"
SIGNATURE_TITLE = "photohub firmware signature 1"
SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
MAX_MANIFEST_BYTES = 4096
MAX_SIGNATURE_BYTES = 1024
MAX_TEXT_CHARS = 64
# Whole numbers up to here are the same in every JSON library.
MAX_NUMBER = 2**53 - 1

_HEX = {name: re.compile(rf"[0-9a-f]{{{digits}}}") for name, digits in (("md5", 32), ("sha256", 64))}
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_CREATED = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"
)
_TEXTS = ("product", "hardware", "module", "version")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an image is and for whom. `created` is UTC to the second, as in 2026-03-14T15:09:26Z."""

    product: str
    hardware: str
    module: str
    version: str
    counter: int
    size_bytes: int
    sha256: str
    created: str
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A detached signature: which key made it, and its 64 bytes."""

    key_id: str
    raw: bytes


def key_id(public_key: bytes) -> str:
    """Return the name of an Ed25519 public key."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"An Ed25519 public key has {PUBLIC_KEY_BYTES} bytes.")
    return hashlib.sha256(public_key).hexdigest()[:16]


def encode_manifest(manifest: Manifest) -> bytes:
    """Write the canonical bytes; a fact that cannot stand there raises ValueError with a sentence."""
    fields = _fields_of(manifest)
    if fault := _find_fault(fields):
        raise ValueError(fault)
    return _canonical(fields)


def signed_bytes(manifest: Manifest) -> bytes:
    """Return the bytes that are signed."""
    return SIGNED_FRONT + encode_manifest(manifest)


def decode_manifest(payload: bytes) -> Manifest | Unreadable | None:
    """Read a manifest; None when it is no JSON object. Only the canonical bytes are taken."""
    fields = read_object(payload, MAX_MANIFEST_BYTES)
    if fields is None:
        return None
    if fault := _find_fault(fields):
        return Unreadable(fault)
    if _canonical(fields) != payload:
        return Unreadable("The manifest is not in its canonical form: keys sorted, no spaces, UTF-8.")
    known = {name: value for name, value in fields.items() if name != "size"}
    return Manifest(**known, size_bytes=fields["size"])


def _fields_of(manifest: Manifest) -> dict[str, Any]:
    fields = {name: getattr(manifest, name) for name in (*_TEXTS, "counter", "sha256", "created")}
    fields["size"] = manifest.size_bytes
    return fields | ({"md5": manifest.md5} if manifest.md5 else {})


def _canonical(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _find_fault(fields: dict[str, Any]) -> str:
    needed = {*_TEXTS, "counter", "size", "sha256", "created"}
    if missing := needed - fields.keys():
        return f"The manifest lacks {', '.join(sorted(missing))}."
    if unknown := fields.keys() - needed - {"md5"}:
        return f"The manifest has the unknown key {min(unknown)[:MAX_TEXT_CHARS]!r}."
    for name in _TEXTS:
        if not _is_text(fields[name]):
            return f"{name} must be 1 to {MAX_TEXT_CHARS} printable characters without spaces at the ends."
    for name, least in (("counter", 0), ("size", 1)):
        if type(fields[name]) is not int or not least <= fields[name] <= MAX_NUMBER:
            return f"{name} must be a whole number from {least} to {MAX_NUMBER}."
    for name, pattern in _HEX.items():
        if name in fields and not (isinstance(fields[name], str) and pattern.fullmatch(fields[name])):
            return f"{name} must be lower-case hex of full length."
    if not isinstance(fields["created"], str) or not _CREATED.fullmatch(fields["created"]):
        return "created must be a time in UTC, as in 2026-03-14T15:09:26Z."
    return ""


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_TEXT_CHARS
        and value.isprintable()
        and value == value.strip()
    )


def encode_signature(signature: Signature) -> bytes:
    """Write the file of a detached signature."""
    if not _KEY_ID.fullmatch(signature.key_id) or len(signature.raw) != SIGNATURE_BYTES:
        raise ValueError(f"A signature has a key id of 16 hex digits and {SIGNATURE_BYTES} bytes.")
    raw = base64.b64encode(signature.raw).decode()
    return f"{SIGNATURE_TITLE}\nkey: {signature.key_id}\ned25519: {raw}\n".encode()


def decode_signature(file: bytes) -> Signature | None:
    """Read the file of a detached signature, with either kind of line ends; None when it is none."""
    lines = file[:MAX_SIGNATURE_BYTES].decode("ascii", "replace").strip().splitlines()
    if len(file) > MAX_SIGNATURE_BYTES or len(lines) != 3 or lines[0].strip() != SIGNATURE_TITLE:
        return None
    (key_word, _, key), (sign_word, _, sign) = (line.partition(":") for line in lines[1:])
    if (key_word, sign_word) != ("key", "ed25519") or not _KEY_ID.fullmatch(key.strip()):
        return None
    try:
        raw = base64.b64decode(sign.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Signature(key.strip(), raw) if len(raw) == SIGNATURE_BYTES else None
