"""Services that Apprise knows how to reach: mail, ntfy, Telegram, WeCom, DingTalk, Feishu and a hundred more.

Nothing else imports Apprise; its errors and its log stay here.
"""

import logging
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from photohub.lib.log.logs import mask
from photohub.lib.memory.later import later
from photohub.lib.network.guarded import only_to
from photohub.lib.pages.sentences import said

from .letter import Letter, NotSent

if TYPE_CHECKING:
    import apprise
    import apprise.attachment.memory as attachments
else:
    apprise = later("apprise")
    attachments = later("apprise.attachment.memory")

# What speaks to this machine, reads files of it, or keeps threads of its own.
_LOCAL = frozenset(
    "dbus kde qt glib gnome macosx windows syslog rsyslog blink1 growl smpp vapid fcm mqtt mqtts pgp".split()
)
# Where nobody but the service itself is asked, so that anybody may name it.
FOR_EVERYBODY = frozenset(
    "mailto mailtos ntfy ntfys tgram wecombot dingtalk feishu lark discord slack msteams workflow workflows gotify "
    "gotifys bark barks pover pbul schan wxpusher pushdeer pushdeers pushplus matrix matrixs mattermost mmost mmosts "
    "rocket rockets signal signals whatsapp twilio sns ses sendgrid mailgun line ifttt join pushed pushy simplepush "
    "spontit ncloud nclouds nctalk nctalks hassio hassios".split()
)
# They name files of this machine, longer waits than ours, or other hosts.
_NO_ARGUMENTS = frozenset(
    "template templates keyfile pgpkey pgp cert key certfile cafile subject cto rto retry wait redirect".split()
)
_BEHIND_SCHEME = re.compile(r":[/\\]+")
# More than Apprise takes for the beginning of an argument, so that none is read otherwise here than there.
_BEFORE_ARGUMENT = re.compile(r"[?&;#]")
_CONNECT_S, _READ_S = 8.0, 12.0
_LEVELS = {"problem": "warning", "over": "success", "news": "info"}


class _Heard(logging.Handler):
    """Keeps what Apprise says in a thread, which is all it tells of an answer."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._of = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(self._of, "lines", None)
        if lines is not None and len(lines) < 5:
            lines.append(record.getMessage())

    @contextmanager
    def listening(self) -> Generator[list[str]]:
        """Collect what is said in this thread."""
        self._of.lines = lines = []
        try:
            yield lines
        finally:
            self._of.lines = None


_heard = _Heard()


def _quiet_log() -> None:
    """Keep Apprise's lines out of the hub's log: some hold what a secret address is made of."""
    log = logging.getLogger("apprise")
    if _heard not in log.handlers:
        log.handlers[:] = [_heard]
        log.propagate = False
        log.setLevel(logging.WARNING)


def _open(address: str):
    """Return Apprise's own object for an address; None where it can make nothing of it."""
    _quiet_log()
    asset = apprise.AppriseAsset(
        app_id="PhotoHub",
        app_desc="PhotoHub",
        app_url="",
        async_mode=False,
        secure_logging=True,
        storage_mode="memory",
        allow_templates=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        default_service_retry=0,
    )
    # It asks other hosts for its icons otherwise.
    asset.image_url_mask = asset.image_url_logo = ""
    with _heard.listening():
        try:
            plugin = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        except (TypeError, ValueError):
            return None
    if plugin is not None:
        plugin.socket_connect_timeout, plugin.socket_read_timeout = _CONNECT_S, _READ_S
    return plugin


def fault_of(address: str, is_owners: bool) -> str:
    """Return in a word why this address cannot be a channel: `unknown`, `local`, `argument`, `owners`; empty: it can."""
    scheme = _BEHIND_SCHEME.split(address.strip(), maxsplit=1)[0].lower()
    if scheme in _LOCAL:
        return "local"
    if not _NO_ARGUMENTS.isdisjoint(_arguments_of(address)):
        return "argument"
    if not is_owners and scheme not in FOR_EVERYBODY:
        return "owners"
    return "" if _open(address) is not None else "unknown"


def _arguments_of(address: str) -> set[str]:
    """Return the names of all that may be an argument: each plugin reads them by itself."""
    parts = _BEFORE_ARGUMENT.split(address)[1:]
    return {"".join(unquote(part.partition("=")[0]).split()).lower().lstrip("+-:") for part in parts}


def shown_of(address: str) -> tuple[str, str]:
    """Return the service's name and as much of the address as people may read."""
    plugin = _open(address)
    if plugin is None:
        return "", ""
    return str(plugin.service_name), str(plugin.url(privacy=True)).partition("?")[0]


def send(address: str, letter: Letter, allow: Callable[[str], bool]) -> str:
    """Send it and return what the other side is known to have answered. Raises NotSent."""
    plugin = _open(address)
    if plugin is None:
        raise NotSent(said("Apprise cannot read this channel's address. Enter it anew."), permanent=True)
    attach = None
    if letter.picture is not None and plugin.attachment_support:
        attach = apprise.AppriseAttachment()
        picture = letter.picture
        attach.add(
            attachments.AttachMemory(content=picture.data, name=picture.name, mimetype=picture.content_type)
        )
    body = f"{letter.text}\n{letter.link}" if letter.link else letter.text
    with only_to(allow) as refused, _heard.listening() as lines:
        is_sent = _notify(plugin, body, letter, attach)
    if refused:
        sentence = said("%(host)s has an address that PhotoHub is not allowed to contact.", host=refused[0])
        raise NotSent(sentence)
    service = str(plugin.service_name)
    if not is_sent:
        why = " ".join(_without_address(line, address) for line in lines)
        if not why:
            raise NotSent(said("%(service)s did not take the message and did not say why.", service=service))
        raise NotSent(said("%(service)s did not take the message: %(why)s", service=service, why=why))
    return str(said("%(service)s took the message.", service=service))


def _notify(plugin, body: str, letter: Letter, attach) -> bool:
    try:
        kind = apprise.NotifyType(_LEVELS[letter.tone])
        # It is text, whatever a device is called; a service that takes HTML gets it escaped.
        words = {"body": body, "title": letter.title, "body_format": apprise.NotifyFormat.TEXT}
        return bool(plugin.notify(**words, notify_type=kind, attach=attach))
    except OSError as error:
        logging.getLogger("apprise").warning("%s", error.strerror or type(error).__name__)
    except Exception as error:  # a hundred plugins raise what they like; the row says that it was not sent
        logging.getLogger("apprise").warning("%s", type(error).__name__)
    return False


def _without_address(line: str, address: str) -> str:
    """Blot out of Apprise's words what the address is made of."""
    rest = address.partition("://")[2]
    words = sorted({word for word in _words_of(rest) if len(word) >= 6}, key=len, reverse=True)
    for word in words:
        line = line.replace(word, "…")
    return mask(line)[:300]


def _words_of(text: str) -> list[str]:
    for mark in "/:@?&=,":
        text = text.replace(mark, " ")
    return text.split()
