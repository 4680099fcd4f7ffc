"""Every combination of filters beside a plain reading of what they say, for whoever may see all, some or no cameras.

The filters are asked as a page asks them: whole lists page by page, both ways from any place, and how many there are.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random
from unittest import mock

from django.db import transaction

from devices.access.groups import DeviceGroup
from devices.access.models import Membership, Role
from devices.commands.models import Command
from devices.registry.models import Device
from media_pipeline.captures.filters import ANY_FAULT, STATES, Filters
from media_pipeline.captures.models import Capture, Tag, Tagging
from media_pipeline.history.matching import matching
from media_pipeline.history.query import after, page_of
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.search import index, sources
from media_pipeline.search import matching as ordered
from media_pipeline.search.matching import Matching
from media_pipeline.search.models import ChangedText, IndexedSpan, TextBlock
from media_pipeline.search.sources import Place, Span
from tests.builders import make_device, make_user

PICTURES = 240
PAGE = 7
# So small that a list of these few pictures takes every way that one of millions takes.
_SMALL = (
    (sources, "FEW", 12),
    (sources, "_FIRST_PART", 2),
    (sources, "_LARGEST_PART", 16),
    (sources, "_LOOKED_AT_FIRST", 10),
    (sources, "_NEAR", 8),
    (sources, "_LOOKED_AT_FOR_TEXT", 10),
    (ordered, "_FIRST_ROWS", 4),
    (index, "TOGETHER", 16),
)
CAMERAS = ("gate", "barn", "porch", "pier", "shed", "roof")
# Who → the cameras that he may see.
PEOPLE = {
    "owner": CAMERAS,
    "several": ("gate", "barn", "porch", "shed"),
    "one": ("porch",),
    "nobody": (),
}
WISHES: dict[str, tuple] = {
    "devices": ((), ("gate",), ("gate", "pier"), ("gate", "barn", "roof"), ("roof",), ("unknown",)),
    "group": ("", "Yard", "House", "no such group"),
    "state": ("", *STATES),
    "flag": ("", "clock", "trailing", "unknown"),
    "fault": ("", ANY_FAULT, "black", "blurred"),
    "tag": ("", "fox", "garden", "unknown"),
    "q": ("", "img", "note", "cat", "fox", "barn", "Yard", "nothing of this"),
    "asked": (None, True, False),
    "kept": (False, True),
}
START = datetime(2025, 6, 30, 12, tzinfo=UTC)


GROUPS = {"Yard": ("gate", "barn", "porch"), "House": ("pier", "roof", "porch")}


@dataclass(frozen=True)
class Fact:
    """What is known of a picture without asking an index."""

    place: Place
    camera: str
    texts: tuple[str, ...]
    state: str
    flags: list[str]
    fault: str | None
    tags: list[str]
    asked: bool
    kept: bool


@dataclass(frozen=True)
class World:
    """People, and all that there is to find, newest first."""

    people: dict[str, object]
    facts: list[Fact]

    def expected(self, who: str, filters: Filters) -> list[Place]:
        """Return the places of what matches, newest first, by looking at every picture."""
        sees = set(PEOPLE[who])
        return [fact.place for fact in self.facts if fact.camera in sees and _matches(fact, who, filters)]


def _known_groups(who: str) -> dict[str, tuple[str, ...]]:
    names = {"owner": ("Yard", "House"), "several": ("Yard",)}.get(who, ())
    return {name: GROUPS[name] for name in names}


def _matches(fact: Fact, who: str, filters: Filters) -> bool:
    groups = _known_groups(who)
    said = [
        not filters.devices or fact.camera in filters.devices,
        not filters.group or fact.camera in groups.get(filters.group, ()),
        not filters.state or fact.state in STATES[filters.state],
        not filters.flag or (filters.flag in fact.flags and filters.flag != "unknown"),
        not filters.fault or (fact.fault is not None and filters.fault in (ANY_FAULT, fact.fault)),
        not filters.tag or filters.tag in fact.tags,
        filters.asked is None or fact.asked is filters.asked,
        not filters.kept or fact.kept,
        filters.since is None or fact.place[0] >= filters.since,
        filters.before is None or fact.place[0] < filters.before,
    ]
    texts = [
        *fact.texts,
        fact.camera,
        *(name for name, of in groups.items() if fact.camera in of),
        *fact.tags,
    ]
    said.append(not filters.q or any(filters.q.lower() in text.lower() for text in texts))
    return all(said)


def _make_people(cameras: dict[str, Device]) -> dict[str, object]:
    groups = {name: DeviceGroup.objects.create(name=name) for name in GROUPS}
    # Their names hold nothing that is searched for.
    alone = {code: DeviceGroup.objects.create(name=f"({n})") for n, code in enumerate(("porch", "shed"))}
    for name, codes in GROUPS.items():
        groups[name].devices.set([cameras[code] for code in codes])
    for code, group in alone.items():
        group.devices.set([cameras[code]])
    people = {name: make_user(name, "owner" if name == "owner" else "") for name in PEOPLE}
    for who, group in (("several", groups["Yard"]), ("several", alone["shed"]), ("one", alone["porch"])):
        Membership.objects.create(user=people[who], role=Role.VIEWER, group=group)
    return people


def _make_pictures(cameras: dict[str, Device], rng: Random) -> list[Fact]:
    """Make pictures of which many have something in common, at times of which several are the same."""
    names = [code for code in CAMERAS for _ in range({"gate": 6, "roof": 1}.get(code, 3))]
    rows = [_picture(cameras[rng.choice(names)], n, rng) for n in range(PICTURES)]
    for row in rows:
        if rng.random() < 0.4:
            row.command = Command.objects.create(device=row.device, name=row.name, expires_at=START)
    Capture.objects.bulk_create(rows)
    copies = [
        OSSObject(
            capture=row,
            key=row.name,
            state=rng.choice([*MirrorState.values, MirrorState.MIRRORED]),
            next_try_at=START,
        )
        for row in rows
    ]
    OSSObject.objects.bulk_create(copies)
    tagged: dict[Capture, list[str]] = {row: [] for row in rows}
    for name, share in (("fox", 0.1), ("garden", 0.4)):
        tag, having = Tag.objects.create(name=name), [row for row in rows if rng.random() < share]
        Tagging.objects.bulk_create(
            Tagging(tag=tag, capture=row, received_at=row.received_at) for row in having
        )
        for row in having:
            tagged[row].append(name)
    # What lies in the trash is found by no filter.
    trashed = set(rng.sample(rows, 20))
    Capture.objects.filter(pk__in=[row.pk for row in trashed]).update(trashed_at=START)
    facts = [_fact(copy, tagged[copy.capture]) for copy in copies if copy.capture not in trashed]
    return sorted(facts, key=lambda fact: fact.place, reverse=True)


def _picture(camera: Device, number: int, rng: Random) -> Capture:
    return Capture(
        device=camera,
        name=f"{'IMG' if number % 5 else 'old'}_{number}",
        note=rng.choice(["", "", "a note", "cat at night"]),
        path="a",
        sha256=str(number),
        size_bytes=1,
        received_at=START - timedelta(minutes=rng.randrange(PICTURES // 2)),
        stored_at=START,
        thumbnail_state="done",
        kept=rng.random() < 0.2,
        fault=rng.choice([None, None, None, "black", "blurred"]),
        flags=[word for word in ("clock", "trailing") if rng.random() < 0.15],
    )


def _fact(copy: OSSObject, tags: list[str]) -> Fact:
    row = copy.capture
    place, asked = (row.received_at, row.pk), row.command_id is not None
    texts = (row.name, row.note)
    return Fact(place, row.device.code, texts, copy.state, row.flags, row.fault, tags, asked, row.kept)


@contextmanager
def world_of(seed: int) -> Iterator[World]:
    """Make pictures and people, and take all back afterwards."""
    with transaction.atomic(), contextlib.ExitStack() as patched:
        for module, name, value in _SMALL:
            patched.enter_context(mock.patch.object(module, name, value))
        # Another database has pictures already, and an index that does not hear of those made here.
        for model in (OSSObject, Tagging, Capture, IndexedSpan, TextBlock, ChangedText):
            model._base_manager.all()._raw_delete(model._base_manager.db)
        cameras = {code: make_device(code) for code in CAMERAS}
        people = _make_people(cameras)
        facts = _make_pictures(cameras, Random(seed))
        with mock.patch.object(index, "_LOOK_S", 600):
            index.keep_texts()
        yield World(people, facts)
        transaction.set_rollback(True)


def disagreement(world: World, who: str, filters: Filters, at: int) -> str | None:
    """Return how what is found differs from what there is, from the start and from the place of one picture; None: not."""
    found = matching(world.people[who], filters)
    expected = world.expected(who, filters)
    place = world.facts[at % len(world.facts)].place
    older, newer = ([p for p in expected if p < place], [p for p in reversed(expected) if p > place])
    counted, at_most = found.count_up_to(50), min(len(expected), 50)
    ways = {
        "page by page": (_page_by_page(found), expected),
        "older": (list(found.places(Span(place))), older),
        "newer": (list(found.places(Span(place, newer=True))), newer),
        "first": (found.first(), expected[0] if expected else None),
        "oldest": (found.first(Span(newer=True)), expected[-1] if expected else None),
        "count": (counted, (at_most, len(expected) > at_most)),
    }
    wrong = {way: pair for way, pair in ways.items() if pair[0] != pair[1]}
    return f"{who}, {filters}, at {at}: {wrong}" if wrong else None


def _page_by_page(found: Matching) -> list[Place]:
    places, cursor = [], ""
    while cursor is not None:
        items, cursor = page_of(found, after(cursor), PAGE)
        places += [(item.received_at, item.pk) for item in items]
    return places


def wishes() -> list[tuple[str, object]]:
    """Return each filter with each of its values, and spans of time."""
    times = [("since", START - timedelta(minutes=90)), ("before", START - timedelta(minutes=30))]
    return [(name, value) for name, values in WISHES.items() for value in values[1:]] + times


# Of each filter a value that many pictures have, so that there is something to find by two of them.
_COMMON = {
    "devices": ("gate", "barn", "pier"),
    "group": "Yard",
    "state": "waiting",
    "flag": "clock",
    "fault": "black",
    "tag": "garden",
    "q": "img",
    "asked": True,
    "kept": True,
}


def pairs() -> Iterator[tuple[str, Filters, int]]:
    """Yield each two filters together, in turn for who may see all and for who may see some cameras."""
    for number, chosen in enumerate(
        combinations([*_COMMON.items(), ("asked", False), ("state", "mirrored")], 2)
    ):
        yield ("owner", "several")[number % 2], Filters(**dict(chosen)), 7 * number


def check_all(times: int = 100) -> None:
    """Print what disagrees, for a process of its own on another database."""
    rng, found = Random(11), []
    with world_of(11) as world:
        found += [disagreement(world, who, filters, at) for who, filters, at in pairs()]
        for _ in range(times):
            filters = Filters(**dict(rng.sample(wishes(), rng.randrange(4))))
            found.append(disagreement(world, rng.choice([*PEOPLE]), filters, rng.randrange(PICTURES)))
    print("\n".join(filter(None, found)) or "all agree")
