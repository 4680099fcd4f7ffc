"""Why the embedded broker lets nobody in or ends a connection, in a sentence for the page of its device."""

import secrets
from dataclasses import replace

from devices.protocol.mqtt.packets import (
    ConnackCode,
    Connect,
    Packet,
    ProtocolError,
    UnsupportedVersion,
    parse_connect,
)
from photohub.broker.accounts import Account, may_publish
from photohub.lib.pages.sentences import Said, said

CLIENT_ID_MAX = 256


class Refused(Exception):
    """End the connection: the client did what MQTT or this server does not allow."""

    def __init__(self, sentence: Said, connack_code: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.connack_code = sentence, connack_code


def no_mqtt(error: ProtocolError) -> Said:
    """Say that what came is no MQTT."""
    return said("it does not speak MQTT in a form the hub knows (%(why)s)", why=str(error)[:150])


def read_connect(packet: Packet) -> Connect:
    """Read the first packet of a client; raises Refused."""
    try:
        connect = parse_connect(packet.body)
    except UnsupportedVersion as error:
        raise Refused(no_mqtt(error), ConnackCode.BAD_VERSION) from None
    except ProtocolError as error:
        raise Refused(no_mqtt(error)) from None
    if len(connect.client_id) > CLIENT_ID_MAX or (not connect.client_id and not connect.clean_session):
        raise Refused(said("a client id is needed to keep a session"), ConnackCode.BAD_CLIENT_ID)
    return connect


def check_login(connect: Connect, account: Account) -> Connect:
    """Return what holds of a CONNECT whose login is right: a will that may be left, a client id; raises Refused."""
    will = connect.will_topic
    if will is not None and not may_publish(account, will):
        sentence = said("it may not leave a will on %(topic)s", topic=f"{will!r:.200}")
        raise Refused(sentence, ConnackCode.NOT_AUTHORISED)
    client_id = connect.client_id or f"anonymous-{secrets.token_hex(8)}"
    return replace(connect, client_id=client_id, will_qos=min(connect.will_qos, 1), will_retain=False)
