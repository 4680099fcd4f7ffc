"""One client's bytes end neither the broker nor another client's session."""

import asyncio
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.protocol.mqtt.packets import Kind, build_packet
from tests.photohub.embedded.hub_end import keeping_hub
from tests.photohub.embedded.mqtt_people import (
    GATE,
    YARD,
    bare_client,
    client,
    connect_packet,
    publish_packet,
    running_broker,
    until,
)

PING = b"\xc0\x00"
bodies = st.binary(max_size=40) | st.builds(
    lambda head, rest: head + rest, st.just(b"\0\1a\0\1"), st.binary()
)
whole = st.builds(build_packet, st.sampled_from(Kind), st.sampled_from([0, 1, 2, 4, 8, 10, 12]), bodies)
own = st.builds(
    publish_packet,
    st.sampled_from(["photohub/gate/frame", "photohub/gate/status", "$SYS/x", "photohub/yard/frame", "/"]),
    st.binary(max_size=20),
    packet_id=st.integers(0, 65_535),
    flags=st.sampled_from([0, 2, 4, 10, 12]),
)
streams = st.lists(whole | own | st.binary(max_size=60), max_size=8)


async def say_strange_things(stream: list[bytes], logged_in: bool) -> None:
    async with running_broker() as broker, keeping_hub(broker, "photohub/+/+") as hub:
        async with bare_client(broker) as yard, bare_client(broker) as gate:
            await yard.log_in(YARD)
            await gate.send(*([connect_packet(GATE)] if logged_in else []), *stream)
            await yard.send(PING, publish_packet("photohub/yard/frame", b"mine", packet_id=1))
            assert [(await yard.receive()).kind for _ in range(2)] == [Kind.PINGRESP, Kind.PUBACK]
            assert b"mine" in hub.payloads


@given(streams, st.booleans())
@settings(suppress_health_check=list(HealthCheck))
def test_strange_bytes_harm_nobody(caplog, stream: list[bytes], logged_in: bool) -> None:
    asyncio.run(say_strange_things(stream, logged_in))
    assert "error of the server" not in caplog.text


async def test_a_storm_of_reconnections_under_one_name_leaves_one_session_that_works() -> None:
    luck = random.Random(7)

    async def come_and_go(number: int) -> None:
        async with bare_client(broker) as gate:
            await gate.send(connect_packet(GATE, clean_session=bool(luck.getrandbits(1))))
            await gate.send(
                publish_packet("photohub/gate/frame", b"%d" % (number % 10), packet_id=1, flags=10)
            )
            if luck.getrandbits(1):
                await gate.receive()

    async with running_broker() as broker, keeping_hub(broker, "photohub/+/frame") as hub:
        for start in range(0, 100, 10):
            await asyncio.gather(*(come_and_go(start + number) for number in range(10)))
        await until(lambda: not broker._connections)
        async with client(broker, GATE) as gate:
            await gate.publish("photohub/gate/frame", b"last", qos=2)
            assert len(broker.connections()) == 1
        assert hub.payloads[-1] == b"last" and len(hub.payloads) == len(set(hub.payloads))
        await until(lambda: not broker.connections())
        assert len(broker.core.sessions) == 0 and len(broker.core.subscriptions) == 0
