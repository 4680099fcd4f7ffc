"""The OpenAPI document as a page."""

import pytest

from photohub.api.api import api
from photohub.api.docs import chapters_of, kind_of, paragraphs_of, shapes_of


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "integer", "minimum": 1, "maximum": 500}, "whole number 1-500"),
        ({"enum": ["device", "hub"]}, "device | hub"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text | null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/DeviceOut"}}, "list of DeviceOut"),
        ({"$ref": "#/components/schemas/Page_DeviceOut_"}, "page of DeviceOut"),
    ],
)
def test_a_kind_is_said_in_a_few_words(schema, words):
    assert kind_of(schema) == words


def test_body_fields_and_parameters_stand_in_one_list():
    chapters = {chapter.name: chapter.operations for chapter in chapters_of(api.get_openapi_schema())}
    shutter = next(o for o in chapters["Pictures"] if o.path.endswith("/capture"))
    places = {field.name: field.place for field in shutter.fields}
    assert places == {"code": "path", "name": "body", "wait": "body", "timeout": "body"}
    assert {"200", "202", "409"} <= {answer.status for answer in shutter.answers}


def test_shapes_hold_their_fields():
    shapes = {shape.name: [f.name for f in shape.fields] for shape in shapes_of(api.get_openapi_schema())}
    assert shapes["ErrorOut"] == ["code", "des", "err", "fields"]
    assert "thumbnail_url" in shapes["CaptureOut"]


def test_a_description_is_cut_into_paragraphs_and_code():
    text = "With `wait`,\nthe picture.\n\nElse < the `<command>`."
    first, second = paragraphs_of(text)
    assert first == "With <code>wait</code>, the picture."
    assert second == "Else &lt; the <code>&lt;command&gt;</code>."
