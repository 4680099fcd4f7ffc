import asyncio
import os
import signal
from pathlib import Path

import pytest

from simulators.__main__ import build_cameras, build_parser, main, read_address, run_cameras, run_through
from simulators.esp32s3 import Esp32S3Camera
from simulators.http_camera import HttpCamera
from tests.simulators.fake_hub import fake_hub, until


def cameras(line: str) -> list[Esp32S3Camera | HttpCamera]:
    return build_cameras(build_parser().parse_args(line.split()))


def test_a_bare_board_is_the_published_program():
    [board] = cameras("esp32s3 --hub http://hub:8000/ --mqtt broker:1884")
    assert board.config.upload_url == "http://hub:8000/api/upload"
    assert (board.config.mqtt_host, board.config.mqtt_port) == ("broker", 1884)
    assert board.config.command_topic == "/light/deviceIn"
    assert not board.config.keyed_upload


def test_a_board_with_a_code_may_use_its_own_topics_and_still_upload_keyless():
    [board] = cameras("esp32s3 --code gate --key k --topics native --status --keyless")
    assert board.config.command_topic == "photohub/gate/command"
    assert board.config.result_topic == "photohub/gate/result"
    assert board.config.status_topic == "photohub/gate/status"
    assert (board.config.code, board.config.keyed_upload) == ("gate", False)


def test_several_devices_differ_in_address_and_view():
    boards = cameras("esp32s3 --device a1:k1 --device b2:k2 --device c3:k3")
    assert [board.config.code for board in boards] == ["a1", "b2", "c3"]
    assert len({board.config.mac for board in boards}) == 3
    assert len({board.scene.name for board in boards}) == 3


def test_an_address_without_a_port_is_the_usual_one():
    assert read_address("broker") == ("broker", 1883)


@pytest.mark.parametrize("line", ("http --code yard", "esp32s3 --topics native", "panel --topics native"))
def test_a_missing_code_or_key_is_said(line: str, capsys: pytest.CaptureFixture[str]):
    assert main(line.split()) == 2
    assert "--code" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    (
        "esp32s3 --mqtt host:port",
        "esp32s3 --device gate",
        "picture --out x --size 9x9",
        "panel --loss 101",
        "panel --nack -1",
        "panel --ack-base 2",
        "k230 --network fog=1",
        "k230 --network cut=some",
        "k230 --network cut=-1",
    ),
)
def test_a_wrong_option_ends_with_usage(line: str):
    with pytest.raises(SystemExit):
        build_parser().parse_args(line.split())


def test_a_picture_is_written_to_a_file(tmp_path: Path):
    out = tmp_path / "harbour.jpg"
    assert main(["picture", "--scene", "harbour", "--at", "1768050000", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\xff\xd8\xff")


async def test_cameras_run_until_the_process_is_asked_to_end(capsys: pytest.CaptureFixture[str]):
    async with fake_hub() as hub:
        running = asyncio.create_task(
            run_cameras(cameras(f"http --hub {hub.url} --device yard:k --every 0.05"))
        )
        await until(lambda: hub.requests)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 10)
    assert "yard: {'upload':" in capsys.readouterr().out


def test_a_bare_pi_is_the_published_program_and_comes_again():
    [board] = cameras("raspberry-pi --stream hub")
    assert (board.config.host, board.config.port, board.config.key) == ("hub", 8100, "")
    assert board.config.restarts


def test_a_k230_goes_to_the_port_of_its_role():
    [client] = cameras("k230 --code k --key s --stream hub:8101 --framing letters")
    [mqtt] = cameras("k230 --role mqtt --mqtt broker:1884 --payload parts")
    assert (client.config.port, client.config.framing) == (8101, "letters")
    assert (mqtt.config.port, mqtt.config.payload, mqtt.config.topic) == (1884, "parts", "k230/camera/frame")
    assert mqtt.config.key == ""


async def test_a_camera_is_heard_through_a_bad_network():
    async with fake_hub() as hub:
        line = f"http --hub {hub.url} --device yard:k --every 0.05 --network latency=0.01,piece=200"
        options = build_parser().parse_args(line.split())
        running = asyncio.create_task(run_through(options))
        await until(lambda: hub.requests)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 10)
    assert options.network.connections > 0 and options.network.piece_bytes == 200


def test_a_stream_has_the_size_of_the_published_program():
    assert (cameras("raspberry-pi")[0].scene.width, cameras("raspberry-pi")[0].scene.height) == (640, 480)


def test_a_bare_panel_is_the_published_device():
    [panel] = cameras("panel --mqtt broker:1884")
    assert (panel.config.host, panel.config.port, panel.config.ack_base) == ("broker", 1884, 0)
    assert (panel.config.picture_topic, panel.config.ack_topic) == ("mqttTestPub", "mqttTestSub")
    assert (panel.config.lost, panel.config.restart_after) == (0.0, 0)


def test_a_panel_has_the_faults_it_is_given_and_its_own_topics():
    line = "panel --code hall --key k --topics native --loss 30 --dup 2.5 --ack-base 1 --ack-style all"
    [panel] = cameras(line)
    assert (panel.config.lost, panel.config.repeated) == (0.3, 0.025)
    assert (panel.config.ack_base, panel.config.ack_style) == (1, "all")
    assert panel.config.picture_topic == "photohub/hall/picture"
    assert panel.config.ack_topic == "photohub/hall/picture/ack"


def test_a_panel_without_its_folder_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["panel", "--out", str(tmp_path / "none")]) == 2
    assert "make it first" in capsys.readouterr().err
