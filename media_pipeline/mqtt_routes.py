"""Which MQTT messages of devices are handled here, beside those of `devices`: channel → function(sender, payload)."""

from collections.abc import Callable

from devices import presence
from devices.addressing import Sender
from devices.protocol.chunked_upload import Answer
from devices.protocol.topics import FileStep

from .doors.frames import FrameDesk
from .refusals import Refused

Handler = Callable[[Sender, bytes], Answer | None]


def channels_of(desk: FrameDesk) -> dict[str, Handler]:
    """Return the handlers that hand frames and files to this desk. What they return is published."""

    def frame(sender: Sender, payload: bytes) -> None:
        presence.heard(sender.device)
        try:
            desk.hear(sender.device, payload, sender.part, repeated=sender.repeated)
        except Refused as refusal:
            # Frames that nobody acknowledges would take the broker's patience for all devices while the disk
            # is full. The next one is on its way, and the log has told of this one.
            if refusal.word != "disk_full":
                raise

    def file(sender: Sender, payload: bytes) -> Answer | None:
        if sender.file is None or sender.file.step is FileStep.RESPONSE:
            return None
        presence.heard(sender.device)
        return desk.hear_file(sender.device, sender.file, payload)

    return {"frame": frame, "file": file}
