"""The examples and the byte-exact blocks of docs/protocol.md, read from where they stand and tried."""

import ast
import base64
import contextlib
import io
import json
import re
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from django.template.loader import render_to_string
from PIL import Image

from devices.events import record as events
from devices.events.models import Event, EventType
from devices.mqtt import addressing
from devices.panels.rendering import drawing
from devices.protocol import camera_settings, light, one_wake, topics
from devices.protocol.frames.framing import Frame, Hello, StreamReader
from devices.protocol.frames.payload import read_frame
from devices.protocol.mqtt.packets import Connect
from devices.protocol.pictures.chunked_upload import ChunkedUploads, MemoryStorage, Reason
from devices.protocol.pictures.packets import Function, encode_ack, encode_begin, encode_data, encode_end
from devices.protocol.pictures.receiver import Receiver
from devices.registry import presence
from devices.registry.models import Device, DeviceKey
from devices.setup import adding
from media_pipeline.captures.models import Capture
from media_pipeline.intake import endpoint as upload
from media_pipeline.links import publish
from photohub.lib.ids import hash_key
from tests.builders import make_jpeg
from tests.hub_process import running_hub
from tests.mqtt_packets import build_connect
from tests.servers import running_asgi

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
PYTHON_CAMERA = ROOT / "examples/python/camera.py"
PYTHON_PANEL = ROOT / "examples/python/panel.py"
FENCE = re.compile(r"^([ ]*)```\w+ vector name=(\S+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
VECTORS = {name: textwrap.dedent(text).strip("\n") for _, name, text in FENCE.findall(PROTOCOL)}

HUB = "http://192.168.1.20:8000"
LINK_CODE = "7k2m9xq4hv3wn8cbtz"
LINK = f"{HUB}/p/{LINK_CODE}"
CAPTURE = "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"
KEY = "Vq3mZs0yB4nUo1dXr7KcHjT9eWf2LgPa5iEt8SxQ6Dk"
NAME = light.new_name(bytes(range(16)), "porch")
DIRECTION = {True: "from the device", False: "to the device"}


def topic_lines() -> str:
    return lines_of(("command", "result", "status", "telemetry", "frame", "file"), 11)


def picture_topic_lines() -> str:
    return lines_of(("picture", "picture/ack"), 13)


def lines_of(words: tuple[str, ...], width: int) -> str:
    shown = [topics.Channel(word) for word in words]
    lines = [(c, DIRECTION[c in topics.FROM_DEVICE], topics.build("porch", c)) for c in shown]
    return "\n".join(f"{channel:<{width}}{direction:<19}{topic}" for channel, direction, topic in lines)


def connect_packet() -> str:
    login = {"client_id": "porch", "username": "porch", "password": KEY.encode(), "keepalive_s": 60}
    will = {"will_topic": "photohub/porch/status", "will_payload": b"offline", "will_qos": 1}
    digits = build_connect(Connect(**login, **will)).hex(" ")
    return "\n".join(textwrap.wrap(digits, 32 * 3))


def live_event() -> str:
    device = Device(pk=1, code="porch")
    row = Event(seq=412, type=EventType.CAPTURE_CREATED, device=device, subject=UUID(CAPTURE))
    return json.dumps(events.as_json(row), separators=(",", ":"))


def published_result() -> str:
    capture = Capture(code=LINK_CODE, device=Device(result_topic="photohub/porch/result"))
    return publish.message_of(capture)[1].decode()


def panel_picture(palette: str) -> bytes:
    """Return a PNG of one of the documented pictures."""
    rows = VECTORS[f"panel-picture-{palette}"].splitlines()
    colours = {"K": (0, 0, 0), "W": (255, 255, 255), "Y": (255, 255, 0), "R": (255, 0, 0)}
    image = Image.new("RGB", (len(rows[0]), len(rows)))
    image.putdata([colours[letter] for row in rows for letter in row])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


PANEL_FORMS = [
    ("bw", "raw1", {}), ("bw", "raw1", {"bit_order": "lsb"}), ("bw", "raw1", {"inverted": True}),
    ("bwry", "raw2", {}), ("bwry", "raw2", {"bit_order": "lsb"}), ("bwry", "raw2", {"inverted": True}),
    ("bwry", "raw4", {}), ("bwry", "raw4", {"bit_order": "lsb"}), ("bwry", "planes", {}),
    ("bwry", "rgb565", {}), ("bwry", "rgb565", {"byte_order": "little"}), ("bw", "bmp", {}),
]  # fmt: skip


def panel_lines() -> str:
    """Return palette, form, options and bytes of the documented pictures."""
    lines = []
    for palette, form, options in PANEL_FORMS:
        profile = drawing.Profile(format=form, colours=f"palette:{palette}", **options)
        data = drawing.render(panel_picture(palette), profile).data.hex(" ")
        said = " ".join("inverted" if value is True else value for value in options.values())
        first, *more = textwrap.wrap(data, 24 * 3)
        lines += [f"{palette:<6}{form:<8}{said:<10}{first}", *(" " * 24 + line for line in more)]
    return "\n".join(lines)


WISHED = {"frame_size": "SVGA", "quality": 80, "led": "off", "interval_s": 60, "sleep_s": 300}


def settings_report() -> str:
    said = WISHED | {"frame_size": "VGA"}
    report = camera_settings.Report(7, said, {"frame_size": "no PSRAM"}, camera_settings.NAMES)
    return camera_settings.encode_report(report).decode()


def one_wake_answer() -> str:
    order = json.loads(light.encode_capture(NAME))
    extras = one_wake.Extras(
        command=order,
        sleep_s=300,
        time_ms=1773500966000,
        zone="+08:00",
        firmware_version="1.5.0",
        firmware_url="/api/v1/ota/check",
    )
    return one_wake.extend(light.encode_ok(url=LINK, id=CAPTURE), extras).decode()


MADE_BY_CODE = {
    "panel-bytes": panel_lines,
    "answer-ok": lambda: light.encode_ok(url=LINK, id=CAPTURE).decode(),
    "answer-url": lambda: light.decode_result(VECTORS["answer-ok"].encode()).url,
    "answer-dup": lambda: light.encode_ok(url=LINK, id=CAPTURE, dup=True).decode(),
    "answer-one-wake": one_wake_answer,
    "answer-no-name": lambda: light.encode_error("Name-Pic is not exist", "no_name").decode(),
    "answer-rate": lambda: light.encode_error("Too many pictures; send again in 3 s.", "rate").decode(),
    "command": lambda: light.encode_capture(NAME).decode(),
    "command-as-string": lambda: light.encode_capture(NAME, action_as_string=True).decode(),
    "connect": connect_packet,
    "topics": topic_lines,
    "picture-topics": picture_topic_lines,
    "settings-topics": lambda: lines_of(("settings", "settings/reported"), 19),
    "settings-wish": lambda: camera_settings.encode_wish(camera_settings.Wish(7, WISHED)).decode(),
    "settings-report": settings_report,
    "restart": lambda: camera_settings.encode_restart("restart-aaaqeayeaudaocaj").decode(),
    "result": published_result,
    "live-capture": live_event,
    "picture-begin": lambda: encode_begin(4200).hex(" "),
    "picture-data-first": lambda: encode_data(0, bytes(1400))[:9].hex(" "),
    "picture-data-last": lambda: encode_data(2, bytes(1400))[:9].hex(" "),
    "picture-end": lambda: encode_end().hex(" "),
    "picture-ack": lambda: encode_ack(Function.DATA, 2, True).hex(" "),
    "picture-nack": lambda: encode_ack(Function.END, 0, False).hex(" "),
    "picture-ack-base-1": lambda: encode_ack(Function.DATA, 3, True).hex(" "),
}
NATIVE = ["micropython/camera.py", "arduino/camera/camera.ino", "esp32s3/README.md"]
NATIVE += ["micropython/panel.py", "arduino/panel/panel.ino"]
TRIED_BELOW = {"upload-request", "telemetry", "piece-1", "piece-2", "hello", "frame-header", "file-response"}
TRIED_BELOW |= {"stream-pi", "stream-k230", "panel-picture-bw", "panel-picture-bwry"}


def test_every_vector_of_the_protocol_is_checked():
    # Those of firmware updates have a file of their own.
    assert {name for name in VECTORS if not name.startswith("firmware-")} == MADE_BY_CODE.keys() | TRIED_BELOW


@pytest.mark.parametrize("name", MADE_BY_CODE)
def test_a_vector_is_what_the_code_says(name, settings):
    settings.PHOTOHUB_URL = HUB
    assert VECTORS[name] == MADE_BY_CODE[name]()


def test_the_pieces_of_a_relayed_answer_are_joined():
    joiner = light.ResultJoiner()
    assert joiner.feed(VECTORS["piece-1"].encode(), 0.0) is None
    assert joiner.feed(VECTORS["piece-2"].encode(), 1.0).url == LINK


def test_the_documented_telemetry_is_kept_whole():
    told = json.loads(VECTORS["telemetry"])
    assert presence.clean_telemetry(told) == told


@pytest.mark.django_db
def test_the_documented_topics_are_the_rights_of_a_generic_device():
    device = adding.add_device(code="porch", name="", profile="generic").device
    publishes, subscribes = addressing.rights_of(device)
    lines = [*VECTORS["topics"].splitlines(), *VECTORS["settings-topics"].splitlines()]
    listed = {line.split()[0]: line.split()[-1] for line in lines}
    files, frame = listed.pop("file"), listed.pop("frame")
    told = [listed.pop("command"), listed.pop("settings"), f"{files}/+/response"]
    assert subscribes == told and not device.frame_topic
    assert {p for p in publishes if not p.startswith(files)} == set(
        listed.values()
    ) and frame not in publishes


def test_the_documented_streams_are_read_as_they_stand():
    picture = bytes.fromhex("ff d8 ff d9")
    for name in ("stream-pi", "stream-k230"):
        reader = StreamReader()
        found = reader.feed(VECTORS["hello"].encode() + b"\n" + bytes.fromhex(VECTORS[name]))
        assert [e.picture for e in found if isinstance(e, Frame)] == [picture], name
        assert isinstance(found[0], Hello) and found[0].key == KEY


def test_the_documented_frame_header_is_read_as_it_stands():
    frame = read_frame(bytes.fromhex(VECTORS["frame-header"]))
    assert (frame.jpeg.hex(), frame.ticks_ms) == ("ffd8ffd9", 1000)


def test_the_documented_answer_to_a_file_is_what_the_hub_sends():
    said, step = json.loads(VECTORS["file-response"]), topics.FileTopic("f1", topics.FileStep.FIN, 4)
    uploads = ChunkedUploads(MemoryStorage())
    uploads.handle("porch", topics.FileTopic("f1", topics.FileStep.INIT), b'{"name":"a"}', 0.0)
    uploads.handle("porch", topics.FileTopic("f1", topics.FileStep.DATA, 0), b"abcd", 0.0)
    uploads.handle("porch", step, b"", 0.0)
    answer = json.loads(uploads.settle("porch", "f1", Reason.OK, "success").payload)
    assert answer | {"topic": said["topic"]} == said


@pytest.mark.parametrize(("base", "name"), [(0, "picture-ack"), (1, "picture-ack-base-1")])
def test_a_panel_by_the_protocol_answers_as_documented(base, name):
    panel, data = Receiver(ack_base=base), range(3)
    packets = {word: bytes.fromhex(VECTORS[f"picture-{word}"]) for word in ("begin", "data-first", "end")}
    panel.take(packets["begin"])
    assert panel.take(packets["end"]).hex(" ") == VECTORS["picture-nack"]
    assert panel.take(packets["data-first"] + bytes(1400))[-1] == 1
    assert [panel.take(encode_data(n, bytes(1400))).hex(" ") for n in data][-1] == VECTORS[name]
    assert panel.take(packets["end"])[-1] == 1 and panel.picture == bytes(4200)


def documented_headers() -> dict[str, str]:
    lines = VECTORS["upload-request"].splitlines()[1:]
    return dict(line.split(": ", 1) for line in lines if not line.startswith("Host:"))


@pytest.mark.django_db(transaction=True)
def test_the_documented_upload_is_stored_with_all_that_it_says():
    device = adding.add_device(code="porch", name="", profile="generic").device
    DeviceKey.objects.create(device=device, prefix=KEY[:8], sha256=hash_key(KEY))
    path = VECTORS["upload-request"].split()[1]
    with running_asgi(upload.application) as url:
        answer = httpx.post(url + path, content=make_jpeg(), headers=documented_headers(), trust_env=False)
    capture = Capture.objects.get()
    assert answer.status_code == 200 and capture.name == "first picture"
    assert f"{capture.captured_at:%Y-%m-%dT%H:%M:%SZ}" == documented_headers()["X-Captured-At"]
    assert len(capture.telemetry) == 4


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda p: p.parent.name)
def test_a_python_example_compiles(path):
    compile(path.read_text(), str(path), "exec")


def test_the_python_camera_needs_nothing_for_uploads_but_python():
    tree = ast.parse(PYTHON_CAMERA.read_text())
    imported = {alias.name.split(".")[0] for n in tree.body if isinstance(n, ast.Import) for alias in n.names}
    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", ["python/camera.py", "micropython/camera.py", "arduino/camera/camera.ino"])
def test_an_example_repeats_exactly_what_can_be_repeated(name):
    text = (ROOT / "examples" / name).read_text()
    assert all(str(status) in text for status in (408, 429, 503, 507))


def test_the_shell_example_is_a_good_shell_script():
    subprocess.run(["sh", "-n", ROOT / "examples/curl.sh"], check=True)
    headers = re.findall(r'--header "([\w-]+):', (ROOT / "examples/curl.sh").read_text())
    assert headers and all(f"| `{name}` |" in PROTOCOL for name in headers)


@pytest.mark.parametrize("name", NATIVE)
def test_topics_in_an_example_are_native_ones(name):
    text = (ROOT / "examples" / name).read_text().replace("{CODE}", "porch")
    found = re.findall(r"photohub/[\w-]+/\w+(?:/ack)?", text)
    assert found and all(topics.parse(topic) for topic in found)


def run_camera(hub, key: str, picture: Path) -> dict:
    command = [sys.executable, PYTHON_CAMERA, "--hub", hub.url, "--key", key, picture]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def hub():
    owner = {"DJANGO_SUPERUSER_USERNAME": "anna", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
    with running_hub(env=owner) as hub:
        hub.token = hub.console.run("api_token", "anna").strip()
        yield hub


@contextlib.contextmanager
def running(*command: object) -> Iterator[None]:
    """Run an example with this Python until the block ends."""
    program = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        program.kill()
        program.wait()


def test_the_python_camera_uploads_to_a_real_hub_and_its_repetition_is_known(hub, tmp_path):
    picture = tmp_path / "gate.jpg"
    picture.write_bytes(make_jpeg())
    key = hub.add_device("gate")["key"]
    first, second = run_camera(hub, key, picture), run_camera(hub, key, picture)
    local = hub.url + "/p/" + base64.b64decode(first["url"]).decode().rpartition("/")[2]
    with urllib.request.urlopen(local, timeout=10) as answer:
        assert answer.read() == picture.read_bytes()
    assert first["code"] == 0 and second == first | {"dup": True}


def test_the_python_camera_takes_a_picture_when_the_api_asks_for_one(hub, tmp_path):
    picture = tmp_path / "porch.jpg"
    picture.write_bytes(make_jpeg())
    login = [
        "--key",
        hub.add_device("porch")["key"],
        "--code",
        "porch",
        "--mqtt",
        f"127.0.0.1:{hub.mqtt_port}",
    ]
    with running(PYTHON_CAMERA, "--hub", hub.url, *login, picture):
        answer = httpx.post(
            f"{hub.url}/api/v1/devices/porch/capture",
            json={"wait": 20},
            headers={"Authorization": f"Bearer {hub.token}"},
            timeout=40,
        )
    assert answer.status_code == 200 and answer.json()["source"] == "http"


def test_the_python_panel_gets_a_picture_from_a_real_hub_bit_for_bit(hub, tmp_path):
    picture = make_jpeg(text="hall") + bytes(20_000)
    login = ["--key", hub.add_device("hall", "panel")["key"], "--code", "hall", "--folder", tmp_path]
    over = ["--topic", "mqttTestPub", "--ack-topic", "mqttTestSub"]
    with running(PYTHON_PANEL, "--mqtt", f"127.0.0.1:{hub.mqtt_port}", *login, *over):
        state = push_and_wait(f"{hub.url}/api/v1", hub.token, picture)
    assert state == "delivered" and (tmp_path / "picture.jpg").read_bytes() == picture


def push_and_wait(api: str, token: str, picture: bytes) -> str:
    """Send the panel of the hall a picture and return how that ended."""
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as client:
        files = {"file": ("hall.jpg", picture, "image/jpeg")}
        made = client.post(f"{api}/devices/hall/deliveries", files=files, data={"render": "none"}).json()
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            state = client.get(f"{api}/deliveries/{made['id']}").json()["state"]
            if state not in ("queued", "sending"):
                return state
            time.sleep(0.2)
    return "late"


# Also on the Connect page of a device that asks for all in one wake; the examples are the same with the values of a reader.
SLEEPING = {
    "arduino": "arduino/sleeping_camera/sleeping_camera.ino",
    "esp-idf": "esp-idf/sleeping_camera.c",
    "micropython": "micropython/sleeping_camera.py",
}


def sleeping_program(slug: str) -> str:
    values = {"hub": json.dumps(HUB), "key": '"<the key of this device>"', "timeout_s": 10, "https": False}
    return render_to_string(f"devices/setup/snippets/sleeping-{slug}.txt", values).strip() + "\n"


@pytest.mark.parametrize("slug", SLEEPING)
def test_the_examples_that_sleep_are_those_of_the_connect_page(slug):
    assert (ROOT / "examples" / SLEEPING[slug]).read_text() == sleeping_program(slug)
