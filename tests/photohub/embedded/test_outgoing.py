"""What is on its way to one client."""

from devices.protocol.mqtt.packets import PacketReader, parse_publish_head
from photohub.embedded.outgoing import UNACKNOWLEDGED_MAX, Outgoing
from photohub.lib.pages.sentences import Said


async def next_id(outgoing: Outgoing) -> int:
    outgoing.deliver("a", b"", 1)
    packet = await outgoing.next()
    outgoing.sent(packet)
    return parse_publish_head(PacketReader(100).feed(packet)[0]).packet_id


async def test_the_packet_id_of_a_message_that_is_not_acknowledged_is_not_used_again():
    outgoing = Outgoing(lambda reason: None)
    held = await next_id(outgoing)
    outgoing._last_packet_id = 65_534
    assert [held, await next_id(outgoing), await next_id(outgoing)] == [1, 65_535, 2]


async def test_a_client_that_acknowledges_nothing_is_ended():
    ended: list[Said] = []
    outgoing = Outgoing(ended.append)
    for _ in range(UNACKNOWLEDGED_MAX):
        await next_id(outgoing)
    outgoing.acknowledged(1)
    await next_id(outgoing)
    assert not ended and outgoing.backlog_bytes == 0
    outgoing.deliver("a", b"", 1)
    assert ended == [Said("it does not acknowledge")]
