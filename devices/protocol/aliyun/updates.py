"""Read and write the JSON of firmware updates in the Aliyun form; the topics are those of `aliyun_topics`.

    inform        {"id":"123","params":{"version":"1.0.1","module":"MCU"}}
    progress      {"id":"123","params":{"step":"-1","desc":"","module":"MCU"}}
    firmware/get  {"id":"123","version":"1.0","params":{"module":"MCU"},"method":"thing.ota.firmware.get"}
    upgrade       {"code":"1000","data":{…},"id":1626969597470,"message":"success"}
    get_reply     {"id":"123","code":200,"data":{…}}            nothing to do: "data":{}

    data, by HTTP     size version isDiff url md5 sign signMethod [module]
    data, by MQTT     the same without url, with dProtocol "mqtt", streamId and streamFileId

An id is a text or a number, and so is a step. Without `module` the module is "default", which is the firmware
as a whole. What devices insist on was read in the vendor's C Link SDK 4: `signMethod` is spelled `Md5` or
`SHA256` (the `MD5` of the documents is unknown to it), and the host and the path of the URL have less than
256 bytes each.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from devices.protocol.json_fields import (
    Unreadable,
    clean_text,
    compact,
    read_id,
    read_object,
    read_part,
    read_whole,
)

DEFAULT_MODULE = "default"
MAX_MESSAGE_BYTES = 4096
MAX_VERSION_CHARS = 64
MAX_MODULE_CHARS = 64
MAX_DESC_CHARS = 200
MAX_URL_PART_BYTES = 255

DONE_STEP = 100
FAILED_STEPS = {-1: "upgrade", -2: "download", -3: "verify", -4: "flash"}

_URL = re.compile(r"https?://([!-.0-~]+)(/[!-~]*)")


@dataclass(frozen=True, slots=True)
class Inform:
    """A device says which version of a module runs: the only proof of an update."""

    id: str | int
    version: str
    module: str = DEFAULT_MODULE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a device is: 0 to 100 per cent, or one of FAILED_STEPS. 100 proves nothing."""

    id: str | int
    step: int
    desc: str = ""
    module: str = DEFAULT_MODULE

    @property
    def failed(self) -> str:
        """Return what failed (upgrade, download, verify or flash), or ""."""
        return FAILED_STEPS.get(self.step, "")


@dataclass(frozen=True, slots=True)
class FirmwareGet:
    """A device asks whether there is something for it."""

    id: str | int
    module: str = DEFAULT_MODULE


@dataclass(frozen=True, slots=True)
class Offer:
    """An image as it is offered: by `url`, or block by block over MQTT by `stream_id` and `file_id`.

    `md5` and `sha256` are hex. `sign_method` chooses the one that devices of the SDK check.
    """

    version: str
    size_bytes: int
    md5: str = ""
    sha256: str = ""
    sign_method: Literal["Md5", "SHA256"] = "SHA256"
    module: str = DEFAULT_MODULE
    url: str = ""
    stream_id: int = 0
    file_id: int = 0


# --- from the device


def decode_inform(payload: bytes) -> Inform | Unreadable | None:
    """Read what a device says of its version; None when this is no such message."""
    fields, params = _open(payload)
    if "version" not in params:
        return None
    id, version = read_id(fields.get("id")), clean_text(params["version"], MAX_VERSION_CHARS + 1)
    module = _read_module(params)
    if not 1 <= len(version) <= MAX_VERSION_CHARS:
        return Unreadable(f"The version must be a text of 1 to {MAX_VERSION_CHARS} characters.", id)
    if module is None:
        return Unreadable(f"The module must be a text of at most {MAX_MODULE_CHARS} characters.", id)
    return Inform(id, version, module)


def decode_progress(payload: bytes) -> Progress | Unreadable | None:
    """Read how far a device is; None when this is no such message."""
    fields, params = _open(payload)
    if "step" not in params:
        return None
    id, step, module = read_id(fields.get("id")), read_whole(params["step"]), _read_module(params)
    if step is None or not min(FAILED_STEPS) <= step <= DONE_STEP:
        return Unreadable("The step must be 0 to 100, or -1 to -4 for a failure.", id)
    if module is None:
        return Unreadable(f"The module must be a text of at most {MAX_MODULE_CHARS} characters.", id)
    return Progress(id, step, clean_text(params.get("desc"), MAX_DESC_CHARS), module)


def decode_get(payload: bytes) -> FirmwareGet | Unreadable | None:
    """Read a device's question for firmware; None when this is no such message.

    `method` is not looked at, since the topic says the same.
    """
    fields, params = _open(payload)
    if "id" not in fields and "params" not in fields:
        return None
    id, module = read_id(fields.get("id")), _read_module(params)
    if module is None:
        return Unreadable(f"The module must be a text of at most {MAX_MODULE_CHARS} characters.", id)
    return FirmwareGet(id, module)


def _open(payload: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = read_object(payload, MAX_MESSAGE_BYTES, trailing_commas=True) or {}
    return fields, read_part(fields.get("params"))


def _read_module(params: dict[str, Any]) -> str | None:
    given = params.get("module")
    if given is None or given == "":
        return DEFAULT_MODULE
    module = clean_text(given, MAX_MODULE_CHARS + 1)
    return module if 1 <= len(module) <= MAX_MODULE_CHARS else None


# --- to the device


def encode_upgrade(offer: Offer, id: int) -> bytes:
    """Write the push that offers an image; a wrong offer raises ValueError."""
    return compact({"code": "1000", "data": _data_of(offer), "id": id, "message": "success"})


def encode_get_reply(offer: Offer | None, id: str | int) -> bytes:
    """Write the answer to a question for firmware; None says that there is nothing to do."""
    return compact({"id": id, "code": 200, "data": _data_of(offer) if offer else {}})


def encode_get_error(id: str | int, code: int, message: str) -> bytes:
    """Write the answer to a question that cannot be served."""
    return compact({"id": id, "code": code, "message": message, "data": {}})


def by_mqtt(offer: Offer, stream_id: int, file_id: int = 1) -> Offer:
    """Return the same offer for a download over MQTT."""
    return replace(offer, url="", stream_id=stream_id, file_id=file_id)


def _data_of(offer: Offer) -> dict[str, Any]:
    sign = offer.md5 if offer.sign_method == "Md5" else offer.sha256
    digits = 32 if offer.sign_method == "Md5" else 64
    if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", sign):
        raise ValueError(f"An offer signed with {offer.sign_method} needs that hash in {digits} hex digits.")
    if offer.size_bytes < 1 or not offer.version:
        raise ValueError("An offer needs a size and a version.")
    data: dict[str, Any] = {"size": offer.size_bytes, "version": offer.version, "isDiff": 0}
    data |= _way_of(offer)
    if offer.md5:
        data["md5"] = offer.md5
    data |= {"sign": sign, "signMethod": offer.sign_method}
    # The platform leaves the name out for the firmware as a whole.
    return data if offer.module == DEFAULT_MODULE else data | {"module": offer.module}


def _way_of(offer: Offer) -> dict[str, Any]:
    if not offer.url:
        if offer.stream_id < 1 or offer.file_id < 1:
            raise ValueError("An offer needs a URL, or a stream id and a file id.")
        return {"dProtocol": "mqtt", "streamId": offer.stream_id, "streamFileId": offer.file_id}
    parts = _URL.fullmatch(offer.url)
    if not parts or max(len(parts[1]), len(parts[2])) > MAX_URL_PART_BYTES:
        raise ValueError(
            f"Devices take an http(s) URL whose host and path have at most {MAX_URL_PART_BYTES} bytes each."
        )
    return {"url": offer.url}
