import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.ddi_client import Aborted, DdiClient, DdiConfig
from simulators.firmware_board import Board, Faults, make_firmware
from tests.simulators.ddi_server import PATH, TOKEN, DdiServer
from tests.simulators.fake_hub import until
from tests.simulators.firmware_hub import Reply, firmware_hub

OLD = make_firmware("1.0.0")


@asynccontextmanager
async def stage(
    faults: Faults | None = None, **settings: object
) -> AsyncIterator[tuple[DdiServer, DdiClient]]:
    async with firmware_hub() as hub:
        config = DdiConfig(
            **{"url": hub.url, "tenant": "default", "device_id": "porch", "token": TOKEN, **settings}
        )
        yield DdiServer(hub), DdiClient(config, Board(OLD, faults))


def told(server: DdiServer) -> list[tuple[str, str]]:
    return [(f.execution, f.finished) for f in server.feedback]


async def test_success_is_reported_after_the_restart_and_not_before():
    async with stage() as (server, board):
        assert await board.poll() == "installed" and board.board.running == server.hub.image
        assert told(server) == [("proceeding", "none"), ("proceeding", "none")]
        assert [await board.poll(), await board.poll()] == ["closed", "nothing"]
    assert told(server)[-1] == ("closed", "success") and server.strangers == []


async def test_the_token_goes_along_with_the_download():
    async with stage() as (server, board):
        await board.poll()
    downloads = [r for r in server.hub.requests if r.path == "/ota/f/x"]
    assert [r.method for r in downloads] == ["HEAD", "GET"]
    assert {r.headers["authorization"] for r in downloads} == {f"TargetToken {TOKEN}"}


async def test_it_says_what_it_is_when_it_is_asked():
    async with stage() as (server, board):
        server.deployment, server.wants_config = None, True
        assert await board.poll() == "nothing" and board.sleep_s == 1
    assert server.config[0].data == {"board": "simulated", "version": "1.0.0"}
    assert [r.headers["expect"] for r in server.hub.requests if r.method == "PUT"] == ["100-continue"]


async def test_a_server_that_asks_for_ever_gets_nothing_installed():
    async with stage() as (server, board):
        server.forgets, server.wants_config = True, True
        assert [await board.poll(), await board.poll()] == ["asked_again", "asked_again"]
    assert told(server) == [] and len(server.config) == 4


async def test_it_says_once_after_each_start_what_it_is():
    async with stage(tells_version=False) as (server, board):
        server.deployment = None
        assert [await board.poll(), await board.poll()] == ["nothing", "nothing"] and len(server.config) == 1
        board.board.restart()
        await board.poll()
    assert [config.data for config in server.config] == [{"board": "simulated"}] * 2


async def test_a_cancel_in_the_middle_of_a_download_is_seen():
    async with stage() as (server, board):
        server.cancel_after = 1
        assert [await board.poll(), await board.poll()] == ["cancelled", "cancelled"]
    assert told(server) == [("closed", "success")] and board.board.running == OLD


async def test_a_download_that_breaks_off_goes_on_at_the_byte():
    async with stage(cut_after_bytes=5000) as (server, board):
        assert await board.poll() == "installed"
    wanted = [r.headers.get("range", "") for r in server.hub.requests if r.path == "/ota/f/x"]
    assert wanted == ["", "", "bytes=5000-"]


async def test_a_changed_bit_is_a_failure_and_not_tried_again():
    async with stage(Faults(wrong_hash=True)) as (server, board):
        assert await board.poll() == "failed" and board.board.running == OLD
    assert told(server) == [("closed", "failure")]


@pytest.mark.parametrize("step", ["download", "verify", "flash"])
async def test_after_a_power_cut_it_begins_again(step: str):
    async with stage(Faults(power_cut_at=step)) as (_server, board):
        assert await board.poll() == "power_cut" and board.board.running == OLD
        assert await board.poll() == "installed"


async def test_a_liar_reports_success_and_runs_the_old_version():
    async with stage(Faults(lies=True)) as (server, board):
        assert [await board.poll(), await board.poll()] == ["installed", "closed"]
        server.wants_config = True
        await board.poll()
    assert told(server)[-1] == ("closed", "success")
    assert server.config[0].data["version"] == "1.0.0"


async def test_a_silent_board_says_nothing_about_its_action():
    async with stage(Faults(silent=True)) as (server, board):
        assert [await board.poll(), await board.poll()] == ["silent", "silent"]
    assert server.feedback == [] and server.bases == 2


async def test_a_wrong_token_is_asked_with_again():
    async with stage(token="wrong") as (server, board):
        assert [await board.poll(), await board.poll()] == ["failed", "failed"]
    assert server.strangers == [PATH, PATH]


async def test_it_runs_until_it_is_stopped():
    async with stage() as (server, board):
        running = asyncio.create_task(board.run())
        await until(lambda: told(server)[-1:] == [("closed", "success")])
        await board.stop()
        await running


def deployment(**changes: object) -> bytes:
    artifact = {"filename": "a.swu", "size": 1, "hashes": {"sha1": "0"}, "_links": {}, **changes}
    update = artifact.pop("update", "forced")
    return json.dumps({"deployment": {"update": update, "chunks": [{"artifacts": [artifact]}]}}).encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (deployment(update=None), "deployment.update"),
        (deployment(size="1"), "size"),
        (deployment(filename=None), "filename"),
        (deployment(hashes={}), "sha1"),
        (deployment(filename="a.bin"), "no artifact ends in .swu"),
        (deployment(), "download"),
        (b"[]", "no JSON object"),
    ],
)
async def test_a_document_that_lacks_something_ends_the_program(body: bytes, sentence: str):
    async with stage() as (server, board):
        server.hub.routes[f"{PATH}/deploymentBase"] = lambda asked: Reply(200, body)
        with pytest.raises(Aborted, match=sentence):
            await board.poll()


@pytest.mark.parametrize("sleep", ["30", None, "0:0:30"])
async def test_a_sleep_of_another_form_ends_the_program(sleep: str | None):
    base = json.dumps({"config": {"polling": {"sleep": sleep}}}).encode()
    async with stage() as (server, board):
        server.hub.routes[PATH] = lambda asked: Reply(200, base)
        with pytest.raises(Aborted, match=r"polling\.sleep"):
            await board.poll()
