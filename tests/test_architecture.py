"""The layout of the project, read from its source: who imports whom, how long things are, what has a test."""

import ast
import logging
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application import use_cases

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("photohub", "devices", "media_pipeline", "simulators")
FILE_LINES_AT_MOST = 400
FUNCTION_LINES_AT_MOST = 40

DRAWING = (
    "devices.panels.rendering.formats",
    "devices.panels.rendering.profile_values",
    "devices.panels.rendering.text",
    "photohub.lib.memory.orientation",
    "photohub.lib.memory.scaling",
    "devices.panels.rendering.drawing",
)
PURE = {
    "devices.protocol": set(),
    "media_pipeline.formats.jpeg": set(),
    "media_pipeline.formats.images": {"PIL"},
    "media_pipeline.formats.faults": {"PIL"},
    "media_pipeline.formats.likeness": set(),
}
PURE |= {room: {"PIL"} for room in DRAWING}
# Pure code gets its time from outside, and does neither I/O nor log.
IMPURE = {"socket", "asyncio", "time", "logging", "threading", "subprocess", "os", "urllib"}
# Foreign library → the only modules that may import it. Simulators are devices, not the hub.
ONLY_IN = {
    "aiomqtt": r"devices\.mqtt\.client|simulators\..*",
    "paho": r"devices\.mqtt\.client|simulators\..*",
    "oss2": r"media_pipeline\.mirror\.oss\w*",
    "fastcrc": r"media_pipeline\.mirror\.oss",
    "boto3": r"media_pipeline\.mirror\.s3",
    "botocore": r"media_pipeline\.mirror\.s3",
    "imageio_ffmpeg": r"media_pipeline\.time_lapses\.video",
    "storages": r"media_pipeline\.mirror\.(oss|s3)\w*",
    "psycopg": r"-",
    "psycopg_pool": r"photohub\.lib\.database\.db",
    "apprise": r"media_pipeline\.alerts\.channels\.apprise_services",
    "pywebpush": r"media_pipeline\.alerts\.channels\.push",
    "py_vapid": r"media_pipeline\.alerts\.channels\.push",
    "cryptography": r"devices\.firmware\.signing|photohub\.lib\.encryption",
}
ENVIRONMENT_READERS = {
    "photohub.env": "the settings' own reader",
    "photohub.settings": "the one place of settings",
    "photohub.start.first_owner": "DJANGO_SUPERUSER_…, as Django reads them",
    "photohub.start.bootstrap": "runs before the settings can be imported",
    "photohub.start.bytecode": "runs before the settings can be imported",
    "photohub.asgi": "names the settings module",
    "photohub.celery": "names the settings module",
    "photohub.lib.failpoints": "belongs to the suite and is no setting",
}
# Modules without a test file of their own, and the files that try what they do.
TESTED_ELSEWHERE = {
    "devices.access.arrivals": "media_pipeline/alerts/kinds/test_logins.py",
    "devices.access.back_office": "devices/test_admin.py",
    "devices.access.models": "devices/access/test_rights.py",
    "devices.apps": "photohub/test_checks.py",
    "devices.audit.api": "devices/audit/test_views.py",
    "devices.audit.asking": "devices/audit/test_record.py",
    "devices.audit.back_office": "devices/test_admin.py",
    "devices.audit.finding": "devices/audit/test_views.py",
    "devices.audit.models": "devices/audit/test_record.py",
    "devices.camera_settings.forms": "devices/camera_settings/test_views.py",
    "devices.camera_settings.models": "devices/camera_settings/test_queue.py",
    "devices.camera_settings.rules": "devices/camera_settings/test_queue.py devices/camera_settings/test_api.py",
    "devices.camera_settings.wording": "devices/camera_settings/test_queue.py",
    "devices.checks": "photohub/test_checks.py",
    "devices.commands.api": "devices/setup/test_api.py",
    "devices.commands.models": "devices/commands/test_queue.py",
    "devices.commands.wording": "devices/setup/test_api.py",
    "devices.events.api": "devices/setup/test_api.py",
    "devices.events.models": "devices/events/test_record.py devices/events/test_troubles.py",
    "devices.firmware.endpoints.aliyun": "flows/test_firmware_mqtt.py",
    "devices.firmware.errors": "devices/firmware/test_images.py devices/firmware/rollouts/test_queue.py",
    "devices.firmware.models": "devices/firmware/test_images.py",
    "devices.firmware.pages.rollout_forms": "devices/firmware/pages/test_rollout_views.py",
    "devices.firmware.pages.urls": "devices/firmware/pages/test_views.py devices/firmware/pages/test_rollout_views.py",
    "devices.firmware.rollouts.models": "devices/firmware/rollouts/test_queue.py",
    "devices.firmware.withdrawal": "devices/firmware/test_images.py devices/firmware/test_keys.py",
    "devices.hub_settings.models": "devices/hub_settings/test_choices.py",
    "devices.keys.device_login": "devices/camera_settings/test_api.py",
    "devices.keys.api": "devices/setup/test_api.py",
    "devices.keys.shown_once": "devices/setup/test_views.py devices/keys/test_views.py",
    "devices.leases.models": "devices/leases/test_holding.py",
    "devices.management.commands.*": "flows/test_embedded.py test_examples.py",
    "devices.models": "devices/registry/test_rules.py devices/setup/test_api.py",
    "devices.mqtt_routes": "flows/test_embedded.py test_docs.py",
    "devices.overview.listing": "devices/overview/test_listing_views.py",
    "devices.overview.problems": "devices/overview/test_listing_views.py",
    "devices.panels.deliveries.disclosure": "devices/registry/test_disclosure.py",
    "devices.panels.deliveries.models": "devices/panels/deliveries/test_queue.py",
    "devices.panels.in_use": "devices/panels/sources/test_outbox.py",
    "devices.panels.overview.urls": "devices/panels/overview/test_views.py",
    "devices.panels.playlists.models": "devices/panels/playlists/test_turns.py",
    "devices.panels.rendering.api": "devices/panels/deliveries/test_api.py",
    "devices.panels.rendering.models": "devices/panels/rendering/test_profiles.py",
    "devices.registry.broker_accounts": "devices/registry/test_changes.py devices/mqtt/test_dynsec.py",
    "devices.registry.finding": "devices/setup/test_api.py devices/overview/test_views.py",
    "devices.registry.models": "devices/registry/test_rules.py devices/registry/test_presence.py",
    "devices.registry.tabs": "devices/overview/test_views.py",
    "devices.schedules.models": "devices/schedules/test_queue.py",
    "devices.schedules.urls": "devices/schedules/test_views.py",
    "devices.setup.adding": "devices/keys/test_identity.py devices/setup/test_forms.py",
    "devices.setup.arrivals": "devices/setup/test_panels.py devices/setup/test_views.py",
    "devices.telemetry.models": "devices/telemetry/test_samples.py devices/telemetry/test_thinning.py",
    "devices.urls": "devices/overview/test_listing_views.py",
    "devices.wiring": "media_pipeline/test_wiring.py",
    "media_pipeline.admin": "devices/test_admin.py",
    "media_pipeline.alerts.channels.forms": "media_pipeline/alerts/channels/test_views.py",
    "media_pipeline.alerts.channels.letter": "media_pipeline/alerts/channels/test_webhook.py",
    "media_pipeline.alerts.channels.models": "media_pipeline/alerts/channels/test_views.py",
    "media_pipeline.alerts.channels.sending": "media_pipeline/alerts/test_delivering.py",
    "media_pipeline.alerts.forms": "media_pipeline/alerts/test_views.py",
    "media_pipeline.alerts.kinds.kind": "media_pipeline/alerts/kinds/test_looking.py",
    "media_pipeline.alerts.kinds.table": "media_pipeline/alerts/kinds/test_looking.py",
    "media_pipeline.alerts.letters": "media_pipeline/alerts/test_delivering.py",
    "media_pipeline.alerts.models": "media_pipeline/alerts/test_queue.py",
    "media_pipeline.alerts.wording": "media_pipeline/alerts/test_views.py",
    "media_pipeline.apps": "photohub/test_checks.py",
    "media_pipeline.storage.models": "media_pipeline/storage/test_disk.py",
    "media_pipeline.captures.filters": "media_pipeline/history/test_query.py",
    "media_pipeline.captures.finding": "media_pipeline/captures/test_views.py",
    "media_pipeline.captures.models": "media_pipeline/intake/test_ingest.py",
    "media_pipeline.captures.wording": "media_pipeline/captures/test_views.py",
    "media_pipeline.checks": "photohub/test_checks.py",
    "media_pipeline.dashboard.cards": "media_pipeline/captures/test_cards.py",
    "media_pipeline.history.api": "media_pipeline/captures/test_api.py",
    "media_pipeline.history.matching": "media_pipeline/history/test_query.py",
    "media_pipeline.links.models": "media_pipeline/links/test_views.py",
    "media_pipeline.links.share_forms": "media_pipeline/links/test_share_views.py",
    "media_pipeline.links.shared_proof": "media_pipeline/links/test_shared_views.py media_pipeline/links/test_shared_live.py",
    "media_pipeline.intake.moving": "media_pipeline/intake/test_ingest.py",
    "media_pipeline.live.api": "media_pipeline/captures/test_api.py",
    "media_pipeline.live.keeping": "media_pipeline/live/test_views.py",
    "media_pipeline.live.now": "media_pipeline/live/test_views.py",
    "media_pipeline.maintenance.models": "media_pipeline/maintenance/test_deleting.py",
    "media_pipeline.mirror.models": "media_pipeline/mirror/test_copying.py",
    "media_pipeline.models": "media_pipeline/intake/test_ingest.py",
    "media_pipeline.mqtt_routes": "flows/test_streams.py test_docs.py",
    "media_pipeline.nodes.models": "media_pipeline/nodes/test_here.py",
    "media_pipeline.shared_files.models": "media_pipeline/shared_files/test_keeping.py",
    "media_pipeline.nodes.wording": "media_pipeline/captures/test_reading.py flows/test_away.py",
    "media_pipeline.picture_files.refusals": "media_pipeline/intake/test_endpoint.py test_docs.py",
    "media_pipeline.search.blocks": "media_pipeline/search/test_index.py",
    "media_pipeline.search.matching": "media_pipeline/search/test_sources.py",
    "media_pipeline.search.models": "media_pipeline/search/test_index.py",
    "media_pipeline.show_rules.forms": "media_pipeline/show_rules/test_views.py",
    "media_pipeline.show_rules.models": "media_pipeline/show_rules/test_rules.py media_pipeline/show_rules/test_runs.py",
    "media_pipeline.show_rules.wording": "media_pipeline/show_rules/test_views.py",
    "media_pipeline.time_lapses.forms": "media_pipeline/time_lapses/test_views.py",
    "media_pipeline.time_lapses.models": "media_pipeline/time_lapses/test_queue.py",
    "media_pipeline.trash.models": "media_pipeline/trash/test_emptying.py",
    "media_pipeline.urls": "media_pipeline/captures/test_views.py",
}
IMPORTS = (ast.Import, ast.ImportFrom)
TEMPLATES = sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.svg")])
# Names, keys and units that are the same in every language.
SAME_EVERYWHERE = re.compile(
    r"\b(PhotoHub|API|MQTT|HTTPS?|JSON|JPEG|PNG|WebP|UTC|OSS|TCP|QoS|SHA-?256|MD5|UUID|OpenAPI|English|Bearer"
    r"|Authorization|[kMG]i?B|dBm|mV|px|ms|Esc|Enter|Home|End|Ctrl|Shift|Tab|[\w-]+\.json)\b|&#?\w+;"
)
INLINE = re.compile(
    r"""\s(?:style|on[a-z]+)\s*=|<style\b|javascript:"""
    # A script of data is not run, so the content security policy has nothing against it.
    r"""|<script\b(?![^>]*\bsrc\s*=)(?![^>]*type="application/json")""",
    re.IGNORECASE,
)
SPOKEN_ATTRIBUTES = re.compile(r"""\s(?:title|alt|placeholder|aria-label|aria-description)="([^"]*)\"""")


@cache
def modules() -> dict[str, Path]:
    """Return every module of ours by its dotted name; migrations are generated and left out."""
    paths = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]
    kept = [p.relative_to(ROOT) for p in paths if "migrations" not in p.parts]
    return {".".join(p.with_suffix("").parts).removesuffix(".__init__"): ROOT / p for p in kept}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Return every node of a file: looked through once, because half of these tests ask for some of them."""
    return list(ast.walk(tree_of(path)))


@cache
def imports_of(module: str) -> list[str]:
    """Return the dotted names that a module imports, relative ones resolved; `from a import b` gives a.b."""
    return list(_imports_of(module))


def _imports_of(module: str) -> Iterator[str]:
    path = modules()[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    found = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in nodes_of(path) if isinstance(node, found))


@cache
def python_files() -> list[Path]:
    """Return our own Python files, tests included."""
    tests = [*sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
    return [*modules().values(), *tests]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_rooms_import_lower_floors_only():
    # The floors are declared in pyproject.toml; `lint-imports` says more about an import that breaks them.
    # Not by its command's own function, which switches off every logger of this process.
    configuration.configure()
    assert use_cases.lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert not logging.getLogger("photohub").disabled


# These join the rooms: Django and Celery look for them here.
JOINING = r"(devices|media_pipeline|photohub)\.(admin|apps|checks|models|management(\..*)?)|simulators(\..*)?"


def test_every_module_has_its_floor():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = [room for layer in contracts[0]["layers"] for room in layer.split(" | ")]
    placed = {m for m in modules() if any(within(m, room) for room in rooms)}
    free = {m for m in modules() if m not in placed and not re.fullmatch(JOINING, m)}
    assert sorted(m for m in free if modules()[m].name != "__init__.py") == []


def packages() -> list[Path]:
    return [path.parent for path in modules().values() if path.name == "__init__.py"]


def test_a_room_holds_at_most_twelve_things():
    # The folders of the applications hold the rooms themselves.
    rooms = [folder for folder in packages() if folder.parent != ROOT and folder.name != "commands"]
    counts = {shown(r): sum(p.name[0] not in "._" for p in r.iterdir()) for r in rooms}
    assert {room: n for room, n in counts.items() if n > 12} == {}


def test_every_room_says_what_belongs_there():
    wrong = [shown(folder) for folder in packages() if not ast.get_docstring(tree_of(folder / "__init__.py"))]
    assert wrong == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_the_standard_library_only(room):
    for module in (m for m in modules() if within(m, room)):
        tops = {name.split(".")[0] for name in imports_of(module)} - set(PACKAGES)
        assert tops <= (set(sys.stdlib_module_names) | PURE[room]) - IMPURE, module


def test_each_foreign_library_has_one_room():
    users = {(m, library) for m in modules() for name in imports_of(m) for library in tops_of(name)}
    assert sorted((m, library) for m, library in users if not re.fullmatch(ONLY_IN[library], m)) == []


def tops_of(name: str) -> set[str]:
    return {name.partition(".")[0]} & set(ONLY_IN)


def reads_environment(module: str) -> bool:
    return any(name in ("os.environ", "os.getenv") for name in imports_of(module)) or any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        for node in nodes_of(modules()[module])
    )


def test_the_environment_is_read_in_named_places_only():
    # The embedded simulators and the hub's modules get everything through the settings.
    assert {m for m in modules() if reads_environment(m)} <= ENVIRONMENT_READERS.keys()


def test_nothing_is_imported_inside_a_function():
    wrong = [
        f"{shown(path)}: {function.name}"
        for path in python_files()
        if any(isinstance(node, IMPORTS) and node.col_offset for node in nodes_of(path))
        for function in functions_of(path)
        if any(isinstance(node, IMPORTS) for node in ast.walk(function))
    ]
    assert wrong == []


def test_files_stay_short():
    # The settings stand in one file by rule, however many there are.
    files = [p for p in python_files() if shown(p) != "photohub/settings.py"]
    long = {shown(p): n for p in files if (n := p.read_text().count("\n")) > FILE_LINES_AT_MOST}
    assert long == {}


def test_functions_stay_short():
    # Forty lines are the habit; here is where the suite says no.
    lengths = {
        f"{shown(path)}: {f.name}": f.end_lineno - f.lineno + 1
        for path in python_files()
        for f in functions_of(path)
    }
    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES_AT_MOST} == {}


def has_mirror(module: str) -> bool:
    path = modules()[module].relative_to(ROOT)
    return (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()


def is_excused(module: str) -> bool:
    excuses = [name for name in TESTED_ELSEWHERE if within(module, name.removesuffix(".*"))]
    return any(name == module or name.endswith(".*") for name in excuses)


def test_every_module_has_its_test_file():
    tested = [m for m in modules() if m.startswith(("devices.", "media_pipeline."))]
    ours = [m for m in tested if modules()[m].name != "__init__.py"]
    assert sorted(m for m in ours if not has_mirror(m) and not is_excused(m)) == []


def test_what_is_tested_elsewhere_is_so_in_files_that_exist():
    assert [name for name in TESTED_ELSEWHERE if name.removesuffix(".*") not in modules()] == []
    files = {file for named in TESTED_ELSEWHERE.values() for file in named.split()}
    assert sorted(file for file in files if not (ROOT / "tests" / file).is_file()) == []


def test_lock_files_hold_no_download_address():
    for name in ("requirements.txt", "requirements-dev.txt", "package-lock.json"):
        lines = (ROOT / name).read_text().splitlines()
        wrong = [line for line in lines if "://" in line and not re.search(r'"(url|funding)":', line)]
        assert wrong == [], name


def without_code(text: str) -> str:
    """Leave out of a template what nobody reads, what is translated, and Django's tags."""
    text = re.sub(r"{%\s*comment\b.*?endcomment\s*%}|{#.*?#}|<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*blocktrans.*?endblocktrans\w*\s*%}", " ", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*block \w*class\s*%}.*?{%\s*endblock", " ", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    return re.sub(r"<(code|pre|kbd|style|script)\b.*?</\1>", " ", text, flags=re.DOTALL)


def untranslated(text: str) -> list[str]:
    """Return the words of a template that everybody reads in English, whatever the language."""
    bare = without_code(text)
    pieces = [*SPOKEN_ATTRIBUTES.findall(bare), re.sub(r"<[^>]*>", " ", bare)]
    return re.findall(r"[A-Za-z]{2,}", SAME_EVERYWHERE.sub(" ", " ".join(pieces)))


def test_templates_hold_nothing_inline():
    # The content security policy would drop it without a word.
    found = {shown(path): INLINE.findall(path.read_text()) for path in TEMPLATES}
    assert {name: inline for name, inline in found.items() if inline} == {}


def test_templates_hold_no_bare_words():
    found = {shown(path): untranslated(path.read_text()) for path in TEMPLATES}
    assert {name: words for name, words in found.items() if words} == {}


def test_bare_words_are_found_between_tags_and_in_attributes():
    template = '<p title="Close">{% translate "Keep" %} Loading {{ name }}</p>'
    assert untranslated(template) == ["Close", "Loading"]


@pytest.mark.parametrize(
    "text", ['<p style="x">', "<script>x</script>", '<a onclick="x">', "<style>p{}</style>"]
)
def test_inline_code_is_found(text):
    assert INLINE.search(text)


def test_a_script_of_our_own_is_not_inline():
    assert not INLINE.search('<script type="module" src="/static/js/app.js"></script>')
