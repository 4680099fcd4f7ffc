"""Every answer that a test gets from the management API is held against the OpenAPI document.

A status that the document does not name for this operation fails the test, and so does a body of another shape.
"""

import json
import re
from functools import cache

from django.http import HttpRequest, HttpResponse
from jsonschema import Draft202012Validator

from photohub.api.api import api

JSON = "application/json"


@cache
def document() -> dict:
    """Return the OpenAPI document."""
    return json.loads(json.dumps(api.get_openapi_schema(), default=str))


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    # A path of fixed words stands before one with a gap in their place.
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), path) for path in paths]


@cache
def _validator(path: str, method: str, status: str) -> Draft202012Validator | None:
    answer = document()["paths"][path][method]["responses"][status]
    answer = document()["components"]["responses"][status] if "$ref" in answer else answer
    schema = answer.get("content", {}).get(JSON, {}).get("schema")
    return Draft202012Validator(schema | {"components": document()["components"]}) if schema else None


def check_answer(request: HttpRequest, answer: HttpResponse) -> None:
    """Raise AssertionError for an answer that the document does not hold. 405 belongs to no operation."""
    path = next((path for pattern, path in _paths() if pattern.fullmatch(request.path)), None)
    method, status = (request.method or "").lower(), str(answer.status_code)
    if path is None or status == "405" or method not in document()["paths"][path]:
        return
    named = document()["paths"][path][method]["responses"]
    assert status in named, f"{method} {path} answered {status}, which the document does not name"
    validator = _validator(path, method, status)
    assert bool(validator) == bool(answer.content), f"{method} {path} {status}: a body, or none"
    for error in validator.iter_errors(json.loads(answer.content)) if validator else ():
        raise AssertionError(f"{method} {path} {status}: {error.json_path} {error.message}")
