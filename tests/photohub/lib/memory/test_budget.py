import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import reverse

from photohub.accounts.logins import hashers
from photohub.lib.memory import budget as memory
from photohub.lib.pages import middleware
from tests.peaks import Peak


@pytest.fixture
def room(monkeypatch):
    room = memory.Room(100, waiting_at_most=2)
    monkeypatch.setattr(memory, "room", room)
    return room


def test_no_more_than_there_is_room_for_goes_on_at_once(room):
    peak = Peak()

    def work(_number):
        with room.take(40), peak:
            peak.meet(2)

    room._waiting_at_most = 20
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert peak.most == 2


def test_whoever_finds_no_room_in_time_is_told_and_leaves_none_behind(room):
    with room.take(100):
        with pytest.raises(memory.Crowded), room.take(1, within_s=0.01):
            pass
    with room.take(100, within_s=0):
        pass


def test_more_than_may_wait_are_told_at_once(room):
    room._waiting_at_most = 0
    with pytest.raises(memory.Crowded), room.take(1, within_s=60):
        pass


def test_what_never_fits_is_told_at_once(room):
    with pytest.raises(memory.TooLarge), room.take(101, within_s=60):
        pass


def test_large_work_is_not_overtaken_by_small_work(room):
    order, begun = [], threading.Event()

    def large():
        begun.set()
        with room.take(100, within_s=5):
            order.append("large")

    thread = threading.Thread(target=large)
    with room.take(60):
        thread.start()
        assert begun.wait(5)
        while not room._line:
            thread.join(0.001)
        with pytest.raises(memory.Crowded), room.take(10, within_s=0.01):
            order.append("small")
    thread.join(5)
    with room.take(10):
        order.append("small")
    assert order == ["large", "small"]


def test_an_exception_gives_the_room_back(room):
    with pytest.raises(ZeroDivisionError), room.take(100):
        _ = 1 / 0
    with room.take(100, within_s=0):
        pass


@pytest.fixture
def argon2(settings, monkeypatch):
    """Argon2 as it is set up, but at a cost that a suite can pay; it counts as 60 of the 100 bytes."""
    settings.PASSWORD_HASHERS = ["photohub.accounts.logins.hashers.Argon2InTurn"]
    monkeypatch.setattr(hashers.Argon2InTurn, "memory_cost", 64)
    monkeypatch.setattr(hashers.Argon2InTurn, "time_cost", 1)
    monkeypatch.setattr(hashers.Argon2InTurn, "_bytes_of", lambda self, cost_kib: 60)


def test_sixteen_wrong_passwords_at_once_are_checked_one_after_the_other(room, argon2, monkeypatch):
    peak, verify = Peak(), hashers.Argon2PasswordHasher.verify
    encoded = make_password("right")
    room._waiting_at_most = 20

    def verify_in_sight(self, password, stored):
        with peak:
            return verify(self, password, stored)

    monkeypatch.setattr(hashers.Argon2PasswordHasher, "verify", verify_in_sight)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: check_password(f"wrong {n}", encoded), range(16)))
    assert not any(answers) and peak.most == 1 and check_password("right", encoded)


def test_a_password_that_was_made_before_is_known_still(argon2):
    assert identify_hasher("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA").algorithm == "argon2"


def test_who_waited_in_vain_is_answered_in_words(rf: RequestFactory, client):
    answers = middleware.AnswerCrowds(lambda request: None)
    answer = answers.process_exception(rf.get("/"), memory.Crowded())
    assert answer.status_code == 503 and answer["Retry-After"] == "5"
    assert b"Try again in a moment." in answer.content
    assert answers.process_exception(HttpRequest(), ValueError()) is None


@pytest.mark.django_db
def test_a_login_that_finds_no_room_is_answered_503(room, argon2, client, monkeypatch):
    monkeypatch.setattr(hashers, "_WAIT_S", 0.01)
    with room.take(100):
        answer = client.post(reverse("login"), {"username": "ada", "password": "wrong"})
    assert answer.status_code == 503 and "Retry-After" in answer
