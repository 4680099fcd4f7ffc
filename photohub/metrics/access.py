"""Who may read the figures: whoever names the token, or asks from a network that may. No person's login counts."""

import hmac
import re
from enum import Enum

from django.conf import settings

from photohub.lib.http.proxies import network_address
from photohub.lib.http.scope import headers_of
from photohub.lib.network.ip import is_in, read_ip

_BEARER = re.compile(r"bearer +(\S+)\s*", re.IGNORECASE)


class Verdict(Enum):
    BY_TOKEN = "token"
    FROM_NEAR = "near"
    # There is a token, and it was not this one.
    TOKEN_WANTED = "token wanted"
    ELSEWHERE = "elsewhere"


def judge(scope: dict) -> Verdict:
    """Say whether this request may read the figures, and by what."""
    if _names_token(scope):
        return Verdict.BY_TOKEN
    if _comes_from_near(scope):
        return Verdict.FROM_NEAR
    return Verdict.TOKEN_WANTED if settings.METRICS_TOKEN else Verdict.ELSEWHERE


def _names_token(scope: dict) -> bool:
    found = _BEARER.fullmatch(headers_of(scope).get("authorization") or "")
    if found is None or not settings.METRICS_TOKEN:
        return False
    return hmac.compare_digest(found[1].encode(), settings.METRICS_TOKEN.encode())


def _comes_from_near(scope: dict) -> bool:
    # An address that a proxy passed on whom nobody named is nobody's.
    ip = read_ip(network_address(scope))
    return ip is not None and is_in(ip, settings.METRICS_NETWORKS)
