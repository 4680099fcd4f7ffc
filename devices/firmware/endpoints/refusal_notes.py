"""What a firmware endpoint refused, on the page of the device that asked."""

import logging

from django.db import DatabaseError, InterfaceError

from devices.events import troubles
from devices.firmware.rollouts import wording
from devices.keys import logins
from photohub.lib.database.db import in_thread
from photohub.lib.pages.sentences import Said, said, said_of

from .call import Call, Refused

log = logging.getLogger(__name__)

LOGIN = "login_firmware"
REFUSED = "firmware_refused"
_WHY = {
    "bad_request": said("what it sent could not be read."),
    "no_updater": said("the program that asked is no updater that the hub knows."),
    "wrong_mode": said("it asked for another kind of image."),
    "disk": said("the image cannot be read just now. Look at the disk of the data folder."),
}


async def note(call: Call, refusal: Refused) -> None:
    """Note a refusal, where it can be told whose request it was and the hub is not just too busy."""
    if refusal.word == "auth" or (call.device is not None and _why(refusal.word)):
        await _quietly(_note, call, refusal.word)


async def note_answered(call: Call) -> None:
    """Note that the device which asked was answered."""
    if call.device is not None:
        await _quietly(troubles.over, call.device, LOGIN, REFUSED)


def _note(call: Call, word: str) -> None:
    if word != "auth":
        if call.device is not None:
            troubles.note(call.device, REFUSED, detail=_why(word))
    elif code := call.found.get("code"):
        logins.note_refused(LOGIN, code, call.address)
    elif (device := logins.device_of_key(call.key or call.found.get("key") or "")) is not None:
        logins.note_refused(LOGIN, device.code, call.address)


def _why(word: str) -> Said | None:
    if word in wording.SENTENCES:
        return said_of(wording.SENTENCES[word])
    return _WHY.get(word)


async def _quietly(function, *args: object) -> None:
    try:
        await in_thread(function, *args)
    except (DatabaseError, InterfaceError) as error:
        log.warning("What a firmware endpoint answered could not be written down: %s", error)
