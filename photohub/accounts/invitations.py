"""One-time links by which a person sets a password: of each person's links only the newest works."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from devices.access.models import Invitation
from photohub.lib.network import site


class _Tokens(PasswordResetTokenGenerator):
    """Django's tokens, which die with a login or a new password, and with a newer link as well."""

    def _make_hash_value(self, user, timestamp: int) -> str:
        # A link that an older PhotoHub made has no word, and works until there is a newer one.
        word = Invitation.objects.filter(user=user).values_list("word", flat=True).first() or ""
        return super()._make_hash_value(user, timestamp) + word


_tokens = _Tokens()


def make_link(person) -> str:
    """Return a new link for this person; the ones before end."""
    Invitation.objects.update_or_create(user=person, defaults={"word": secrets.token_urlsafe(16)})
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    return site.base_url() + reverse("invitation", args=[uid, _tokens.make_token(person)])


def find_invited(uid: str, token: str):
    """Return the person whose link this is; None when it ended."""
    try:
        pk = int(urlsafe_base64_decode(uid))
    except (ValueError, OverflowError):
        return None
    person = get_user_model().objects.filter(pk=pk, is_active=True).first()
    return person if person and _tokens.check_token(person, token) else None
