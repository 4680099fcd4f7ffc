"""Why the embedded broker ends a connection, in a sentence for the page of its device."""

from devices.protocol.mqtt.packets import ProtocolError
from photohub.lib.pages.sentences import Said, said


class Refused(Exception):
    """End the connection: the client did what MQTT or this server does not allow."""

    def __init__(self, sentence: Said, connack_code: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.connack_code = sentence, connack_code


def no_mqtt(error: ProtocolError) -> Said:
    """Say that what came is no MQTT."""
    return said("its bytes are no MQTT that the hub speaks (%(why)s)", why=str(error)[:150])
