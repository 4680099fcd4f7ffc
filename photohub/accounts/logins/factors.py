"""A person's second factors: codes of an app, passkeys, recovery codes. The library checks and stores them.

Codes of an app and passkeys make a login two steps long; recovery codes stand in for either.
"""

import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import segno
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from devices.access.rights import is_owner
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from photohub.lib.memory.later import later
from photohub.lib.pages.sentences import Said, said

from .adapter import Adapter, UnreadableSecret

if TYPE_CHECKING:
    from allauth.mfa.recovery_codes.internal import auth as recovery
    from allauth.mfa.totp.internal import auth as totp
    from allauth.mfa.webauthn.internal import auth as webauthn
else:
    recovery = later("allauth.mfa.recovery_codes.internal.auth")
    totp = later("allauth.mfa.totp.internal.auth")
    # 10 MB, for whoever uses passkeys.
    webauthn = later("allauth.mfa.webauthn.internal.auth")

_APP, _KEY, _CODES = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES
# What may go wrong in what a stranger's browser sends.
_WRONG = (ValidationError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
KEYS_AT_MOST = 20


class WrongProof(Exception):
    """The code or passkey does not prove anything."""


@dataclass(frozen=True)
class Factors:
    """What a person has."""

    app: Authenticator | None
    keys: list[Authenticator]
    codes_left: int

    @property
    def is_on(self) -> bool:
        return self.app is not None or bool(self.keys)


def of_person(user) -> Factors:
    """Return the person's second factors."""
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    app = next((row for row in rows if row.type == _APP), None)
    codes = next((row for row in rows if row.type == _CODES), None)
    return Factors(app, [row for row in rows if row.type == _KEY], len(_unused(codes)) if codes else 0)


def are_on(user) -> bool:
    """Tell whether the person's login has two steps."""
    return Authenticator.objects.filter(user=user, type__in=(_APP, _KEY)).exists()


def any_keys() -> bool:
    """Tell whether anybody has a passkey, so that the login offers it."""
    return Authenticator.objects.filter(type=_KEY).exists()


def has_keys(user) -> bool:
    return Authenticator.objects.filter(user=user, type=_KEY).exists()


def people_with() -> set[int]:
    """Return who has second factors, by key."""
    return set(Authenticator.objects.filter(type__in=(_APP, _KEY)).values_list("user_id", flat=True))


def are_needed(user) -> bool:
    """Tell whether the hub asks this person for a second factor."""
    wanted = settings.SECOND_FACTOR
    return wanted == "everyone" or (wanted == "owners" and is_owner(user))


def _unused(row: Authenticator) -> list[str]:
    try:
        return recovery.RecoveryCodes(row).get_unused_codes()
    except UnreadableSecret:
        return []


def _note(word: Word, user, sentence: Said) -> None:
    audit.note(word, Kind.SECOND_FACTOR, user.pk, user, sentence, person=user)


# --- an app ---


@dataclass(frozen=True)
class NewApp:
    """A secret for an app, as a picture and as text."""

    secret: str
    qr: str


def offer_app(request: HttpRequest, user) -> NewApp:
    """Return the secret that the next code is to prove; it stays the same until then."""
    with context.request_context(request):
        secret = totp.get_totp_secret()
        address = Adapter().build_totp_url(user, secret)
    return NewApp(secret, segno.make(address, error="m", micro=False).svg_data_uri(border=0))


def add_app(request: HttpRequest, user, code: str) -> None:
    """Let the app prove that it has the secret, and ask for its codes from now on. Raises WrongProof."""
    with context.request_context(request):
        secret = totp.get_totp_secret()
        if not totp.validate_totp_code(secret, code):
            raise WrongProof
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=_APP).delete()
        totp.TOTP.activate(user, secret)
        _note(Word.ADDED, user, said("An authenticator app."))
    totp.clear_totp_secret(request)


def remove_app(user) -> bool:
    """Ask for no app's codes any more."""
    with transaction.atomic():
        gone = bool(Authenticator.objects.filter(user=user, type=_APP).delete()[0])
        if gone:
            _note(Word.DELETED, user, said("An authenticator app."))
            _drop_lone_codes(user)
    return gone


# --- passkeys ---


def _plain(value: Any) -> Any:
    """Return the library's mappings as JSON has them."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@contextmanager
def _proving(request: HttpRequest):
    """Turn whatever the library says of a wrong passkey into one error."""
    try:
        with context.request_context(request):
            yield
    except _WRONG as error:
        raise WrongProof from error


def offer_key(request: HttpRequest, user) -> dict[str, Any]:
    """Return what the browser makes a passkey of: one that unlocks by itself, so that it can also stand alone."""
    with context.request_context(request):
        return _plain(webauthn.begin_registration(user, passwordless=True))


def add_key(request: HttpRequest, user, name: str, credential: str) -> None:
    """Keep a passkey that the browser made. Raises WrongProof."""
    with _proving(request):
        read = json.loads(credential)
        webauthn.parse_registration_response(read)
        if not webauthn.complete_registration(read).is_user_verified():
            raise WrongProof
    with transaction.atomic():
        webauthn.WebAuthn.add(user, name, read)
        _note(Word.ADDED, user, said("The passkey %(name)s.", name=name))


def remove_key(user, pk: int) -> str | None:
    """Take a passkey away and return its name; None where the person has none such."""
    with transaction.atomic():
        row = Authenticator.objects.filter(user=user, type=_KEY, pk=pk).first()
        if row is None:
            return None
        name = str(row.data.get("name", ""))
        row.delete()
        _note(Word.DELETED, user, said("The passkey %(name)s.", name=name))
        _drop_lone_codes(user)
    return name


def ask_for_key(request: HttpRequest, user=None) -> dict[str, Any]:
    """Return what the browser asks its passkeys for; without a person, for one that says who he is."""
    with context.request_context(request):
        return _plain(webauthn.begin_authentication(user))


def check_key(request: HttpRequest, credential: str, user=None):
    """Return whose passkey this is. Raises WrongProof."""
    with _proving(request):
        read = json.loads(credential)
        answer = webauthn.parse_authentication_response(read)
        stands_alone = user is None
        user = user or webauthn.extract_user_from_response(read)
        row = webauthn.complete_authentication(user, read)
        if stands_alone and not answer.response.authenticator_data.is_user_verified():
            raise WrongProof
    if not user.is_active:
        raise WrongProof
    Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
    return user


# --- codes ---


def check_code(user, code: str) -> bool:
    """Tell whether this is a code of the person's app, or one of his recovery codes, which is used up by it."""
    code = "".join(code.split())
    for row in Authenticator.objects.filter(user=user, type__in=(_APP, _CODES)):
        kind = totp.TOTP if row.type == _APP else recovery.RecoveryCodes
        try:
            if code and kind(row).validate_code(code):
                Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
                return True
        except UnreadableSecret:
            continue
    return False


def new_codes(user) -> list[str]:
    """Give the person new recovery codes; the ones before end."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=_CODES).delete()
        codes = recovery.RecoveryCodes.activate(user).get_unused_codes()
        _note(Word.ADDED, user, said("Recovery codes."))
    return codes


def has_codes(user) -> bool:
    return Authenticator.objects.filter(user=user, type=_CODES).exists()


def _drop_lone_codes(user) -> None:
    if not are_on(user):
        Authenticator.objects.filter(user=user, type=_CODES).delete()


def reset(user) -> bool:
    """Take all of a person's second factors away, who lost them; tells whether there were any."""
    with transaction.atomic():
        gone = bool(Authenticator.objects.filter(user=user).delete()[0])
        if gone:
            audit.note(Word.DELETED, Kind.SECOND_FACTOR, user.pk, user, said("All second factors."))
    return gone
