from django.test import RequestFactory

from media_pipeline.time_lapses.answers import file_response

ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


async def ask(tmp_path, **headers):
    path = tmp_path / "film.mp4"
    path.write_bytes(ALPHABET)
    response = file_response(RequestFactory().get("/", headers=headers), path, "video/mp4")
    body = b"".join([piece async for piece in response]) if response.streaming else response.content
    return response, body


async def test_the_whole_file(tmp_path):
    response, body = await ask(tmp_path)
    assert (response.status_code, body, response["Content-Length"]) == (200, ALPHABET, "26")
    assert response["Accept-Ranges"] == "bytes"


async def test_a_part_of_the_file(tmp_path):
    response, body = await ask(tmp_path, range="bytes=3-5")
    assert (response.status_code, body, response["Content-Range"]) == (206, b"def", "bytes 3-5/26")


async def test_a_part_that_is_not_there(tmp_path):
    response, _body = await ask(tmp_path, range="bytes=26-")
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */26")


async def test_what_the_player_has_already_is_not_sent_again(tmp_path):
    first, _body = await ask(tmp_path)
    path = tmp_path / "film.mp4"
    request = RequestFactory().get("/", headers={"if-none-match": first["ETag"]})
    again = file_response(request, path, "video/mp4")
    assert again.status_code == 304 and not again.content


async def test_only_the_head_is_sent_when_only_that_is_asked(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(ALPHABET)
    response = file_response(RequestFactory().head("/"), path, "video/mp4")
    assert (response.status_code, response["Content-Length"], response.content) == (200, "26", b"")
