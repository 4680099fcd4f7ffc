"""The timeline: what happened to a picture, step by step, with the times as they were."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from devices.registry.models import Publisher
from media_pipeline.mirror.models import MirrorState, OSSObject

from .models import Capture, Source, Step

DONE, WAITING, SKIPPED, STOPPED = "done", "waiting", "skipped", "stopped"


@dataclass(frozen=True)
class Stage:
    """One step: done, waiting, skipped or stopped. `ms_after_previous` counts from the latest one before."""

    key: str
    label: str
    state: str
    at: datetime | None = None
    reason: str = ""
    ms_after_previous: int | None = None

    @property
    def sentence(self) -> str:
        """Return the reason as a sentence of its own."""
        text = self.reason[:1].upper() + self.reason[1:]
        return text if text.endswith((".", "。", "!", "！", "?", "？")) else f"{text}."

    @property
    def shape(self) -> str:
        """Return the shape that pages draw the step with."""
        return {"waiting": "now", "skipped": "ahead"}.get(self.state, self.state)

    @property
    def gap(self) -> str:
        """Say the gap in a unit that people read at a glance: 120 ms, 12.4 s, 7 min, 3 h, 2 d."""
        ms = self.ms_after_previous
        if ms is None:
            return ""
        for limit_ms, size_ms, form in _GAPS:
            if ms < limit_ms:
                return form.format(ms / size_ms)
        return f"{ms / 86_400_000:.0f} d"


_GAPS = (
    (10_000, 1, "{:.0f} ms"),
    (60_000, 1_000, "{:.1f} s"),
    (3_600_000, 60_000, "{:.0f} min"),
    (86_400_000, 3_600_000, "{:.0f} h"),
)


def timeline_of(capture: Capture) -> list[Stage]:
    """Return the six stages of a picture's way. The last two stand in the order in which they happened."""
    mirrored, published = _mirrored(getattr(capture, "mirror", None)), _published(capture)
    last = [mirrored, published]
    if published.at and (mirrored.at is None or published.at < mirrored.at):
        last.reverse()
    stages = [
        _requested(capture),
        _sent(capture),
        Stage("received", _("received"), DONE, capture.received_at),
        Stage("stored", _("stored"), DONE, capture.stored_at),
        *last,
    ]
    return [replace(stage, ms_after_previous=_gap_ms(stage, stages[:i])) for i, stage in enumerate(stages)]


def _gap_ms(stage: Stage, before: list[Stage]) -> int | None:
    # A picture can be faster than the broker's word that the camera was told; that is not "before".
    earlier = [s.at for s in before if s.at and stage.at and s.at <= stage.at]
    return round((stage.at - max(earlier)).total_seconds() * 1000) if stage.at and earlier else None


def _requested(capture: Capture) -> Stage:
    label = _("requested")
    if capture.command:
        return Stage("requested", label, DONE, capture.command.created_at)
    reasons: dict[str, str] = {
        Source.MANUAL: _("not requested: added by hand"),
        Source.PULL: _("not requested: fetched by the hub"),
    }
    reason = reasons.get(capture.source, _("not requested: sent by the camera"))
    return Stage("requested", label, SKIPPED, reason=reason)


def _sent(capture: Capture) -> Stage:
    label = _("sent")
    if capture.command is None:
        return Stage("sent", label, SKIPPED, reason=_("nothing to send"))
    if capture.command.sent_at is None:
        return Stage("sent", label, SKIPPED, reason=_("the broker never confirmed that the camera was told"))
    return Stage("sent", label, DONE, capture.command.sent_at)


def _mirrored(mirror: OSSObject | None) -> Stage:
    key, label = "mirrored", pgettext("step", "mirrored")
    if mirror is None or mirror.state == MirrorState.OFF:
        return Stage(key, label, SKIPPED, reason=_("no mirror is set up"))
    if mirror.state == MirrorState.MIRRORED:
        return Stage(key, label, DONE, mirror.mirrored_at)
    if mirror.state in (MirrorState.BLOCKED, MirrorState.FAILED):
        return Stage(key, label, STOPPED, reason=mirror.error_text or mirror.get_state_display())
    if mirror.state == MirrorState.UPLOADING:
        return Stage(key, label, WAITING, reason=_("being copied"))
    tried = _("tried %(count)s times; next try soon") % {"count": mirror.attempts}
    reason = f"{mirror.error_text} ({tried})" if mirror.error else _("waiting for its turn")
    return Stage(key, label, WAITING, reason=reason)


def _published(capture: Capture) -> Stage:
    key, label = "published", _("published")
    if capture.published_at:
        return Stage(key, label, DONE, capture.published_at)
    if capture.publish_state == Step.PENDING:
        return Stage(key, label, WAITING, reason=_("waiting for the message broker"))
    if capture.publish_state == Step.FAILED:
        return Stage(
            key,
            label,
            STOPPED,
            reason=_("the message broker could not be reached for an hour, so nobody was told"),
        )
    if capture.device.result_topic and capture.device.result_publisher == Publisher.DEVICE:
        return Stage(key, label, SKIPPED, reason=_("the camera publishes the link itself; it was not heard"))
    if capture.device.result_topic:
        return Stage(key, label, SKIPPED, reason=_("nobody listened on the camera's result topic"))
    return Stage(key, label, SKIPPED, reason=_("the camera has no result topic, so nobody is told"))
