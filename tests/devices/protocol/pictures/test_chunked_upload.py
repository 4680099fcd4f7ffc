import hashlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol import topics
from devices.protocol.pictures.chunked_upload import (
    Answer,
    ChunkedUploads,
    Completed,
    Limits,
    MemoryStorage,
    Reason,
)
from devices.protocol.topics import FileStep, FileTopic

DATA = random.Random(1).randbytes(10_000)
SHA = hashlib.sha256(DATA).hexdigest()


class Sender:
    """A device with a small buffer; `said` holds what the hub answered last."""

    def __init__(self, code: str = "porch", id: str = "f1", **limits: float) -> None:
        self.storage = MemoryStorage()
        self.hub = ChunkedUploads(self.storage, Limits(**limits))
        self.code, self.id, self.now_s = code, id, 1_000_000.0

    def send(self, step: FileStep, payload: bytes = b"", number: int | None = None, sha256: str = ""):
        outcome = self.hub.handle(self.code, FileTopic(self.id, step, number, sha256), payload, self.now_s)
        return self.read(outcome) if isinstance(outcome, Answer) else outcome

    def read(self, answer: Answer) -> tuple[int, list | None]:
        assert answer.topic == topics.file_response(self.code, self.id)
        said = json.loads(answer.payload)
        assert said["vsn"] == "0.1" and said["reason_description"] and said["topic"].startswith("photohub/")
        return said["reason_code"], said.get("missing")

    def init(self, **values):
        return self.send(FileStep.INIT, json.dumps({"name": "a.jpg", "size": len(DATA), **values}).encode())

    def piece(self, start: int, end: int, sha256: str = ""):
        return self.send(FileStep.DATA, DATA[start:end], start, sha256)

    def all_pieces(self, size: int = 1000):
        return {self.piece(at, min(at + size, len(DATA))) for at in range(0, len(DATA), size)}

    def fin(self, size: int = len(DATA), sha256: str = ""):
        return self.send(FileStep.FIN, b"", size, sha256)


OK = (Reason.OK, None)


def test_a_file_in_pieces_comes_out_whole():
    porch = Sender()
    assert porch.init(checksum=SHA.upper(), user_data={"shot": 7}) == OK
    assert porch.all_pieces() == {OK}
    assert porch.fin(sha256=SHA) == Completed("porch", "f1", "a.jpg", DATA, SHA, {"shot": 7})
    assert porch.read(porch.hub.settle("porch", "f1")) == OK
    assert len(porch.hub) == porch.storage.held_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 3000)), max_size=15), st.randoms())
def test_pieces_may_come_in_any_order_and_overlap(extra, shuffle):
    porch = Sender()
    porch.init()
    pieces = [(at, at + 1000) for at in range(0, 10_000, 1000)] + [(a, min(a + n, 10_000)) for a, n in extra]
    shuffle.shuffle(pieces)
    assert {porch.piece(*piece) for piece in pieces} == {OK}
    assert porch.fin().data == DATA


def test_fin_tells_what_is_missing_and_resumes():
    porch = Sender()
    porch.init()
    porch.piece(0, 1000)
    porch.piece(5000, 6000)
    assert porch.fin() == (Reason.RESEND, [[1000, 5000], [6000, 10_000]])
    porch.piece(1000, 5000)
    porch.piece(6000, 10_000)
    assert porch.fin().data == DATA


def test_the_same_init_again_resumes_and_tells_what_is_missing():
    porch = Sender()
    porch.init()
    porch.piece(0, 4000)
    assert porch.init() == (Reason.OK, [[4000, 10_000]])
    porch.piece(4000, 10_000)
    assert porch.fin().data == DATA


def test_another_init_begins_afresh():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    assert porch.init(name="b.jpg") == OK
    assert porch.fin() == (Reason.RESEND, [[0, 10_000]])


def test_fin_may_be_repeated_while_and_after_storing():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    porch.fin()
    assert porch.fin() is None
    porch.hub.settle("porch", "f1")
    assert porch.fin() == OK


def test_a_file_that_could_not_be_stored_may_be_finished_again():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    porch.fin()
    answer = porch.hub.settle("porch", "f1", Reason.PAUSE, "The disk is full.")
    assert porch.read(answer) == (Reason.PAUSE, None)
    assert porch.fin().data == DATA


@pytest.mark.parametrize("given_in", ["init", "fin"])
def test_a_wrong_checksum_asks_for_all_of_it_again(given_in):
    porch = Sender()
    porch.init(**({"checksum": "0" * 64} if given_in == "init" else {}))
    porch.all_pieces()
    assert porch.fin(sha256="0" * 64 if given_in == "fin" else "") == (Reason.RESEND, [[0, 10_000]])
    assert porch.storage.held_bytes == 0


def test_a_piece_with_a_wrong_checksum_is_asked_for_again():
    porch = Sender()
    porch.init()
    assert porch.piece(0, 100, "0" * 64) == (Reason.RESEND, None)
    assert porch.piece(0, 100, hashlib.sha256(DATA[:100]).hexdigest()) == OK


def test_a_transfer_the_hub_does_not_know_begins_again():
    assert Sender().piece(0, 10) == Sender().fin() == (Reason.RESEND_ALL, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"[]",
        b"[" * 4000,
        b'{"size": 5}',
        b'{"name": ""}',
        b'{"name": 7}',
        b'{"name": "%s"}' % (b"x" * 241),
        b'{"name": "a", "size": "5"}',
        b'{"name": "a", "size": 0}',
        b'{"name": "a", "size": true}',
        b'{"name": "a", "size": 99999999999}',
        b'{"name": "a", "checksum": "abc"}',
        b'{"name": "a", "user_data": "%s"}' % (b"x" * 5000),
    ],
)
def test_an_init_that_cannot_succeed_is_cancelled(payload):
    porch = Sender()
    assert porch.send(FileStep.INIT, payload)[0] == Reason.CANCEL
    assert len(porch.hub) == 0


def test_a_piece_behind_the_end_is_cancelled():
    porch = Sender()
    porch.init(size=50)
    assert porch.piece(0, 51)[0] == Reason.CANCEL
    assert porch.send(FileStep.DATA, b"x", 9_999_999_999)[0] == Reason.CANCEL
    assert porch.storage.held_bytes == 0


def test_a_size_that_differs_in_fin_is_cancelled():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    assert porch.fin(size=9_999)[0] == porch.fin(size=0)[0] == Reason.CANCEL


def test_a_device_has_few_transfers_at_once():
    porch = Sender(transfers_per_device=1)
    porch.init()
    porch.id = "f2"
    assert porch.init()[0] == Reason.PAUSE
    porch.code = "garden"
    assert porch.init() == OK


def test_no_room_asks_the_device_to_wait():
    porch = Sender()
    porch.hub = ChunkedUploads(MemoryStorage(limit_bytes=500))
    porch.init()
    assert porch.piece(0, 400) == OK
    assert porch.piece(400, 800)[0] == Reason.PAUSE


def test_many_islands_are_refused_and_filling_gaps_is_not():
    porch = Sender()
    porch.init()
    answers = [porch.piece(at, at + 1)[0] for at in range(0, 4000, 2)]
    assert answers.count(Reason.PAUSE) == 2000 - 1024
    assert porch.piece(0, 4000) == OK


def test_abort_forgets_the_pieces():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    assert porch.send(FileStep.ABORT) == OK
    assert len(porch.hub) == porch.storage.held_bytes == 0


@pytest.mark.parametrize("values", [{}, {"segments_ttl": 60}, {"expire_at": 1_000_030}])
def test_an_abandoned_transfer_is_forgotten(values):
    porch = Sender(idle_s=100)
    porch.init(**values)
    porch.piece(0, 100)
    assert porch.hub.expire(porch.now_s + 25) == []
    assert porch.hub.expire(porch.now_s + 101) == [("porch", "f1")]
    assert porch.storage.held_bytes == 0


def test_two_devices_with_the_same_id_are_apart():
    porch = Sender()
    porch.init()
    porch.all_pieces()
    porch.code = "garden"
    assert porch.fin() == (Reason.RESEND_ALL, None)


def test_transfers_that_are_asleep_keep_no_other_from_its_room():
    hub = ChunkedUploads(MemoryStorage(limit_bytes=25_000))

    def send(code: str, step: FileStep, payload: bytes, now_s: float, number: int | None = None) -> int:
        return hub.handle(code, FileTopic("f1", step, number), payload, now_s).reason

    for code, now_s in (("one", 0), ("two", 30), ("three", 40)):
        send(code, FileStep.INIT, b'{"name":"a.jpg","segments_ttl":86400}', now_s)
        reason = send(code, FileStep.DATA, b"x", now_s, 9_999)
    assert reason == Reason.PAUSE
    assert send("three", FileStep.DATA, b"x", 70, 9_999) == Reason.OK
    assert send("two", FileStep.DATA, b"x", 70, 0) == Reason.OK
    assert send("one", FileStep.DATA, b"x", 70, 0) == Reason.RESEND_ALL
