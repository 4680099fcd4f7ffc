"""Answer the updaters of the Arduino cores: ESP8266httpUpdate and ESP32 HTTPUpdate.

The request is an HTTP/1.0 GET with `x-ESP8266-…` or `x-ESP32-…` headers:

    -STA-MAC  -AP-MAC  -Chip-ID  -free-space  -sketch-size  -sketch-md5  -sketch-sha256 (ESP32)
    -chip-size  -sdk-version  -mode (sketch, spiffs or fs)  -version (only if the program gave one)

The answer is 200 with the image, its Content-Length and `x-MD5`, never chunked and never a redirect; 304 for
nothing new; 403 or 404, which the updaters report as errors of their own. Source: the two libraries.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .esp_image import Chip, EspHeader

MAX_TEXT_CHARS = 64

_HEX = re.compile(r"[0-9a-fA-F]+")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}")

Mode = Literal["sketch", "fs"]
Kind = Literal["sketch", "fs", "raw"]
_MODES: dict[str, Mode] = {"sketch": "sketch", "spiffs": "fs", "fs": "fs", "littlefs": "fs"}


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """What an updater said of itself; None, "" or zero for what it did not say. Hashes are lower-case hex.

    `mode` is "" for one that is not known. `sta_mac` is 12 lower-case hex digits.
    """

    chip: Chip
    mode: Mode | Literal[""] = "sketch"
    chip_id: str = ""
    sta_mac: str = ""
    ap_mac: str = ""
    free_space_bytes: int | None = None
    sketch_size_bytes: int | None = None
    sketch_md5: str = ""
    sketch_sha256: str = ""
    chip_size_bytes: int | None = None
    sdk_version: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the hub knows of the image it could send.

    `kind` is "raw" for an image of another processor that the ESP only passes on. `sketch_md5` is the MD5 of
    the program as it lies in flash, where that is not the file's (`esp_image.program_of`). `header` is that of a plain sketch.
    """

    size_bytes: int
    version: str
    md5: str
    kind: Kind = "sketch"
    chip: Chip | None = None
    sketch_md5: str = ""
    sha256: str = ""
    is_gzip: bool = False
    header: EspHeader | None = None


@dataclass(frozen=True, slots=True)
class UpdateDecision:
    """What to answer: a status, a word, a sentence for the device, and the figures that people are told with the word."""

    status: Literal[200, 304, 403, 404]
    word: str
    sentence: str
    figures: str = ""


SEND = UpdateDecision(200, "send", "The image is sent.")
NOTHING = UpdateDecision(304, "nothing", "There is nothing for this device.")
SAME_IMAGE = UpdateDecision(304, "same_image", "The device runs this image already, by its MD5.")
SAME_VERSION = UpdateDecision(304, "same_version", "The device runs this version already, as it says.")


def read_request(headers: Mapping[str, str]) -> UpdateRequest | None:
    """Read the headers, their names in lower case; None when no updater sent them."""
    for chip in (Chip.ESP8266, Chip.ESP32):
        front = f"x-{chip}-"
        own = {name[len(front) :]: value for name, value in headers.items() if name.startswith(front)}
        if own:
            return _read_own(chip, own)
    return None


def _read_own(chip: Chip, own: dict[str, str]) -> UpdateRequest:
    return UpdateRequest(
        chip=chip,
        mode=_MODES.get(own.get("mode", "sketch").strip().lower(), ""),
        chip_id=_text(own, "chip-id"),
        sta_mac=_mac(own, "sta-mac"),
        ap_mac=_mac(own, "ap-mac"),
        free_space_bytes=_number(own, "free-space"),
        sketch_size_bytes=_number(own, "sketch-size"),
        sketch_md5=_hex(own, "sketch-md5", 32),
        sketch_sha256=_hex(own, "sketch-sha256", 64),
        chip_size_bytes=_number(own, "chip-size"),
        sdk_version=_text(own, "sdk-version"),
        version=_text(own, "version"),
    )


def _text(own: dict[str, str], name: str) -> str:
    return "".join(c for c in own.get(name, "") if c.isprintable()).strip()[:MAX_TEXT_CHARS]


def _number(own: dict[str, str], name: str) -> int | None:
    digits = own.get(name, "").strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,12}", digits) else None


def _hex(own: dict[str, str], name: str, digits: int) -> str:
    text = own.get(name, "").strip()
    return text.lower() if len(text) == digits and _HEX.fullmatch(text) else ""


def _mac(own: dict[str, str], name: str) -> str:
    text = own.get(name, "").strip()
    return re.sub(r"[:-]", "", text).lower() if _MAC.fullmatch(text) else ""


def decide(request: UpdateRequest, image: ImageFacts | None) -> UpdateDecision:
    """Say whether this device gets this image; None is no image for it.

    What runs is asked first, so that a device that is up to date gets 304 whatever else is wrong. The MD5 of
    the running program is the truth; the version is what somebody typed, and comes second.
    """
    if image is None:
        return NOTHING
    if image.kind == "sketch" and request.sketch_md5:
        if request.sketch_md5 in (image.sketch_md5.lower(), image.md5.lower()):
            return SAME_IMAGE
    if request.version and request.version == image.version:
        return SAME_VERSION
    return _refusal(request, image) or SEND


def _refusal(request: UpdateRequest, image: ImageFacts) -> UpdateDecision | None:
    if request.mode == "" or (image.kind != "raw" and image.kind != request.mode):
        return UpdateDecision(
            403, "wrong_mode", f"The image is of the kind {image.kind}; something else was asked."
        )
    if image.chip not in (None, request.chip):
        sentence = f"The image is for {image.chip}, the device is an {request.chip}."
        return UpdateDecision(403, "wrong_chip", sentence, f"{image.chip} ≠ {request.chip}")
    if image.size_bytes < 1:
        return UpdateDecision(404, "no_image", "The image is empty.")
    free_bytes = request.free_space_bytes
    if free_bytes is not None and image.size_bytes > free_bytes:
        sentence = f"The image has {image.size_bytes} bytes, the device has room for {free_bytes}."
        return UpdateDecision(403, "too_large", sentence, f"{image.size_bytes} > {free_bytes}")
    return _format_refusal(request, image) if image.kind == "sketch" else None


def _format_refusal(request: UpdateRequest, image: ImageFacts) -> UpdateDecision | None:
    if image.is_gzip:
        if request.chip is Chip.ESP8266:
            return None
        return UpdateDecision(403, "wrong_format", "An ESP32 cannot unpack a gzip file.")
    if image.header is None:
        return UpdateDecision(
            403, "wrong_format", "The image does not begin with E9, so the device would refuse it."
        )
    needed_bytes, real_bytes = image.header.flash_bytes(request.chip), request.chip_size_bytes
    if needed_bytes is None or (real_bytes is not None and needed_bytes > real_bytes):
        sentence = f"The image was made for {needed_bytes} bytes of flash, the device has {real_bytes}."
        return UpdateDecision(403, "flash_size", sentence, f"{needed_bytes or '?'} > {real_bytes or '?'}")
    return None


def answer_headers(image: ImageFacts) -> dict[str, str]:
    """Return the headers of a 200, spelled as the updaters look for them."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(image.size_bytes),
        "x-MD5": image.md5.lower(),
    }
