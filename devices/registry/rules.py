"""What a device's values must obey, in words, for every endpoint that sets them: pages, API, command line.

A topic is also a right: whoever holds it may use it at the broker. So no device may be given a topic that
belongs to another one, whatever column it stands in there.
"""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from devices.protocol import topics
from photohub.lib.network.web_address import read_address

from .broker_names import fault_of_code
from .models import Device

TOPIC_COLUMNS = {
    "command_topic": topics.Channel.COMMAND,
    "result_topic": topics.Channel.RESULT,
    "frame_topic": topics.Channel.FRAME,
    "picture_topic": topics.Channel.PICTURE,
    "picture_ack_topic": topics.Channel.PICTURE_ACK,
}
COMMAND_TIMEOUT_S = (5, 600)
REPORTING_INTERVAL_S = (1, 7 * 24 * 3600)
PULL_INTERVAL_S = (1, 24 * 3600)
MODULES_AT_MOST = 16
# Words that the pages under /devices/ use themselves.
RESERVED_CODES = frozenset({"add", "camera-settings", "deliveries", "render-profiles", "show", "simulate"})

_STREAM_POLICY = re.compile(r"none|every|on_demand|interval:([1-9][0-9]{0,4})")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_ALIYUN_WORD = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")

Fault = tuple[str, ValidationError]


def check_device(device: Device) -> None:
    """Raise ValidationError, by field and in sentences, when the device may not be stored like this."""
    faults: dict[str, list[ValidationError]] = {}
    for field, error in _faults(device):
        faults.setdefault(field, []).append(error)
    try:
        # The constraints of the database say the same as the rules, but not in words for people, and with a query each.
        device.full_clean(exclude=faults, validate_constraints=False)
    except ValidationError as error:
        for field, errors in error.error_dict.items():
            faults.setdefault(field, []).extend(errors)
    if faults:
        raise ValidationError(faults)


def _faults(device: Device) -> Iterator[Fault]:
    yield from _naming_faults(device)
    yield from _topic_faults(device)
    yield from _number_faults(device)
    yield from _network_faults(device)
    yield from _pull_faults(device)
    yield from _aliyun_faults(device)


def _naming_faults(device: Device) -> Iterator[Fault]:
    if device._state.adding and device.code in RESERVED_CODES:
        yield "code", _taken(_("The code %(code)s is reserved by PhotoHub.") % {"code": device.code})
    elif device._state.adding and Device.objects.filter(code=device.code).exists():
        yield "code", _taken(_("The code %(code)s belongs to another device.") % {"code": device.code})
    elif device._state.adding and (sentence := fault_of_code(device.code)):
        yield "code", _taken(sentence)
    if not device.name.strip():
        yield "name", _wrong(_("Give the device a name."))
    elif not device.name.isprintable():
        yield "name", _wrong(_("The name contains characters that cannot be shown."))
    if not isinstance(device.modules, dict) or len(device.modules) > MODULES_AT_MOST:
        yield "modules", _wrong(_("The modules are an object of at most 16 names, each with its version."))
    elif not all(isinstance(text, str) for pair in device.modules.items() for text in pair):
        yield "modules", _wrong(_("A module's name and version must be text."))


def _topic_faults(device: Device) -> Iterator[Fault]:
    chosen = {column: getattr(device, column) for column in TOPIC_COLUMNS if getattr(device, column)}
    others = _topics_of_others(device) if chosen else []
    for column, topic in chosen.items():
        sentence = _fault_of_topic(device, column, topic) or _twice(chosen, column, topic)
        if sentence:
            yield column, _wrong(sentence)
            continue
        holder = next((other for other in others if _collide(column, topic, *other[1:])), None)
        if holder:
            yield column, _taken(_belongs(topic, holder[0]))


def _fault_of_topic(device: Device, column: str, topic: str) -> str:
    if not topics.valid_topic(topic):
        return _(
            "“%(topic)s” cannot be a topic: at most 200 letters, digits and signs of plain ASCII, "
            "without + and #, not beginning with $."
        ) % {"topic": topic}
    for root in (topics.HOME_ROOT, topics.DISCOVERY_ROOT):
        if topic.startswith(f"{root}/"):
            return _("Topics under %(root)s/ are reserved for Home Assistant.") % {"root": root}
    if not topic.startswith(f"{topics.ROOT}/"):
        return ""
    native = topics.build(device.code, TOPIC_COLUMNS[column])
    if topic == native:
        return ""
    return _("Topics under photohub/ are reserved. Only %(native)s is possible here.") % {"native": native}


def _twice(chosen: dict[str, str], column: str, topic: str) -> str:
    if any(other != column and _collide(column, topic, other, held) for other, held in chosen.items()):
        return _("The topic %(topic)s is used twice. Each purpose needs its own.") % {"topic": topic}
    return ""


def _topics_of_others(device: Device) -> list[tuple[str, str, str]]:
    """Return (device code, column, topic) for all topics of all other devices."""
    rows = Device.objects.exclude(pk=device.pk).values_list("code", *TOPIC_COLUMNS)
    return [
        (code, column, topic)
        for code, *held in rows.iterator()
        for column, topic in zip(TOPIC_COLUMNS, held, strict=True)
        if topic
    ]


def _collide(column: str, topic: str, other_column: str, other_topic: str) -> bool:
    """Tell whether two topics overlap. A frame topic holds the level below too, for pieces of a frame."""
    if topic == other_topic:
        return True
    below = other_column == "frame_topic" and topics.matches(f"{other_topic}/+", topic)
    return below or (column == "frame_topic" and topics.matches(f"{topic}/+", other_topic))


def topic_holder(topic: str) -> Device | None:
    """Return the device that holds this topic in whatever column."""
    query = Q()
    for column in TOPIC_COLUMNS:
        query |= Q(**{column: topic})
    return Device.objects.filter(query).first() if topic else None


def _belongs(topic: str, code: str) -> str:
    return _("The topic %(topic)s belongs to %(code)s.") % {"topic": topic, "code": code}


def _number_faults(device: Device) -> Iterator[Fault]:
    low, high = COMMAND_TIMEOUT_S
    if not _between(device.command_timeout_s, low, high):
        yield "command_timeout_s", _wrong(_("Choose between 5 and 600 seconds."))
    low, high = REPORTING_INTERVAL_S
    if not _between(device.reporting_interval_s, low, high):
        yield "reporting_interval_s", _wrong(_("The interval must be between 1 second and 7 days."))
    if device.ack_base not in (0, 1):
        yield "ack_base", _wrong(_("Acknowledgements count from 0 or from 1."))
    policy = _STREAM_POLICY.fullmatch(str(device.stream_policy))
    if policy is None or (policy[1] and int(policy[1]) > 86_400):
        yield (
            "stream_policy",
            _wrong(_("Use none, every, on_demand, or interval: with 1 to 86400 seconds, like interval:10.")),
        )


def _between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high


def _network_faults(device: Device) -> Iterator[Fault]:
    if not device.allowed_network:
        return
    network = read_network(device.allowed_network)
    if network is None:
        yield (
            "allowed_network",
            _wrong(_("Enter a network like 192.168.1.0/24 or an address like 192.168.1.40.")),
        )
        return
    if network.prefixlen == 0:
        yield (
            "allowed_network",
            _wrong(_("This network includes everyone: anyone could send as this device.")),
        )
        return
    for code, text in _networks_of_others(device):
        other = read_network(text)
        if other is not None and other.version == network.version and network.overlaps(other):
            sentence = _("This network overlaps %(network)s of %(code)s: the two could not be told apart.")
            yield "allowed_network", _taken(sentence % {"network": text, "code": code})
            return


def _networks_of_others(device: Device) -> list[tuple[str, str]]:
    rows = Device.objects.exclude(pk=device.pk).exclude(allowed_network="")
    return list(rows.values_list("code", "allowed_network"))


def read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Read a network in CIDR form; None when it is none."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def warn_of_network(text: str) -> str:
    """Return a sentence when a network reaches beyond the house, else an empty text."""
    network = read_network(text) if text else None
    if network is None or network.is_private or network.is_link_local:
        return ""
    return _(
        "%(network)s is on the public internet: anyone with such an address can send as this device."
    ) % {"network": network}


def _pull_faults(device: Device) -> Iterator[Fault]:
    low, high = PULL_INTERVAL_S
    if not _between(device.pull_interval_s, low, high):
        yield "pull_interval_s", _wrong(_("Fetch a picture every 1 to 86400 seconds."))
    if device.pull_fingerprint and not FINGERPRINT.fullmatch(device.pull_fingerprint):
        yield "pull_fingerprint", _wrong(_("Enter the SHA-256 fingerprint as 64 hexadecimal digits."))
    if not device.pull_url:
        return
    try:
        read_pull_url(device.pull_url)
        hidden = is_masked(device.pull_url)
    except ValueError:
        yield (
            "pull_url",
            _wrong(_("Enter an address like http://192.168.1.40/snapshot.jpg or tcp://192.168.1.40:8080.")),
        )
        return
    if hidden:
        yield "pull_url", _wrong(_("Enter the login itself in place of the three stars."))


def _aliyun_faults(device: Device) -> Iterator[Fault]:
    words = {"product_key": device.product_key, "device_name": device.device_name}
    if not any(words.values()):
        return
    for field, word in words.items():
        if not word:
            yield field, _wrong(_("Product key and device name are used together: fill in both, or neither."))
        elif not _ALIYUN_WORD.fullmatch(word):
            yield field, _wrong(_("At most 64 letters, digits and the characters _ . : @ -"))
    same = Device.objects.exclude(pk=device.pk).filter(**words).first() if all(words.values()) else None
    if same is not None:
        sentence = _("This product key and device name belong to %(code)s.")
        yield "device_name", _taken(sentence % {"code": same.code})


def _wrong(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid")


def _taken(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="taken")


SCHEMES = ("http", "https", "tcp")
MASK = "***"


_HOST_ONLY = "…"
_SECRET_NAME = re.compile(
    r"pass|pwd|psw|secret|token|key|auth|sign|sess|sid$|usr|user|login|account|cred|^pw$|^[pu]$",
    re.IGNORECASE,
)


def read_pull_url(url: str, schemes: tuple[str, ...] = SCHEMES) -> SplitResult:
    """Split an address of one of these schemes. Raises ValueError, in a sentence for a person."""
    return read_address(url, schemes)


def hide_all_but_host(url: str) -> str:
    """Return the address for people who may not manage the device."""
    try:
        parts = urlsplit(url)
        host, behind = parts.netloc.rpartition("@")[2], parts.path.strip("/") or parts.query
    except ValueError:
        return MASK
    return f"{parts.scheme}://{host}" + (f"/{_HOST_ONLY}" if behind else "") if url else ""


def mask_secrets(url: str) -> str:
    """Return the address for people who may manage the device: without its password, and without secrets in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    login, at, host = parts.netloc.rpartition("@")
    name, has_password, _password = login.partition(":")
    netloc = f"{name}:{MASK}{at}{host}" if has_password else parts.netloc
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&"))
    return parts._replace(netloc=netloc, query=query).geturl() if url else ""


def _mask_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if equals and value and _SECRET_NAME.search(name) else pair


def unmask(url: str, known: str) -> str:
    """Put the secrets of the known address in the place of stars, as long as the host is the same one."""
    if MASK not in url:
        return url
    if url == mask_secrets(known):
        return known
    try:
        new, old = urlsplit(url), urlsplit(known)
        same = (new.scheme, new.hostname, new.port) == (old.scheme, old.hostname, old.port)
    except ValueError:
        return url
    if not same:
        return url
    netloc = new.netloc
    if new.password == MASK and new.username == old.username and old.password:
        netloc = old.netloc.rpartition("@")[0] + "@" + new.netloc.rpartition("@")[2]
    values = dict(pair.split("=", 1) for pair in old.query.split("&") if "=" in pair)
    pairs = [_unmask_pair(pair, values) for pair in new.query.split("&")]
    return new._replace(netloc=netloc, query="&".join(pairs)).geturl()


def _unmask_pair(pair: str, values: dict[str, str]) -> str:
    name, _equals, value = pair.partition("=")
    return f"{name}={values[name]}" if value == MASK and name in values else pair


def is_masked(url: str) -> bool:
    """Tell whether stars still stand where a secret belongs."""
    parts = urlsplit(url)
    return parts.password == MASK or any(pair.partition("=")[2] == MASK for pair in parts.query.split("&"))


def host_of(url: str) -> str:
    """Return the host whose certificate is trusted, in small letters; empty for no address."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
