"""The one-time link that makes the first owner: only the newest works, for a day, once, and while there is no owner."""

import secrets

from django.contrib.auth.models import User
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone

from devices.access import rights
from devices.access.models import Membership, Role
from devices.events.models import ServiceBeat

_SALT = "photohub first owner"
MAX_AGE_S = 24 * 3600
# The row that holds the word of the newest link, until it is used.
_NAME = "first_owner_link"


def link_token() -> str:
    """Make the token of a new link; the ones before end."""
    word = secrets.token_urlsafe(16)
    now = timezone.now()
    ServiceBeat.objects.update_or_create(pk=_NAME, defaults={"sentence": word, "at": now})
    return signing.dumps(word, salt=_SALT)


def token_holds(token: str) -> bool:
    """Tell whether this link may still make the first owner."""
    word = _word_of(token)
    return word is not None and _newest(word).exists() and not rights.owner_exists()


def use_token(token: str) -> bool:
    """Use the link up; call in the transaction that makes the owner. Of two who come at once, one may."""
    word = _word_of(token)
    return word is not None and bool(_newest(word).delete()[0]) and not rights.owner_exists()


def _word_of(token: str) -> str | None:
    try:
        return str(signing.loads(token, salt=_SALT, max_age=MAX_AGE_S))
    except signing.BadSignature:
        return None


def _newest(word: str) -> QuerySet[ServiceBeat]:
    return ServiceBeat.objects.filter(pk=_NAME, sentence=word)


def make_owner(username: str, password: str, email: str = ""):
    """Make a person who may do everything, the back office included."""
    user = User.objects.create_superuser(username, email, password)
    Membership.objects.get_or_create(user=user, group=None, defaults={"role": Role.OWNER})
    return user
