"""The timeline."""

from datetime import UTC, datetime, timedelta

from devices.commands.models import Command
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.captures.timeline import Stage, timeline_of
from media_pipeline.mirror.models import OSSObject

NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def at_ms(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


def make(
    command: dict | None = None, mirror: dict | None = None, device: dict | None = None, **values
) -> Capture:
    """Return an unsaved capture received 500 ms after noon: the line reads rows and writes none."""
    owner = Device(code="porch", **(device or {"result_topic": "t", "result_publisher": "hub"}))
    asked = Command(device=owner, **command) if command else None
    capture = Capture(
        device=owner, command=asked, source="http", received_at=at_ms(500), stored_at=at_ms(512), **values
    )
    OSSObject(capture=capture, **(mirror or {"state": "off"}))
    return capture


def stages_of(capture: Capture) -> dict[str, Stage]:
    return {stage.key: stage for stage in timeline_of(capture)}


def test_every_step_has_the_time_since_the_one_before():
    capture = make(
        {"created_at": NOON, "sent_at": at_ms(70)},
        {"state": "mirrored", "mirrored_at": at_ms(700)},
        published_at=at_ms(900),
    )
    line = timeline_of(capture)
    assert [stage.key for stage in line] == [
        "requested",
        "sent",
        "received",
        "stored",
        "mirrored",
        "published",
    ]
    assert [stage.ms_after_previous for stage in line] == [None, 70, 430, 12, 188, 200]
    assert {stage.state for stage in line} == {"done"}


def test_what_was_published_before_it_was_mirrored_stands_before_it():
    line = timeline_of(make(mirror={"state": "mirrored", "mirrored_at": at_ms(900)}, published_at=at_ms(600)))
    assert [(s.key, s.ms_after_previous) for s in line[-2:]] == [("published", 88), ("mirrored", 300)]


def test_a_picture_faster_than_the_brokers_word_counts_from_the_request():
    stages = stages_of(make({"created_at": NOON, "sent_at": at_ms(600)}))
    assert stages["sent"].ms_after_previous == 600
    assert stages["received"].ms_after_previous == 500


def test_a_picture_nobody_asked_for_says_so():
    stages = stages_of(make())
    assert (stages["requested"].state, stages["sent"].state) == ("skipped", "skipped")
    assert stages["requested"].reason == "not requested: sent by the camera"
    assert stages["received"].ms_after_previous is None


def test_without_a_mirror_the_step_is_skipped():
    stage = stages_of(make(mirror={"state": "off"}))["mirrored"]
    assert (stage.state, stage.reason) == ("skipped", "no mirror is set up")


def test_a_stopped_mirror_gives_its_reason():
    for state in ("blocked", "failed"):
        stage = stages_of(make(mirror={"state": state, "error": "The key was refused."}))["mirrored"]
        assert (stage.state, stage.reason) == ("stopped", "The key was refused.")


def test_a_waiting_mirror_tells_how_often_it_was_tried():
    stage = stages_of(make(mirror={"state": "pending", "error": "No answer", "attempts": 3}))["mirrored"]
    assert (stage.state, stage.reason) == ("waiting", "No answer (tried 3 times; next try soon)")


def test_publishing_waits_stops_or_is_the_cameras_own():
    assert stages_of(make(publish_state="pending"))["published"].state == "waiting"
    assert stages_of(make(publish_state="failed"))["published"].state == "stopped"
    own = stages_of(make(device={"result_topic": "t", "result_publisher": "device"}))["published"]
    assert (own.state, own.reason) == ("skipped", "the camera publishes the link itself; it was not heard")
    unheard = stages_of(make(device={"result_topic": "t", "result_publisher": "hub"}))["published"]
    assert (unheard.state, unheard.reason) == ("skipped", "nobody listened on the camera's result topic")
    assert "no result topic" in stages_of(make(device={"result_topic": ""}))["published"].reason


def test_gaps_are_told_in_a_unit_that_fits():
    spans = {
        None: "",
        0: "0 ms",
        9_999: "9999 ms",
        12_400: "12.4 s",
        420_000: "7 min",
        10_800_000: "3 h",
        200_000_000: "2 d",
    }
    assert {ms: Stage("k", "l", "done", ms_after_previous=ms).gap for ms in spans} == spans


def test_a_reason_becomes_a_sentence_of_its_own():
    assert Stage("k", "l", "stopped", reason="no answer").sentence == "No answer."
    assert Stage("k", "l", "stopped", reason="Key refused.").sentence == "Key refused."
