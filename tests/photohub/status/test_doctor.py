"""`manage.py doctor` and each of its tests."""

import io
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import call_command

from photohub.status import doctor
from photohub.status.doctor import Finding

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_ports(settings, tmp_path):
    """Keep away from the machine's real ports and disk floor."""
    settings.PHOTOHUB_DATA = tmp_path
    settings.HTTP_HOST = settings.MQTT_HOST = "127.0.0.1"
    settings.HTTP_PORT, settings.MQTT_PORT = free_port(), free_port()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def call(*args: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("doctor", *args, stdout=out)
    except SystemExit as exit_:
        return out.getvalue(), exit_.code
    return out.getvalue(), 0


def finding(part: str) -> Finding:
    return next(found for found in doctor.examine() if found.part == part)


class Answer(BaseHTTPRequestHandler):
    """A web server whose every answer is `body`."""

    body = b'{"ok": true}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def serve():
    """Start web servers that say what they are told; returns their ports."""
    servers = []

    def start(body: bytes) -> int:
        server = HTTPServer(("127.0.0.1", 0), type("Said", (Answer,), {"body": body}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_fresh_hub_is_well():
    text, code = call()
    assert code == 0 and "All is well." in text
    assert "PHOTOHUB_MIRROR" in text and "[default]" in text


def test_json_holds_settings_and_tests():
    text, code = call("--json")
    facts = json.loads(text)
    assert (facts["ok"], code) == (True, 0)
    assert {"name", "value", "source", "default", "doc"} <= facts["settings"][0].keys()
    assert {"part": "disk", "state": "OK"}.items() <= facts["tests"][1].items()


def test_a_problem_ends_with_code_1(settings):
    settings.DISK_FLOOR_BYTES = 10**18
    text, code = call()
    assert code == 1 and "PROBLEM  disk" in text and "PHOTOHUB_DISK_FLOOR" in text


def test_a_folder_that_cannot_be_written_is_a_problem(settings, tmp_path):
    settings.PHOTOHUB_DATA = tmp_path / "gone"
    assert finding("data folder").state == "PROBLEM"


def test_sqlite_on_a_network_disk_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "file_system_of", lambda folder: "nfs4")
    assert "network" in finding("data folder").sentence


def test_a_database_that_is_away_is_a_problem(monkeypatch):
    def refuse() -> None:
        raise doctor.DatabaseError("no route to postgres://hub:s3cret@db/photohub")

    with monkeypatch.context() as broken:
        broken.setattr(doctor.connection, "cursor", refuse)
        found = finding("database")
    assert found.state == "PROBLEM" and "s3cret" not in found.sentence


def test_redis_that_is_away_is_a_problem(settings):
    settings.REDIS_URL = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    found = finding("Redis")
    assert found.state == "PROBLEM" and "s3cret" not in found.sentence


def test_without_redis_it_is_off(settings):
    settings.REDIS_URL = ""
    assert finding("Redis").state == "OFF"


def test_a_broker_that_is_away_is_a_problem(settings):
    settings.MQTT_URL = f"mqtt://hub:s3cret@127.0.0.1:{free_port()}"
    found = finding("MQTT broker")
    assert found.state == "PROBLEM" and "s3cret" not in found.sentence


def test_a_broker_that_never_answers_is_a_problem(settings, monkeypatch):
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MQTT_URL = f"mqtt://hub:s3cret@127.0.0.1:{silent.getsockname()[1]}"
        assert finding("MQTT broker").state == "PROBLEM"


def test_a_free_port_is_fine():
    assert "is free" in finding("MQTT broker").sentence


def test_a_port_held_by_photohub_is_fine(settings, serve):
    settings.HTTP_PORT = serve(b'{"ok": true}')
    assert (finding("web port").state, "PhotoHub runs" in finding("web port").sentence) == ("OK", True)


def test_a_port_held_by_another_program_is_a_problem(settings, serve):
    settings.HTTP_PORT = serve(b"<h1>It works!</h1>")
    assert finding("web port").state == "PROBLEM"


def test_a_mirror_is_tried_step_by_step(settings, tmp_path):
    (tmp_path / "copies").mkdir()
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "copies")
    found = [f for f in doctor.examine() if f.part.startswith("mirror")]
    assert [f.part for f in found] == [
        "mirror: put",
        "mirror: read back",
        "mirror: public read",
        "mirror: delete",
    ]
    assert {f.state for f in found} == {"OK"}


def test_a_mirror_that_fails_is_a_problem(settings, tmp_path):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "unmounted")
    assert finding("mirror: put").state == "PROBLEM"


def test_the_outside_address_must_lead_here(settings, serve):
    settings.PHOTOHUB_URL = f"http://127.0.0.1:{serve(Answer.body)}"
    assert finding("outside address").state == "OK"
    settings.PHOTOHUB_URL = f"http://127.0.0.1:{serve(b'[]')}"
    assert "something else" in finding("outside address").sentence
    settings.PHOTOHUB_URL = f"http://127.0.0.1:{free_port()}"
    assert finding("outside address").state == "PROBLEM"


def test_a_test_that_breaks_stops_no_other(monkeypatch):
    def explode():
        raise RuntimeError("upload to /api/upload/s3cret failed")

    monkeypatch.setitem(doctor._TESTS, "disk", explode)
    found = list(doctor.examine())
    broken = next(f for f in found if f.part == "disk")
    assert broken.state == "PROBLEM" and "s3cret" not in broken.sentence
    assert found[-1].part == "outside address"
