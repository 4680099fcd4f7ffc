"""Who asks the management API: a person in a browser session, or a program with an API token."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from devices.keys.tokens import UNSAFE_METHODS, bearer_of, user_of_token
from photohub.lib.http.refusals.api_error import ApiError


class Token(HttpBearer):
    """`Authorization: Bearer <API token>`. No browser sends that by itself, so it needs no CSRF proof."""

    def authenticate(self, request: HttpRequest, token: str):
        person = user_of_token(request, token.strip())
        if person is not None:
            request.user = person
        return person


class Session(APIKeyCookie):
    """The session of the web pages. Whatever changes something needs the header X-CSRFToken too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest):
        # A wrong token is refused, even in a browser that is logged in.
        if bearer_of(request) is not None or not request.user.is_authenticated:
            return None
        if request.method in UNSAFE_METHODS and check_csrf(request):
            sentence = _("The header X-CSRFToken is missing or wrong. Reload the page and try again.")
            raise ApiError(403, "csrf", sentence)
        return request.user

    def authenticate(self, request: HttpRequest, key: str | None):
        """Not asked: the session middleware has read the cookie already."""
        return None
