import os
import py_compile
import sys
from pathlib import Path

import pytest

from photohub.start import bytecode


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """A program of one module whose bytecode may not be written, and a user with a cache of his own."""
    root = tmp_path / "program"
    (root / "photohub").mkdir(parents=True)
    (root / "photohub" / "settings.py").write_text("WORD = 1\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(bytecode, "probes", lambda root: [root / "photohub" / "settings.py"])
    return root


def folder_of(program: Path) -> str:
    return str(program.parent / "cache" / "photohub" / "bytecode")


def test_what_may_not_lie_beside_the_sources_lies_in_the_users_cache(program):
    bytecode.keep(program)
    assert (sys.pycache_prefix, sys.dont_write_bytecode) == (folder_of(program), False)
    assert Path(sys.pycache_prefix).stat().st_mode & 0o777 == 0o700


def test_bytecode_that_is_there_is_used(program):
    py_compile.compile(str(program / "photohub" / "settings.py"))
    bytecode.keep(program)
    assert sys.pycache_prefix is None and sys.dont_write_bytecode


def test_bytecode_that_is_known_by_a_hash_is_used(program):
    file = program / "photohub" / "settings.py"
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    bytecode.keep(program)
    assert sys.pycache_prefix is None


@pytest.mark.parametrize(
    "change", [lambda file: file.write_text("WORD = 12\n"), lambda file: os.utime(file, (1, 1))]
)
def test_bytecode_of_another_state_of_the_code_is_none(program, change):
    py_compile.compile(str(program / "photohub" / "settings.py"))
    change(program / "photohub" / "settings.py")
    bytecode.keep(program)
    assert sys.pycache_prefix == folder_of(program)


def test_where_python_may_write_beside_the_sources_it_does(program, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    bytecode.keep(program)
    assert sys.pycache_prefix is None


def test_a_program_of_another_user_is_kept_in_the_cache(program, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    may, own = os.access, program.parent / "cache"
    monkeypatch.setattr(os, "access", lambda path, mode: may(path, mode) and Path(path).is_relative_to(own))
    bytecode.keep(program)
    assert sys.pycache_prefix == folder_of(program)


def test_a_folder_that_somebody_chose_stays(program, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", "/chosen")
    bytecode.keep(program)
    assert sys.pycache_prefix == "/chosen" and sys.dont_write_bytecode


def test_without_a_place_for_it_the_start_goes_on(program, monkeypatch):
    (program.parent / "cache").write_text("in the way")
    bytecode.keep(program)
    assert sys.pycache_prefix is None and sys.dont_write_bytecode


def test_code_is_taken_from_no_folder_of_another_user(program, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    bytecode.keep(program)
    assert sys.pycache_prefix is None
