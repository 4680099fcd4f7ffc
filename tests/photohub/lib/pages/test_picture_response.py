from photohub.lib.pages.picture_response import picture_response


def test_a_browser_shows_the_bytes_and_does_nothing_else_with_them():
    answer = picture_response(b"abc", "image/png", "a.png", "no-store", "1f")
    assert answer.content == b"abc" and answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer["Content-Security-Policy"]
    assert answer["ETag"] == '"1f"' and answer["Content-Length"] == "3"


def test_without_a_tag_there_is_none():
    assert "ETag" not in picture_response(b"", "image/png", "a.png", "no-store")
