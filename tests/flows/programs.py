"""Programs that PhotoHub hands out, compiled for this computer and run against a hub.

The boards' libraries are thin stand-ins (tests/boards); what they send and receive goes over real sockets.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.hub_process import inherited

BOARDS = Path(__file__).resolve().parent.parent / "boards"
_WARNINGS = ("-Wall", "-Werror", "-O0", "-pthread")


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def compile_sketch(sketch: Path) -> Path:
    """Return the program of an Arduino sketch. Every warning is an error."""
    program = sketch.with_suffix(".program")
    main, place = BOARDS / "arduino/main.cpp", f'-DSKETCH="{sketch}"'
    _run(
        "g++", "-std=gnu++17", *_WARNINGS, "-I", BOARDS / "arduino", "-I", BOARDS, place, main, "-o", program
    )
    return program


@cache
def _idf(folder: Path) -> Path:
    library = folder / "esp_idf.o"
    _run("g++", "-std=gnu++17", *_WARNINGS, "-c", BOARDS / "esp-idf/esp_idf.cpp", "-o", library)
    return library


def compile_idf(source: Path, folder: Path) -> Path:
    """Return the program of an ESP-IDF main.c; the stand-in is compiled once for each folder."""
    program, compiled = source.with_suffix(".program"), source.with_suffix(".o")
    _run(
        "gcc", "-std=gnu17", *_WARNINGS, "-I", BOARDS / "esp-idf", "-I", BOARDS, "-c", source, "-o", compiled
    )
    _run("g++", "-pthread", compiled, _idf(folder), "-o", program)
    return program


@contextmanager
def running(command: list[str | Path], folder: Path, picture: Path | None = None) -> Iterator[Path]:
    """Run a board; yields the file that it prints to."""
    printed = folder / "printed"
    env = inherited() | ({"BOARD_PICTURE": str(picture)} if picture else {})
    with printed.open("wb") as out:
        board = subprocess.Popen([str(word) for word in command], cwd=folder, env=env, stdout=out, stderr=out)
        try:
            yield printed
        finally:
            board.kill()
            board.wait()
