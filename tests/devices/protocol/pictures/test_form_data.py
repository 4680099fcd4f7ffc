import base64
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.pictures import form_data
from devices.protocol.pictures.form_data import boundary_of, find_pictures, looks_like_form
from tests.builders import make_jpeg

LIMIT = 100_000
JPEG, OTHER = make_jpeg(), make_jpeg(text="other")
B64 = base64.b64encode(JPEG)
B = b"----WebKitFormBoundary7MA4"
KIND = f"multipart/form-data; boundary={B.decode()}"


def part(
    name: bytes = b"imageFile", data: bytes = JPEG, more: bytes = b"", file: bytes = b'; filename="a.jpg"'
) -> bytes:
    return b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n%b\r\n%b\r\n' % (
        B,
        name,
        file,
        more,
        data,
    )


END = b"--%b--\r\n" % B
TEXT = part(b"file", b"kitchen, at 7", file=b"")
NESTED = b"Content-Type: multipart/mixed; boundary=in\r\n"
# What curl, browsers, requests, HTTPClient sketches, esp_http_client and MicroPython programs send, and what is wrong in many.
FORMS = {
    "curl": (KIND, part(more=b"Content-Type: image/jpeg\r\n") + END),
    "any_name": (KIND, part(b"\xe7\x85\xa7\xe7\x89\x87") + END),
    "no_name": (KIND, b"--%b\r\nContent-Disposition: form-data\r\n\r\n%b\r\n" % (B, JPEG) + END),
    "text_before": (KIND, TEXT + part() + END),
    "text_behind": (KIND, part() + TEXT + END),
    "lying_type": (KIND, part(more=b"Content-Type: text/plain\r\n") + END),
    "preamble": (KIND, b"This is a message in parts.\r\n" + part() + END),
    "quoted_boundary": (f'multipart/form-data; charset=utf-8; boundary="{B.decode()}"', part() + END),
    "boundary_spelled": (KIND.replace("boundary", "Boundary"), part() + END),
    "no_boundary": ("multipart/form-data", part() + END),
    "no_type": ("", part() + END),
    "other_type": ("image/jpeg", part() + END),
    "wrong_boundary": ("multipart/form-data; boundary=other", part() + END),
    "wrong_boundary_and_preamble": ("multipart/form-data; boundary=other", b"hello\r\n" + part() + END),
    "dashes_in_header": (f"multipart/form-data; boundary=--{B.decode()}", part() + END),
    "no_dashes_in_body": (KIND, (part() + END).replace(b"--" + B, B)),
    "line_feeds": (KIND, (part(data=b"@") + END).replace(b"\r\n", b"\n").replace(b"@", JPEG)),
    "no_last_boundary": (KIND, part()),
    "no_last_line": (KIND, part()[:-2]),
    "no_line_end_before_boundary": (KIND, part()[:-2] + END),
    "no_line_end_at_the_end": (KIND, part() + END[:-4]),
    "line_end_first": (KIND, b"\r\n" + part() + END),
    "no_headers": (KIND, b"--%b\r\n\r\n%b\r\n" % (B, JPEG) + END),
    "no_blank_line": (KIND, b"--%b\r\n%b\r\n" % (B, JPEG) + END),
    "length": (KIND, part(more=b"content-LENGTH: %d\r\n" % len(JPEG)) + END),
    "wrong_length": (KIND, part(more=b"Content-Length: 7\r\n") + END),
    "huge_length": (KIND, part(more=b"Content-Length: 99999999\r\n") + END),
    "base64": (KIND, part(data=textwrap.fill(B64.decode()).encode(), more=b"Content-Transfer-Encoding: base64\r\n") + END),
    "data_uri": (KIND, part(data=b"data:image/jpeg;base64," + B64, file=b"") + END),
    "nested": (KIND, part(data=b"--in\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n--in--" % JPEG, more=NESTED) + END),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_the_picture_is_found_by_its_bytes(name):
    kind, body = FORMS[name]
    assert looks_like_form(body, kind)
    (found,) = find_pictures(body, kind, LIMIT).pictures
    assert (found.data or body[found.start : found.end]) == JPEG


def test_boundary_bytes_inside_of_a_picture_of_known_length_do_not_end_it():
    data = JPEG[:-2] + b"\r\n--" + B + b"\r\n" + JPEG[-2:]
    body = part(data=data, more=b"Content-Length: %d\r\n" % len(data)) + END
    (found,) = find_pictures(body, KIND, LIMIT).pictures
    assert body[found.start : found.end] == data


def test_all_pictures_are_found_in_order():
    body = part() + TEXT + part(b"b", OTHER) + END
    assert [body[p.start : p.end] for p in find_pictures(body, KIND, LIMIT).pictures] == [JPEG, OTHER]


@pytest.mark.parametrize(
    ("kind", "body"), [(KIND, JPEG), ("image/jpeg", b"--x\r\nhello"), ("", b""), ("text/plain", b"--\r\n")]
)
def test_a_body_that_is_a_picture_or_anything_else_is_no_form(kind, body):
    assert not looks_like_form(body, kind)


@pytest.mark.parametrize(
    ("body", "has_content"),
    [
        (END, False),
        (part(data=b"") + END, False),
        (part(data=b"x") + END, False),
        (part(data=b"<html></html>") + END, True),
        (b"", False),
    ],
)
def test_forms_without_a_picture_say_whether_they_hold_anything(body, has_content):
    form = find_pictures(body, KIND, LIMIT)
    assert form.pictures == () and form.has_content is has_content


def test_forms_in_forms_have_an_end():
    body = JPEG
    for _ in range(9):
        body = b"--in\r\n" + NESTED + b"\r\n" + body + b"\r\n--in--\r\n"
    find_pictures(body, "multipart/mixed; boundary=in", LIMIT)


def test_many_parts_take_little_time_and_have_an_end():
    assert (
        find_pictures(
            b"--x\r\nA: b\r\n\r\nc\r\n" * 500_000, "multipart/form-data; boundary=x", LIMIT
        ).pictures
        == ()
    )


@given(
    st.lists(
        st.sampled_from(
            [
                part(),
                TEXT,
                END,
                JPEG[:40],
                B,
                b"--",
                b"\r\n",
                b"\n",
                b"\r\n\r\n",
                b"Content-Length: 9",
                b"\0",
                *FORMS["nested"][1:],
            ]
        ),
        max_size=8,
    ),
    st.sampled_from([KIND, "multipart/x", "multipart/mixed; boundary=in", ""]),
)
def test_no_body_breaks_the_search(pieces, kind):
    body = b"".join(pieces)
    looks_like_form(body, kind)
    for found in find_pictures(body, kind, LIMIT).pictures:
        assert 0 <= found.start < found.end <= len(body)


@pytest.mark.parametrize(
    "kind", ["", "multipart/form-data", "multipart/form-data; boundary=", 'multipart/x; boundary=""']
)
def test_a_type_without_a_boundary_names_none(kind):
    assert boundary_of(kind) == b""


def test_forms_inside_of_forms_do_not_multiply_the_parts(monkeypatch):
    looked_at, read_part = [], form_data._read_part
    monkeypatch.setattr(form_data, "_read_part", lambda *a: looked_at.append(1) or read_part(*a))
    body = b""
    for boundary, inner in ((b"c", b"?"), (b"b", b"c"), (b"a", b"b")):
        head = b"--%b\r\nContent-Type: multipart/mixed; boundary=%b\r\n\r\n" % (boundary, inner)
        body = (head + body + b"\r\n") * 40
    assert find_pictures(body, "multipart/form-data; boundary=a", LIMIT).pictures == ()
    assert len(looked_at) <= form_data.MAX_PARTS
