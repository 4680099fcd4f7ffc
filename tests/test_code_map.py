"""The map of the code against the code: what the documents say of folders, files and floors."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.markdown import MARKDOWN, section, tables, words

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGES = ("devices", "media_pipeline", "photohub")
BESIDE = ("templates", "static", "tests", "simulators", "benchmarks", "tools", "deploy", "docs")
FOLDERS = "|".join(PACKAGES + BESIDE)
# Names that mean the same in every room.
EVERYWHERE = {"__init__.py", "api.py", "views.py"}
# Not after a letter or a slash, which makes it a part of an address; and not the topics of the device that is called porch.
PATHS = re.compile(rf"(?<![\w/.$:-])(?:{FOLDERS})/(?!porch)[\w./*-]*\w/?")
# Files of the data folder and names of hosts begin like the package.
MODULES = re.compile(rf"(?<![\w/.-])(?:{'|'.join(PACKAGES)})\.(?!sqlite3|local|tar)[a-z][\w.]*\w")


def is_there(path: str) -> bool:
    return any(ROOT.glob(path.rstrip("/")))


def is_module(name: str) -> bool:
    """Tell whether this is a module of ours, or something that one defines."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    owner, word = path.parent.with_suffix(".py"), path.name
    defined = re.compile(rf"^(?:(?:async )?def|class) {word}\b|^{word}\b.* = ", re.MULTILINE)
    return owner.exists() and defined.search(owner.read_text()) is not None


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_and_module_that_a_document_names_exists(path):
    text = path.read_text()
    gone = [name for name in PATHS.findall(text) if not is_there(name)]
    assert gone + [name for name in MODULES.findall(text) if not is_module(name)] == []


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_files_by_their_whole_path(path):
    # `queue.py` alone would say nothing: a dozen rooms have one. Examples are named from their own folder.
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    files = {w for w in words(prose) if re.fullmatch(r"[\w./*-]+\.(?:py|html|js|css|toml|md|po)", w)}
    assert {w for w in files - EVERYWHERE if not is_there(w) and not (path.parent / w).exists()} == set()


def rooms_on_disk() -> set[str]:
    folders = {p.parent for package in PACKAGES for p in (ROOT / package).rglob("__init__.py")}
    return {str(folder.relative_to(ROOT)) for folder in folders}


def rooms_in_the_picture() -> list[str]:
    """Return the folders of the picture of the tree, each by its whole path: the indentation tells what it lies in."""
    found, way = [], []
    for indent, name in re.findall(r"^( *)(\w+)/ +\S", section(ARCHITECTURE, "## The tree"), re.MULTILINE):
        way = [*way[: len(indent) // 4], name]
        found.append("/".join(way))
    return found


def test_the_picture_of_the_tree_shows_every_room():
    shown = rooms_in_the_picture()
    assert len(shown) == len(set(shown)) and set(shown) == rooms_on_disk()


def floors_in_docs() -> list[set[str]]:
    """Return the rooms of each floor, the top one first."""
    rows = tables(section(ARCHITECTURE, "## Floors"), "floor")
    named = [[(app, cell.split(", ")) for app, cell in zip(PACKAGES, row[1:], strict=True)] for row in rows]
    return [{f"{app}.{room}" for app, rooms in row for room in rooms if room} for row in named]


def floors_that_are_checked() -> list[set[str]]:
    """Return the rooms of each layer of `pyproject.toml` that begins one: a room counts where its highest module stands."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    documented, seen, floors = set().union(*floors_in_docs()), set(), []
    for layer in contracts[0]["layers"]:
        within = [[r for r in documented if f"{name}.".startswith(f"{r}.")] for name in layer.split(" | ")]
        rooms = {max(found, key=len) for found in within if found}
        floors.append(rooms - seen)
        seen |= rooms
    return [rooms for rooms in floors if rooms]


def test_the_floors_are_those_that_are_checked():
    documented = floors_in_docs()
    assert documented == floors_that_are_checked()
    numbers = [int(row[0]) for row in tables(ARCHITECTURE, "floor")]
    assert numbers == list(range(len(documented), 0, -1))


def test_every_room_has_its_floor():
    # Django's folders join the rooms, and parts of the codecs, the leaf modules and the endpoints stand where the whole does.
    within = (
        r"\w+|\w+/(management|migrations).*|devices/protocol/\w+|photohub/lib/.+|devices/panels"
        r"|devices/firmware/endpoints/\w+|media_pipeline/alerts/\w+|photohub/accounts/logins"
    )
    rooms = {name.replace("/", ".") for name in rooms_on_disk() if not re.fullmatch(within, name)}
    assert set().union(*floors_in_docs()) - {"devices.protocol.frames"} == rooms


def test_five_walks_of_data_name_their_files():
    walks = ARCHITECTURE.split("## Five walks\n", 1)[1].split("\n## ", 1)[0].split("\n### ")[1:]
    names = ["An upload", "A command", "A frame", "A picture to a panel", "An update"]
    assert [walk.partition("\n")[0] for walk in walks] == names
    assert all(len(set(PATHS.findall(walk))) >= 8 for walk in walks)


def test_our_own_words_are_ten_at_most():
    assert 1 <= len(tables(section(ARCHITECTURE, "## Our own words"), "word")) <= 10


def test_every_row_of_what_to_open_names_something_to_open():
    rows = tables(CONTRIBUTING, "to change")
    assert len(rows) >= 20 and all(words(row[1]) for row in rows)
