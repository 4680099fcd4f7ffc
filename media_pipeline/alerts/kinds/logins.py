"""A login from a network from which the person never logged in before.

It is told in the moment of the login, so there is nothing to look for. The first place of a person is no news.
"""

import ipaddress
import logging

from django.db import Error as DatabaseError
from django.db import InterfaceError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from media_pipeline.alerts import queue
from media_pipeline.alerts.models import AlertRule, LoginPlace
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import said

from .kind import Kind

log = logging.getLogger(__name__)

WORD = "login"
PLACES_AT_MOST = 200


def note_login(user, address: str) -> None:
    """Note where somebody logged in, and tell of it where it is new. A database that is away keeps nobody out."""
    try:
        with transaction.atomic():
            _note(user, address)
    except (DatabaseError, InterfaceError) as error:
        log.warning("A login could not be noted for alerts: %s", type(error).__name__)


def _note(user, address: str) -> None:
    now, place = timezone.now(), network_of(address)
    if LoginPlace.objects.filter(user=user, place=place).update(last_at=now):
        return
    is_first = not LoginPlace.objects.filter(user=user).exists()
    _row, is_new = LoginPlace.objects.get_or_create(user=user, place=place, defaults={"last_at": now})
    _forget_old(user)
    if is_first or not is_new:
        return
    what = said(
        "%(name)s logged in from a new place: %(address)s.", name=user.get_username(), address=address
    )
    rules = AlertRule.objects.filter(Q(user=user) | Q(user=None), kind=WORD, enabled=True)
    for rule in rules.select_related("user"):
        queue.begin(rule, f"login:{new_id()}", what, lasts=False)


def _forget_old(user) -> None:
    old = LoginPlace.objects.filter(user=user).order_by("-last_at", "-pk").values_list("pk", flat=True)
    LoginPlace.objects.filter(pk__in=list(old[PLACES_AT_MOST:])).delete()


def network_of(address: str) -> str:
    """Return the network of an address, as it is given to one house or office."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def find(_rules: list[AlertRule]) -> None:
    """Look for nothing: the login itself tells."""


KIND = Kind(
    WORD,
    gettext_lazy("A login from a new place"),
    gettext_lazy("Somebody logged in from a network that he never used before."),
    "log-in",
    "person",
    find,
    began_title=gettext_noop("A login from a new place"),
)
