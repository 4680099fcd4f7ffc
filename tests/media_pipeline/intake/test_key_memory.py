import pytest

from devices.keys import identity
from media_pipeline.intake.key_memory import KeyMemory
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def known():
    return identity.Known(make_device(), key_id=1)


def test_a_key_is_known_for_a_while(known):
    memory = KeyMemory()
    assert memory.get("k") is None
    assert memory.remember("k", known) is known and memory.get("k") is known
    memory.forget()
    assert memory.get("k") is None


def test_what_was_found_long_ago_is_asked_again(known):
    memory = KeyMemory(lasts_s=0.0)
    memory.remember("k", known)
    assert memory.get("k") is None


def test_only_keys_that_open_the_endpoint_are_remembered(known):
    memory = KeyMemory()
    memory.remember("stranger", None)
    memory.remember("name", identity.Known(known.device))
    known.device.enabled = False
    memory.remember("off", known)
    assert [memory.get(key) for key in ("stranger", "name", "off")] == [None] * 3


def test_it_does_not_grow_without_end(known):
    memory = KeyMemory(at_most=2)
    for number in range(5):
        memory.remember(str(number), known)
    assert memory.get("4") is known and memory.get("0") is None
