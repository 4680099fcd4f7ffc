"""How many uploads this process is receiving right now, so that work which can wait does."""

_HIGH = 6

_uploads = 0


def uploads() -> int:
    """Return the number of uploads in flight in this process."""
    return _uploads


def enter() -> None:
    """Count one more upload. Call from the loop."""
    global _uploads
    _uploads += 1


def leave() -> None:
    """Count one less."""
    global _uploads
    _uploads -= 1


def is_high() -> bool:
    """Tell whether cameras are being served in numbers, so that previews should wait for a quieter moment."""
    return _uploads >= _HIGH
