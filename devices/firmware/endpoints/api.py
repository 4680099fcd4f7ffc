"""The management API: the one address that devices ask, with their own key. See docs/protocol.md."""

import base64
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from devices.firmware import checking
from devices.firmware.errors import FirmwareError
from devices.keys.device_login import DEVICE_KEY
from devices.protocol.firmware.manifest import key_id
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.pages.api import NO_NUL, ApiError

from . import download
from . import offers as offering
from .call import Refused

router = Router()

DOOR = "http"
# One each: Ninja keeps the default of a parameter in what describes it.
Module = Annotated[str, Query(max_length=64, pattern=NO_NUL)]
Version = Annotated[str, Query(max_length=64, pattern=NO_NUL, description="What the module runs now")]


class OfferOut(Schema):
    """An image for this device, with all that is needed to check it before it is written."""

    module: str
    version: str
    counter: int = Field(description="Grows with every release; refuse a lower one than runs")
    product: str
    hardware: str
    size: int
    md5: str
    sha256: str
    url: str = Field(description="The plain download; it takes `Range`")
    manifest: str = Field(description="The signed facts, byte for byte as they were signed")
    key: str = Field(description="Which key signed; empty: nobody did")
    signature: str = Field(
        description="Ed25519 in base64 over `photohub firmware 1`, a line feed, and `manifest`"
    )


@router.get(
    "/ota/check",
    response={200: OfferOut, 204: None},
    auth=DEVICE_KEY,
    summary="Ask for an update, as a device",
)
def check_for_update(request: HttpRequest, module: Module = "default", version: Version = ""):
    """With the device's own key in `X-Device-Key` or as `Bearer`. `version` is what the module runs now; saying the
    new one is what proves an update. 204: there is nothing to fetch.
    """
    # Ninja puts there what `authenticate` returned.
    # pyrefly: ignore[missing-attribute]
    device: Device = request.auth
    presence.heard(device)
    offer = offering.ask(device, module, version.strip(), DOOR)
    if offer is None:
        return Status(204, None)
    try:
        manifest = checking.check_row(offer.firmware)
        download.open_image(offer.target)
    except (FirmwareError, Refused) as error:
        sentence = _("The image cannot be handed out right now.")
        raise ApiError(503, error.word, sentence) from error
    return {
        "module": manifest.module,
        "version": manifest.version,
        "counter": manifest.counter,
        "product": manifest.product,
        "hardware": manifest.hardware,
        "size": manifest.size_bytes,
        "md5": offer.firmware.md5,
        "sha256": manifest.sha256,
        "url": _hub_url(request) + download.path_of(offer.token),
        "manifest": offer.firmware.manifest,
        **_signature_of(offer.firmware),
    }


def _signature_of(firmware) -> dict[str, str]:
    if not firmware.signed or firmware.signing_key is None:
        return {"key": "", "signature": ""}
    return {
        "key": key_id(bytes.fromhex(firmware.signing_key.public_key)),
        "signature": base64.b64encode(bytes(firmware.signature)).decode(),
    }


def _hub_url(request: HttpRequest) -> str:
    # The address that the device came to leads here for sure.
    return f"{request.scheme}://{request.get_host()}"
