"""The management API at /api/v1/: the routers of both apps behind one login and one shape of errors."""

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, IntegrityError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.parser import Parser
from pydantic import Field

from devices.audit.api import router as audit_router
from devices.camera_settings.api import router as camera_settings_router
from devices.commands.api import router as commands_router
from devices.events.api import router as events_router
from devices.firmware.api import refusal_of as refusal_of_firmware
from devices.firmware.api import router as firmware_router
from devices.firmware.endpoints.api import router as ota_router
from devices.firmware.errors import FirmwareError, RolloutError
from devices.firmware.rollouts.api import router as rollouts_router
from devices.keys.api import router as keys_router
from devices.panels.deliveries.api import refusal_of_delivery
from devices.panels.deliveries.api import router as deliveries_router
from devices.panels.deliveries.queue import CannotDeliver
from devices.panels.playlists.api import router as playlists_router
from devices.panels.rendering.api import router as render_profiles_router
from devices.protocol.json_fields import read_json
from devices.schedules.api import router as schedules_router
from devices.setup.api import router as devices_router
from media_pipeline.alerts.api import router as alerts_router
from media_pipeline.captures.api import router as pictures_router
from media_pipeline.gaps.api import router as gaps_router
from media_pipeline.history.api import router as history_router
from media_pipeline.links.api import router as shares_router
from media_pipeline.live.api import router as live_router
from media_pipeline.plots.api import router as plots_router
from media_pipeline.show_rules.api import router as rules_router
from media_pipeline.time_lapses.api import router as time_lapses_router
from media_pipeline.trash.api import router as trash_router
from photohub import __version__
from photohub.api.auth import Session, Token
from photohub.api.docs import chapters_of, describe_errors, shapes_of
from photohub.lib.http import answer as answers
from photohub.lib.http.body_limit import BODY_AT_MOST_BYTES
from photohub.lib.http.refusals import field_errors
from photohub.lib.memory.budget import Crowded
from photohub.lib.network.site import base_url
from photohub.lib.pages.api import ApiError, refusal_of
from photohub.status import parts as status
from photohub.status.part import Part

log = logging.getLogger(__name__)

DESCRIPTION = """\
Everything that the pages do, for programs. Send `Authorization: Bearer <API token>`; tokens are made on the
account page and hold scopes: `read`, `command`, `manage`. Times are ISO 8601 in UTC. Lists are
`{"items": […], "next": "<cursor>" | null}`. Every refusal is
`{"code": 1, "des": "<sentence>", "err": "<word>"}`.
"""
# How the ids of a module's operations begin. They are part of the API: a new module chooses freely, an old one keeps its.
IDS_BEGIN_WITH = {
    "devices.audit.api": "devices_api",
    "devices.camera_settings.api": "devices_api",
    "devices.commands.api": "devices_api",
    "devices.events.api": "devices_api",
    "devices.keys.api": "devices_api",
    "devices.panels.rendering.api": "devices_api_deliveries",
    "media_pipeline.alerts.api": "media_pipeline_api_alerts",
    "media_pipeline.gaps.api": "media_pipeline_api_gaps",
    "media_pipeline.history.api": "media_pipeline_api",
    "media_pipeline.links.api": "media_pipeline_api_shares",
    "media_pipeline.live.api": "media_pipeline_api",
    "media_pipeline.plots.api": "devices_api",
    "media_pipeline.trash.api": "media_pipeline_api",
    "devices.schedules.api": "devices_api_schedules",
    "devices.setup.api": "devices_api",
    "devices.panels.deliveries.api": "devices_api_deliveries",
    "devices.panels.playlists.api": "devices_api_playlists",
    "devices.firmware.api": "devices_api_firmware",
    "devices.firmware.endpoints.api": "devices_api_ota",
    "devices.firmware.rollouts.api": "devices_api_rollouts",
    "media_pipeline.captures.api": "media_pipeline_api",
    "media_pipeline.show_rules.api": "media_pipeline_api_rules",
    "media_pipeline.time_lapses.api": "media_pipeline_time_lapse_api",
    "photohub.api.api": "photohub_api",
}


def refuse(request: HttpRequest, error: ApiError) -> JsonResponse:
    """Write a refusal: the one shape of every answer that is not 2xx."""
    fields = {"fields": error.fields} if error.fields else {}
    answer = answers.refuse(error.status, error.word, error.sentence, **fields)
    if error.status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    if error.status in (429, 503):
        answer["Retry-After"] = "5"
    return answer


def explain(error: Exception) -> ApiError:
    """Say what an exception means to a client.

    Exception
    ├── ApiError                                as it says
    ├── AuthenticationError                     401 auth
    ├── HttpError                               400 bad_json   (the body could not be read)
    ├── PermissionDenied                        403 forbidden
    ├── Http404                                 404 not_found
    ├── ValidationError                         422 invalid    (or 409 conflict: something is taken)
    ├── FirmwareError, RolloutError             its word, with 409, 413, 422, 503 or 507
    ├── CannotDeliver                           its word, with 409, 422 or 429
    ├── IntegrityError                          409 conflict
    ├── DatabaseError, InterfaceError           503 db
    ├── Crowded                                 503 busy   (no memory in time for a password or a picture)
    └── anything else                           500 internal
    """
    for kind, tell in _TOLD_BY_ITSELF.items():
        if isinstance(error, kind):
            return tell(error)
    match error:
        case ApiError():
            return error
        case AuthenticationError():
            return ApiError(
                401, "auth", _("Log in, or send a live API token: Authorization: Bearer <token>.")
            )
        case HttpError():
            return ApiError(400, "bad_json", _("The body could not be read. Send JSON."))
        case PermissionDenied():
            return ApiError(403, "forbidden", str(error) or _("You can view this but not change it."))
        case Http404():
            return ApiError(404, "not_found", _("There is nothing here, or you may not see it."))
        case IntegrityError():
            return ApiError(409, "conflict", _("Someone else just changed the same thing. Try again."))
        case DatabaseError() | InterfaceError():
            return ApiError(503, "db", _("The hub's database is away. Try again in a few seconds."))
        case Crowded():
            return ApiError(503, "busy", error.sentence)
    return ApiError(500, "internal", _("Something went wrong. Details are in PhotoHub's log."))


def _invalid(error: ValidationError) -> ApiError:
    fields = {_field_of(item["loc"]): field_errors.say(item) for item in error.errors}
    sentence = " ".join(f"{name}: {message}." for name, message in fields.items())
    return ApiError(422, "invalid", sentence, fields)


# Refusals that say in their own words what is wrong.
_TOLD_BY_ITSELF: dict[type[Exception], Callable[..., ApiError]] = {
    ValidationError: _invalid,
    DjangoValidationError: refusal_of,
    FirmwareError: refusal_of_firmware,
    RolloutError: refusal_of_firmware,
    CannotDeliver: refusal_of_delivery,
}


def _field_of(location: tuple) -> str:
    # ("query", "limit") or ("body", "<argument>", "name", …)
    inner = location[2:] if location[0] == "body" and len(location) > 2 else location[1:]
    return ".".join(str(part) for part in inner)


class _Bodies(Parser):
    """Reads bodies as every other JSON from outside is read."""

    def parse_body(self, request: HttpRequest) -> dict:
        return read_json(request.body, BODY_AT_MOST_BYTES)


class ManagementAPI(NinjaAPI):
    """NinjaAPI whose every path takes a trailing slash too, and whose every refusal has our shape."""

    @property
    def urls(self) -> tuple[list, str, str]:
        patterns, app, namespace = super().urls
        served = [
            path("openapi.json", _read_only(openapi_json), name="openapi-json"),
            path("docs", _read_only(docs), name="docs"),
            *(p for p in patterns if isinstance(p, URLPattern) and p.name != "api-root"),
        ]
        # The root is only a place to reverse from; like any other unknown path it answers 404.
        root = path("", _unknown, name="api-root")
        return [*_slashed(served), root, re_path(r"^.*$", _unknown)], app, namespace

    # Ninja lets a handler have kinds of its own; ours takes every error.
    # pyrefly: ignore[bad-override]
    def on_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse:
        refusal = explain(exc)
        if refusal.status >= 500:
            log.error("The API could not answer %s %s.", request.method, request.path, exc_info=exc)
        return refuse(request, refusal)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the id by which generated clients know an operation: it stays when its code moves."""
        view = operation.view_func
        return f"{IDS_BEGIN_WITH[view.__module__]}_{view.__name__}"

    # Ninja's own arguments, whichever it takes.
    # pyrefly: ignore[bad-override]
    def get_openapi_schema(self, **kwargs) -> dict:
        return describe_errors(super().get_openapi_schema(**kwargs))


def _slashed(patterns: list[URLPattern]) -> list[URLPattern]:
    found = []
    for pattern in patterns:
        view = _in_our_shape(pattern.callback)
        found += [path(str(pattern.pattern), view, name=pattern.name), path(f"{pattern.pattern}/", view)]
    return found


def _in_our_shape(view: Callable) -> Callable:
    """Wrap a view so that its 405 is JSON too, and no cache keeps what only some may see."""

    def shape(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        answer.headers.setdefault("Cache-Control", "no-store")
        if answer.status_code != 405:
            return answer
        sentence = _("This address takes %(methods)s.") % {"methods": answer["Allow"]}
        shaped = refuse(request, ApiError(405, "method", sentence))
        shaped["Allow"] = answer["Allow"]
        return shaped

    if iscoroutinefunction(view):

        async def wrapped(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return shape(request, await view(request, *args, **kwargs))

    else:

        def wrapped(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return shape(request, view(request, *args, **kwargs))

    # Sessions are checked by `api_auth.Session`; tokens need no CSRF proof.
    return csrf_exempt(functools.wraps(view)(wrapped))


def _read_only(view: Callable) -> Callable:
    return csrf_exempt(require_safe(view))


@csrf_exempt
def _unknown(request: HttpRequest) -> HttpResponse:
    return refuse(
        request, ApiError(404, "not_found", _("There is no such address in the API; see /api/v1/docs."))
    )


def openapi_json(request: HttpRequest) -> HttpResponse:
    """Hand out the OpenAPI document. It holds no data, so it needs no login."""
    return JsonResponse(api.get_openapi_schema(), json_dumps_params={"ensure_ascii": False})


def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document as a page."""
    schema = api.get_openapi_schema()
    shown = {"chapters": chapters_of(schema), "shapes": shapes_of(schema), "address": base_url()}
    return render(request, "photohub/api/docs.html", shown)


class FigureOut(Schema):
    """One number of a part, in words."""

    label: str
    value: str


class PartOut(Schema):
    """One part of the hub, or one that it depends on."""

    name: str = Field(description="A stable word")
    label: str
    ok: bool = Field(description="False when it does not work")
    state: Literal["ok", "warning", "problem", "off"]
    since: datetime | None
    sentence: str = Field(description="How it is")
    help: str = Field(description="What to do")
    figures: list[FigureOut]

    @staticmethod
    def resolve_name(part: Part) -> str:
        return part.key

    @staticmethod
    def resolve_ok(part: Part) -> bool:
        return part.state != "problem"

    @staticmethod
    def resolve_figures(part: Part) -> list[dict[str, str]]:
        return [{"label": label, "value": value} for label, value in part.figures]


class StatusOut(Schema):
    """How the hub fares. `sentence` tells the worst of it."""

    ok: bool
    sentence: str
    since: datetime | None
    parts: list[PartOut]


api = ManagementAPI(
    title="PhotoHub API",
    version=__version__,
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    parser=_Bodies(),
    auth=[Token(), Session()],
)
api.add_router("", devices_router, tags=["Devices"])
api.add_router("", keys_router, tags=["Devices"])
api.add_router("", commands_router, tags=["Devices"])
api.add_router("", camera_settings_router, tags=["Devices"])
api.add_router("", events_router, tags=["Devices"])
api.add_router("", audit_router, tags=["People"])
api.add_router("", pictures_router, tags=["Pictures"])
api.add_router("", trash_router, tags=["Pictures"])
api.add_router("", shares_router, tags=["Pictures"])
api.add_router("", live_router, tags=["Pictures"])
api.add_router("", history_router, tags=["Pictures"])
api.add_router("", plots_router, tags=["Devices"])
api.add_router("", deliveries_router, tags=["Pictures to devices"])
api.add_router("", render_profiles_router, tags=["Pictures to devices"])
api.add_router("", time_lapses_router, tags=["Time-lapses"])
api.add_router("", firmware_router, tags=["Firmware"])
api.add_router("", rollouts_router, tags=["Firmware"])
api.add_router("", playlists_router, tags=["Pictures to devices"])
api.add_router("", rules_router, tags=["Rules"])
api.add_router("", schedules_router, tags=["Schedules"])
api.add_router("", alerts_router, tags=["Alerts"])
api.add_router("", gaps_router, tags=["Schedules"])
api.add_router("", ota_router, tags=["Firmware"])


@api.get("/status", response=StatusOut, summary="How the hub fares", tags=["Hub"])
def read_status(request: HttpRequest):
    """For everybody who is logged in. Answers 200 even when a part does not work; probes ask `/readyz`."""
    return status.collect()
