"""Which MQTT messages of devices are handled here, beside those of `devices`: channel → function(sender, payload)."""

from collections.abc import Callable

from devices.mqtt.addressing import Sender
from devices.protocol.pictures.chunked_upload import Answer
from devices.protocol.topics import FileStep
from devices.registry import presence
from media_pipeline.streams.frame_intake import FrameIntake

Handler = Callable[[Sender, bytes], Answer | None]


def channels_of(intake: FrameIntake) -> dict[str, Handler]:
    """Return the handlers that hand frames and files to this intake. What they return is published."""

    def frame(sender: Sender, payload: bytes) -> None:
        presence.heard(sender.device)
        intake.hear(sender.device, payload, sender.part, repeated=sender.repeated)

    def file(sender: Sender, payload: bytes) -> Answer | None:
        if sender.file is None or sender.file.step is FileStep.RESPONSE:
            return None
        presence.heard(sender.device)
        return intake.hear_file(sender.device, sender.file, payload)

    return {"frame": frame, "file": file}
