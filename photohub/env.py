"""Read one setting each from the environment, or fail with a sentence that names it.

The environment wins over the file `.env` in the project folder (KEY=VALUE lines), and that over the default.
An empty value counts as not set, because compose files pass empty strings for what nobody filled in.
"""

import ipaddress
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")
Source = Literal["environment", "file", "default"]

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
SECRET_SHOWN = "…"
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
UNIT_S = {"s": 1, "min": 60, "h": 3600}
UNIT_BYTES = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|min|h)(?:,(\d+))?", re.ASCII)
SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)", re.ASCII)
HOSTPORT = re.compile(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:/\[\]]+)):(\d{1,5})", re.ASCII)
ENV_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class SettingError(Exception):
    """A setting that cannot be used; the sentence says what it is and what to write instead."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}.")
        self.name = name
        self.sentence = sentence


@dataclass(frozen=True)
class Setting:
    """What `manage.py doctor` prints of one setting; a secret's value and default are only marks."""

    name: str
    value: str
    source: Source
    default: str
    doc: str


READ: dict[str, Setting] = {}


def parse_env_file(text: str) -> dict[str, str]:
    """Return the KEY=VALUE lines; quotes around a value go, ` #` outside them begins a comment."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = ENV_LINE.fullmatch(line)
        if match is None:
            raise SettingError(".env", f"line {number} is not KEY=VALUE")
        name, value = match.groups()
        quoted = re.fullmatch(r"""(["'])(.*?)\1\s*(?:#.*)?""", value)
        values[name] = quoted[2] if quoted else re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
    return values


@cache
def read_env_file(file: Path) -> dict[str, str]:
    try:
        return parse_env_file(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            ".env", f"the file cannot be read ({error}). Check its owner and that it is UTF-8"
        ) from error


def _lookup(name: str) -> tuple[str, Source] | None:
    value = os.environ.get(name, "").strip()
    if value:
        return value, "environment"
    # The suite must not reach the real bucket or broker that somebody's own .env names.
    if os.environ.get("PHOTOHUB_ENV") == "test":
        return None
    value = read_env_file(ENV_FILE).get(name, "")
    return (value, "file") if value else None


def _read(
    name: str, default: str, doc: str, parse: Callable[[str], T], shown: Callable[[str], str] = str
) -> T:
    """Parse the value, or the default by the same rules, and note it in READ."""
    value, source = _lookup(name) or (default, "default")
    try:
        parsed = parse(value)
    except ValueError as error:
        raise SettingError(name, str(error)) from error
    READ[name] = Setting(name, shown(value), source, shown(default), doc)
    return parsed


def env_str(name: str, default: str = "", doc: str = "") -> str:
    return _read(name, default, doc, str)


def env_bool(name: str, default: bool = False, doc: str = "") -> bool:
    def parse(text: str) -> bool:
        word = text.lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError(f"{text!r} is neither true nor false. Write true or false")
        return word in TRUE_WORDS

    return _read(name, "true" if default else "false", doc, parse)


def env_int(
    name: str, default: int, doc: str = "", *, minimum: int | None = None, maximum: int | None = None
) -> int:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise ValueError(f"{text!r} is not a whole number, e.g. {default}")
        number = int(text)
        if minimum is not None and number < minimum:
            raise ValueError(f"{number} is too small. Write at least {minimum}")
        if maximum is not None and number > maximum:
            raise ValueError(f"{number} is too large. Write at most {maximum}")
        return number

    return _read(name, str(default), doc, parse)


def env_choice(name: str, default: str, choices: Sequence[str], doc: str = "") -> str:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not known. Write one of: {', '.join(choices)}")
        return text

    return _read(name, default, doc, parse)


def _parse_hostport(text: str) -> tuple[str, int]:
    match = HOSTPORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not host:port, e.g. 0.0.0.0:8000 or [::]:8000")
    if int(match[3]) > 65535:
        raise ValueError(f"the port {match[3]} is too large. Write at most 65535")
    return match[1] or match[2], int(match[3])


def env_hostport(name: str, default: str, doc: str = "") -> tuple[str, int]:
    """Read `host:port`, an IPv6 host in brackets; return the host without them, and the port."""
    return _read(name, default, doc, _parse_hostport)


def _hide(text: str) -> str:
    return SECRET_SHOWN if text else ""


def env_secret(name: str, default: str = "", doc: str = "") -> str:
    """Read NAME, or the file that NAME_FILE names, as containers hand secrets over."""
    from_file = _lookup(f"{name}_FILE")
    if from_file is None:
        return _read(name, default, doc, str, _hide)
    if _lookup(name) is not None:
        raise SettingError(name, f"{name} and {name}_FILE are both set. Keep one of them")
    try:
        secret = Path(from_file[0]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_FILE", f"the file {from_file[0]} cannot be read ({error})") from error
    if not secret:
        raise SettingError(f"{name}_FILE", f"the file {from_file[0]} is empty")
    READ[name] = Setting(name, SECRET_SHOWN, "file", _hide(default), doc)
    return secret


def _hide_password(url: str) -> str:
    return re.sub(r"(://[^/@:]*):[^/@]*@", rf"\1:{SECRET_SHOWN}@", url)


def env_parsed(name: str, default: str, doc: str, parse: Callable[[str], T]) -> T | Literal[""]:
    """Read what `parse` makes of the text, or nothing. Its ValueError is a sentence for a person."""

    def parse_or_name(text: str) -> T | Literal[""]:
        try:
            return parse(text) if text else ""
        except ValueError as error:
            raise ValueError(str(error).rstrip(".")) from error

    return _read(name, default, doc, parse_or_name, _hide_password)


def _parse_networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(word.strip(), strict=False) for word in text.split(",") if word.strip()]
    except ValueError:
        raise ValueError(f"{text!r} are no networks. Write such as 10.0.0.0/8,192.168.1.2") from None


def env_networks(
    name: str, default: str = "", doc: str = ""
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Read networks and addresses; none when empty."""
    return _read(name, default, doc, _parse_networks)


def _parse_proxies(text: str) -> tuple[int, list[ipaddress.IPv4Network | ipaddress.IPv6Network]]:
    if re.fullmatch(r"\d{1,2}", text, re.ASCII):
        return int(text), []
    try:
        networks = [ipaddress.ip_network(word.strip(), strict=False) for word in text.split(",")]
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a number of proxies nor their networks, e.g. 1 or 10.0.0.0/8,192.168.1.2"
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError(f"{text!r} holds everybody. Write the networks of the proxies alone")
    return 0, networks


def env_proxies(
    name: str, default: str, doc: str = ""
) -> tuple[int, list[ipaddress.IPv4Network | ipaddress.IPv6Network]]:
    """Read how many reverse proxies stand in front, or the networks that they are in."""
    return _read(name, default, doc, _parse_proxies)


def _parse_rate(text: str) -> tuple[float, int] | None:
    if text.lower() == "off":
        return None
    match = RATE.fullmatch(text.replace(" ", ""))
    if match is None or float(match[1]) == 0:
        raise ValueError(
            f"{text!r} is not a rate. Write 5/s,20 (steady rate, burst), with s, min or h, or off"
        )
    per_second = float(match[1]) / UNIT_S[match[2]]
    burst = int(match[3]) if match[3] else math.ceil(per_second)
    if burst < 1:
        raise ValueError(f"{text!r} lets nothing through. Write a burst of at least 1")
    return per_second, burst


def env_rate(name: str, default: str, doc: str = "") -> tuple[float, int] | None:
    """Read `5/s,20`; return (per second, burst), or None for `off`."""
    return _read(name, default, doc, _parse_rate)


def _parse_size(text: str) -> int:
    match = SIZE.fullmatch(text.strip().lower())
    if match is None or match[2] not in UNIT_BYTES:
        raise ValueError(f"{text!r} is not a size. Write bytes or a unit, e.g. 10MB (10,000,000) or 10MiB")
    return int(float(match[1]) * UNIT_BYTES[match[2]])


def env_size(name: str, default: str, doc: str = "") -> int:
    """Read a size in bytes: MB is 1000 × 1000, MiB is 1024 × 1024."""
    return _read(name, default, doc, _parse_size)
