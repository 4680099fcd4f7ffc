import pytest

from photohub.lib import pressure


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = [100.0]
    for name, value in {"_uploads": 0, "_rate": 0.0, "_rated_at": 0.0}.items():
        monkeypatch.setattr(pressure, name, value)
    monkeypatch.setattr(pressure.time, "monotonic", lambda: now[0])
    return now


def test_a_few_uploads_are_no_pressure():
    for _ in range(3):
        pressure.enter()
    assert pressure.uploads() == 3 and not pressure.is_high()


def test_many_at_once_are():
    for _ in range(6):
        pressure.enter()
    assert pressure.is_high()


def test_many_a_second_are_even_one_after_the_other(clock):
    for _ in range(200):
        pressure.enter()
        pressure.leave()
        clock[0] += 0.01
    assert pressure.uploads() == 0 and pressure.is_high()
    clock[0] += 3
    assert not pressure.is_high()
