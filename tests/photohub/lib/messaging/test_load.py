import pytest

from photohub.lib.messaging import load


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = [100.0]
    for name, value in {
        "_uploads": 0,
        "_rate": 0.0,
        "_rated_at": 0.0,
        "_busy": 0.0,
        "_storing": 0,
        "_busy_at": 0.0,
    }.items():
        monkeypatch.setattr(load, name, value)
    monkeypatch.setattr(load.time, "monotonic", lambda: now[0])
    return now


def test_under_a_few_uploads_the_load_is_not_high():
    for _ in range(3):
        load.enter()
    assert load.uploads() == 3 and not load.is_high()


def test_many_at_once_are():
    for _ in range(6):
        load.enter()
    assert load.is_high()


def test_many_a_second_are_even_one_after_the_other(clock):
    for _ in range(200):
        load.enter()
        load.leave()
        clock[0] += 0.01
    assert load.uploads() == 0 and load.is_high()
    clock[0] += 3
    assert not load.is_high()


def test_it_is_calm_a_moment_after_the_last_upload(clock):
    assert load.is_calm()
    load.enter()
    clock[0] += 1
    assert not load.is_calm()
    load.leave()
    assert load.is_calm()


def test_between_two_pictures_of_a_camera_that_does_not_pause_it_is_not_calm(clock):
    load.enter()
    clock[0] += 0.003
    load.leave()
    assert not load.is_calm()


def test_who_waits_for_calm_waits_no_longer_than_asked(clock, monkeypatch):
    slept = []
    monkeypatch.setattr(load.time, "sleep", lambda s: (slept.append(s), clock.__setitem__(0, clock[0] + s)))
    load.enter()
    load.wait_for_calm(0.5)
    assert sum(slept) == pytest.approx(0.5, abs=0.02)
    load.leave()
    del slept[:]
    load.wait_for_calm(0.5)
    assert slept == []


def send(clock, times: int, waits_s: float, pauses_s: float) -> None:
    for _ in range(times):
        load.enter()
        with load.storing():
            clock[0] += waits_s
        load.leave()
        clock[0] += pauses_s


def test_a_camera_that_sends_without_pause_is_load_however_slow_the_machine(clock):
    send(clock, times=10, waits_s=0.19, pauses_s=0.01)
    assert load.rate_per_s() < 10 and load.is_high()
    clock[0] += 1
    assert not load.is_high()


def test_one_that_pauses_for_longer_than_it_waits_is_not(clock):
    send(clock, times=40, waits_s=0.03, pauses_s=0.07)
    assert load.busy_share() == pytest.approx(0.3, abs=0.05) and not load.is_high()


def test_a_slow_wire_is_no_load(clock):
    load.enter()
    clock[0] += 30
    assert not load.is_high()
