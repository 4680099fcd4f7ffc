"""The documents against the code: what a device or an operator can use is written down, and nothing else."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from devices.events.models import EventType
from devices.events.wording import SENTENCES
from devices.firmware.endpoints.transfer import sending
from devices.panels.rendering import formats as panel_formats
from devices.panels.rendering import profile_values as panel_profiles
from devices.protocol import light
from devices.protocol.aliyun import topics as aliyun_topics
from devices.protocol.aliyun.topics import OtaChannel, build_topic
from devices.protocol.pictures import packets as picture_packets
from devices.protocol.topics import FROM_DEVICE, TO_DEVICE, Channel
from devices.registry.camera_profiles import PROFILES
from devices.registry.models import Device
from devices.setup import snippets
from devices.setup.snippets import snippets_for
from media_pipeline.intake import endpoint as upload
from media_pipeline.intake import headers
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.picture_files.refusals import STATUS
from media_pipeline.streams.frame_intake import FrameIntake
from photohub import env
from photohub.embedded import broker, connection
from photohub.gateway.mqtt_routes import channels_of
from photohub.lib.http import guard as http_guard
from tests.documented import document
from tests.markdown import MARKDOWN, section, tables, words
from tools import readme_pictures

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
EXAMPLES = (ROOT / "examples/README.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
READMES = ["README.md", "README.zh-CN.md"]

CHANNELS = channels_of(FrameIntake(LatestFrames()))
# Belongs to the suite, or is Django's own word for the settings module.
NOT_FOR_OPERATORS = {"CELERY_SKIP_CHECKS", "PHOTOHUB_FAIL", "PHOTOHUB_ENV"}
ENV_FUNCTIONS = {
    "env_str",
    "env_bool",
    "env_int",
    "env_choice",
    "env_hostport",
    "env_secret",
    "env_parsed",
    "env_proxies",
}
ENV_FUNCTIONS |= {"env_rate", "env_size", "env_networks"}


def source(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def settings_in_code() -> dict[str, str]:
    """Return name → default, as the settings say it; some are read only when another one is set."""
    calls = [n for n in ast.walk(source("photohub/settings.py")) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in ENV_FUNCTIONS]
    found = {c.args[0].value: c.args[1] for c in named}
    literal = {name: node.value for name, node in found.items() if isinstance(node, ast.Constant)}
    plain = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in literal.items()
    }
    return plain | {name: setting.default for name, setting in env.READ.items()}


def settings_in_docs() -> dict[str, str]:
    rows = [row for row in tables(SETTINGS, "name") if len(row) == 3]
    assert len({row[0] for row in rows}) == len(rows), "a setting stands there twice"
    return {words(name)[0]: default.replace("`", "") for name, default, _ in rows}


def test_every_setting_is_documented_with_its_default():
    in_code = settings_in_code()
    in_code["PHOTOHUB_DATA"] = in_code["PHOTOHUB_DATA"].replace(
        str(settings.BASE_DIR / "data"), "data in the project folder"
    )
    assert settings_in_docs() == in_code


def test_secrets_are_marked_in_the_settings_table():
    secret = set(re.findall(r"env_secret\(\s*\"(\w+)\"", (ROOT / "photohub/settings.py").read_text()))
    marked = {words(row[0])[0] for row in tables(SETTINGS, "name") if len(row) == 3 and "●" in row[2]}
    assert marked == secret


def test_variables_that_are_read_elsewhere_are_documented():
    files = [ROOT / "manage.py", *(ROOT / "photohub").rglob("*.py")]
    pattern = re.compile(r"environ(?:\.get\(|\.setdefault\(|\[)\s*\"(\w+)\"")
    read = {name for path in files for name in pattern.findall(path.read_text())}
    documented = {words(row[0])[0] for row in tables(SETTINGS, "name") if len(row) == 2}
    assert documented == read - NOT_FOR_OPERATORS


def compose_services() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_the_variables_of_the_compose_files_are_documented():
    files = [ROOT / name for name in ("docker-compose.yml", "docker-compose.nodes.yml")]
    used = {name for file in files for name in re.findall(r"\$\{(\w+)", file.read_text())}
    documented = {words(row[0])[0] for row in tables(SETTINGS, "variable")}
    assert documented == used - settings_in_docs().keys()


def test_the_processes_of_production_are_those_of_the_compose_file():
    ours = {n: s for n, s in compose_services().items() if s.get("image") == "photohub:local"}
    documented = {row[0]: words(row[1])[0] for row in tables(OPERATIONS, "process")}
    assert documented == {name: " ".join(service["command"]) for name, service in ours.items()}


def test_the_example_environment_names_every_setting():
    names = re.findall(r"^#?\s*([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(settings_in_docs()) <= set(names)


def test_every_management_command_is_documented():
    ours = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")} | {"test"}
    rows = tables(section(OPERATIONS, "## Commands"), "command")
    assert {words(row[0])[0].split()[2] for row in rows} == ours


def test_error_words_and_their_statuses_are_those_of_the_code():
    rows = tables(PROTOCOL, "status")
    assert {words(row[1])[0]: int(row[0]) for row in rows} == STATUS


def test_every_render_profile_is_documented_with_its_size_and_form():
    told = {words(row[0])[0]: (row[1], words(row[2])) for row in tables(PROTOCOL, "render profile")}
    assert told.keys() == panel_profiles.PROFILES.keys()
    for name, profile in panel_profiles.PROFILES.items():
        size, form = told[name]
        assert form == ([] if profile.format == "original" else [profile.format])
        assert profile.width is None or size.endswith(f"{profile.width} × {profile.height}")


def test_every_form_that_a_panel_can_get_is_documented():
    forms = [words(row[0])[0] for row in tables(PROTOCOL, "form")]
    assert {*forms, "original"} == set(panel_profiles.FORMATS)


def test_the_codes_of_every_palette_are_documented():
    names = {"black": "#000000", "white": "#ffffff", "red": "#ff0000", "yellow": "#ffff00"}
    names |= {"blue": "#0000ff", "green": "#00ff00", "orange": "#ff8000"}
    rows = {words(row[0])[0]: row[1].replace("`", "") for row in tables(PROTOCOL, "palette")}
    assert rows.keys() == panel_formats.PALETTES.keys()
    for name, cell in rows.items():
        own = panel_formats.PALETTES[name]
        known = {f"{c} #{r:02x}{g:02x}{b:02x}" for c, (r, g, b) in zip(own.codes, own.colours, strict=True)}
        told = {f"{c} {names.get(said, said)}" for c, said in re.findall(r"(\d+) (#?\w+)", cell)}
        assert told == known or (name == "grey16" and told < known)


def test_every_upload_header_is_documented():
    constants = {
        n.value for n in ast.walk(source("media_pipeline/intake/head.py")) if isinstance(n, ast.Constant)
    }
    pattern = re.compile(r"x-[a-z0-9-]+|name-pic|authorization|content-(?:type|length|md5)")
    read = {text for text in constants if isinstance(text, str) and pattern.fullmatch(text)}
    assert {words(row[0])[0].lower() for row in tables(PROTOCOL, "header")} == read


def test_every_mqtt_channel_that_is_heard_has_its_topic_in_the_protocol():
    for channel in [*CHANNELS, Channel.COMMAND]:
        aliyun = isinstance(channel, OtaChannel)
        topic = build_topic(channel, "ga1b2c3", "porch") if aliyun else f"photohub/porch/{channel}"
        assert f"{topic}\n" in PROTOCOL


def test_every_channel_from_a_device_is_heard():
    assert {str(channel) for channel in Channel} - set(CHANNELS) == {str(c) for c in TO_DEVICE}
    assert set(CHANNELS) - FROM_DEVICE == set(aliyun_topics.FROM_DEVICE)


def test_every_api_address_is_documented():
    paths = document()["paths"]
    served = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert {(row[0], words(row[1])[0]) for row in tables(PROTOCOL, "method")} == served


def test_every_event_type_is_documented():
    named = {word for row in tables(section(PROTOCOL, "## Live events"), "`type`") for word in words(row[0])}
    assert named == {str(kind) for kind in EventType}


# What Status and the log of events say of the hub itself.
HUBS_WORDS = ("messages_", "broker_", "clock_", "retention_")


def test_every_trouble_of_a_device_is_documented():
    rows = tables(section(PROTOCOL, "## Troubles of a device"), "word")
    named = [word for row in rows for word in words(row[0])]
    families = {name for name in named if name.endswith("_")}
    refusals = {f"picture_{word}" for word in STATUS if word != "method"}
    known = {word for word in SENTENCES if not word.startswith((*HUBS_WORDS, "fetch_"))}
    assert families == {"picture_", "fetch_"} and {*named} - families == known - refusals


def test_every_profile_is_documented():
    assert {words(row[0])[0] for row in tables(PROTOCOL, "profile")} == set(PROFILES)


LIMITS = {
    "picture name": f"{headers.NAME_LIMIT} characters; {light.MAX_NAME_BYTES} in a command",
    "answer": f"{light.MAX_ANSWER_BYTES} bytes",
    "picture": f"{settings.UPLOAD_MAX_BYTES >> 20} MiB, {settings.UPLOAD_MAX_PIXELS // 10**6} million pixels",
    "request headers": f"{http_guard.HEADERS_AT_MOST_BYTES >> 10} KiB, whole within "
    f"{http_guard.HEADERS_WITHIN_S:.0f} s; larger ones get a plain 431, slower ones are cut off",
    "connections that wait, between requests or in their headers, in one process": f"{http_guard.WAITING_AT_MOST}, "
    "or two fifths of the files that it may have open; beyond that the one that waits longest is closed",
    "time for a body to arrive": f"{settings.UPLOAD_TIMEOUT_S} s",
    "uploads at the same time in one process": str(settings.UPLOADS_AT_ONCE),
    "firmware downloads at the same time in one process": str(settings.DOWNLOADS_AT_ONCE),
    "firmware download": f"{sending.PIECE_BYTES >> 10} KiB within {sending.PIECE_WITHIN_S:.0f} s, "
    f"the whole within {sending.WHOLE_WITHIN_S / 60:.0f} min",
    "MQTT message": f"{settings.MQTT_MAX_PACKET_BYTES >> 20} MiB",
    "MQTT: CONNECT after the connection is open": f"{connection.FIRST_PACKET_S:.0f} s",
    "MQTT: subscriptions of one connection": str(connection.SUBSCRIPTIONS_MAX),
    "picture to a device": f"{picture_packets.MAX_PACKETS} packets of {picture_packets.DATA_BYTES} bytes",
    "packet to a device": f"{picture_packets.TRIES} times, {picture_packets.ACK_TIMEOUT_S:.0f} s each",
}


@pytest.mark.parametrize("what", LIMITS)
def test_limits_are_those_of_the_code(what):
    documented = {row[0]: row[1] for row in tables(section(PROTOCOL, "## Limits and times"), "what")}
    assert documented[what] == LIMITS[what]


def test_the_number_of_connections_of_an_account_is_that_of_the_code():
    assert f"At most {broker.CONNECTIONS_PER_ACCOUNT} connections for one account." in PROTOCOL


STATUS_SOURCES = (
    "photohub/status/parts.py",
    "photohub/status/outside.py",
    "photohub/status/machines.py",
    "photohub/status/processes.py",
    "media_pipeline/storage/outlook.py",
    "devices/mqtt/client.py",
    "devices/events/wording.py",
    "devices/firmware/rollouts/link_check.py",
    "devices/events/overload.py",
    "devices/mqtt/dynsec.py",
    "media_pipeline/maintenance/orphans.py",
)


def test_sentences_of_the_status_page_are_those_of_the_code():
    said = "".join((ROOT / name).read_text() for name in STATUS_SOURCES)
    quoted = [part for row in tables(OPERATIONS, "the page says") for part in row[0].split(" / ")]
    fragments = [piece.strip(" .:") for sentence in quoted for piece in sentence.split("…")]
    assert [piece for piece in fragments if piece not in said] == []


@pytest.mark.parametrize("name", READMES)
@pytest.mark.parametrize("line", ["up", "up --demo", "test"])
def test_the_readmes_show_the_commands_on_lines_of_their_own(name, line):
    assert f"\npython3 manage.py {line}\n" in (ROOT / name).read_text()


@pytest.mark.parametrize(("name", "language"), list(zip(READMES, readme_pictures.LANGUAGES, strict=True)))
def test_a_readme_shows_the_pictures_that_the_tool_makes_in_its_language(name, language):
    shown = re.findall(r"docs/images/([\w.]+)", (ROOT / name).read_text())
    assert shown == [readme_pictures.file_name(shot, language) for shot in readme_pictures.SHOTS]


def test_the_pictures_of_the_readmes_are_there_and_small_and_no_others():
    shots, languages = readme_pictures.SHOTS, readme_pictures.LANGUAGES
    made = {readme_pictures.file_name(shot, language) for shot in shots for language in languages}
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/images").iterdir()}
    assert sizes.keys() == made
    assert max(sizes.values()) <= readme_pictures.SIZE_AT_MOST_BYTES


def test_every_example_is_in_the_list_of_examples():
    folder, said = ROOT / "examples", (ROOT / "examples/README.md").read_text()
    for path in folder.rglob("*.*"):
        # Of a folder that explains itself, the explanation is linked.
        own = [p for p in (path.parent / "README.md", path) if p.exists() and p != folder / "README.md"]
        name = str(own[0].relative_to(folder)).removesuffix("README.md") if own else ""
        assert f"]({name}" in said, path


HANDED_OUT = {
    "a camera": {"command_topic": "c"},
    "a camera that gets all in one wake": {"command_topic": "c", "one_wake": True},
    "a Raspberry Pi": {"command_topic": "c", "profile": "raspberry-pi"},
    "a K230 board": {"frame_topic": "f", "profile": "k230"},
    "the published ESP32-S3 firmware": {"command_topic": "c", "profile": "esp32s3"},
    "a panel on MQTT": {"picture_topic": "p", "profile": "panel"},
    "a panel that sleeps and fetches": {"profile": "panel"},
}


@pytest.mark.parametrize("who", HANDED_OUT)
def test_the_programs_of_the_connect_tab_are_in_the_list_of_examples(who):
    listed = {row[0]: re.split(r", (?![^(]*\))", row[1]) for row in tables(EXAMPLES, "*Connect* tab of")}
    shown = [snippet.label for snippet in snippets_for(Device(code="porch", **HANDED_OUT[who]))]
    inherited = listed["a camera"] if listed[who][-1] == "besides those of a camera" else []
    named = [re.sub(r" \(the .*\)", "", name) for name in listed[who] if not name.startswith("besides")]
    assert named + inherited == shown


def test_no_program_of_the_connect_tab_is_left_out_of_that_test(monkeypatch):
    rendered = set()
    monkeypatch.setattr(snippets, "_render", lambda slug, _context: rendered.add(slug) or "")
    for values in HANDED_OUT.values():
        snippets_for(Device(code="porch", **values))
    assert rendered == {path.stem for path in (ROOT / "templates/devices/setup/snippets").glob("*.txt")}


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_the_documents_lead_somewhere(path):
    for target in re.findall(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith("https://"):
            name, _, anchor = target.partition("#")
            file = (path.parent / name) if name else path
            assert file.exists() and (not anchor or anchor in anchors_of(file)), target


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_addresses_in_examples_are_served(path):
    known = [re.sub(r"{\w+}", "[^/]+", name) for name in document()["paths"]]
    for address in re.findall(r"(?:\$HUB|http://192\.168\.1\.20:8000)(/[\w/.-]+)", path.read_text()):
        is_link = address.startswith("/p/") or address in ("/panel/next", "/devices/porch/latest.jpg")
        assert is_link or upload.serves(address) or any(re.fullmatch(name, address) for name in known), (
            address
        )
