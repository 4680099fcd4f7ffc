"""What the Connect page and examples/ hand out is compiled, run, and seen to upload, to obey and to show."""

import itertools
import re
from pathlib import Path

import pytest

from devices.registry.models import Device
from devices.setup.snippets import snippets_for
from tests.builders import make_jpeg
from tests.flows.programs import compile_idf, compile_sketch, interpret, running
from tests.flows.story import Visitor, until
from tests.hub_process import running_hub

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FIELDS = "code profile command_topic result_topic frame_topic picture_topic picture_ack_topic result_publisher ack_base one_wake"
LANGUAGES = ["arduino", "esp-idf", "micropython"]
PATIENCE_S = 60.0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hub():
    owner = {"DJANGO_SUPERUSER_USERNAME": "anna", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
    with running_hub(env=owner) as hub:
        hub.token = hub.console.run("api_token", "anna").strip()
        yield hub


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Return a folder for what is compiled once."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
async def person(hub):
    visitor = Visitor(hub.url, hub.token)
    yield visitor
    await visitor.api.aclose()


class Bench:
    """Makes devices, and writes the programs that they are handed."""

    def __init__(self, hub, person: Visitor, folder: Path, compiled: Path) -> None:
        self.hub, self.person, self.folder, self.compiled = hub, person, folder, compiled
        self.picture = folder / "picture.jpg"
        self.picture.write_bytes(make_jpeg(text=folder.name) + bytes(10_000))

    async def add(self, profile: str, **changes) -> None:
        wish = {"code": f"board-{next(_numbers)}", "profile": profile} | changes
        made = await self.person.api.post("/devices", json=wish)
        assert made.status_code == 201, made.text
        facts = made.json()
        self.code, self.key = facts["code"], facts["key"]
        self.device = Device(**{name: facts[name] for name in FIELDS.split()})

    async def add_panel(self, **changes) -> None:
        code = f"board-{next(_numbers)}"
        topic = f"photohub/{code}/picture"
        await self.add("panel", code=code, picture_topic=topic, picture_ack_topic=f"{topic}/ack", **changes)

    def handed(self, slug: str) -> Path:
        """Return the program of the Connect page as a file."""
        snippet = next(s for s in snippets_for(self.device, self.key) if s.slug == slug)
        path = self.folder / snippet.file_name
        path.write_text(snippet.code)
        return path

    def example(self, name: str) -> Path:
        """Return an example, filled in as it says at its top."""
        text = (EXAMPLES / name).read_text()
        text = text.replace("192.168.1.20:8000", self.hub.url.partition("://")[2]).replace(
            "192.168.1.20", "127.0.0.1"
        )
        text = text.replace("<the key of this device>", self.key).replace("1883", str(self.hub.mqtt_port))
        text = re.sub(r"HTTP_PORT = \d+", f"HTTP_PORT = {self.hub.http_port}", text)
        path = self.folder / Path(name).name
        path.write_text(re.sub(r'(?<=["/])(porch|hall)(?=["/])', self.code, text))
        return path

    def command(self, program: Path) -> list[str | Path]:
        """Return what runs this program."""
        if program.suffix == ".ino":
            return [compile_sketch(program)]
        if program.suffix == ".py":
            return interpret(program, self.picture)
        return [compile_idf(program, self.compiled)]

    async def newest(self) -> dict | None:
        items = (await self.person.api.get("/captures", params={"device": self.code})).json()["items"]
        return items[0] if items else None

    async def can_be_asked(self) -> bool:
        return (await self.person.api.get(f"/devices/{self.code}")).json()["listens"] is True

    async def obeys(self, program: Path, quality: int = 0) -> None:
        """Run a camera: it uploads by itself, and takes a picture when it is asked for one, and this quality."""
        with running(self.command(program), self.folder, self.picture):
            first = await until(self.newest, PATIENCE_S)
            assert first["size_bytes"] == self.picture.stat().st_size
            # Its page offers the shutter once it listens, which it does some moments after its first picture.
            await until(self.can_be_asked, PATIENCE_S)
            answer = await self.person.api.post(f"/devices/{self.code}/capture", json={"wait": 25})
            assert answer.status_code == 200 and answer.json()["source"] == "http", answer.text
            assert answer.json()["command"]
            if quality:
                await self.takes_up(quality)

    async def takes_up(self, quality: int) -> None:
        wish = await self.person.api.patch(f"/devices/{self.code}/camera-settings", json={"quality": quality})
        assert wish.status_code == 200, wish.text

        async def applied() -> bool:
            return (await self.settings())["state"] == "applied"

        await until(applied, PATIENCE_S)

    async def settings(self) -> dict:
        return (await self.person.api.get(f"/devices/{self.code}/camera-settings")).json()

    async def sleeps_and_obeys(self, program: Path) -> None:
        """Run a camera that sleeps: it takes up settings, takes a picture that was asked for, and starts again."""
        with running(self.command(program), self.folder, self.picture):
            await until(self.newest, PATIENCE_S)
            wish = {"understood": True, "frame_size": "VGA", "quality": 40, "led": "on"}
            await self.person.api.patch(f"/devices/{self.code}/camera-settings", json=wish)

            async def answered() -> bool:
                return (await self.settings())["state"] == "refused"

            await until(answered, PATIENCE_S)
            told = await self.settings()
            assert (told["reported"]["frame_size"], told["reported"]["quality"]) == ("VGA", 40)
            assert list(told["refused"]) == ["led"] and "quality" in told["can"]
            answer = await self.person.api.post(f"/devices/{self.code}/capture", json={"wait": 25})
            assert answer.status_code == 200 and answer.json()["command"], answer.text

    async def starts_again(self, program: Path) -> None:
        """Run a camera that sleeps: it starts again when it is asked to, and says so."""
        with running(self.command(program), self.folder, self.picture):
            await self.person.api.patch(f"/devices/{self.code}/camera-settings", json={"understood": True})
            await self.person.api.post(f"/devices/{self.code}/restart")

            async def done() -> bool:
                return (await self.settings())["restart"] == "done"

            await until(done, PATIENCE_S)

    async def shows(self, program: Path) -> None:
        """Run a panel: what is sent to it arrives whole, and is shown."""
        with running(self.command(program), self.folder) as printed:
            sent = await self.send()

            async def arrived() -> bool:
                now = (await self.person.api.get(f"/deliveries/{sent}")).json()
                assert now["state"] not in ("failed", "cancelled"), now["reason"]
                return now["state"] == "delivered"

            await until(arrived, PATIENCE_S)
            size = str(self.picture.stat().st_size)
            await until(lambda: size in printed.read_text(), PATIENCE_S)

    async def send(self) -> str:
        files = {"file": ("picture.jpg", self.picture.read_bytes(), "image/jpeg")}
        url = f"/devices/{self.code}/deliveries"
        answer = await self.person.api.post(url, data={"render": "none"}, files=files)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]


@pytest.fixture
def bench(hub, person, tmp_path, compiled, settings):
    settings.PHOTOHUB_URL, settings.MQTT_URL = hub.url, ""
    settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = "127.0.0.1", hub.mqtt_port
    return Bench(hub, person, tmp_path, compiled)


def variants(usual: object, other: object) -> list:
    """Return every language with the usual value; with the other one, a line of the program, one is the short form's."""
    compiled = [pytest.param(slug, other, marks=pytest.mark.long) for slug in LANGUAGES[:-1]]
    return [*((slug, usual) for slug in LANGUAGES), *compiled, (LANGUAGES[-1], other)]


@pytest.mark.parametrize(("slug", "publisher"), variants("device", "hub"))
async def test_a_handed_camera_program_uploads_and_obeys(bench, slug, publisher):
    await bench.add("generic", result_publisher=publisher)
    await bench.obeys(bench.handed(slug))


@pytest.mark.parametrize("slug", LANGUAGES)
async def test_a_handed_program_without_commands_uploads(bench, slug):
    await bench.add("raspberry-pi")
    with running(bench.command(bench.handed(slug)), bench.folder, bench.picture):
        assert (await until(bench.newest, PATIENCE_S))["source"] == "http"


@pytest.mark.parametrize(("slug", "base"), variants(0, 1))
async def test_a_handed_panel_program_shows_what_is_sent(bench, slug, base):
    await bench.add_panel(ack_base=base)
    await bench.shows(bench.handed(slug))


async def test_a_handed_panel_program_fetches_shows_and_says_so(bench):
    await bench.add("panel", picture_topic="", picture_ack_topic="", panel={"poll_interval_s": 60})
    sent = await bench.send()
    source = bench.handed("esp-idf")
    # Sleep milliseconds in place of seconds: the panel comes back at once.
    source.write_text(source.read_text().replace("pdMS_TO_TICKS(1000 *", "pdMS_TO_TICKS("))
    with running(bench.command(source), bench.folder) as printed:

        async def arrived() -> bool:
            return (await bench.person.api.get(f"/deliveries/{sent}")).json()["state"] == "delivered"

        await until(arrived, PATIENCE_S)
    assert f"A picture of {bench.picture.stat().st_size} bytes" in printed.read_text()


async def test_the_example_sketches_upload_obey_and_show(bench):
    await bench.add("generic")
    await bench.obeys(bench.example("arduino/camera/camera.ino"), quality=40)
    await bench.add_panel()
    await bench.shows(bench.example("arduino/panel/panel.ino"))


async def test_the_micropython_examples_upload_obey_and_show(bench):
    await bench.add("generic")
    await bench.obeys(bench.example("micropython/camera.py"), quality=40)
    await bench.add_panel()
    await bench.shows(bench.example("micropython/panel.py"))


@pytest.mark.parametrize("slug", LANGUAGES)
async def test_a_handed_program_that_sleeps_gets_all_in_one_wake(bench, slug):
    await bench.add("generic", one_wake=True, reporting_interval_s=1)
    program = bench.handed(slug)
    await bench.sleeps_and_obeys(program)
    if slug != "micropython":  # Its runner does not start it again.
        await bench.starts_again(program)
