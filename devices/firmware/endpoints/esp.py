"""The updaters of the Arduino cores: `GET /ota/esp/<key>[?module=…]`.

The question says what runs, so it proves the update before as well: by the MD5 of the running program, which no one
types by hand, or else by the version that the program gave its updater.
"""

import hashlib
import re
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import Literal

from devices.firmware.models import Firmware
from devices.firmware.rollouts import planning, targets
from devices.protocol.firmware import esp_image, esp_update
from devices.protocol.firmware.byte_ranges import RangeDecision
from devices.protocol.firmware.esp_image import Chip
from devices.protocol.firmware.esp_update import ImageFacts, UpdateDecision, UpdateRequest
from devices.registry.models import Device
from photohub.lib.database.db import in_thread

from . import download
from . import offers as offering
from .call import Call, Refused, find_caller

PATH = re.compile(r"^/ota/esp/(?P<key>[A-Za-z0-9_-]{1,200})/?$")
DOOR = "esp"
_KINDS: dict[str, Literal["sketch", "fs", "raw"]] = {
    "default": "sketch",
    "fs": "fs",
    "spiffs": "fs",
    "littlefs": "fs",
}
_REMEMBERED_AT_MOST = 100

_program_md5s: OrderedDict[str, str] = OrderedDict()
_lock = Lock()


async def answer(call: Call) -> None:
    """Answer one question of an updater."""
    call.allow("GET")
    sent = None
    with download.place_for(call):
        decision, image = await in_thread(decide, call)
        if decision.status == 200 and image is not None:
            whole = RangeDecision(200, len(image.data), 0, len(image.data) - 1)
            sent = await download.send(call, image, whole, esp_update.answer_headers(facts_of(image)))
        elif decision.status == 304:
            await call.answer(304)
        else:
            raise Refused(decision.word, decision.sentence, status=decision.status)
    await download.note(sent)


def decide(call: Call) -> tuple[UpdateDecision, download.Image | None]:
    """Say what this updater gets. Raises Refused."""
    try:
        call.device = device = find_caller(call.found["key"] or "", call.address)
    except Refused as refusal:
        # The updaters have a sentence of their own for 403, and none for 401.
        raise Refused(refusal.word, refusal.sentence, status=403) from refusal
    # Each may decide whether the image fits, so a double is not passed over.
    own = {name: call.header(name) for name in call.headers if name.startswith("x-esp")}
    request = esp_update.read_request(own)
    if request is None:
        raise Refused("no_updater", "Only ESP8266httpUpdate and the ESP32's HTTPUpdate may ask here.")
    module = call.query("module") or ("fs" if request.mode == "fs" else "default")
    request = replace(request, version=running_version(device, module, request))
    offer = offering.ask(device, module, request.version, DOOR)
    if offer is None:
        return esp_update.NOTHING, None
    image = download.open_image(offer.target)
    decision = esp_update.decide(request, facts_of(image))
    if decision.status in (403, 404) and decision.word != "wrong_mode":
        # It would be the same at every try. Another mode is another question of the same program.
        targets.note_failed(offer.target, decision.word, decision.figures)
    return decision, image


def running_version(device: Device, module: str, request: UpdateRequest) -> str:
    """Return the version of what runs: that of the image with the program's MD5, else what the program says."""
    if _KINDS.get(module) != "sketch" or not request.sketch_md5:
        return request.version
    target = targets.find_active(device, module)
    if target is not None:
        facts = facts_of(download.open_image(target))
        if request.sketch_md5 in (facts.md5, facts.sketch_md5):
            return facts.version
    product = planning.product_of(device)
    rows = Firmware.objects.filter(product=product, module=module, md5=request.sketch_md5)
    versions = set(rows.values_list("version", flat=True))
    if versions and request.version not in versions:
        return max(versions)
    return request.version


def facts_of(image: download.Image) -> ImageFacts:
    """Return what the updater's question is compared with."""
    firmware, data = image.firmware, image.data
    return ImageFacts(
        size_bytes=len(data),
        version=firmware.version,
        md5=firmware.md5,
        kind=_KINDS.get(firmware.module, "raw"),
        chip=_chip_of(firmware),
        sketch_md5=_program_md5(firmware.sha256, data),
        sha256=firmware.sha256,
        is_gzip=esp_image.is_gzip(data),
        header=esp_image.read_header(data[: esp_image.LONG_HEADER_BYTES]),
    )


def _chip_of(firmware: Firmware) -> Chip | None:
    if _KINDS.get(firmware.module) != "sketch":
        return None
    return next((chip for chip in Chip if firmware.hardware.lower().startswith(chip)), None)


def _program_md5(sha256: str, data: bytes) -> str:
    """Return the MD5 of the program as it lies in flash, worked out once for each image."""
    with _lock:
        if (known := _program_md5s.get(sha256)) is not None:
            return known
    program = esp_image.program_of(data)
    md5 = "" if program is None else hashlib.md5(program, usedforsecurity=False).hexdigest()
    with _lock:
        _program_md5s[sha256] = md5
        while len(_program_md5s) > _REMEMBERED_AT_MOST:
            _program_md5s.popitem(last=False)
    return md5
