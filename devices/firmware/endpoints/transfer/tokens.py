"""Looking up what the tokens of downloads open, at the price of one short query for all that come together.

Five hundred devices fetch the image of one rollout: what is the same for all of them is remembered for two seconds.
So long a revoked key or a withdrawn image may be old news here; the bytes themselves are looked at every time.
"""

import time
from threading import Lock

from devices.firmware.rollouts.models import Rollout, RolloutTarget

LASTS_S = 2.0
_REMEMBERED_AT_MOST = 100
_OF_DEVICE = ("device__code", "device__name", "device__enabled")

_known: dict[object, tuple[float, Rollout]] = {}
_lock = Lock()


def find_targets(tokens: list[str]) -> dict[str, RolloutTarget]:
    """Return the updates that these tokens open images for, while they go on, by token: with one statement."""
    return {target.token: target for target in _find_active(token__in=tokens)}


def find_targets_by_key(keys: list[int]) -> dict[int, RolloutTarget]:
    """Return the same by their own keys."""
    return {target.pk: target for target in _find_active(pk__in=keys)}


def _find_active(**named) -> list[RolloutTarget]:
    own = [field.name for field in RolloutTarget._meta.concrete_fields]
    rows = RolloutTarget.objects.active().filter(**named).select_related("device")
    found = list(rows.only(*own, *_OF_DEVICE).order_by())
    for target in found:
        target.rollout = _rollout_of(target)
    return found


def _rollout_of(target: RolloutTarget) -> Rollout:
    now_s = time.monotonic()
    with _lock:
        until_s, rollout = _known.get(target.rollout_id, (0.0, None))
    if rollout is None or now_s > until_s:
        rollout = Rollout.objects.select_related("firmware__signing_key").get(pk=target.rollout_id)
        with _lock:
            if len(_known) >= _REMEMBERED_AT_MOST:
                _known.clear()
            _known[target.rollout_id] = (now_s + LASTS_S, rollout)
    return rollout


def forget() -> None:
    """Forget what is remembered, for whoever changes rollouts and cannot wait."""
    with _lock:
        _known.clear()
