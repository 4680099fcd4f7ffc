import pytest
from django.utils import timezone

from media_pipeline.captures.models import Capture, Source
from media_pipeline.intake.ingest import ingest
from media_pipeline.picture_files.refusals import Refused
from media_pipeline.picture_files.store import full_path
from media_pipeline.streams.policy import Chooser, Policy, PolicyKind, build_upload, read_policy
from tests.builders import make_device, make_jpeg


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("none", Policy(PolicyKind.NONE)),
        ("every", Policy(PolicyKind.EVERY)),
        ("on_demand", Policy(PolicyKind.ON_DEMAND)),
        ("interval:10", Policy(PolicyKind.INTERVAL, 10)),
    ],
)
def test_a_policy_is_read(text, policy):
    assert read_policy(text) == policy


@pytest.mark.parametrize(
    "text", ["", "interval", "interval:", "interval:0", "interval:-1", "interval:٣", "every:3"]
)
def test_anything_else_is_no_policy(text):
    with pytest.raises(ValueError, match="is no stream policy"):
        read_policy(text)


def chosen(policy: str, times: list[float], chooser: Chooser | None = None) -> list[float]:
    chooser = chooser or Chooser()
    return [t for t in times if chooser.chooses("porch", read_policy(policy), t)]


def test_every_takes_all_and_none_takes_nothing():
    assert chosen("every", [1, 2, 3]) == [1, 2, 3]
    assert chosen("none", [1, 2, 3]) == chosen("on_demand", [1, 2, 3]) == []


def test_an_interval_takes_the_first_and_one_in_a_while():
    assert chosen("interval:10", [n / 2 for n in range(61)]) == [0, 10, 20, 30]


def test_late_frames_do_not_push_the_others_back():
    assert chosen("interval:10", [0, 10.4, 20.1, 29.9, 30.2]) == [0, 10.4, 20.1, 30.2]


def test_a_pause_is_not_made_up_for():
    assert chosen("interval:10", [0, 95, 96, 97, 105]) == [0, 95, 105]


@pytest.mark.parametrize("policy", ["none", "on_demand", "interval:1000"])
def test_the_next_frame_is_kept_on_demand_and_only_that(policy):
    chooser = Chooser()
    chosen(policy, [0], chooser)
    chooser.keep_next("porch", 5)
    assert chosen(policy, [6, 7], chooser) == [6]


def test_a_demand_is_for_one_device_and_not_for_ever():
    chooser = Chooser()
    chooser.keep_next("garden", 0)
    chooser.keep_next("porch", 0, within_s=30)
    assert chosen("none", [31], chooser) == []
    assert chosen("none", [32], chooser) == []


@pytest.mark.django_db(transaction=True)
def test_a_frame_becomes_a_capture_of_exactly_its_bytes():
    picture = make_jpeg() + b"\0" * 16
    upload = build_upload(make_device(), picture, Source.TCP, received_at=timezone.now(), address="10.0.0.9")
    ingest(upload)
    capture = Capture.objects.get()
    assert full_path(capture.path).read_bytes() == picture and capture.flags == ["trailing"]
    assert (capture.source, capture.sent_from) == ("tcp", "10.0.0.9") and capture.name.endswith("Z")


@pytest.mark.django_db
def test_what_is_no_picture_or_finds_no_room_is_refused(settings):
    device, now = make_device(), timezone.now()
    with pytest.raises(Refused) as refused:
        build_upload(device, b"\xff\xd8 nothing", Source.TCP, received_at=now)
    assert refused.value.word == "not_image"
    settings.DISK_FLOOR_BYTES = 2**62
    with pytest.raises(Refused) as refused:
        build_upload(device, make_jpeg(), Source.TCP, received_at=now)
    assert refused.value.word == "disk_full"
