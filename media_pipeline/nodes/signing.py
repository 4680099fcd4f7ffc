"""Proofs by which one node asks another for a file: an HMAC by the hub's secret, over the path and the moment of its end.

The secret is the one that all processes of a hub share (PHOTOHUB_SECRET_KEY). A proof is good for one path of one node.
"""

from django.utils.crypto import constant_time_compare, salted_hmac

HEADER = "X-PhotoHub-Node"
LASTS_S = 30
# The clocks of two machines may differ by so much.
_CLOCKS_DIFFER_S = 120
_SALT = "media_pipeline.nodes.signing"


def sign(path: str, now_s: float) -> str:
    """Return the proof for this path, good for a short while from now."""
    until_s = int(now_s) + LASTS_S
    return f"{until_s}.{_mac(path, until_s)}"


def is_good(path: str, proof: str, now_s: float) -> bool:
    """Tell whether somebody who knows the secret made this proof for this path, and lately."""
    until, _dot, mac = proof.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) <= 12):
        return False
    if not now_s - _CLOCKS_DIFFER_S <= int(until) <= now_s + LASTS_S + _CLOCKS_DIFFER_S:
        return False
    return constant_time_compare(mac, _mac(path, int(until)))


def _mac(path: str, until_s: int) -> str:
    return salted_hmac(_SALT, f"{until_s}\n{path}", algorithm="sha256").hexdigest()
