"""Images that may not go out any more, or that go: whoever uses them hears it here, in the same transaction.

Rollouts stand above this room and listen; `devices.wiring` connects them.
"""

from collections.abc import Callable
from uuid import UUID

from .models import Firmware

_withdrawn: list[Callable[[list[UUID], str, object], object]] = []
_deleted: list[Callable[[Firmware], object]] = []
_cleared: list[Callable[[Firmware], object]] = []


def on_withdrawal(listener: Callable[[list[UUID], str, object], object]) -> None:
    """Let an upper room stop what it does with images: `listener(ids, word, user)`; the word says why."""
    if listener not in _withdrawn:
        _withdrawn.append(listener)


def on_delete(listener: Callable[[Firmware], object], clear: Callable[[Firmware], object]) -> None:
    """Let an upper room delete what hangs on an image, or raise FirmwareTaken: `listener(firmware)`.

    `clear(firmware)` comes before it, outside of the transaction: for what may be thousands of rows.
    """
    if listener not in _deleted:
        _deleted.append(listener)
        _cleared.append(clear)


def withdraw(firmware_ids: list[UUID], word: str, user=None) -> None:
    """Say that these images may not go out."""
    for listener in _withdrawn:
        listener(firmware_ids, word, user)


def clear(firmware: Firmware) -> None:
    """Say that this image is going to be deleted. Raises FirmwareTaken where somebody needs it."""
    for listener in _cleared:
        listener(firmware)


def let_go(firmware: Firmware) -> None:
    """Say that this image is deleted now. Raises FirmwareTaken where somebody needs it."""
    for listener in _deleted:
        listener(firmware)
