"""What PUBACK promises in the embedded form: the picture is kept, or the board is not told so."""

import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from devices.protocol.mqtt.packets import Connect, Kind, puback
from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import change
from tests.faults.ledger import make_picture
from tests.flows.story import until
from tests.hub_process import HubProcess, running_hub
from tests.mqtt_packets import build_connect, build_publish
from tests.photohub.embedded.mqtt_people import BareClient, bare_client

FRAME = "photohub/gate/frame"
STORED = "SELECT count(*) AS number FROM media_pipeline_capture WHERE sha256 = ?"
PING = b"\xc0\x00"


@pytest.fixture
def hub():
    with running_hub() as hub:
        hub.camera = hub.add_device("gate")
        change(hub, f"UPDATE devices_device SET stream_policy = 'every', frame_topic = '{FRAME}'")
        yield hub


@contextlib.asynccontextmanager
async def board(hub: HubProcess) -> AsyncIterator[BareClient]:
    """Connect as the camera, packet by packet."""
    login = Connect(client_id="board", username="gate", password=hub.camera["key"].encode())
    async with bare_client(SimpleNamespace(port=hub.mqtt_port)) as client:
        await client.send(build_connect(login))
        assert (await client.receive()).body == b"\0\0"
        yield client


def captures(hub: HubProcess) -> int:
    return hub.rows("SELECT count(*) AS number FROM media_pipeline_capture")[0]["number"]


@pytest.mark.parametrize("qos", [1, 2])
async def test_a_picture_is_there_when_it_is_acknowledged_and_stays_one_however_often_it_comes(hub, qos):
    answer = {1: Kind.PUBACK, 2: Kind.PUBREC}[qos]
    for number in range(1, 5):
        async with board(hub) as camera:
            frame = make_picture()
            await camera.send(build_publish(FRAME, frame, qos, number))
            await camera.send(build_publish(FRAME, frame, qos, number, dup=True))
            assert (await camera.receive()).kind is answer
            assert captures(hub) == number
        async with board(hub) as camera:
            await camera.send(build_publish(FRAME, frame, qos, number, dup=True))
            assert (await camera.receive()).kind is answer
    assert captures(hub) == 4


async def test_an_acknowledged_picture_outlives_the_hub_and_its_repetition_is_the_same_capture(hub):
    frame = make_picture()
    async with board(hub) as camera:
        await camera.send(build_publish(FRAME, frame, 1, 1))
        assert (await camera.receive()).raw == puback(1)
        hub.kill()
    hub.start()
    assert captures(hub) == 1
    async with board(hub) as camera:
        await camera.send(build_publish(FRAME, frame, 1, 1, dup=True))
        assert (await camera.receive()).raw == puback(1)
    assert captures(hub) == 1


async def test_a_full_disk_is_not_acknowledged_and_the_repetition_is_kept_when_there_is_room(hub):
    hub.stop()
    hub.start(PHOTOHUB_DISK_FLOOR="900000GB")
    frame = make_picture()
    async with board(hub) as camera:
        await camera.send(build_publish(FRAME, frame, 1, 1))
        await until(lambda: hub.rows("SELECT 1 FROM devices_trouble WHERE word = 'picture_disk_full'"))
        await camera.send(PING)
        assert (await camera.receive()).kind is Kind.PINGRESP
    hub.stop()
    hub.start()
    async with board(hub) as camera:
        await camera.send(build_publish(FRAME, frame, 1, 1, dup=True))
        assert (await camera.receive()).raw == puback(1)
    assert captures(hub) == 1


async def test_where_two_copies_are_wanted_a_picture_is_acknowledged_when_the_bucket_has_it(hub):
    with FakeOSS() as oss:
        hub.stop()
        hub.start(PHOTOHUB_ACK="mirrored", **oss.settings())
        oss.fail(times=None)
        frame = make_picture()
        async with board(hub) as camera:
            await camera.send(build_publish(FRAME, frame, 1, 1))
            await until(lambda: captures(hub))
            await camera.send(PING)
            assert (await camera.receive()).kind is Kind.PINGRESP
            assert not oss.objects
            oss.heal()
            await camera.send(build_publish(FRAME, frame, 1, 1, dup=True))
            assert (await camera.receive()).raw == puback(1)
            assert [kept.body for kept in oss.objects.values()] == [frame]
        assert captures(hub) == 1
