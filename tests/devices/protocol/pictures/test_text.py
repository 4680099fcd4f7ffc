import base64
import io
import json
import textwrap
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devices.protocol.pictures.text import SeveralPictures, read_picture_text, text_limit
from tests.builders import make_jpeg

LIMIT = 100_000


def draw(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(out, kind)
    return out.getvalue()


JPEG, PNG, WEBP = make_jpeg(), draw("PNG"), draw("WEBP")
PLAIN = base64.b64encode(JPEG).decode()
URI = f"data:image/jpeg;base64,{PLAIN}"
FORMS = {
    "plain": PLAIN,
    "lines": textwrap.fill(PLAIN, 76),
    "crlf_lines": "\r\n".join(textwrap.wrap(PLAIN, 64)) + "\r\n",
    "url_safe": base64.urlsafe_b64encode(JPEG).decode(),
    "unpadded": base64.urlsafe_b64encode(JPEG).decode().rstrip("="),
    "quoted": f'"{PLAIN}"',
    "uri": URI,
    "uri_with_parameters": f"DATA:image/jpeg;name=a.jpg;BASE64,{PLAIN}",
    "uri_escaped": URI.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    "wrong_type": f"data:text/plain;base64,{PLAIN}",
    "json": json.dumps({"device": "porch", "n": 7, "image": PLAIN}),
    "json_slashes": json.dumps({"image": PLAIN}).replace("/", "\\/"),
    "json_uri": json.dumps({"image": URI, "type": "image/jpeg"}),
    "json_deep": json.dumps({"data": {"frames": [{"b64": PLAIN}]}}),
    "json_twice_the_same": json.dumps({"image": PLAIN, "copy": URI}),
    "json_with_mark": "\ufeff" + json.dumps({"image": PLAIN}),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_picture(name):
    assert read_picture_text(FORMS[name].encode(), LIMIT) == JPEG


@pytest.mark.parametrize("picture", [JPEG, PNG, WEBP])
def test_every_kind_of_picture_may_be_written_as_text(picture):
    text = base64.b64encode(picture)
    assert read_picture_text(text, LIMIT) == picture
    assert read_picture_text(b'{"f":"%s"}' % text, LIMIT) == picture


@pytest.mark.parametrize(
    "text",
    [
        b"", b"hello", b"/9j/", b"{}", b'{"image": 7}', b'{"image":"aGVsbG8="}', b"[" * 2000, b'{"i":"/9j/4AAQ' + b"[" * 99,
        base64.b64encode(b"no picture at all"), PLAIN.encode() + b"!", b"data:image/jpeg;base64,", b"data:,/9j/",
        b"[" * 40 + json.dumps(PLAIN).encode() + b"]" * 40,
    ],
)  # fmt: skip
def test_what_holds_no_picture_gives_none(text):
    assert read_picture_text(text, LIMIT) in (None, b"\xff\xd8\xff")


def test_two_pictures_in_one_text_are_too_many():
    with pytest.raises(SeveralPictures):
        read_picture_text(json.dumps({"a": PLAIN, "b": base64.b64encode(PNG).decode()}).encode(), LIMIT)


def test_a_picture_above_the_limit_is_not_decoded():
    huge = base64.b64encode(JPEG + bytes(3_000_000))
    tracemalloc.start()
    assert read_picture_text(huge, LIMIT) is None
    assert read_picture_text(huge[: text_limit(LIMIT)], LIMIT) is None
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()


@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"{", b'{"a":"', b"data:x;base64,", b'"', PLAIN[:40].encode()]),
)
def test_any_bytes_are_read_or_not(noise, begin):
    read_picture_text(begin + noise, LIMIT)
