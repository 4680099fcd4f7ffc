"""The public keys that the hub trusts."""

import pytest

from devices.events.models import Event
from devices.firmware import keys, signing
from devices.firmware.errors import FirmwareRefused, FirmwareTaken
from devices.firmware.rollouts.models import RolloutState
from tests.builders import make_user
from tests.devices.firmware.builders import PRIVATE, make_devices, make_rollout

pytestmark = pytest.mark.django_db

PUBLIC = signing.public_bytes(PRIVATE).hex()


def test_a_key_is_added_once_and_told():
    alice = make_user("alice", "owner")
    key = keys.add_key("release", PUBLIC.upper(), alice)
    assert (key.public_key, key.added_by) == (PUBLIC, alice)
    assert key.fingerprint in Event.objects.get(actor=alice).sentence
    with pytest.raises(FirmwareTaken):
        keys.add_key("again", PUBLIC)


def test_what_is_no_key_is_refused():
    with pytest.raises(FirmwareRefused, match="key"):
        keys.add_key("release", "ab" * 31)


def test_revoking_a_key_pauses_what_it_signed():
    rollout = make_rollout(make_devices(2))
    assert keys.revoke_key(rollout.firmware.signing_key)
    rollout.refresh_from_db()
    assert (rollout.state, rollout.reason_word) == (RolloutState.PAUSED, "revoked_key")
    assert not keys.revoke_key(rollout.firmware.signing_key)
