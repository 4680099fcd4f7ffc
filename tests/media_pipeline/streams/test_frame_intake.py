import asyncio
import base64
import hashlib
import io
import json
import struct
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from PIL import Image

from devices.events.models import Event, Trouble
from devices.protocol.frames.http_pictures import BadlySent
from devices.protocol.topics import FileStep, FileTopic
from devices.registry.models import Device
from media_pipeline.captures.models import Capture, Source
from media_pipeline.intake.ingest import committer
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.picture_files.refusals import Refused
from media_pipeline.streams import frame_intake as frames
from media_pipeline.streams.frame_intake import WAITING_AT_MOST, FrameIntake, clean_name
from photohub.lib.memory import budget as memory
from tests.builders import make_device, make_jpeg
from tests.waiting import until, until_await

pytestmark = pytest.mark.django_db(transaction=True)

ONE, TWO = make_jpeg(text="one"), make_jpeg(text="two")


@pytest.fixture(autouse=True)
def _committer_ends():
    yield
    committer.stop()


async def device_of(policy: str) -> Device:
    return await asyncio.to_thread(make_device, stream_policy=policy)


async def count() -> int:
    return await asyncio.to_thread(Capture.objects.count)


def hear_all(intake: FrameIntake, device: Device, *steps: tuple[FileTopic, bytes]) -> list[dict]:
    answers = [intake.hear_file(device, step, payload) for step, payload in steps]
    return [json.loads(answer.payload) for answer in answers]


async def test_frames_are_shown_and_every_one_kept_if_the_device_says_so():
    await device_of("every")
    frames = LatestFrames()
    intake = FrameIntake(frames)
    intake.take("porch", ONE, Source.TCP, "10.0.0.9")
    intake.take("porch", TWO, Source.PULL)
    assert (await frames.snapshot("porch")).jpeg == TWO
    await intake.drain()
    rows = await asyncio.to_thread(lambda: sorted(Capture.objects.values_list("source", "sent_from")))
    assert rows == [("pull", ""), ("tcp", "10.0.0.9")] and intake.counters["captures"] == 2


async def test_a_stream_on_demand_keeps_only_what_is_asked_for():
    await device_of("on_demand")
    intake = FrameIntake(LatestFrames())
    for _ in range(5):
        intake.take("porch", ONE, Source.TCP)
    await intake.drain()
    assert await count() == 0
    intake.keep_next("porch")
    intake.take("porch", TWO, Source.TCP)
    intake.take("porch", ONE, Source.TCP)
    await intake.drain()
    assert await count() == 1


async def test_a_changed_policy_is_noticed(monkeypatch):
    device = await device_of("none")
    intake = FrameIntake(LatestFrames())
    intake.take("porch", ONE, Source.TCP)
    await intake.drain()
    monkeypatch.setattr("media_pipeline.streams.frame_intake.KNOWN_FOR_S", 0)
    await Device.objects.filter(pk=device.pk).aupdate(stream_policy="every")
    intake.take("porch", ONE, Source.TCP)
    await intake.drain()
    intake.take("porch", TWO, Source.TCP)
    await until_await(count)


async def test_captures_that_cannot_be_stored_in_time_are_dropped_and_counted():
    await device_of("every")
    stuck: list[Future] = []
    intake = FrameIntake(LatestFrames(), submit=lambda _upload: stuck.append(Future()) or stuck[-1])
    for _ in range(WAITING_AT_MOST + 3):
        intake.take("porch", ONE, Source.TCP)
    assert intake.counters["dropped"] == 3
    await until(lambda: len(stuck) == WAITING_AT_MOST)
    for future in stuck:
        future.set_exception(Refused("db", "away"))
    await intake.drain()
    assert intake.counters["db"] == WAITING_AT_MOST


async def test_a_frame_of_a_removed_device_is_no_capture():
    intake = FrameIntake(LatestFrames())
    intake.take("nobody", ONE, Source.TCP)
    await intake.drain()
    assert intake.counters["captures"] == intake.counters["failed"] == 0


@pytest.mark.parametrize("payload", [ONE, struct.pack("<II", 77, len(ONE)) + ONE])
async def test_an_mqtt_frame_is_shown_and_durable_when_it_returns(payload):
    device, frames = await device_of("every"), LatestFrames()
    intake = FrameIntake(frames)
    intake.bind(asyncio.get_running_loop())
    receipt = await asyncio.to_thread(intake.hear, device, payload)
    capture = await Capture.objects.aget(pk=receipt.id)
    assert (capture.source, capture.sha256) == ("mqtt", hashlib.sha256(ONE).hexdigest())
    await until_await(lambda: frames.snapshot("porch"))


def test_a_message_that_the_broker_repeats_is_one_capture():
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    intake.hear(device, ONE)
    intake.hear(device, ONE, repeated=True)
    intake.hear(device, TWO, repeated=True)
    assert sorted(Capture.objects.values_list("size_bytes", flat=True)) == sorted([len(ONE), len(TWO)])
    assert intake.counters["repeated"] == 1


def test_the_same_bytes_in_a_message_of_its_own_are_a_picture_of_their_own():
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    intake.hear(device, ONE)
    Capture.objects.update(name="earlier")
    intake.hear(device, ONE)
    assert Capture.objects.count() == 2


def test_parts_make_one_capture():
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    for part, at in enumerate(range(0, len(ONE), 400), 1):
        intake.hear(device, ONE[at : at + 400], part)
    assert Capture.objects.get().size_bytes == len(ONE) and not intake._joiners["porch"].held_bytes


@pytest.mark.parametrize("payload", [b"", b"nothing", struct.pack("<II", 1, 5) + ONE])
def test_a_payload_that_holds_no_frame_is_counted(payload, caplog):
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    for _ in range(3):
        assert intake.hear(device, payload) is None
    assert sum(intake.counters.values()) == 3 and len(caplog.records) == 1 and Capture.objects.count() == 0


def fail_with(refusal: Refused):
    """Return how pictures are handed in where all of them are refused."""

    def submit(_upload):
        (failed := Future()).set_exception(refusal)
        return failed

    return submit


def test_pictures_in_parts_that_wait_for_their_last_part_have_a_bound(monkeypatch):
    monkeypatch.setattr(frames, "PARTS_HELD_BYTES", 2 * len(ONE))
    intake = FrameIntake(LatestFrames(), submit=fail_with(Refused("disk_full", "Full.")))
    for number in range(4):
        device = make_device(f"cam{number}", stream_policy="every")
        intake.hear(device, ONE[:400], 1)
        with pytest.raises(Refused):
            intake.hear(device, ONE[400:], 2)
    assert list(intake._unstored) == ["cam2", "cam3"]
    # Whoever handed the frame in notes it, once for all its tries.
    assert not Trouble.objects.exists()


def test_a_frame_to_be_drawn_waits_for_no_memory(monkeypatch):
    @contextmanager
    def no_room(_picture, **_options):
        raise memory.Crowded
        yield

    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    assert frames.as_frame(picture.getvalue()).startswith(b"\xff\xd8\xff")
    monkeypatch.setattr(frames.decoding, "room_for", no_room)
    assert frames.as_frame(picture.getvalue()) is None


@pytest.mark.parametrize("policy", ["every", "interval:3600"])
def test_parts_that_could_not_be_stored_are_a_capture_when_the_last_one_comes_again(policy):
    device, answers = make_device(stream_policy=policy), [Refused("db", "Away."), None]

    def submit(upload):
        error = answers.pop(0)
        if error is None:
            return committer.submit(upload)
        (failed := Future()).set_exception(error)
        return failed

    intake = FrameIntake(LatestFrames(), submit=submit)
    intake.hear(device, ONE[:400], 1)
    with pytest.raises(Refused):
        intake.hear(device, ONE[400:], 2)
    intake.hear(device, ONE[400:], 2, repeated=True)
    assert Capture.objects.get().size_bytes == len(ONE) and not intake._unstored


def test_a_hub_that_cannot_store_does_not_acknowledge():
    device = make_device(stream_policy="every")
    failed: Future = Future()
    failed.set_exception(Refused("db", "The hub's database is away."))
    intake = FrameIntake(LatestFrames(), submit=lambda _upload: failed)
    with pytest.raises(Refused):
        intake.hear(device, ONE)


def test_a_chunked_upload_is_a_capture_before_it_is_answered():
    device, intake = make_device(stream_policy="none"), FrameIntake(LatestFrames())
    init = json.dumps({"name": "shot-7.jpg", "size": len(ONE)}).encode()
    steps = [(FileTopic("f1", FileStep.INIT), init), (FileTopic("f1", FileStep.DATA, 0), ONE[:300])]
    steps += [
        (FileTopic("f1", FileStep.DATA, 300), ONE[300:]),
        (FileTopic("f1", FileStep.FIN, len(ONE)), b""),
    ]
    assert [answer["reason_code"] for answer in hear_all(intake, device, *steps)] == [0, 0, 0, 0]
    capture = Capture.objects.get()
    assert (capture.name, capture.source, capture.size_bytes) == ("shot-7.jpg", "mqtt", len(ONE))


@pytest.mark.parametrize(("data", "reason"), [(b"no picture at all", 0x83), (ONE, 0x97)])
def test_a_chunked_upload_that_is_not_stored_says_so(data, reason, settings):
    device, intake = make_device(), FrameIntake(LatestFrames())
    settings.DISK_FLOOR_BYTES = 2**62 if data == ONE else 0
    steps = [(FileTopic("f1", FileStep.INIT), b'{"name": "a"}'), (FileTopic("f1", FileStep.DATA, 0), data)]
    answers = hear_all(intake, device, *steps, (FileTopic("f1", FileStep.FIN, len(data)), b""))
    assert answers[-1]["reason_code"] == reason and Capture.objects.count() == 0


@pytest.mark.parametrize(("raw", "name"), [("a/b\n.jpg", "a/b.jpg"), ("\0", "file"), ("x" * 300, "x" * 128)])
def test_a_file_name_becomes_a_label(raw, name):
    assert clean_name(raw) == name


def open_words() -> set[str]:
    return set(Trouble.objects.open().values_list("word", flat=True))


@pytest.mark.parametrize("form", ["png", "webp"])
async def test_every_kind_of_picture_is_shown_as_jpeg_and_kept_as_it_came(form):
    device, frames, out = await device_of("every"), LatestFrames(), io.BytesIO()
    Image.new("RGB", (16, 8), "navy").save(out, form)
    intake = FrameIntake(frames)
    intake.bind(asyncio.get_running_loop())
    await asyncio.to_thread(intake.hear, device, base64.b64encode(out.getvalue()))
    capture = await Capture.objects.aget()
    assert (capture.content_type, capture.size_bytes) == (f"image/{form}", len(out.getvalue()))
    await until_await(lambda: frames.snapshot("porch"))
    assert Image.open(io.BytesIO((await frames.snapshot("porch")).jpeg)).format == "JPEG"


@pytest.mark.parametrize("form", ["png", "webp"])
async def test_wires_without_messages_take_every_kind_as_well(form):
    await device_of("every")
    frames, out = LatestFrames(), io.BytesIO()
    Image.new("RGB", (16, 8), "navy").save(out, form)
    intake = FrameIntake(frames)
    intake.take("porch", out.getvalue(), Source.PULL)
    await intake.drain()
    assert (await Capture.objects.aget()).content_type == f"image/{form}"
    assert Image.open(io.BytesIO((await frames.snapshot("porch")).jpeg)).format == "JPEG"


@pytest.mark.parametrize(
    ("payload", "part", "word"),
    [
        (b"hello", None, "frame_no_picture"),
        (struct.pack("<II", 1, 5) + ONE, None, "frame_size"),
        (ONE[300:], 2, "frame_parts"),
    ],
)
def test_a_frame_that_is_not_taken_stands_on_the_page_until_one_is(payload, part, word):
    device, intake = make_device(stream_policy="none"), FrameIntake(LatestFrames())
    intake.hear(device, ONE)
    intake.hear(device, payload, part)
    assert open_words() == {word} and Event.objects.filter(word=word).count() == 1
    intake.hear(device, ONE)
    assert open_words() == set()


def test_a_frame_that_is_no_capture_stands_on_the_page_until_one_is(settings):
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    settings.UPLOAD_MAX_PIXELS = 100
    intake.hear(device, ONE)
    assert open_words() == {"picture_too_many_pixels"}
    settings.UPLOAD_MAX_PIXELS = 40_000_000
    intake.hear(device, ONE)
    assert open_words() == set()


async def test_a_frame_of_a_stream_that_is_no_capture_stands_on_the_page(settings):
    await device_of("every")
    settings.UPLOAD_MAX_PIXELS = 100
    intake = FrameIntake(LatestFrames())
    intake.take("porch", ONE, Source.TCP)
    await intake.drain()
    assert await asyncio.to_thread(open_words) == {"picture_too_many_pixels"}


def test_a_file_that_is_given_up_stands_on_the_page_until_one_is_whole():
    device, intake = make_device(), FrameIntake(LatestFrames())
    hear_all(intake, device, (FileTopic("f1", FileStep.INIT), b"no json"))
    assert open_words() == {"file_refused"}
    steps = [(FileTopic("f1", FileStep.INIT), b'{"name": "a"}'), (FileTopic("f1", FileStep.DATA, 0), ONE)]
    hear_all(intake, device, *steps, (FileTopic("f1", FileStep.FIN, len(ONE)), b""))
    assert open_words() == set() and Capture.objects.count() == 1


async def test_a_picture_whose_transport_ended_badly_is_flagged():
    await device_of("every")
    intake = FrameIntake(LatestFrames())
    intake.take("porch", BadlySent(ONE), Source.PULL)
    await intake.drain()
    assert (await Capture.objects.aget()).flags == ["transport"]
