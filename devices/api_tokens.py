"""Programs that come with an API token instead of a browser session."""

from collections.abc import Callable
from functools import wraps

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from .identity import find_token
from .models import Scope

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def bearer_of(request: HttpRequest) -> str | None:
    """Return the secret of `Authorization: Bearer …`; None when the request does not come with one."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def user_of_token(request: HttpRequest, secret: str):
    """Return the person whose live token this is, with its scopes as `token_scopes`; None for any other.

    Raises PermissionDenied when the token may not look and the request only looks: one place for all pages.
    """
    token = find_token(secret) if secret.isascii() and secret.isprintable() else None
    if token is None:
        return None
    user = token.user
    user.token_scopes = frozenset(token.scopes)
    if request.method not in UNSAFE_METHODS and Scope.READ not in user.token_scopes:
        raise PermissionDenied(_("This token has no scope “read”."))
    return user


def person_of(request: HttpRequest):
    """Return who asks, by token or else by session; None for a stranger. A wrong token is never a session."""
    secret = bearer_of(request)
    if secret is not None:
        return user_of_token(request, secret)
    return request.user if request.user.is_authenticated else None


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

    if iscoroutinefunction(view):

        @wraps(view)
        async def async_guard(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return await sync_to_async(refuse)(request) or await view(request, *args, **kwargs)

        return async_guard

    @wraps(view)
    def guard(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        return refuse(request) or view(request, *args, **kwargs)

    return guard


def _unknown_token() -> HttpResponse:
    sentence = _("This API token is unknown, revoked or expired. Make a new one on your account page.")
    answer = JsonResponse({"code": 1, "des": sentence, "err": "auth"}, status=401)
    answer["WWW-Authenticate"] = "Bearer"
    return answer
