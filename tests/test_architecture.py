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

from tests.tested_elsewhere import TESTED_ELSEWHERE

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
