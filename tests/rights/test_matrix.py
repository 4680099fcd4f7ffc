"""Every address, operation, endpoint, socket and topic × everybody: the outcome is the one that `table.py` says.

What has no row there fails. Each request is undone, so that all of them find the same world.
"""

import io
import json
import logging
import re
from http.cookies import SimpleCookie
from itertools import product

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.template.backends.django import Template
from django.urls import get_resolver

from media_pipeline.keep_rules.models import KeepRule
from photohub.api.api import api
from photohub.lib.pages.templating.skeletons import Skeleton
from tests.rights.operations import API
from tests.rights.table import BACK_OFFICE, BACK_OFFICE_OPEN, PAGES, rows
from tests.rights.world import ROLES, SCOPES, Place, World, make_world

PREFIX = "/api/v1"
_NEEDS = {"look": "read", "command": "command", "manage": "manage", "owner": "manage", "login": "read"}
_NEEDS |= {"anywhere-look": "read", "anywhere-command": "command", "login-manage": "manage"}
FILE = "a form with a file"
# Enough of a body to be read; what it asks for need not be possible.
BODIES = {
    ("POST", "/devices"): {"code": "new-one", "profile": "generic"},
    ("POST", "/timelapses"): lambda place: {"device": place.camera.code},
    ("POST", "/firmware/keys"): {"name": "k", "public_key": "00" * 32},
    ("POST", "/firmware"): FILE,
    ("POST", "/rollouts"): lambda place: {"firmware": str(place.ids["image"]), "group": "yard"},
    ("PUT", "/devices/{code}/playlist"): {"items": []},
    ("POST", "/shares"): lambda place: {"device": place.camera.code},
    ("POST", "/schedules"): lambda place: {"name": "n", "device": place.camera.code},
    ("POST", "/schedules/preview"): lambda place: {"name": "n", "device": place.camera.code},
    ("POST", "/alerts/channels"): {"kind": "webhook", "address": "https://example.org/hook"},
    ("POST", "/alerts/rules"): {"kind": "silent", "threshold": 600, "channels": ["none"]},
    ("POST", "/rules"): lambda place: {
        "name": "n",
        "camera": place.camera.code,
        "panels": [place.panel.code],
    },
}
# Which rights a role has in its own group.
_MAY = {
    "nobody": set(),
    "viewer": {"look"},
    "operator": {"look", "command"},
    "neighbour": {"look"},
    "owner": {"look", "command", "manage"},
}


@pytest.fixture(autouse=True)
def _pages_are_not_drawn(monkeypatch):
    # What a page says is tested elsewhere; here only who gets it.
    monkeypatch.setattr(Template, "render", lambda *_args, **_more: "")
    # Nor is a row's text, which would be kept as it is for the tests after these.
    monkeypatch.setattr(Skeleton, "fill", lambda *_args, **_more: "")
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# --- what should be ---


def expected(right: str, role: str, inside: bool) -> str:
    """Return `in`, `login`, `403`, `404` or `out` (refused in whatever way)."""
    if right in ("open", "endpoint"):
        return "in"
    if right == "proof":
        return "out"
    if role == "stranger" or right == "leave":
        return "login"
    if right == "own":
        return "404"
    if right in ("login", "login-manage"):
        return "in"
    if right == "owner":
        return "in" if role == "owner" else "403"
    if right.startswith("anywhere-"):
        return "in" if right.removeprefix("anywhere-") in _MAY[role] else "403"
    if role == "nobody" or (not inside and role != "owner"):
        return "404"
    return "in" if right in _MAY[role] else "403"


def outcome(answer: HttpResponse) -> str:
    if answer.status_code == 401 or (answer.status_code == 302 and "/login" in answer["Location"]):
        return "login"
    return str(answer.status_code) if answer.status_code in (403, 404, 405) else "in"


def fits(seen: str, wanted: str, answer: HttpResponse) -> bool:
    if answer.status_code >= 500 and answer.status_code != 503:
        return False
    if wanted == "out":
        return seen != "in" or answer.status_code >= 400
    return seen == wanted


# --- asking ---


def fill_in(route: str, world: World, place: Place) -> str:
    """Put the place's own things into a route."""
    part = next((word for word in route.split("/") if word in place.ids), "")
    code = place.panel.code if re.search("playlist|show|deliver", route) else place.camera.code
    values = {
        "code": code,
        "id": world.firmware.pk
        if route.lstrip("/").startswith("firmware/<") or "firmware/{" in route
        else place.ids.get(part, ""),
        "prefix": place.ids["prefix"],
        "key": world.signing_key.fingerprint,
        "pk": world.signing_key.pk if "firmware/keys" in route else world.people["nobody"].pk,
        "person": world.people["nobody"].pk,
        "name": "own",
        "of": "figures",
        "order": "pause",
        "uid": "MQ",
        "side": 192,
        "token": "no-token",
        "secret": "no-secret",
    }
    if route.startswith("settings/retention/of/"):
        values["pk"] = KeepRule.objects.get_or_create(device=place.camera, defaults={"keep_days": 0})[0].pk
    if route.startswith("groups/"):
        values["pk"] = place.camera.groups.first().pk
    if "alerts/" in route:
        values["id"] = place.ids["alert_channels" if "channels" in route else "alert_rules"]
    if "shares/" in route or "shared-links/" in route or route.startswith("s/"):
        values["code"] = place.ids["shares"]
    if route.startswith("p/"):
        values["code"] = place.ids["p"]
    path = re.sub(r"<(?:\w+:)?(\w+)>|\{(\w+)\}", lambda m: str(values[m[1] or m[2]]), route)
    return f"{path}?capture={place.ids['captures']}" if route.endswith("show/preview") else path


def ask(client, method: str, path: str, body: dict | None = None) -> HttpResponse:
    """Send one request and undo what it did."""
    cookies = client.cookies.output(header="", sep=";")
    with transaction.atomic():
        if body is None:
            answer = client.generic(method, path)
        elif body == FILE:
            answer = client.post(path, {"file": io.BytesIO(b"an image")})
        else:
            answer = client.generic(method, path, json.dumps(body), "application/json")
        transaction.set_rollback(True)
    client.cookies = SimpleCookie(cookies)
    return answer


def routes(patterns, head: str = ""):
    for one in patterns:
        path = head + str(one.pattern)
        yield from routes(one.url_patterns, path) if hasattr(one, "url_patterns") else [path]


def django_routes() -> list[str]:
    return [route for route in routes(get_resolver().url_patterns) if not route.startswith("api/v1/")]


# --- the tables are whole ---


def test_every_address_has_a_row():
    known = {route for _method, route in rows(PAGES)}
    pages = {route for route in django_routes() if not route.startswith(BACK_OFFICE)}
    assert pages - known == set(), "a new address needs its row in tests/rights/table.py"
    assert known - pages == set()


def test_every_operation_has_a_row():
    paths = api.get_openapi_schema()["paths"]
    found = {
        (method.upper(), path.removeprefix(PREFIX))
        for path, operations in paths.items()
        for method in operations
    }
    assert found == set(rows(API))


# --- and true ---


def wrong_answers(world: World, table: dict, head: str, bodies: dict) -> list[str]:
    """Ask everything as everybody; return what was otherwise than the table says."""
    wrong, clients = [], {role: world.client(role) for role in ROLES}
    for ((method, route), right), role in product(table.items(), ROLES):
        for place, inside in _places(world, role):
            path = head + fill_in(route, world, place)
            body = bodies.get((method, route), {} if head != "/" and method != "GET" else None)
            answer = ask(clients[role], method, path, body(place) if callable(body) else body)
            wanted = expected(right, role, inside)
            if not fits(outcome(answer), wanted, answer):
                wrong.append(f"{role:8} {method:6} {path}: {answer.status_code}, not {wanted}")
    return wrong


def _places(world: World, role: str) -> list[tuple[Place, bool]]:
    """Return where somebody asks, and whether he has a group in common with it."""
    if role in ("viewer", "operator"):
        return [(world.yard, True), (world.house, False), (world.shared, True)]
    return [(world.yard, False), (world.shared, True)] if role == "neighbour" else [(world.yard, True)]


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_every_page_lets_in_whom_it_should():
    world = make_world()
    wrong = wrong_answers(world, rows(PAGES), "/", {})
    assert not wrong, "\n".join(wrong)
    clients = {role: world.client(role) for role in ("stranger", "operator")}
    back_office = [route for route in django_routes() if route.startswith(BACK_OFFICE)]
    paths = [
        "/" + re.sub("<[^>]+>", "1", re.sub(r"\(\?P<url>.*", "x", route))
        for route in back_office
        if route not in BACK_OFFICE_OPEN
    ]
    answers = {(role, path): ask(clients[role], "GET", path) for role, path in product(clients, paths)}
    assert len(paths) > 50
    assert [
        key for key, answer in answers.items() if outcome(answer) not in ("login", "403", "404", "405")
    ] == []


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_every_operation_lets_in_whom_it_should():
    world, table = make_world(), rows(API)
    wrong = wrong_answers(world, table, PREFIX, BODIES)
    for scope in SCOPES:
        program = world.program(scope)
        for (method, route), right in table.items():
            body = BODIES.get((method, route), {} if method != "GET" else None)
            path = PREFIX + fill_in(route, world, world.yard)
            answer = ask(program, method, path, body(world.yard) if callable(body) else body)
            # A token without the scope “read” may look at nothing; whoever changes needs no other scope.
            allowed = _NEEDS.get(right) == scope and (method != "GET" or scope == "read")
            wanted = "out" if right in ("proof", "own") else "in" if allowed else "403"
            if not fits(outcome(answer), wanted, answer):
                wrong.append(f"{scope:8} {method:6} {path}: {answer.status_code}, not {wanted}")
    assert not wrong, "\n".join(wrong)
