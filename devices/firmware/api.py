"""The management API of firmware and of the keys that it is signed with."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from devices.access.rights import Action, require
from photohub.lib.pages.api import NO_NUL, ApiError, Body, Cursor, Limit, Page, Text, page_of

from . import images, keys, signing
from .checking import Facts
from .errors import FirmwareAway, FirmwareBroken, FirmwareError, FirmwareTaken, RolloutError
from .images import Labels
from .models import Firmware, SigningKey

router = Router()

Word = Annotated[str, Field(max_length=64, pattern=NO_NUL)]


class FirmwareOut(Schema):
    """One image for one module of one product."""

    id: UUID
    product: str
    hardware: str = Field(description="Board revision; `any`: every one")
    module: str
    version: str
    counter: int = Field(description="Grows with every release; forbids going back")
    file_name: str
    size_bytes: int
    md5: str
    sha1: str
    sha256: str
    signed: bool
    signing_key: str | None = Field(description="The key that signed it, by its first 16 hex digits")
    state: Literal["stored", "published", "broken"]
    problem: str = Field(description="What is wrong with its bytes, in the language of Accept-Language")
    note: str
    created_at: datetime
    published_at: datetime | None

    @staticmethod
    def resolve_problem(firmware: Firmware) -> str:
        return firmware.problem_text

    @staticmethod
    def resolve_signing_key(firmware: Firmware) -> str | None:
        return firmware.signing_key.fingerprint if firmware.signing_key else None


class NewFirmware(Schema):
    """The fields beside the `file`. With a manifest they may be left out; what is said must be the same."""

    product: Word = Field("", description="The devices' product key, else their profile")
    hardware: Word = Field("", description="Board revision; empty: every one")
    module: Word = Field("", description="Which processor; empty: `default`")
    version: Word = Field("", description="The version that the device reports afterwards")
    counter: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = Field(
        None, description="Unsigned only: left out, it is one more than the highest"
    )
    manifest: Annotated[str, Field(max_length=signing.MAX_FILE_BYTES)] = Field(
        "", description="The manifest file of sign_firmware as text; it may be a file part as well"
    )
    signature: Annotated[str, Field(max_length=1024)] = Field(
        "", description="Hex or base64, when `manifest` is bare"
    )
    note: Annotated[str, Field(max_length=10_000, pattern=NO_NUL)] = ""
    publish: bool = Field(True, description="Publish it right away")
    allow_lower_counter: bool = Field(False, description="Accept it even if its counter is not the highest")


class SigningKeyOut(Schema):
    """A public key that firmware may be signed with."""

    key: str = Field(description="Its first 16 hex digits of SHA-256, as signatures name it")
    name: str
    public_key: str
    created_at: datetime
    revoked_at: datetime | None

    @staticmethod
    def resolve_key(key: SigningKey) -> str:
        return key.fingerprint


class NewSigningKey(Body):
    """The public half only. The private one stays where firmware is made."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    public_key: Annotated[Text, Field(max_length=1000)] = Field(description="64 hex digits, base64, or PEM")


def refusal_of(error: FirmwareError | RolloutError) -> ApiError:
    """Say a refusal over HTTP: `err` is the stable word of what does not fit."""
    if isinstance(error, RolloutError):
        status = 409 if error.word in ("ended", "broken", "not_published") else 422
        return ApiError(status, error.word, error.sentence, error.devices or None)
    if isinstance(error, FirmwareTaken):
        return ApiError(409, "conflict" if error.word == "taken" else error.word, error.sentence)
    if isinstance(error, FirmwareBroken):
        return ApiError(409, error.word, error.sentence)
    if isinstance(error, FirmwareAway):
        return ApiError(507 if error.word == "disk_full" else 503, error.word, error.sentence)
    return ApiError(413 if error.word == "too_large" else 422, error.word, error.sentence)


@router.get("/firmware", response=Page[FirmwareOut], summary="List firmware")
def list_firmware(
    request: HttpRequest, product: Word = "", module: Word = "", limit: Limit = 100, cursor: Cursor = ""
):
    """Newest first."""
    require(request.user, Action.LOOK)
    rows = Firmware.objects.select_related("signing_key")
    rows = rows.filter(product=product) if product else rows
    rows = rows.filter(module=module) if module else rows
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post(
    "/firmware",
    response={201: FirmwareOut},
    summary="Upload firmware",
    openapi_extra={"x-refusals": ["413", "507"]},
)
def upload_firmware(
    request: HttpRequest,
    new: Form[NewFirmware],
    file: File[UploadedFile],
    manifest_file: Annotated[UploadedFile | None, File(alias="manifest")] = None,
):
    """For owners, as `multipart/form-data`. Bytes, facts, signature, age and counter are checked, and nothing is
    kept of what does not fit: 422, and `err` says what; 409 `conflict` when the version is there already.
    """
    require(request.user, Action.MANAGE)
    facts = Facts(new.product, new.hardware, new.module, new.version, new.counter)
    labels = Labels(file.name or "", new.note)
    signed = _read_signed(new, manifest_file)
    row = images.store_firmware(
        file, facts, signed, request.user, labels=labels, lower_allowed=new.allow_lower_counter
    )
    if new.publish:
        row = images.publish(row, request.user, lower_allowed=new.allow_lower_counter)
    return Status(201, row)


def _read_signed(new: NewFirmware, manifest_file: UploadedFile | None) -> signing.SignedManifest | None:
    text = manifest_file.read(signing.MAX_FILE_BYTES + 1) if manifest_file else new.manifest.encode()
    if not text and not new.signature:
        return None
    try:
        signed = signing.read_manifest_file(text)
        if new.signature and signed.signature is None:
            raw = signing.read_signature(new.signature)
            return signing.SignedManifest(signed.manifest, signing.Signature("", raw))
    except signing.BadManifest as error:
        sentence = _("The manifest cannot be read: %(why)s") % {"why": error}
        raise ApiError(422, "manifest", sentence, {"manifest": str(error)}) from error
    return signed


@router.get("/firmware/keys", response=Page[SigningKeyOut], summary="List signing keys")
def list_signing_keys(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """Public keys only; the hub has no others."""
    require(request.user, Action.LOOK)
    items, following = page_of(SigningKey.objects.all(), "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/firmware/keys", response={201: SigningKeyOut}, summary="Trust a signing key")
def add_signing_key(request: HttpRequest, new: NewSigningKey):
    """For owners. From now on the hub takes firmware that its private half signed."""
    require(request.user, Action.MANAGE)
    return Status(201, keys.add_key(new.name, new.public_key, request.user))


@router.delete("/firmware/keys/{key}", response={204: None}, summary="Revoke a signing key")
def revoke_signing_key(request: HttpRequest, key: str):
    """For owners. For good: what it signed is not served any more, and rollouts of it are paused."""
    require(request.user, Action.MANAGE)
    for row in SigningKey.objects.filter(revoked_at=None):
        if row.fingerprint == key:
            keys.revoke_key(row, request.user)
            return Status(204, None)
    raise ApiError(404, "not_found", _("There is no active signing key with this name."))


@router.get("/firmware/{id}", response=FirmwareOut, summary="Read firmware")
def read_firmware(request: HttpRequest, id: UUID):
    require(request.user, Action.LOOK)
    return firmware_of(id)


@router.post("/firmware/{id}/publish", response=FirmwareOut, summary="Publish firmware")
def publish_firmware(request: HttpRequest, id: UUID, allow_lower_counter: bool = False):
    """For owners. Everything is checked again, the bytes on the disk included."""
    require(request.user, Action.MANAGE)
    return images.publish(firmware_of(id), request.user, lower_allowed=allow_lower_counter)


@router.delete("/firmware/{id}", response={204: None}, summary="Delete firmware")
def delete_firmware(request: HttpRequest, id: UUID):
    """For owners. 409 `in_use` while an open rollout uses it; ended rollouts of it are deleted too."""
    require(request.user, Action.MANAGE)
    images.delete_firmware(firmware_of(id), request.user)
    return Status(204, None)


def firmware_of(id: UUID) -> Firmware:
    return get_object_or_404(Firmware.objects.select_related("signing_key"), pk=id)
