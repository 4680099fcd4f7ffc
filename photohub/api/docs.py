"""The OpenAPI document: its answers other than 2xx, and its form as a page for people."""

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from photohub.lib.pages.api import ErrorOut

_PREFIX = "#/components/schemas/"
_REASONS = {
    "400": "The body is not JSON (`bad_json`)",
    "401": "Neither a live token nor a session (`auth`)",
    "403": "You may look, but not do that (`forbidden`, `csrf`)",
    "404": "Not there, or not yours to see (`not_found`)",
    "408": "The body did not arrive in time",
    "409": "Taken, already over, or not possible now (`conflict`, `kept`, `cannot_command`)",
    "413": "The body, or the file in it, is larger than the hub takes (`too_large`)",
    "422": "A wrong value; `fields` says which (`invalid`)",
    "429": "Too much of this at once (`busy`), or too many unknown tokens from this address (`rate`); try again later",
    "500": "PhotoHub made a mistake; it is written to the log (`internal`)",
    "503": "The database is away, too much goes on at once, or the machine that has the file does not answer; try again "
    "after `Retry-After` seconds (`db`, `busy`, `away`)",
    "507": "The hub's disk is full (`disk_full`)",
}


def describe_errors(schema: dict) -> dict:
    """Add to every operation the refusals that it can give, all of one shape."""
    schema["components"]["schemas"]["ErrorOut"] = ErrorOut.model_json_schema()
    answer = {"application/json": {"schema": {"$ref": f"{_PREFIX}ErrorOut"}}}
    schema["components"]["responses"] = {
        status: {"description": reason, "content": answer} for status, reason in _REASONS.items()
    }
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            given = {str(status): response for status, response in operation["responses"].items()}
            refusals = {s: {"$ref": f"#/components/responses/{s}"} for s in _refusals_of(method, operation)}
            operation["responses"] = given | refusals
    return schema


def _refusals_of(method: str, operation: dict) -> list[str]:
    """Return what an operation may answer instead; what is its own stands beside it as `x-refusals`."""
    statuses = {"401", "403", "429", "500", "503", *operation.pop("x-refusals", ())}
    if any(parameter["in"] == "path" for parameter in operation["parameters"]):
        statuses.add("404")
    if operation["parameters"]:
        statuses.add("422")
    if "requestBody" in operation:
        # A body may name a device or a picture that is not there.
        statuses |= {"400", "404", "408", "413", "422"}
    if method != "get":
        statuses.add("409")
    return sorted(statuses)


@dataclass(frozen=True)
class Field:
    """One parameter, body field or key of a shape. `place` is path, query or body."""

    name: str
    kind: str
    description: str
    required: bool
    place: str = ""


@dataclass(frozen=True)
class Answer:
    status: str
    description: str
    shape: str


@dataclass(frozen=True)
class Operation:
    """One method of one path, ready to be shown."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: list[SafeString]
    fields: list[Field]
    answers: list[Answer]


@dataclass(frozen=True)
class Shape:
    name: str
    description: str
    fields: list[Field]


@dataclass(frozen=True)
class Chapter:
    """What belongs together on the page."""

    name: str
    operations: list[Operation]


def chapters_of(schema: dict) -> list[Chapter]:
    """Return the operations by tag, in the order of the document."""
    chapters: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            chapters.setdefault(operation["tags"][0], []).append(_operation(schema, path, method, operation))
    return [Chapter(name, operations) for name, operations in chapters.items()]


def shapes_of(schema: dict) -> list[Shape]:
    """Return the shapes that answers and bodies have."""
    shapes = schema["components"]["schemas"]
    return [
        Shape(name, shape.get("description", "").replace("`", ""), _fields(shape))
        for name, shape in shapes.items()
        if "properties" in shape and not name.startswith("Page_")
    ]


def _operation(schema: dict, path: str, method: str, operation: dict) -> Operation:
    parameters = [
        Field(p["name"], kind_of(p["schema"]), p.get("description", ""), p["required"], p["in"])
        for p in operation["parameters"]
    ]
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        paragraphs=paragraphs_of(operation.get("description", "")),
        fields=parameters + _body_fields(schema, operation),
        answers=[_answer(schema, status, a) for status, a in sorted(operation["responses"].items())],
    )


def _body_fields(schema: dict, operation: dict) -> list[Field]:
    content = operation.get("requestBody", {}).get("content", {})
    fields: dict[str, Field] = {}
    for media in content.values():
        for option in media["schema"].get("anyOf", [media["schema"]]):
            shape = _resolve(schema, option["$ref"]) if "$ref" in option else option
            for field in _fields(shape, "body") if "properties" in shape else ():
                fields.setdefault(field.name, field)
    return list(fields.values())


def _fields(shape: dict, place: str = "") -> list[Field]:
    required = shape.get("required", [])
    return [
        Field(name, kind_of(value), value.get("description", ""), name in required, place)
        for name, value in shape["properties"].items()
    ]


def _answer(schema: dict, status: str, answer: dict) -> Answer:
    if "$ref" in answer:
        answer = schema["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    shape = answer.get("content", {}).get("application/json", {}).get("schema")
    return Answer(status, answer["description"].replace("`", ""), kind_of(shape) if shape else "")


def _resolve(schema: dict, reference: str) -> dict:
    return schema["components"]["schemas"][reference.removeprefix(_PREFIX)]


def paragraphs_of(text: str) -> list[SafeString]:
    """Cut a docstring into paragraphs of HTML; what stands between backticks is code."""
    return [_paragraph(" ".join(part.split())) for part in text.split("\n\n") if part.strip()]


def _paragraph(text: str) -> SafeString:
    pieces = ((format_html("<code>{}</code>", p) if n % 2 else p,) for n, p in enumerate(text.split("`")))
    return format_html_join("", "{}", pieces)


def kind_of(schema: dict[str, Any]) -> str:
    """Say in a few words what a JSON schema takes: `text`, `list of CaptureOut`, `device | hub`."""
    if "$ref" in schema:
        return _name_of(schema["$ref"].removeprefix(_PREFIX))
    if "anyOf" in schema:
        return " | ".join(kind_of(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"] if value != "")
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    names = {"string": "text", "boolean": "true | false", "integer": "whole number", "object": "object"}
    kind = schema.get("format") or names.get(schema.get("type", ""), schema.get("type", "anything"))
    low, high = schema.get("minimum"), schema.get("maximum")
    return f"{kind} {low}-{high}" if low is not None and high is not None and high < 2**32 else kind


def _name_of(reference: str) -> str:
    name = reference.removesuffix("_")
    return f"page of {name.removeprefix('Page_')}" if name.startswith("Page_") else name
