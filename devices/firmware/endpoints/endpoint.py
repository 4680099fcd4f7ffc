"""The firmware endpoints as one ASGI application: which path is whose, and what an exception means to a device."""

import logging

from django.db import DatabaseError, InterfaceError

from . import ddi, download, esp, refusal_notes
from .call import Call, Gone, Refused, busy, slow_down
from .transfer import nginx_endpoint

log = logging.getLogger(__name__)

_ENDPOINTS = (
    (download.PATH, download.answer),
    (esp.PATH, esp.answer),
    (ddi.PATH, ddi.answer),
    (nginx_endpoint.IMAGE_PATH, nginx_endpoint.answer_image),
    (nginx_endpoint.SENT_PATH, nginx_endpoint.answer_sent),
)


def serves(path: str) -> bool:
    """Tell whether this path is a firmware endpoint's."""
    return any(pattern.match(path) for pattern, _answer in _ENDPOINTS)


async def application(scope: dict, receive, send) -> None:
    """Answer one request."""
    matched = ((pattern.match(scope["path"]), answer) for pattern, answer in _ENDPOINTS)
    match, answer = next((match, answer) for match, answer in matched if match)
    call = Call(scope, receive, send, match.groupdict())
    try:
        await answer(call)
        await refusal_notes.note_answered(call)
    except Gone:
        pass  # What was sent is noted; the device asks for the rest when it comes back.
    except Exception as error:
        if call.begun:
            raise
        refusal = _explain(error, call)
        await call.refuse(refusal)
        await refusal_notes.note(call, refusal)


def _explain(error: Exception, call: Call) -> Refused:
    match error:
        case Refused():
            return slow_down(error, call.address)
        case DatabaseError() | InterfaceError():
            log.warning("A device asked for firmware while the database was away.")
            return busy("The hub's database is away; ask again.", "db")
    log.exception("A firmware endpoint failed in a way PhotoHub did not expect.", exc_info=error)
    return busy("The hub stumbled; ask again.")
