"""What a web server does before it serves."""

import asyncio
import gc
import socket
from email.utils import parsedate_to_datetime

import httpx
from django.db import DatabaseError
from django.urls import clear_url_caches, get_resolver

from devices.firmware.endpoints.transfer import nginx_endpoint
from photohub.lib.http import guard as http_guard
from photohub.lib.http import socket_guard
from photohub.start import serving
from tests.waiting import until


def test_a_full_collection_passes_over_what_was_loaded_before_serving():
    clear_url_caches()
    try:
        serving.settle()
        assert gc.get_freeze_count() > 50_000
        assert "url_patterns" in vars(get_resolver())
    finally:
        gc.unfreeze()


def test_a_web_server_turns_away_who_comes_for_firmware_while_all_places_are_taken(monkeypatch):
    monkeypatch.setattr(http_guard, "_turn_away", None)
    monkeypatch.setattr(http_guard, "_waiting_at_most", 400)
    serving.make_room()
    assert http_guard._turn_away == nginx_endpoint.answer_at_once


async def test_a_websocket_that_is_cut_off_is_written_down_unless_the_database_is_away(monkeypatch, caplog):
    noted = []

    def note(why: str, path: str, count: int) -> None:
        noted.append((why, path, count))
        if why == socket_guard.PIECES:
            raise DatabaseError("away")

    monkeypatch.setattr(serving.overload, "note_cut_off", note)
    # The threads for the database may have connections of other tests.
    monkeypatch.setattr(serving, "in_thread", asyncio.to_thread)
    monkeypatch.setattr(socket_guard, "_tell", None)
    monkeypatch.setattr(http_guard, "_turn_away", None)
    monkeypatch.setattr(http_guard, "_waiting_at_most", 400)
    serving.make_room()
    for why in (socket_guard.LARGE, socket_guard.PIECES):
        socket_guard._tell(why, "/mqtt", 2)
        await until(lambda: not serving._under_way, 60)
    assert noted == [("large", "/mqtt", 2), ("pieces", "/mqtt", 2)]
    assert [record.message for record in caplog.records if record.name == serving.__name__] == [
        "That a WebSocket was cut off could not be written down: away"
    ]


async def _answer(_scope, _receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def test_a_server_says_the_time_of_each_answer_and_sleeps_until_it_is_to_stop(monkeypatch):
    monkeypatch.setattr(serving.asgi, "application", _answer)
    listener = socket.create_server(("127.0.0.1", 0))
    server = serving.Server(serving.server_config())
    serving_it = asyncio.create_task(server.serve(sockets=[listener]))
    url, said = f"http://127.0.0.1:{listener.getsockname()[1]}/", []
    async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as client:
        for now_s in (1_800_000_000, 1_800_000_001):
            monkeypatch.setattr(serving.time, "time", lambda now_s=now_s: now_s)
            answer = await client.get(url)
            said.append(parsedate_to_datetime(answer.headers["date"]).timestamp())
        assert said == [1_800_000_000, 1_800_000_001] and not serving_it.done()
        server.should_exit = True
        await serving_it
    assert server.should_exit
