"""Programs that come with an API token instead of a browser session.

As `Authorization: Bearer <token>` everywhere; where pictures are watched also as HTTP Basic with a user name and one of
that person's tokens as the password, which is all that many programs for cameras know.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.models import ApiToken, Scope
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.registry import broker_accounts
from photohub.lib.http.answer import refuse
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.http.scope import address_of
from photohub.lib.ids import hash_key, new_key

from .identity import PREFIX_LENGTH, find_row, note_use

# A browser asks for no password at the first one, and programs that know only Basic read the second.
FOR_BROWSERS = "Bearer"
FOR_PROGRAMS = 'Basic realm="PhotoHub", charset="UTF-8", Bearer'
# Of one address: whoever tries tokens that do not exist.
_failed_tries = FailedTries()

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def bearer_of(request: HttpRequest) -> str | None:
    """Return the secret of `Authorization: Bearer …`; None when the request does not come with one."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def user_of_token(request: HttpRequest, secret: str):
    """Return the person whose live token this is, with its scopes as `token_scopes`; None for any other.

    Raises PermissionDenied when the token may not look and the request only looks: one place for all pages; and
    ApiError(429), before anything is looked up, when too many unknown tokens came from this address.
    """
    address = address_of(request)
    token = token_of(Papers(secret), address)
    if token is not None:
        return _person_with(token, request)
    if is_expired(secret, address):
        raise ApiError(401, "expired", _("This API token has expired. Make a new one on your account page."))
    if wait_s := note_failed_try(address):
        raise ApiError(429, "rate", _("Too many failed attempts. Wait %(seconds)d s.") % {"seconds": wait_s})
    return None


def _person_with(token: ApiToken, request: HttpRequest):
    user = token.user
    user.token_scopes, user.token_name = frozenset(token.scopes), token.name
    if request.method not in UNSAFE_METHODS and Scope.READ not in user.token_scopes:
        raise PermissionDenied(_("This token has no scope “read”."))
    return user


def person_of(request: HttpRequest):
    """Return who asks, by token or else by session; None for a stranger. A wrong token is never a session."""
    secret = bearer_of(request)
    if secret is not None:
        return user_of_token(request, secret)
    return request.user if request.user.is_authenticated else None


@dataclass(frozen=True)
class Papers:
    """What `Authorization` says: a token, and with Basic the name of its person."""

    secret: str
    username: str | None = None

    def __repr__(self) -> str:
        return f"Papers(username={self.username!r})"


def read_papers(authorization: str) -> Papers | None:
    """Read the header; None for nothing, another scheme, or nonsense."""
    scheme, _space, said = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return Papers(said.strip())
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(said.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    username, colon, secret = text.partition(":")
    return Papers(secret, username) if colon else None


def token_of(papers: Papers, address: str) -> ApiToken | None:
    """Return the live token that these papers hold; with Basic it must be that person's.

    For an address that came with too many wrong ones nothing is looked up, but a token that was good lately.
    """
    if not (papers.secret.isascii() and papers.secret.isprintable()):
        return None
    if _failed_tries.wait_s(address, papers.secret):
        return None
    token = find_token(papers.secret)
    if token is not None and papers.username not in (None, token.user.get_username()):
        return None
    if token is not None:
        _failed_tries.found(papers.secret)
    return token


def note_failed_try(address: str) -> int:
    """Note that somebody came from there with a wrong token; returns how long he is to wait."""
    return _failed_tries.missed(address)


def is_browser(headers: Mapping[str, str | None]) -> bool:
    """Tell whether this is a browser, which would ask its person for a password: small-letter names to values."""
    return (
        "sec-fetch-mode" in headers
        or "text/html" in (headers.get("accept") or "")
        or f"{settings.SESSION_COOKIE_NAME}=" in (headers.get("cookie") or "")
    )


def login_or_token(view: Callable) -> Callable:
    """Let a view be fetched by a person's session or a program's token; `request.user` is who it is.

    For views that only look: a token needs no CSRF proof, so nothing may be changed behind this.
    """

    def refuse(request: HttpRequest) -> HttpResponse | None:
        person = person_of(request)
        if person is not None:
            request.user = person
            return None
        return (
            _unknown_token() if bearer_of(request) is not None else redirect_to_login(request.get_full_path())
        )

    return _guarded(view, refuse)


def login_or_basic(view: Callable) -> Callable:
    """Let a view be fetched as with `login_or_token`, and by HTTP Basic too; a program is asked for it."""

    def refuse(request: HttpRequest) -> HttpResponse | None:
        papers = read_papers(request.headers.get("Authorization", ""))
        if papers is None or papers.username is None:
            person = person_of(request)
        else:
            token = token_of(papers, address_of(request))
            # A proxy may want a password of its own, which the browser then sends to us too.
            person = _person_with(token, request) if token else _person_in_session(request)
        if person is not None:
            request.user = person
            return None
        # A wrong Bearer token was counted where it was looked up.
        return _ask_for_papers(
            request, papers is not None, papers is not None and papers.username is not None
        )

    return _guarded(view, refuse)


def _person_in_session(request: HttpRequest):
    return request.user if request.user.is_authenticated else None


def _ask_for_papers(request: HttpRequest, were_wrong: bool, count: bool) -> HttpResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not were_wrong and is_browser(headers):
        return redirect_to_login(request.get_full_path())
    if count and (wait_s := note_failed_try(address_of(request))):
        return _too_often(_("Too many failed attempts. Wait %(seconds)d s.") % {"seconds": wait_s}, wait_s)
    answer = _unknown_token() if were_wrong else _no_papers()
    answer["WWW-Authenticate"] = FOR_BROWSERS if is_browser(headers) else FOR_PROGRAMS
    answer["Cache-Control"] = "no-store"
    return answer


def _too_often(sentence: str, wait_s: int) -> HttpResponse:
    answer = refuse(429, "rate", sentence)
    answer["Retry-After"] = str(wait_s)
    return answer


def _guarded(view: Callable, judge: Callable[[HttpRequest], HttpResponse | None]) -> Callable:
    def refuse(request: HttpRequest) -> HttpResponse | None:
        try:
            return judge(request)
        except ApiError as error:
            if error.status == 401:
                return _unauthorised(error.sentence, error.word)
            return _too_often(error.sentence, 1)

    if iscoroutinefunction(view):

        @wraps(view)
        async def async_guard(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return await sync_to_async(refuse)(request) or await view(request, *args, **kwargs)

        return async_guard

    @wraps(view)
    def guard(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        return refuse(request) or view(request, *args, **kwargs)

    return guard


def _no_papers() -> HttpResponse:
    return _unauthorised(_("Log in, or send an API token: as Bearer, or as the password of HTTP Basic."))


def _unknown_token() -> HttpResponse:
    return _unauthorised(
        _("This API token is unknown, revoked or expired. Make a new one on your account page.")
    )


def _unauthorised(sentence: str, word: str = "auth") -> HttpResponse:
    answer = refuse(401, word, sentence)
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def find_token(secret: str) -> ApiToken | None:
    """Return the live API token with this secret whose person is active."""
    found = find_row(ApiToken.objects.filter(revoked_at=None).select_related("user"), secret)
    if found is None or not found.live or not found.user.is_active:
        return None
    note_use(ApiToken, found)
    return found


def is_expired(secret: str, address: str) -> bool:
    """Tell whether this was a token that nobody revoked, and whose time is over; only who has it hears so."""
    if not (secret.isascii() and secret.isprintable()) or _failed_tries.wait_s(address, secret):
        return False
    over = ApiToken.objects.filter(revoked_at=None, expires_at__lte=timezone.now(), user__is_active=True)
    return find_row(over, secret) is not None


def new_token(user, name: str, scopes: list[str] | None = None, expires_at=None) -> tuple[ApiToken, str]:
    """Make an API token and return it with its secret in clear: the only time it is seen."""
    secret = new_key()
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=secret[:PREFIX_LENGTH],
            sha256=hash_key(secret),
            scopes=scopes or list(Scope.values),
            expires_at=expires_at,
        )
        broker_accounts.want_person(user, secret)
        audit.note(
            Word.ADDED, Kind.TOKEN, token.prefix, name, f"{user.get_username()}: {', '.join(token.scopes)}"
        )
    return token, secret


def living_tokens(user) -> list[ApiToken]:
    """Return the person's API tokens that still work."""
    return [token for token in ApiToken.objects.filter(user=user, revoked_at=None) if token.live]


def revoke_token(token: ApiToken) -> None:
    """End a program's access at once. An outside broker knows only the person's newest token, so its account goes too."""
    with transaction.atomic():
        ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        broker_accounts.unwant_person(token.user)
        audit.note(Word.REVOKED, Kind.TOKEN, token.prefix, token.name, token.user.get_username())
