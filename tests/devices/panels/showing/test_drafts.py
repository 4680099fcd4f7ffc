import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.panels.deliveries.queue import CannotDeliver
from devices.panels.showing import drafts
from devices.panels.showing.drafts import draw_picture, read_draft, read_drawn
from devices.panels.sources import fetching, outbox
from tests.builders import make_capture, make_device, make_jpeg, make_user

URL = "https://example.org/a.jpg"


@pytest.fixture
def ada(db, settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    settings.FETCH_FROM = "public"
    return make_user("ada", "owner")


def a_file(data: bytes | None = None) -> dict:
    return {"file": SimpleUploadedFile("a.jpg", make_jpeg() if data is None else data)}


def refusal(person, data: dict, files: dict | None = None) -> str:
    with pytest.raises(CannotDeliver) as refused:
        read_draft(person, data, files or {}, fetch=True)
    return refused.value.word


def test_a_file_comes_back_by_its_token(ada):
    first = read_draft(ada, {"source": "file"}, a_file(), fetch=True)
    again = read_draft(ada, {"source": "file", "kept": first.token}, {}, fetch=True)
    assert (again.label, again.picture, again.origin) == ("a.jpg", make_jpeg(), "upload")


def test_a_token_is_worth_nothing_to_others_or_when_it_was_changed(ada):
    token = read_draft(ada, {"source": "file"}, a_file(), fetch=True).token
    assert refusal(make_user("eve", "owner"), {"source": "file", "kept": token}) == "no_picture"
    assert refusal(ada, {"source": "file", "kept": token[:-1]}) == "no_picture"


def test_a_token_whose_bytes_are_gone_is_no_picture(ada, monkeypatch):
    token = read_draft(ada, {"source": "file"}, a_file(), fetch=True).token
    monkeypatch.setattr(outbox, "read", lambda sha256: (_ for _ in ()).throw(outbox.BlobMissing(sha256)))
    assert refusal(ada, {"source": "file", "kept": token}) == "no_picture"


def test_an_address_is_fetched_once(ada, monkeypatch):
    asked = []
    monkeypatch.setattr(fetching, "fetch_picture", lambda url: asked.append(url) or make_jpeg())
    first = read_draft(ada, {"source": "url", "url": URL}, {}, fetch=True)
    again = read_draft(ada, {"source": "url", "url": URL, "kept": first.token}, {}, fetch=False)
    assert asked == [URL] and again.picture == make_jpeg() and again.label == URL
    other = read_draft(ada, {"source": "url", "url": f"{URL}?2", "kept": first.token}, {}, fetch=False)
    assert other.picture is None


def test_what_is_too_large_or_empty_is_refused(ada, settings):
    settings.UPLOAD_MAX_BYTES = 100
    assert refusal(ada, {"source": "file"}, a_file(bytes(101))) == "too_large"
    assert refusal(ada, {"source": "file"}, a_file(b"")) == "empty_body"


def test_a_picture_of_the_history_brings_its_time(ada):
    capture = make_capture(make_device())
    draft = read_draft(ada, {"capture": str(capture.pk)}, {}, fetch=True)
    assert draft.stamp_at == capture.received_at and draft.wish("x", "y").caption == "y"
    assert refusal(make_user("mallory"), {"capture": str(capture.pk)}) == "not_found"


def test_what_was_drawn_is_found_by_its_maker_only(ada):
    draft = read_draft(ada, {"source": "file"}, a_file(), fetch=True)
    drawn = draw_picture(ada, draft, {"format": "png", "width": 32}, "")
    sha256, kind, settings, size = read_drawn(ada, drawn.token)
    assert len(outbox.read(sha256)) == drawn.size_bytes and kind == "image/png" and drawn.packets == 1
    assert size == (32, 24) and settings["width"] == 32
    assert read_drawn(make_user("eve"), drawn.token) is None and read_drawn(ada, "junk") is None


def test_what_cannot_be_drawn_says_why_in_words(ada):
    draft = drafts.Draft("upload", "a", picture=b"junk")
    with pytest.raises(CannotDeliver, match="not a readable picture"):
        draw_picture(ada, draft, {"format": "png"}, "")
