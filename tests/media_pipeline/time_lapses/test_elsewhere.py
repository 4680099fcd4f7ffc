"""Films on the disk of another machine, which is here a server that answers as it likes."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from media_pipeline.nodes import asking, known
from media_pipeline.nodes.known import Known
from media_pipeline.nodes.models import NodeState
from media_pipeline.time_lapses import elsewhere
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from tests.builders import make_device, make_user
from tests.media_pipeline.nodes.test_asking import answering, send
from tests.nodes import being

pytestmark = pytest.mark.django_db
FILM = bytes(range(256)) * 2048


def hand_out(handler) -> None:
    if wanted := handler.headers.get("Range"):
        first, _dash, last = wanted.removeprefix("bytes=").partition("-")
        part = FILM[int(first) : int(last) + 1]
        send(handler, 206, part, ETag='"x"', **{"Content-Range": f"bytes {first}-{last}/{len(FILM)}"})
    else:
        send(handler, 200, FILM, ETag='"x"', **{"Accept-Ranges": "bytes"})


@pytest.fixture
def film(tmp_path, client, monkeypatch):
    """A film on another machine, an owner who watches, and how that machine answers."""
    owner = make_user("ada", "owner")
    row = TimeLapse.objects.create(
        device=make_device("porch"), node=2, fps=1, width=64, frames_total=1, state=LapseState.READY
    )
    client.force_login(owner)
    nodes = {}
    monkeypatch.setattr(known, "find", nodes.get)
    with being(tmp_path, "a"):
        yield SimpleNamespace(row=row, url=f"/timelapses/{row.pk}", nodes=nodes)


async def ask(film, method: str = "GET", **headers: str):
    response = elsewhere.fetch_film(RequestFactory().generic(method, "/", headers=headers), film.row)
    return response, b"".join([piece async for piece in response])


async def test_it_is_handed_on_whole_and_in_parts(film):
    with answering(hand_out) as (node, asked):
        film.nodes[2] = node
        whole, body = await ask(film)
        assert body == FILM and whole["Content-Length"] == str(len(FILM))
        part, body = await ask(film, Range="bytes=100-199")
        assert part.status_code == 206 and body == FILM[100:200]
        assert part["Content-Range"] == f"bytes 100-199/{len(FILM)}" and part["ETag"] == '"x"'
        assert whole["Content-Type"] == part["Content-Type"] == "video/mp4"
        assert (await ask(film, "HEAD"))[1] == b""
    assert len(asked) == 3


def test_an_answer_that_is_let_go_gives_its_place_back(film):
    with answering(hand_out) as (node, _asked):
        film.nodes[2] = node
        for _turn in range(2 * asking.FILMS_AT_ONCE):
            [close] = elsewhere.fetch_film(RequestFactory().get("/"), film.row)._resource_closers
            close()


def test_its_page_shows_it(film, client):
    with answering(hand_out) as (node, asked):
        film.nodes[2] = node
        assert "<video" in client.get(film.url).content.decode() and not asked


def test_while_its_machine_is_away_it_is_away_and_not_missing(film, client):
    film.nodes[2] = Known(2, "b", "http://127.0.0.2:1", "active", datetime.now(UTC), 3600, 0)
    answer = client.get(f"{film.url}/film.mp4")
    assert answer.status_code == 503 and b"The file is on the machine b" in answer.content
    page = client.get(film.url).content.decode()
    assert "The film is not lost" in page and "missing" not in page


def test_one_that_its_machine_does_not_have_is_missing(film, client):
    with answering(lambda h: send(h, 404)) as (node, _asked):
        film.nodes[2] = node
        assert client.get(f"{film.url}/film.mp4").status_code == 404


def test_one_of_a_machine_that_is_lost_is_missing(film, client):
    film.nodes[2] = Known(2, "b", "http://127.0.0.2:1", NodeState.FORGOTTEN, datetime.now(UTC), 3600, 0)
    assert client.get(f"{film.url}/film.mp4").status_code == 404
    assert "missing on this hub" in client.get(film.url).content.decode()
    assert elsewhere.why_away(film.row) is None
