"""Build, read and compare MQTT topics.

The native topics of a device, `photohub/<code>/` followed by

    command            to the device          result  status  telemetry    from the device
    picture            to the device          picture/ack                  from the device
    settings           to the device          settings/reported            from the device
    frame              from the device, whole pictures; frame/part1, frame/part2 … are pieces of one
    file/<id>/init     from the device, and so are file/<id>/<offset>[/<sha256>],
                       file/<id>/fin/<size>[/<sha256>] and file/<id>/abort
    file/<id>/response to the device

Each may be replaced by another topic for a device whose firmware has a fixed one. Filters and their
wildcards follow MQTT 3.1.1, section 4.7.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

ROOT = "photohub"
# What Home Assistant is told, and the buttons that it presses (`devices.mqtt.home_assistant`).
HOME_ROOT = "photohub-home"
# Where Home Assistant looks for what there is, unless somebody told it another word.
DISCOVERY_ROOT = "homeassistant"
CODE_PATTERN = r"[a-z0-9][a-z0-9-]{1,31}"
MAX_TOPIC_BYTES = 200
MAX_FILTER_BYTES = 65_535

_CODE = re.compile(CODE_PATTERN)
_PART = re.compile(r"part([1-9][0-9]{0,3})")
_FILE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PRINTABLE_ASCII = re.compile(r"[ -~]+")


class Channel(StrEnum):
    """What a native topic carries: the words after the device's code."""

    COMMAND = "command"
    RESULT = "result"
    FRAME = "frame"
    STATUS = "status"
    TELEMETRY = "telemetry"
    PICTURE = "picture"
    PICTURE_ACK = "picture/ack"
    SETTINGS = "settings"
    SETTINGS_REPORTED = "settings/reported"
    FILE = "file"


_CHANNELS = {channel.value: channel for channel in Channel}
TO_DEVICE = frozenset({Channel.COMMAND, Channel.PICTURE, Channel.SETTINGS})
FROM_DEVICE = frozenset(Channel) - TO_DEVICE


class FileStep(StrEnum):
    """One step of a chunked upload."""

    INIT = "init"
    DATA = "data"
    FIN = "fin"
    ABORT = "abort"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class FileTopic:
    """The part of a chunked-upload topic after `file/`. `number` is the offset of DATA or the size of FIN."""

    id: str
    step: FileStep
    number: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class NativeTopic:
    """A native topic, read. `part` counts from 1 and is None for a whole frame; `file` belongs to FILE."""

    code: str
    channel: Channel
    part: int | None = None
    file: FileTopic | None = None


def valid_code(code: str) -> bool:
    """Tell whether this may be a device's code."""
    return _CODE.fullmatch(code) is not None


def build(code: str, channel: Channel) -> str:
    """Return the native topic of a device's channel."""
    return f"{ROOT}/{code}/{channel}"


def build_file(code: str, topic: FileTopic) -> str:
    """Return the topic of one step of a chunked upload."""
    words = [build(code, Channel.FILE), topic.id]
    if topic.step is not FileStep.DATA:
        words.append(topic.step)
    if topic.number is not None:
        words.append(str(topic.number))
    if topic.sha256:
        words.append(topic.sha256)
    return "/".join(words)


def file_response(code: str, file_id: str) -> str:
    """Return the topic on which the hub answers a chunked upload."""
    return build_file(code, FileTopic(file_id, FileStep.RESPONSE))


def file_filters(code: str) -> tuple[tuple[str, ...], str]:
    """Return the filters of the steps that a device sends of chunked uploads, and of the hub's responses."""
    files = build(code, Channel.FILE)
    return (f"{files}/+/+", f"{files}/+/+/+", f"{files}/+/fin/+/+"), f"{files}/+/response"


def split_part(topic: str) -> tuple[str, int | None]:
    """Split the last level off the topic of a frame's piece; any other topic stays whole and has no part."""
    whole, _slash, last = topic.rpartition("/")
    part = _PART.fullmatch(last) if whole else None
    return (whole, int(part[1])) if part else (topic, None)


def parse(topic: str) -> NativeTopic | None:
    """Read a native topic; None when it is not one."""
    words = topic.split("/")
    if len(words) < 3 or words[0] != ROOT or not valid_code(words[1]):
        return None
    code, rest = words[1], words[2:]
    if rest[0] == Channel.FILE:
        step = _parse_file(rest[1:])
        return NativeTopic(code, Channel.FILE, file=step) if step else None
    if rest[0] == Channel.FRAME and len(rest) == 2:
        part = _PART.fullmatch(rest[1])
        return NativeTopic(code, Channel.FRAME, part=int(part[1])) if part else None
    name = "/".join(rest)
    return NativeTopic(code, _CHANNELS[name]) if name in _CHANNELS else None


def _parse_file(words: list[str]) -> FileTopic | None:
    if len(words) < 2 or not _FILE_ID.fullmatch(words[0]):
        return None
    file_id, word, rest = words[0], words[1], words[2:]
    if word in (FileStep.INIT, FileStep.ABORT, FileStep.RESPONSE):
        return None if rest else FileTopic(file_id, FileStep(word))
    if word == FileStep.FIN:
        return _parse_number(file_id, FileStep.FIN, rest)
    return _parse_number(file_id, FileStep.DATA, words[1:])


def _parse_number(file_id: str, step: FileStep, words: list[str]) -> FileTopic | None:
    if len(words) not in (1, 2) or not _NUMBER.fullmatch(words[0]):
        return None
    sha256 = words[1] if len(words) == 2 else ""
    if len(words) == 2 and not _SHA256.fullmatch(sha256):
        return None
    return FileTopic(file_id, step, int(words[0]), sha256.lower())


def valid_topic(topic: str) -> bool:
    """Tell whether a device may be given this topic in place of a native one.

    Printable ASCII, because small clients count the length in characters and send it as bytes; no wildcards;
    not `$…`, which brokers keep for themselves; at most 200 bytes.
    """
    if not _PRINTABLE_ASCII.fullmatch(topic) or len(topic) > MAX_TOPIC_BYTES:
        return False
    return not topic.startswith("$") and "+" not in topic and "#" not in topic


def valid_filter(topic_filter: str) -> bool:
    """Tell whether this is a topic filter by MQTT's own rules: wildcards stand alone, `#` stands last."""
    if not topic_filter or "\0" in topic_filter:
        return False
    # A lone surrogate has no UTF-8 form, so such text cannot have come over the wire.
    if len(topic_filter.encode("utf-8", "surrogatepass")) > MAX_FILTER_BYTES:
        return False
    levels = topic_filter.split("/")
    if any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        return False
    return "#" not in levels[:-1]


def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a filter matches a topic (3.1.1, 4.7): `a/#` matches `a`, `+` and `#` no `$` topic."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def filter_covers(allowed_filter: str, requested_filter: str) -> bool:
    """Tell whether every topic that the requested filter can match is matched by the allowed one.

    This is the right to subscribe. When one of the two is not a filter the answer is no.
    """
    if not (valid_filter(allowed_filter) and valid_filter(requested_filter)):
        return False
    allowed, requested = allowed_filter.split("/"), requested_filter.split("/")
    if requested_filter.startswith("$") and allowed[0] in ("+", "#"):
        return False
    for index, level in enumerate(allowed):
        if level == "#":
            return True
        if index >= len(requested) or requested[index] == "#":
            return False
        if level not in ("+", requested[index]):
            return False
    return len(allowed) == len(requested)
