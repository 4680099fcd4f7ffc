import importlib
import sys

import pytest

from photohub.lib.memory.later import later, without


@pytest.fixture
def sleeper(tmp_path, monkeypatch):
    (tmp_path / "a_sleeper.py").write_text("WORD = 'awake'\n\n\nclass Snore(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield later("a_sleeper")
    sys.modules.pop("a_sleeper", None)


def test_a_module_is_loaded_when_something_of_it_is_used(sleeper):
    assert "a_sleeper" not in sys.modules
    assert sleeper.WORD == "awake" and "a_sleeper" in sys.modules


def test_its_classes_are_its_own(sleeper):
    assert sleeper.Snore is sys.modules["a_sleeper"].Snore


def test_looking_at_it_loads_nothing_and_what_it_has_not_is_missing(sleeper):
    assert not hasattr(sleeper, "__wrapped__") and "a_sleeper" not in sys.modules
    with pytest.raises(AttributeError, match="DREAM"):
        _ = sleeper.DREAM


def test_a_module_that_is_not_there_is_missed_when_it_is_used():
    nothing = later("no_such_module_of_anybody")
    with pytest.raises(ModuleNotFoundError):
        _ = nothing.WORD


def test_what_is_left_out_is_not_found_for_a_while(sleeper):
    with without("a_sleeper", "sys"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("a_sleeper")
        assert importlib.import_module("sys") is sys
    assert importlib.import_module("a_sleeper").WORD == "awake"
