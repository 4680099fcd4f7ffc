"""Compiling the catalogues of words: `.po` files are kept, `.mo` files are made."""

import secrets
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compile_words(folder: Path) -> int:
    """Write the `.mo` beside each `.po` that is newer. Returns how many were written."""
    written = 0
    for source in folder.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file)
        # Several processes may start at once; each writes a file of its own, and the last one's stays.
        temporary = target.with_suffix(f".mo.{secrets.token_hex(4)}")
        with temporary.open("wb") as file:
            write_mo(file, catalogue)
        # Words are no secret, and another account may run the hub tomorrow.
        temporary.chmod(0o644)
        temporary.replace(target)
        written += 1
    return written
