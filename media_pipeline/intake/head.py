"""What the headers of an upload say, read before anybody is looked up and before the body."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from django.conf import settings

from devices.protocol.json_fields import read_whole
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.http.scope import headers_of

from .headers import clean_name, read_moment

PATHS = re.compile(r"^/(?:api/upload(?:/(?P<key>[^/]{1,200}))?|index\.php)/?$")
# What stands around the picture in a form.
FORM_MARGIN_BYTES = 16_384
_PROOFS = ("authorization", "x-device-key")
# Each of these decides something, so of two lines none may win or be passed over.
_ONCE = {
    "content-length": "Content-Length",
    "transfer-encoding": "Transfer-Encoding",
    "x-content-sha256": "X-Content-SHA256",
    "content-md5": "Content-MD5",
}
_TELEMETRY = {
    "battery_mv": "x-battery-mv",
    "rssi_dbm": "x-rssi",
    "free_heap_bytes": "x-free-heap",
    "firmware_version": "x-firmware-version",
}


@dataclass(frozen=True)
class Head:
    """What the headers say, cleaned. `flags` tell what of it cannot be right; hashes are as they were sent.

    A hash is None when none was sent. `refusal`: why nothing will be taken, to be said once it is known to whom.
    """

    name: str | None
    key: str
    length: int | None
    limit_bytes: int
    content_type: str
    content_encoding: str
    sha256: str | None
    md5: str | None
    telemetry: dict
    captured_at: datetime | None
    captured_text: str
    flags: tuple[str, ...]
    # The settings that a camera says it has; only of those that get theirs in the answer.
    settings_version: int | None
    refusal: Refused | None


def too_large() -> Refused:
    return Refused(
        "too_large",
        f"The picture is larger than {settings.UPLOAD_MAX_BYTES} bytes; lower its quality or size.",
    )


def read_head(scope: dict, now: datetime) -> Head:
    """Read a request's head. Raises Refused when it does not even say who sends."""
    headers = headers_of(scope)
    for name in _PROOFS:
        if headers.get(name, "") is None:
            raise Refused("bad_request", f"Two {name.title()} headers; send one.")
    content_type = (headers.get("content-type") or "").strip()
    is_form = content_type.lower().startswith("multipart/")
    limit_bytes = settings.UPLOAD_MAX_BYTES + (FORM_MARGIN_BYTES if is_form else 0)
    captured_text = _captured_text(headers)
    captured = read_moment(captured_text, now)
    name, length, refusal = None, None, None
    try:
        _check_doubles(headers)
        name, length = _name(headers), _length(headers, limit_bytes)
    except Refused as refused:
        refusal = refused
    return Head(
        name=name,
        key=_key(headers, scope["path"]),
        length=length,
        limit_bytes=limit_bytes,
        content_type=content_type,
        content_encoding=(headers.get("content-encoding") or "").strip().lower(),
        sha256=_hash(headers, "x-content-sha256"),
        md5=_hash(headers, "content-md5"),
        telemetry={field: headers[key] for field, key in _TELEMETRY.items() if headers.get(key)},
        captured_at=captured.moment,
        captured_text=captured_text[:40],
        flags=("clock",) if captured.is_wrong else (),
        settings_version=read_whole(headers.get("x-settings-version")),
        refusal=refusal,
    )


def _check_doubles(headers: dict[str, str | None]) -> None:
    for name, spelled in _ONCE.items():
        if headers.get(name, "") is None:
            raise Refused("bad_request", f"Two {spelled} headers; send one.")


def _captured_text(headers: dict[str, str | None]) -> str:
    text = headers.get("x-captured-at", "")
    # It only describes the picture, which is taken all the same; the flag `clock` tells.
    return "2 × X-Captured-At" if text is None else text


def _hash(headers: dict[str, str | None], name: str) -> str | None:
    text = headers.get(name)
    return None if text is None else text.strip()


def _name(headers: dict[str, str | None]) -> str | None:
    if headers.get("name-pic", "") is None:
        raise Refused("bad_name", "Two Name-Pic headers; send one.")
    return clean_name(headers.get("name-pic"))


def _key(headers: dict[str, str | None], path: str) -> str:
    bearer = headers.get("authorization") or ""
    if bearer[:7].lower() == "bearer ":
        return bearer[7:].strip()
    if shown := headers.get("x-device-key"):
        return shown.strip()
    match = PATHS.match(path)
    return unquote(match["key"] or "") if match else ""


def _length(headers: dict[str, str | None], limit_bytes: int) -> int | None:
    text = headers.get("content-length")
    if "chunked" in (headers.get("transfer-encoding") or "").lower():
        if text is not None:
            raise Refused(
                "bad_request", "Send either Content-Length or Transfer-Encoding: chunked, not both."
            )
        return None
    if text is None:
        raise Refused("empty_body", "The body is empty; send the picture's bytes with a Content-Length.")
    if not text.isascii() or not text.isdigit():
        raise Refused("bad_request", "Content-Length is not a number.")
    length = int(text[-30:]) if len(text) > 30 else int(text)
    if length == 0:
        raise Refused("empty_body", "The body is empty; send the picture's bytes.")
    if length > limit_bytes or len(text) > 30:
        raise too_large()
    return length
