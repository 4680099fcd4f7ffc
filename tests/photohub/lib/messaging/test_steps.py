import pytest
from django.db import OperationalError

from photohub.lib.messaging.steps import each_in_turn


def test_a_step_that_fails_keeps_no_other_from_its_turn(caplog):
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("what nobody thought of")

    each_in_turn(fail, lambda: done.append("next"))
    assert done == ["next"] and "fail" in caplog.text


def test_a_database_that_is_away_is_no_fault_of_each_step():
    done: list[str] = []

    def fail() -> None:
        raise OperationalError("away")

    with pytest.raises(OperationalError):
        each_in_turn(fail, lambda: done.append("next"))
    assert done == []
