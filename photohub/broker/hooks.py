"""Answers for an outside broker that asks PhotoHub who may log in and which topics are whose, over HTTP.

Their conventions are opposite, so each has addresses of its own, below /broker/<PHOTOHUB_MQTT_HOOK_SECRET>/:

    EMQX 5                  200 with {"result":"allow"|"deny"}. Anything but 200 and 204 counts as "ignore", and a chain
                            that only ignores may let the client in: so a denial is 200 too, errors included.
    mosquitto-go-auth       the status: 2xx allows, 4xx denies.

Both send JSON or a form. EMQX is told the account's whole list of topics at its login and keeps it (from 5.8 on).
"""

import functools
import hmac
import logging
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from devices.access.rights import Action, can
from devices.keys import logins
from devices.mqtt import addressing, home_assistant
from devices.protocol.aliyun.login import parse_login
from devices.protocol.json_fields import read_json
from devices.protocol.mqtt.packets import Connect
from devices.protocol.topics import matches
from devices.registry import broker_names
from devices.registry.models import Device
from photohub.broker.accounts import Account, may_publish, may_subscribe
from photohub.broker.accounts_db import find_account

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 16_384
# The numbers of go-auth: read and subscribe lead from the broker to the client, write to the broker.
_READ, _WRITE, _READ_WRITE, _SUBSCRIBE = 1, 2, 3, 4

Fields = dict[str, str]


def _hook(deny: Callable[[], HttpResponse]):
    """Wrap a question: it needs the secret, its fields are read once, and whatever goes wrong is a denial."""

    def wrap(answer: Callable[[Fields], HttpResponse]):
        @csrf_exempt
        @require_POST
        @functools.wraps(answer)
        def view(request: HttpRequest, secret: str) -> HttpResponse:
            if not _is_secret(secret):
                return HttpResponse(status=404)
            try:
                return answer(_fields_of(request))
            except (DatabaseError, InterfaceError):
                log.warning("A broker asked who may do what, and the database is away: nobody may.")
            except ValueError as error:
                log.warning("A broker asked in a form that cannot be read (%s).", error)
            return deny()

        return view

    return wrap


def _is_secret(secret: str) -> bool:
    known = settings.MQTT_HOOK_SECRET
    return bool(known) and hmac.compare_digest(known.encode(), secret.encode())


def _fields_of(request: HttpRequest) -> Fields:
    """Return the question's fields as texts. Raises ValueError."""
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        raise ValueError("it is too long")
    if "json" not in request.headers.get("Content-Type", ""):
        return {name: str(value) for name, value in request.POST.items()}
    fields = read_json(request.body or b"{}", MAX_BODY_BYTES)
    if not isinstance(fields, dict):
        raise ValueError("it is no object")
    return {str(name): "" if value is None else str(value) for name, value in fields.items()}


def _login_of(fields: Fields) -> Account | None:
    username = fields.get("username", "")
    if username in broker_names.hub_names():
        # Later questions come with the name alone: nobody but the hub may ever be logged in under it.
        return Account(username, "hub", ("#",), ("#",)) if _is_hub(fields) else None
    password = fields.get("password", "").encode("utf-8", "surrogatepass")
    client_id = fields.get("clientid", "")
    account = find_account(Connect(client_id=client_id, username=username, password=password))
    if account is None:
        logins.note_refused_mqtt(client_id, username, fields.get("peerhost", ""))
    elif account.kind == "device":
        logins.note_accepted_mqtt(account.username)
    return account


def _is_hub(fields: Fields) -> bool:
    """Tell whether this is the hub's own login, by the user and password of PHOTOHUB_MQTT_URL."""
    username, password = _hub_login()
    if not username:
        return False
    wanted = f"{username}\0{password}"
    given = f"{fields.get('username', '')}\0{fields.get('password', '')}"
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "surrogatepass"))


def _hub_login() -> tuple[str, str]:
    """Return the hub's user name and password at the outside broker; empty where it has no password to prove itself by."""
    parts = urlsplit(settings.MQTT_URL)
    if not parts.username or not parts.password:
        return "", ""
    return unquote(parts.username), unquote(parts.password)


def _account_by_name(fields: Fields) -> Account | None:
    """Return who is logged in under this name, for questions that come without a password."""
    username = fields.get("username", "")
    if username in broker_names.hub_names():
        return Account(username, "hub", ("#",), ("#",)) if username == _hub_login()[0] else None
    if username == home_assistant.USERNAME:
        if not home_assistant.read().is_on:
            return None
        return Account(username, "program", home_assistant.PUBLISHES, home_assistant.READS)
    device = _device_by_name(username, fields.get("clientid", ""))
    if device is not None:
        publish, subscribe = addressing.rights_of(device)
        return Account(device.code, "device", tuple(publish), tuple(subscribe))
    if not username or broker_names.is_devices(username):
        return None
    user = get_user_model().objects.filter(username=username, is_active=True).first()
    if user is None or not can(user, Action.LOOK):
        return None
    return Account(username, "person", (), tuple(addressing.rights_of_person(user)))


def _device_by_name(username: str, client_id: str) -> Device | None:
    rows = Device.objects.filter(enabled=True)
    if "&" in username:
        login = parse_login(client_id, username)
        names = {"product_key": login.product_key, "device_name": login.device_name} if login else None
        return rows.filter(**names).first() if names else None
    return rows.filter(code=username).first()


# --- EMQX -----------------------------------------------------------------------------------------------------


def _emqx_deny() -> HttpResponse:
    return JsonResponse({"result": "deny"})


@_hook(_emqx_deny)
def emqx_authn(fields: Fields) -> HttpResponse:
    """May this client log in? The answer carries its topics too."""
    account = _login_of(fields)
    if account is None:
        return _emqx_deny()
    rules = [
        {"permission": "allow", "action": action, "topic": topic}
        for action, topics in (("publish", account.publish), ("subscribe", account.subscribe))
        for topic in topics
        if not _means_another_to_emqx(topic)
    ]
    rules.append({"permission": "deny", "action": "all", "topic": "#"})
    hub = account.kind == "hub"
    return JsonResponse({"result": "allow", "is_superuser": hub, "acl": [] if hub else rules})


def _means_another_to_emqx(topic: str) -> bool:
    """Tell whether EMQX would read another topic out of a rule with this one: by its placeholders, or by its word `eq`."""
    return "${" in topic or topic.startswith("eq ")


@_hook(_emqx_deny)
def emqx_authz(fields: Fields) -> HttpResponse:
    """May this client do that? Asked by brokers that do not keep the list of the login."""
    account, topic = _account_by_name(fields), fields.get("topic", "")
    judge = {"publish": may_publish, "subscribe": may_subscribe}.get(fields.get("action", ""))
    allowed = account is not None and judge is not None and judge(account, topic)
    return JsonResponse({"result": "allow" if allowed else "deny"})


# --- mosquitto-go-auth ----------------------------------------------------------------------------------------


def _goauth_deny() -> HttpResponse:
    return _goauth(False)


def _goauth(allowed: bool) -> HttpResponse:
    # One body for its three modes: the status, the key `ok`, and a text that is not "ok" on denial.
    return JsonResponse({"ok": allowed, "error": "" if allowed else "denied"}, status=200 if allowed else 403)


@_hook(_goauth_deny)
def goauth_user(fields: Fields) -> HttpResponse:
    """May this client log in?"""
    return _goauth(_login_of(fields) is not None)


@_hook(_goauth_deny)
def goauth_superuser(fields: Fields) -> HttpResponse:
    """Is this client above all rules? Only the hub itself."""
    account = _account_by_name(fields)
    return _goauth(account is not None and account.kind == "hub")


@_hook(_goauth_deny)
def goauth_acl(fields: Fields) -> HttpResponse:
    """May this client use this topic in this way?"""
    account, topic = _account_by_name(fields), fields.get("topic", "")
    wish = fields.get("acc", "")
    if account is None or not wish.isascii() or not wish.isdigit():
        return _goauth(False)
    reads = any(matches(allowed, topic) for allowed in account.subscribe)
    judged = {
        _READ: reads,
        _WRITE: may_publish(account, topic),
        _READ_WRITE: reads and may_publish(account, topic),
        _SUBSCRIBE: may_subscribe(account, topic),
    }
    return _goauth(judged.get(int(wish), False))
