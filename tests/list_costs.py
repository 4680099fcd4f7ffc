"""What a list costs somebody who may see some cameras, beside others with few or with many pictures of the same kinds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from unittest import mock

from django.db import connection, transaction
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands.models import Command
from devices.registry.models import Device
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture, Tag, Tagging
from media_pipeline.history.matching import matching
from media_pipeline.history.query import after, page_of
from media_pipeline.search import index, sources
from tests.builders import make_device, make_user
from tests.large_tables import work_of

FEW, MANY = 600, 3_000
# Rows that PostgreSQL may look at in one node of a plan.
TOUCHED_AT_MOST = 600
_LABELS = {
    "kept": {"kept": True},
    "asked for": {"asked": True},
    "any fault": {"fault": "any"},
    "one fault": {"fault": "black"},
    "flag": {"flag": "clock"},
    "tag": {"tag": "garden"},
}
# Of what is asked for the cameras have some, one or none; others have much of it.
LISTS = {
    **{
        f"{whose}: {what}": (whose, Filters(**wish))
        for whose in ("mine", "one")
        for what, wish in _LABELS.items()
    },
    "mine: sent by itself": ("mine", Filters(asked=False)),
    "mine: kept and asked for": ("mine", Filters(kept=True, asked=True)),
    "mine: kept and a tag": ("mine", Filters(kept=True, tag="garden")),
    "mine: a text and kept": ("mine", Filters(q="IMG", kept=True)),
    "all: kept and a tag of few": ("all", Filters(kept=True, tag="few")),
    "all: a tag of few and a fault": ("all", Filters(tag="few", fault="any")),
    "all: kept lately, flagged long ago": ("all", Filters(kept=True, flag="trailing")),
    "all: tagged long ago, kept": ("all", Filters(tag="old", kept=True)),
    "all: a text of many and a flag of few": ("all", Filters(q="IMG", flag="no_preview")),
}


def _bulk(camera: Device, pictures: int, since_s: int = 0, asked: bool = False, **labels) -> list[Capture]:
    now = timezone.now()
    facts = {"path": "a", "size_bytes": 1, "stored_at": now, "thumbnail_state": "done"} | labels
    rows = [
        Capture(
            device=camera,
            name=f"IMG_{n}",
            sha256=f"{since_s}-{n}",
            received_at=now - timedelta(seconds=since_s + 60 * n),
            **facts,
        )
        for n in range(pictures)
    ]
    if asked:
        commands = [Command(device=camera, name=str(row.pk), expires_at=now) for row in rows]
        for row, command in zip(rows, Command.objects.bulk_create(commands), strict=True):
            row.command = command
    return Capture.objects.bulk_create(rows)


def _tag(name: str, rows: list[Capture]) -> None:
    tag, _made = Tag.objects.get_or_create(name=name)
    Tagging.objects.bulk_create(Tagging(tag=tag, capture=row, received_at=row.received_at) for row in rows)


def _fill(others: int) -> dict[str, object]:
    """Make somebody with three cameras, one with one of them, an owner, and cameras of others with so many pictures."""
    garden, shed = (DeviceGroup.objects.create(name=name) for name in ("Garden", "Shed"))
    mine = [make_device(f"mine-{n}", groups=[garden, shed] if n == 0 else [garden]) for n in range(3)]
    for camera in mine:
        _bulk(camera, 40)
        _tag("garden", _bulk(camera, 1, 10**6, asked=True, kept=True, fault="black", flags=["clock"]))
    busy = make_device("busy")
    _tag("garden", _bulk(busy, others, 1, asked=True, kept=True, fault="black", flags=["clock"]))
    _tag("old", _bulk(busy, others, 10**7, flags=["trailing"], fault="blurred"))
    # Neither few enough to be listed, nor anything in common with the others.
    _tag("few", _bulk(busy, 100, 10**6))
    _bulk(busy, 100, 2 * 10**6, flags=["no_preview"])
    people = {"mine": make_user("vera", "viewer", garden), "one": make_user("otto", "viewer", shed)}
    return people | {"all": make_user("alice", "owner")}


@contextmanager
def hub_with(others: int) -> Iterator[dict[str, object]]:
    """Make these pictures, and take all back afterwards."""
    with (
        transaction.atomic(),
        mock.patch.object(sources, "FEW", 50),
        mock.patch.object(sources, "_NEAR", 100),
        mock.patch.object(index, "_LOOK_S", 600),
    ):
        people = _fill(others)
        index.keep_texts()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        yield people
        transaction.set_rollback(True)


def costs(others: int) -> dict[str, int]:
    """Return what each list's first page costs: steps of SQLite, or rows that PostgreSQL looks at in one node."""
    with hub_with(others) as people:
        return {
            what: work_of(partial(_first_page, people[whose], filters))
            for what, (whose, filters) in LISTS.items()
        }


def _first_page(person, filters: Filters) -> None:
    page_of(matching(person, filters), after(""))


def check_all() -> None:
    """Print which lists look at too much, for a process of its own on another database."""
    # All that has a tag it reads as long as that is quicker than to look each picture up, which it knows.
    of_all = {what: cost for what, cost in costs(MANY).items() if "tag" not in what}
    found = [f"{what}: {cost} rows" for what, cost in of_all.items() if cost > TOUCHED_AT_MOST]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    print("\n".join(found) or "no list walks its table")
