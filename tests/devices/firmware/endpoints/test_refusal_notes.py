"""What a firmware endpoint refused stands on the page of the device that asked."""

from types import SimpleNamespace

import pytest

from devices.events.models import Trouble
from devices.events.wording import sentence_of
from devices.firmware.endpoints import refusal_notes
from devices.keys import identity
from tests.devices.firmware.endpoints.offered import offer, wait_for
from tests.devices.firmware.endpoints.test_ddi import Board

pytestmark = pytest.mark.django_db(transaction=True)


def _open() -> list[tuple[str, str]]:
    return [(row.device.code, sentence_of(row.word, row.values)) for row in Trouble.objects.open()]


def test_a_wrong_key_is_told_until_the_right_one_comes(endpoint):
    made = offer()
    board = Board(endpoint, made)
    right, board.headers = board.headers, {"authorization": "TargetToken nonsense"}
    assert board.get().status_code == 401
    wait_for(_open)
    ((code, sentence),) = _open()
    assert code == made.device.code and "the key is wrong or revoked" in sentence
    board.headers = right
    assert board.get().status_code == 200
    wait_for(lambda: not _open())


def test_a_revoked_key_in_the_address_is_told_to_its_device(endpoint):
    made = offer()
    identity.revoke_key(made.device.keys.get())
    assert endpoint.get(f"/ota/esp/{made.key}").status_code == 403
    wait_for(lambda: [code for code, _ in _open()] == [made.device.code])


def test_what_could_not_be_read_is_told_until_something_can(endpoint):
    board = Board(endpoint, offer())
    url = f"{board.root}/configData"
    assert endpoint.put(url, content=b"[", headers=board.headers).status_code == 400
    told = "It requested firmware and was refused: what it sent could not be read."
    wait_for(lambda: [sentence for _, sentence in _open()] == [told])
    assert board.tell() == 200
    wait_for(lambda: not _open())


def test_a_stranger_is_nobodys_trouble():
    call = SimpleNamespace(found={"key": "nonsense"}, key="", address="192.0.2.7")
    refusal_notes._note(call, "auth")
    assert _open() == []
