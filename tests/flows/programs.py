"""Programs that PhotoHub hands out, compiled for this computer and run against a hub.

The boards' libraries are thin stand-ins (tests/boards); what they send and receive goes over real sockets.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.hub_process import inherited
from tests.outside import from_npm, node

BOARDS = Path(__file__).resolve().parent.parent / "boards"
_WARNINGS = ("-Wall", "-Werror", "-O0", "-pthread")


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def compile_sketch(sketch: Path) -> Path:
    """Return the program of an Arduino sketch. Every warning is an error."""
    made = sketch.with_suffix(".program")
    main, place = BOARDS / "arduino/main.cpp", f'-DSKETCH="{sketch}"'
    _run("g++", "-std=gnu++17", *_WARNINGS, "-I", BOARDS / "arduino", "-I", BOARDS, place, main, "-o", made)
    return made


@cache
def _idf(folder: Path) -> Path:
    library = folder / "esp_idf.o"
    _run("g++", "-std=gnu++17", *_WARNINGS, "-c", BOARDS / "esp-idf/esp_idf.cpp", "-o", library)
    return library


def compile_idf(source: Path, folder: Path) -> Path:
    """Return the program of an ESP-IDF main.c; the stand-in is compiled once for each folder."""
    made, compiled = source.with_suffix(".program"), source.with_suffix(".o")
    _run(
        "gcc", "-std=gnu17", *_WARNINGS, "-I", BOARDS / "esp-idf", "-I", BOARDS, "-c", source, "-o", compiled
    )
    _run("g++", "-pthread", compiled, _idf(folder), "-o", made)
    return made


def interpret(source: Path, picture: Path) -> list[str | Path]:
    """Return what runs a MicroPython program in MicroPython's WebAssembly build."""
    package = "@micropython/micropython-webassembly-pyscript"
    build = from_npm(f"{package}@1.27.0") / package / "micropython.mjs"
    board = BOARDS / "micropython"
    return [*node(), board / "run.mjs", build, board / "lib", source, picture]


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
