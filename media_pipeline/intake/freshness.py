"""What a picture that was asked for is worth as an answer: fresh, the same bytes as before, or unlike the order.

A command orders a picture from one camera, and the hub knows what that camera's pictures are like. A board whose sensor or
frame buffer is stuck sends its last picture again; one that fell back to its defaults sends another size.
"""

from devices.commands.models import Command
from media_pipeline.captures.models import Capture, Freshness

# So many orders back is looked for the last one that was answered.
_ORDERS_LOOKED_AT = 5


def judge(capture: Capture, command: Command) -> None:
    """Set the freshness of a picture that answers this command, before its row is inserted."""
    capture.freshness, capture.freshness_values = _judge(capture, command)


def _judge(capture: Capture, command: Command) -> tuple[Freshness, dict | None]:
    newest = Capture.objects.filter(device=command.device_id).order_by("-received_at", "-id")
    # Retention may have deleted the picture; its command still knows the bytes.
    before = list(newest.values_list("sha256", flat=True)[:1])
    orders = Command.objects.filter(device=command.device_id).exclude(pk=command.pk).order_by("-created_at")
    answers = orders.values_list("answered_sha256", "capture__width", "capture__height")
    answered = next((answer for answer in answers[:_ORDERS_LOOKED_AT] if answer[0]), ("", None, None))
    if capture.sha256 in (*before, answered[0]):
        return Freshness.SAME, None
    _sha256, width, height = answered
    is_sized = width and height and capture.width and capture.height
    if is_sized and (width, height) != (capture.width, capture.height):
        return Freshness.UNLIKE, {"width": width, "height": height}
    return Freshness.FRESH, None
