"""Secrets that PhotoHub makes for itself, kept in files that only it may read."""

import os
import secrets
from pathlib import Path

DIFFERENT_AT_LEAST = 6


def fault_of_secret(text: str, length_at_least: int = 32) -> str:
    """Say why a secret that somebody chose could be guessed; empty for one that is good enough."""
    if len(text) < length_at_least:
        return f"is shorter than {length_at_least} characters, so it could be guessed"
    if len(set(text)) < DIFFERENT_AT_LEAST:
        return f"has fewer than {DIFFERENT_AT_LEAST} different characters, so it could be guessed"
    return ""


def read_or_make_secret(path: Path, size_bytes: int = 50) -> str:
    """Return the secret in `path`; make it first when there is none. Processes that start together agree."""
    if not path.exists():
        _make(path, secrets.token_urlsafe(size_bytes))
    text = path.read_text().strip()
    if not text:
        raise RuntimeError(f"The secret file {path} is empty. Delete it, and PhotoHub makes a new one.")
    return text


def _make(path: Path, text: str) -> None:
    # Written under another name and linked into place: nobody can read it half, and the first one wins.
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
