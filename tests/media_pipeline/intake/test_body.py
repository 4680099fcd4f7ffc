import asyncio
import gzip
import hashlib
from datetime import UTC, datetime

import pytest

from media_pipeline.intake import body as upload_body
from media_pipeline.intake.body import Body
from media_pipeline.intake.head import read_head
from media_pipeline.picture_files.refusals import Refused
from tests.builders import make_jpeg
from tests.devices.protocol.pictures.test_form_data import FORMS, part

JPEG, OTHER = make_jpeg(), make_jpeg(text="other")
LARGE = make_jpeg() + bytes(600_000)
GONE = object()


@pytest.fixture(autouse=True)
def folder(tmp_path, settings, monkeypatch):
    settings.INCOMING_DIR = tmp_path
    monkeypatch.setattr(upload_body, "SILENCE_S", 0.05)
    return tmp_path


def head_of(content_type: str = "", **headers: str):
    named = {"content-type": content_type, "transfer-encoding": "chunked"} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items() if value]
    return read_head({"path": "/api/upload", "headers": raw}, datetime.now(UTC))


async def take(pieces: list, head=None) -> tuple:
    """Receive these pieces: bytes, GONE, or None for silence. Return the picture's bytes and its flags."""
    waiting = list(pieces)

    async def receive() -> dict:
        if waiting and waiting[0] is None:
            await asyncio.Event().wait()
        piece = waiting.pop(0)
        if piece is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    body, head = Body(receive), head or head_of()
    try:
        await body.read(head)
        facts = await body.find_picture(head)
        return bytes(body.spool.view()), facts.flags
    finally:
        body.spool.discard()


async def word_of(pieces: list, head=None) -> str:
    with pytest.raises(Refused) as refused:
        await take(pieces, head)
    return refused.value.word


@pytest.mark.parametrize("name", FORMS)
async def test_the_picture_of_every_form_is_taken_however_it_is_cut(name, folder):
    kind, body = FORMS[name]
    for size in (len(body), 1000, 7):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert await take(pieces, head_of(kind)) == (JPEG, ())
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "image/png", "text/html"]
)
async def test_a_body_that_begins_like_a_picture_is_it_whatever_its_type_says(kind):
    assert await take([JPEG], head_of(kind)) == (JPEG, ())


async def test_a_large_picture_of_a_form_is_taken_from_the_disk_and_leaves_nothing(folder):
    kind, _ = FORMS["curl"]
    assert await take([part(data=LARGE)], head_of(kind)) == (LARGE, ("trailing",))
    assert not list(folder.iterdir())


@pytest.mark.parametrize("end", [GONE, None])
@pytest.mark.parametrize(
    ("kind", "data"), [("", JPEG), ("multipart/form-data; boundary=x", JPEG), FORMS["curl"]]
)
async def test_a_whole_picture_is_kept_when_its_transport_ends_badly(kind, data, end):
    picture, flags = await take([data[:100], data[100:], end], head_of(kind))
    assert picture == JPEG and flags == ("transport",)


@pytest.mark.parametrize("data", [JPEG[:-1], JPEG[:50], b"", b"--x\r\n", FORMS["curl"][1][:300]])
async def test_half_a_picture_is_not_kept_when_its_transport_ends_badly(data, folder):
    assert await word_of([data, GONE], head_of("multipart/form-data")) == "bad_request"
    assert not list(folder.iterdir())


async def test_a_pause_inside_of_a_picture_is_waited_for(settings):
    sent, later = asyncio.Event(), asyncio.get_running_loop().call_later

    async def receive() -> dict:
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": JPEG[:60], "more_body": True}
        resumed = asyncio.Event()
        later(0.2, resumed.set)
        await resumed.wait()
        return {"type": "http.request", "body": JPEG[60:], "more_body": False}

    body = Body(receive)
    await body.read(head_of())
    assert body.spool.size_bytes == len(JPEG) and (await body.find_picture(head_of())).flags == ()


async def test_a_picture_that_stays_half_is_too_slow(settings):
    settings.UPLOAD_TIMEOUT_S = 0.2
    assert await word_of([JPEG[:60], None]) == "slow"


@pytest.mark.parametrize(
    ("data", "headers", "word"),
    [
        (b"", {}, "empty_body"),
        (b"<html></html>", {}, "not_image"),
        (gzip.compress(JPEG), {"content_encoding": "gzip"}, "not_image"),
        (part(data=b"<html></html>"), {"content_type": FORMS["curl"][0]}, "not_image"),
        (part(data=b""), {"content_type": FORMS["curl"][0]}, "empty_body"),
        (JPEG, {"x_content_sha256": "0" * 64}, "hash_mismatch"),
        (JPEG, {"x_content_sha256": "\u00e9"}, "hash_mismatch"),
        (JPEG, {"content_md5": "x"}, "hash_mismatch"),
    ],
)
async def test_what_is_refused_has_its_word(data, headers, word, folder):
    assert await word_of([data], head_of(**headers)) == word
    assert not list(folder.iterdir())


async def test_a_compressed_body_is_refused_in_words_and_a_wrong_label_is_not():
    with pytest.raises(Refused, match="compressed"):
        await take([gzip.compress(JPEG)])
    assert await take([JPEG], head_of(content_encoding="gzip")) == (JPEG, ())


async def test_the_hash_is_that_of_the_picture_in_the_form():
    kind, body = FORMS["curl"]
    sha256 = hashlib.sha256(JPEG).hexdigest()
    assert await take([body], head_of(kind, x_content_sha256=sha256.upper())) == (
        JPEG,
        (),
    )


@pytest.mark.parametrize("what", ["form", "picture", "neither"])
async def test_the_md5_of_a_form_is_that_of_the_form_or_of_its_picture(what):
    kind, body = FORMS["curl"]
    summed = {"form": body, "picture": JPEG, "neither": OTHER}[what]
    head = head_of(kind, content_md5=hashlib.md5(summed, usedforsecurity=False).hexdigest())
    if what == "neither":
        assert await word_of([body], head) == "hash_mismatch"
    else:
        assert await take([body], head) == (JPEG, ())


async def test_the_limit_is_the_pictures_and_what_stands_around_it_is_not_counted(settings):
    kind, body = FORMS["curl"]
    settings.UPLOAD_MAX_BYTES = len(JPEG)
    assert await take([body], head_of(kind)) == (JPEG, ())
    settings.UPLOAD_MAX_BYTES -= 1
    assert await word_of([body], head_of(kind)) == await word_of([JPEG[:400], JPEG[400:]]) == "too_large"


async def test_of_several_pictures_the_first_is_taken():
    body = part() + part(data=OTHER)
    assert await take([body], head_of(FORMS["curl"][0])) == (JPEG, ())
