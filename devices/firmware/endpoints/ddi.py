"""hawkBit's Direct Device Integration API, version 1, as far as swupdate asks for it.

`/<tenant>/controller/v1/<code>` with `Authorization: TargetToken <key>`; the tenant is any word. The documents are in
`devices.protocol.firmware.ddi`, what they mean for a rollout is in `ddi_actions`.
"""

import re

from django.conf import settings

from devices.firmware.rollouts.models import TargetState
from devices.protocol.firmware import ddi
from devices.protocol.json_fields import Unreadable
from devices.registry.models import Device
from photohub.lib.database.db import in_thread

from . import ddi_actions
from .call import Call, Refused, find_caller

PATH = re.compile(
    r"^/(?P<tenant>[A-Za-z0-9._~-]{1,64})/controller/v1/(?P<code>[a-z0-9-]{1,64})"
    r"(?:/(?P<config>configData)|/(?P<kind>deploymentBase|cancelAction)/(?P<id>[0-9]{1,18})"
    r"(?P<feedback>/feedback)?)?/?$"
)


async def answer(call: Call) -> None:
    """Answer one question, or take one report."""
    if call.found["config"]:
        await _take_config(call)
    elif call.found["feedback"]:
        await _take_feedback(call)
    else:
        call.allow("GET")
        tell = {None: _tell_base, "deploymentBase": _tell_deployment, "cancelAction": _tell_cancel}
        body = await in_thread(tell[call.found["kind"]], call)
        await call.answer(200, body, ddi.CONTENT_TYPE)


def _find_device(call: Call) -> Device:
    kind, token = ddi.read_token(call.header("authorization")) or ("", "")
    device = find_caller(token if kind == "target" else "", call.address)
    if device.code != call.found["code"]:
        raise Refused("auth", "This key is another device's.")
    call.device = device
    return device


def _tell_base(call: Call) -> bytes:
    device = _find_device(call)
    target = ddi_actions.find_open(device)
    key = target.pk if target is not None else None
    stopped = target is not None and target.state == TargetState.CANCELLED
    return ddi.encode_base(
        ddi.root_url(call.hub_url, call.found["tenant"] or "", device.code),
        sleep_s=settings.DDI_SLEEP_S,
        wants_config=device.config_wanted,
        deployment=None if stopped else key,
        deployment_tag=1,
        cancel=key if stopped else None,
    )


def _tell_deployment(call: Call) -> bytes:
    target = ddi_actions.find_action(_find_device(call), int(call.found["id"] or 0))
    return ddi.encode_deployment(target.pk, ddi_actions.chunks_of(target, call.hub_url))


def _tell_cancel(call: Call) -> bytes:
    target = ddi_actions.find_action(_find_device(call), int(call.found["id"] or 0))
    if target.state != TargetState.CANCELLED:
        raise Refused("not_found", "This action is not to be stopped.")
    return ddi.encode_cancel(target.pk, target.pk)


async def _take_feedback(call: Call) -> None:
    call.allow("POST", "PUT")
    # Whoever it is, before his words are read.
    device = await in_thread(_find_device, call)
    feedback = _readable(ddi.decode_feedback(await call.read_body(ddi.MAX_MESSAGE_BYTES)))

    def take() -> None:
        target = ddi_actions.find_action(device, int(call.found["id"] or 0))
        ddi_actions.take_feedback(target, feedback)

    await in_thread(take)
    await call.answer(200)


async def _take_config(call: Call) -> None:
    call.allow("PUT", "POST")
    device = await in_thread(_find_device, call)
    config = _readable(ddi.decode_config(await call.read_body(ddi.MAX_MESSAGE_BYTES)))
    await in_thread(ddi_actions.take_config, device, config)
    await call.answer(200)


def _readable(document):
    if document is None:
        raise Refused("bad_request", "The body is not the JSON object that belongs here.")
    if isinstance(document, Unreadable):
        raise Refused("bad_request", document.reason)
    return document
