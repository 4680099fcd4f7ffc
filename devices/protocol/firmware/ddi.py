"""Write and read the documents of hawkBit's Direct Device Integration API, version 1.

    GET   {tenant}/controller/v1/{id}                                base: when to ask again, and links
    GET   {tenant}/controller/v1/{id}/deploymentBase/{action}        what to install
    POST  {tenant}/controller/v1/{id}/deploymentBase/{action}/feedback
    GET   {tenant}/controller/v1/{id}/cancelAction/{action}          what to stop
    POST  {tenant}/controller/v1/{id}/cancelAction/{action}/feedback
    PUT   {tenant}/controller/v1/{id}/configData                     what the device says of itself

swupdate's client ends with an assertion when `update`, `size`, `filename` or `sha1` is missing or of another
type, takes only file names that end in .swu, and builds the address of the feedback itself. It reports
`proceeding` after installing and `closed` only after the restart, so the deployment stays linked until then.
It answers `configData` whenever it is linked, and before it installs anything, and once after each start unasked.
Sources: the JSON models of eclipse-hawkbit, and swupdate 2022.12.
"""

import re
from dataclasses import dataclass
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

CONTENT_TYPE = "application/hal+json"
# swupdate sends its log along as details: several kilobytes at the start of an update.
MAX_MESSAGE_BYTES = 64 * 1024
MAX_DETAILS = 50
MAX_DETAIL_CHARS = 512
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_CHARS = 128
LONGEST_SLEEP_S = 23 * 3600 + 59 * 60 + 59

FINISHED = ("none", "success", "failure")
EXECUTIONS = (
    "proceeding",
    "closed",
    "canceled",
    "scheduled",
    "rejected",
    "resumed",
    "download",
    "downloaded",
)
_MODES = ("merge", "replace", "remove")
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}\.swu")
_AUTHORIZATION = re.compile(r"(TargetToken|GatewayToken) +([!-~]{1,256})", re.IGNORECASE)

Handling = Literal["skip", "attempt", "forced"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of an update; hashes are hex, `url` is absolute."""

    file_name: str
    size_bytes: int
    sha1: str
    md5: str
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One module: a name, a version, and its files. `part` is `os`, `bApp`, `jvm` or a word of one's own."""

    name: str
    version: str
    artifacts: tuple[Artifact, ...]
    part: str = "os"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a device says of an action. `action_id` is None when it says none: the path has it anyway."""

    action_id: int | None
    finished: str
    execution: str
    details: tuple[str, ...] = ()
    done: int | None = None
    of: int | None = None
    code: int | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether the device is done; as in hawkBit, it need not say `success` when it says no `failure`."""
        return self.execution == "closed" and self.finished != "failure"

    @property
    def failed(self) -> bool:
        """Tell whether the device gave the update up."""
        return self.finished == "failure" or self.execution == "rejected"


@dataclass(frozen=True, slots=True)
class ConfigData:
    """What a device says of itself: pairs of text, to be merged, to replace all, or to be removed."""

    mode: str
    data: dict[str, str]


def read_token(authorization: str) -> tuple[str, str] | None:
    """Return ("target" or "gateway", token) of an Authorization header, or None."""
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    return (found[1].lower().removesuffix("token"), found[2]) if found else None


def root_url(base_url: str, tenant: str, controller_id: str) -> str:
    """Return the absolute address of a device's resources, as the device sees the hub."""
    return f"{base_url.rstrip('/')}/{tenant}/controller/v1/{controller_id}"


def file_name(wish: str) -> str:
    """Return a file name that swupdate takes, from any text."""
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", wish.removesuffix(".swu")).strip("-.")[:116] or "image") + ".swu"


# --- to the device


def encode_base(
    root: str,
    *,
    sleep_s: int,
    wants_config: bool = False,
    deployment: int | None = None,
    deployment_tag: int = 0,
    cancel: int | None = None,
) -> bytes:
    """Write the document that a device asks for again and again; links stand there when there is something.

    `deployment_tag` changes whenever the deployment's document does. A cancel takes the deployment's place.
    """
    sleep_s = min(max(sleep_s, 1), LONGEST_SLEEP_S)
    links: dict[str, Any] = {}
    if cancel is not None:
        links["cancelAction"] = {"href": f"{root}/cancelAction/{cancel}"}
    elif deployment is not None:
        links["deploymentBase"] = {"href": f"{root}/deploymentBase/{deployment}?c={deployment_tag}"}
    if wants_config:
        links["configData"] = {"href": f"{root}/configData"}
    sleep = f"{sleep_s // 3600:02}:{sleep_s // 60 % 60:02}:{sleep_s % 60:02}"
    return compact({"config": {"polling": {"sleep": sleep}}, "_links": links})


def encode_deployment(
    action_id: int, chunks: tuple[Chunk, ...], *, download: Handling = "forced", update: Handling = "forced"
) -> bytes:
    """Write what to install; raises ValueError for what would end swupdate."""
    if action_id < 1 or not chunks:
        raise ValueError("A deployment needs a positive action id and something to install.")
    told = [
        {
            "part": chunk.part,
            "version": chunk.version,
            "name": chunk.name,
            "artifacts": [_encode_artifact(artifact) for artifact in chunk.artifacts],
        }
        for chunk in chunks
    ]
    handling = {"download": download, "update": update}
    return compact({"id": str(action_id), "deployment": handling | {"chunks": told}})


def _encode_artifact(artifact: Artifact) -> dict[str, Any]:
    hashes = {"sha1": artifact.sha1, "md5": artifact.md5, "sha256": artifact.sha256}
    for (name, value), digits in zip(hashes.items(), (40, 32, 64), strict=True):
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            raise ValueError(f"An artifact needs its {name} in {digits} lower-case hex digits.")
    if not _FILE_NAME.fullmatch(artifact.file_name):
        raise ValueError("An artifact's file name is of letters, digits, '.', '_', '-' and ends in .swu.")
    if artifact.size_bytes < 1:
        raise ValueError("An artifact needs a size.")
    link = {"href": artifact.url}
    # swupdate prefers download-http, other clients know only download; the hub has one address for both.
    return {
        "filename": artifact.file_name,
        "hashes": hashes,
        "size": artifact.size_bytes,
        "_links": {"download": link, "download-http": link},
    }


def encode_cancel(action_id: int, stop_id: int) -> bytes:
    """Write which action to stop."""
    return compact({"id": str(action_id), "cancelAction": {"stopId": str(stop_id)}})


# --- from the device


def decode_feedback(payload: bytes) -> Feedback | Unreadable | None:
    """Read how an action goes; None when this is no such document.

    `id`, `time` and `timestamp` differ between clients and are not needed; unknown fields are passed over.
    """
    fields = read_object(payload, MAX_MESSAGE_BYTES)
    status = fields.get("status") if fields is not None else None
    if fields is None or not isinstance(status, dict):
        return None
    id, result = read_id(fields.get("id")), read_part(status.get("result"))
    finished, execution = result.get("finished"), status.get("execution")
    if finished not in FINISHED:
        return Unreadable(f"status.result.finished must be one of {', '.join(FINISHED)}.", id)
    if execution not in EXECUTIONS:
        return Unreadable(f"status.execution must be one of {', '.join(EXECUTIONS)}.", id)
    progress = read_part(result.get("progress"))
    return Feedback(
        action_id=read_whole(fields.get("id")),
        finished=finished,
        execution=execution,
        details=_read_details(status.get("details")),
        done=read_whole(progress.get("cnt")),
        of=read_whole(progress.get("of")),
        code=read_whole(status.get("code")),
    )


def _read_details(value: Any) -> tuple[str, ...]:
    lines = value[:MAX_DETAILS] if isinstance(value, list) else [value]
    cleaned = (clean_text(line, MAX_DETAIL_CHARS) for line in lines)
    return tuple(line for line in cleaned if line)


def decode_config(payload: bytes) -> ConfigData | Unreadable | None:
    """Read what a device says of itself; None when this is no such document."""
    fields = read_object(payload, MAX_MESSAGE_BYTES)
    data = fields.get("data") if fields is not None else None
    if fields is None or not isinstance(data, dict):
        return None
    id, mode = read_id(fields.get("id")), fields.get("mode", "merge")
    if mode not in _MODES:
        return Unreadable(f"The mode must be one of {', '.join(_MODES)}.", id)
    if len(data) > MAX_ATTRIBUTES:
        return Unreadable(f"A device may say at most {MAX_ATTRIBUTES} things of itself.", id)
    pairs = {clean_text(name, MAX_ATTRIBUTE_CHARS): _read_value(value) for name, value in data.items()}
    return ConfigData(mode, {name: value for name, value in pairs.items() if name})


def _read_value(value: Any) -> str:
    if isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)[:MAX_ATTRIBUTE_CHARS]
    return clean_text(value, MAX_ATTRIBUTE_CHARS)
