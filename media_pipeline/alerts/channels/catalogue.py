"""The services that have a form of their own: what people fill in, and the address that Apprise reads.

For every other service its address is typed as Apprise documents it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from photohub.lib.pages.form_fields import Words

Values = Mapping[str, str]


@dataclass(frozen=True)
class Field:
    """One thing to fill in. `also`: what a browser may know it as."""

    name: str
    label: Words
    help: Words = ""
    required: bool = True
    secret: bool = False
    example: str = ""


@dataclass(frozen=True)
class Service:
    """A service people choose: its fields, and how the address is made of them. Raises ValueError, in a sentence."""

    word: str
    label: Words
    hint: Words
    icon: str
    fields: tuple[Field, ...]
    make: Callable[[Values], str]


def _part(text: str) -> str:
    return quote(text.strip(), safe="")


def _word_of(text: str, parameter: str, path_part: str) -> str:
    """Return the secret word out of a whole address that somebody pasted, or the word itself."""
    if "://" not in text:
        return text.strip()
    parts = urlsplit(text.strip())
    if parameter and (found := parse_qs(parts.query).get(parameter)):
        return found[0]
    return parts.path.rpartition(path_part)[2].strip("/") if path_part in parts.path else ""


def _mail(values: Values) -> str:
    host, _colon, port = values["host"].strip().partition(":")
    if port and not port.isdigit():
        raise ValueError(
            _("Enter the server as a name, with a port behind a colon where it is an unusual one.")
        )
    sender = values.get("sender") or values.get("user") or ""
    if "@" not in sender or "@" not in values["to"]:
        raise ValueError(_("Enter whole addresses, with an @ sign."))
    number = int(port or "587")
    mode = {25: "insecure", 465: "ssl"}.get(number, "starttls")
    mode = "insecure" if values.get("plain") else mode
    query = {"smtp": host, "mode": mode, "from": sender, "to": values["to"].strip()}
    login = f"{_part(values['user'])}:{_part(values['password'])}@" if values.get("user") else ""
    if values.get("user"):
        query["user"] = values["user"].strip()
    scheme = "mailto" if mode == "insecure" else "mailtos"
    return f"{scheme}://{login}{sender.rpartition('@')[2]}:{number}/?{urlencode(query)}"


def _ntfy(values: Values) -> str:
    server = (values.get("server") or "https://ntfy.sh").strip().rstrip("/")
    if "://" not in server:
        server = f"https://{server}"
    parts = urlsplit(server)
    topic = values["topic"].strip()
    if parts.scheme not in ("http", "https") or not parts.hostname or not re.fullmatch(r"[\w-]{1,64}", topic):
        raise ValueError(_("The topic holds letters, digits, dashes and underscores only."))
    scheme = "ntfys" if parts.scheme == "https" else "ntfy"
    login = f"{_part(values['token'])}@" if values.get("token") else ""
    more = "?auth=token&mode=private" if login else "?mode=private"
    return f"{scheme}://{login}{parts.netloc.rpartition('@')[2]}/{topic}{more}"


def _telegram(values: Values) -> str:
    return f"tgram://{values['token'].strip()}/{_part(values['chat'])}/"


def _wecom(values: Values) -> str:
    return f"wecombot://{_part(_word_of(values['key'], 'key', ''))}"


def _dingtalk(values: Values) -> str:
    token = _part(_word_of(values["token"], "access_token", ""))
    return f"dingtalk://{_part(values['secret'])}@{token}" if values.get("secret") else f"dingtalk://{token}"


def _feishu(values: Values) -> str:
    text = values["token"]
    scheme = "lark" if "larksuite" in text else "feishu"
    return f"{scheme}://{_part(_word_of(text, '', '/hook/'))}"


def _other(values: Values) -> str:
    return values["address"].strip()


SERVICES: tuple[Service, ...] = (
    Service(
        "mail",
        gettext_lazy("E-mail"),
        gettext_lazy("By your mail server."),
        "mail",
        (
            Field(
                "host",
                gettext_lazy("Mail server"),
                gettext_lazy("Port 587 with encryption, unless you add another one: smtp.example.org:465."),
                example="smtp.example.org",
            ),
            Field("user", gettext_lazy("User name"), required=False),
            Field(
                "password",
                gettext_lazy("Password"),
                gettext_lazy("Many services want an app password or an authorisation code here."),
                required=False,
                secret=True,
            ),
            Field(
                "sender",
                gettext_lazy("From"),
                gettext_lazy("The address that sends. Empty: the user name."),
                required=False,
                example="hub@example.org",
            ),
            Field("to", gettext_lazy("To"), example="you@example.org"),
        ),
        _mail,
    ),
    Service(
        "ntfy",
        gettext_lazy("ntfy"),
        gettext_lazy("To a phone, by ntfy.sh or your own server."),
        "bell-ring",
        (
            Field(
                "topic",
                gettext_lazy("Topic"),
                gettext_lazy(
                    "On a public server, whoever knows the topic reads it: choose one nobody guesses."
                ),
            ),
            Field(
                "server",
                gettext_lazy("Server"),
                gettext_lazy("Empty: ntfy.sh."),
                required=False,
                example="https://ntfy.example.org",
            ),
            Field("token", gettext_lazy("Access token"), required=False, secret=True),
        ),
        _ntfy,
    ),
    Service(
        "telegram",
        gettext_lazy("Telegram"),
        gettext_lazy("By a bot of your own."),
        "send",
        (
            Field("token", gettext_lazy("Bot token"), gettext_lazy("@BotFather hands it out."), secret=True),
            Field("chat", gettext_lazy("Chat ID"), gettext_lazy("A number; a group's begins with a dash.")),
        ),
        _telegram,
    ),
    Service(
        "wecom",
        gettext_lazy("WeCom"),
        gettext_lazy("By a group bot."),
        "message-square",
        (
            Field(
                "key",
                gettext_lazy("Webhook address or key"),
                gettext_lazy("In the group: add a group bot, then copy its webhook address."),
                secret=True,
            ),
        ),
        _wecom,
    ),
    Service(
        "dingtalk",
        gettext_lazy("DingTalk"),
        gettext_lazy("By a custom robot of a group."),
        "message-square",
        (
            Field(
                "token",
                gettext_lazy("Webhook address or access token"),
                gettext_lazy("In the group: add a custom robot, then copy its webhook address."),
                secret=True,
            ),
            Field(
                "secret",
                gettext_lazy("Signing secret"),
                gettext_lazy("Begins with SEC, where the robot checks signatures."),
                required=False,
                secret=True,
            ),
        ),
        _dingtalk,
    ),
    Service(
        "feishu",
        gettext_lazy("Feishu"),
        gettext_lazy("By a custom bot of a group."),
        "message-square",
        (
            Field(
                "token",
                gettext_lazy("Webhook address"),
                gettext_lazy("In the group: add a custom bot, then copy its webhook address."),
                secret=True,
            ),
        ),
        _feishu,
    ),
    Service(
        "other",
        gettext_lazy("Another service"),
        gettext_lazy("Any of the hundred that Apprise knows."),
        "blocks",
        (
            Field(
                "address",
                gettext_lazy("Apprise address"),
                gettext_lazy("As Apprise documents it for the service, such as discord://… or gotify://…."),
                secret=True,
                example="discord://…",
            ),
        ),
        _other,
    ),
)
BY_WORD = {service.word: service for service in SERVICES}
