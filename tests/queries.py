"""The queries that run all the time, and what the database plans for them.

Each statement is explained with the very parameters that Django hands over: with the values written into
the text instead, as in a log, SQLite would use partial indexes that it does not use in truth.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import partial

from django.db import connection, transaction
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events import record as events
from devices.firmware.rollouts import sweeping, targets
from devices.firmware.rollouts.models import Rollout
from devices.mqtt import dynsec
from devices.panels import in_use
from devices.panels.deliveries import leases, preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries import views as delivery_views
from devices.panels.deliveries.models import Delivery
from devices.registry.models import Device
from media_pipeline.captures import cards, finding, for_panels, thumbnails
from media_pipeline.captures import filters as captures_filters
from media_pipeline.captures.models import FLAGS, Capture
from media_pipeline.history import around, matching
from media_pipeline.history import query as history
from media_pipeline.links import publish
from media_pipeline.maintenance import counting, deleting, figures, retention
from media_pipeline.mirror import copying, waking
from media_pipeline.mirror.models import OSSObject
from media_pipeline.nodes.models import FIRST
from media_pipeline.search.matching import Matching
from media_pipeline.show_rules import runs
from media_pipeline.show_rules.models import ShowRule
from media_pipeline.time_lapses import making
from photohub.lib.database.db import inline
from photohub.lib.ids import new_id
from tests.builders import make_device, make_user
from tests.nodes import being_number

GROWING = r"media_pipeline_(capture|ossobject|removal|timelapse)|devices_(event|command|brokeraccount|rollouttarget|delivery)"
_WALKS_ALL = re.compile(rf"(?:SCAN (?:{GROWING})\b(?! USING))|(?:Seq Scan on (?:{GROWING})\b)")


def _pictures(filters: captures_filters.Filters, cursor: str = "") -> None:
    history.page_of(_matching(filters), history.after(cursor))


def _matching(filters: captures_filters.Filters | None = None) -> Matching:
    person = make_user(f"ada-{new_id()}", "owner")
    return matching.matching(person, filters or captures_filters.Filters())


def _as_second_machine(run: Callable[[], object], number: int = 2) -> None:
    with being_number(number):
        run()


# What is asked → the function that asks, and the index that it must use (one of them).
QUERIES: dict[str, tuple[Callable[[], object], str]] = {
    "copies that are due": (copying.due, "objects_to_mirror"),
    "copies that one of several machines is to make": (
        lambda: _as_second_machine(copying.due),
        "objects_of_a_node_to_mirror",
    ),
    "its newest copies": (lambda: _as_second_machine(copying.due), "newest_objects_of_a_node"),
    "its thumbnails": (lambda: _as_second_machine(thumbnails.due), "captures_without_thumb_of_node"),
    "copies that the first of several is to make": (
        lambda: _as_second_machine(copying.due, FIRST),
        "objects_to_mirror",
    ),
    "copies that were blocked": (waking.unblock_all, "objects_refused|objects_to_mirror"),
    "removals that failed": (lambda: figures.read("stuck removals"), "removals_that_failed"),
    "pictures from before the mirror": (
        lambda: list(OSSObject.objects.never_copied().order_by("next_try_at")[:5]),
        "objects_never_copied",
    ),
    "copies that were given up": (waking.retry_failed, "objects_given_up"),
    "thumbnails that are due": (thumbnails.due, "captures_without_thumbnail"),
    "URLs to publish": (publish.claim_to_publish, "captures_to_publish"),
    "URLs to give up": (publish.give_up_old, "captures_to_publish_by_age"),
    "hours without their sizes": (counting._without_size, "hours_without_their_size"),
    "files to remove": (deleting.due, "media_pipeline_removal_next_try_at"),
    "files to free": (lambda: list(retention.mirrored_before(timezone.now())), "objects_with_a_local_file"),
    "pictures that are too old": (
        lambda: list(retention.older_than(timezone.now())),
        "captures_newest_first",
    ),
    "what is long in the trash": (lambda: list(retention.long_trashed()), "captures_in_trash"),
    "bytes in the trash": (lambda: for_panels.trashed_among({"0" * 64}), "captures_in_trash_by_bytes"),
    "commands to send": (commands.claim_to_send, "commands_to_send"),
    "the next command of a camera that wakes": (
        lambda: commands.claim_for_answer(Device.objects.first()),
        "open_commands_of_a_device|commands_to_send",
    ),
    "commands to end": (commands.expire_due, "commands_that_may_expire"),
    "commands of a clock that was ahead": (commands.expire_due, "open_commands_by_age"),
    "deliveries to prepare": (preparing.due, "deliveries_to_prepare"),
    "deliveries to send": (leases.claim_to_send, "deliveries_to_send"),
    "deliveries to end": (deliveries.expire_due, "deliveries_that_may_expire"),
    "all deliveries": (
        lambda: list(Delivery.objects.filter(state__gte=inline("a")).order_by("-created_at", "-pk")[:50]),
        "deliveries_newest_first",
    ),
    "deliveries that failed": (
        lambda: list(
            delivery_views._in_state(Delivery.objects.order_by("-created_at", "-pk"), "failed")[:50]
        ),
        "deliveries_that_came_to_naught",
    ),
    "deliveries of a gateway that died": (leases.put_back_lost, "deliveries_being_sent"),
    "pictures that panels need": (
        lambda: in_use.hashes_in_use(["0" * 64]),
        "deliveries_of_these_bytes|deliveries_of_an_original",
    ),
    "old events": (events.prune, "silent_events_by_age"),
    "old events with a sentence": (events.prune, "told_events_by_age"),
    "newest copies": (copying.due, "newest_objects_to_mirror"),
    "open commands": (
        lambda: list(Command.objects.open()),
        "commands_that_may_expire|open_commands_by_age",
    ),
    "accounts to tell": (lambda: dynsec.claim_due("hub"), "broker_accounts_to_tell"),
    "films to make": (making.due, "time_lapses_to_make"),
    "silent updates": (sweeping.end_due, "targets_with_a_deadline"),
    "updates left open": (sweeping.release_stuck, "targets_with_a_deadline"),
    "rollouts that go on": (lambda: list(Rollout.objects.running()), "rollouts_that_go_on"),
    "what a device should fetch": (
        lambda: targets.next_offer(Device.objects.first()),
        "devices_rollouttarget_device_id",
    ),
    "told events": (
        lambda: list(Device.objects.first().events.told().order_by("-seq")[:50]),
        "events_told_on_device_page",
    ),
    "history": (lambda: _pictures(captures_filters.Filters()), "captures_newest_first"),
    "a later page of the history": (
        lambda: _pictures(
            captures_filters.Filters(), history.encode_cursor(Capture(received_at=timezone.now()))
        ),
        "captures_newest_first",
    ),
    "history of one device": (
        lambda: _pictures(captures_filters.Filters(devices=("porch",))),
        "captures_of_one_device",
    ),
    "pictures with something wrong": (
        lambda: _pictures(captures_filters.Filters(fault="any")),
        "captures_with_any_fault",
    ),
    "pictures that are black": (
        lambda: _pictures(captures_filters.Filters(fault="black")),
        # Of few pictures PostgreSQL takes the one or the other.
        "captures_of_one_fault|captures_with_any_fault",
    ),
    **{
        f"pictures by {query}": (partial(_pictures, captures_filters.Filters(**{name: value})), index)
        for query, name, value, index in (
            ("kept", "kept", True, "captures_kept"),
            ("asked for", "asked", True, "captures_asked_for"),
            ("sent by themselves", "asked", False, "captures_sent_by_themselves"),
            ("waiting", "state", "waiting", "objects_that_wait|newest_objects_to_mirror"),
            ("in trouble", "state", "problem", "objects_in_trouble"),
            *((word, "flag", word, f"captures_{word}") for word in FLAGS),
        )
    },
    **{
        f"pictures of one device by {index}": (
            partial(_pictures, captures_filters.Filters(devices=("porch",), **wish)),
            f"of_one_device_{index}",
        )
        for index, wish in (
            ("kept", {"kept": True}),
            ("asked_for", {"asked": True}),
            ("any_fault", {"fault": "any"}),
            ("one_fault", {"fault": "black"}),
            *((word, {"flag": word}) for word in FLAGS),
        )
    },
    "a picture's neighbours in a list": (
        lambda: around.look_around(_matching(), Capture(received_at=timezone.now())),
        "captures_newest_first",
    ),
    "the same hour of other days": (
        lambda: finding.same_hour(Capture(device=Device.objects.first(), received_at=timezone.now()), UTC),
        "captures_of_one_device|captures_newest_first",
    ),
    "pictures that are new to a rule": (
        lambda: list(runs.new_pictures(ShowRule(camera=Device.objects.first()))),
        # Both end where the rule has looked already; which is shorter, the database knows.
        "captures_of_one_device|captures_newest_first",
    ),
    "what is beside a picture": (
        lambda: cards.look_beside(Capture(device=Device.objects.first(), received_at=timezone.now()), UTC),
        "captures_of_one_device",
    ),
    "a picture's neighbours": (
        lambda: finding.neighbours_of(Capture(device=Device.objects.first(), received_at=timezone.now())),
        "captures_of_one_device",
    ),
}


# What is of one machine could be found by these as well, and in an empty table each is as good as the other.
_OF_ALL_DEVICES = (
    *("captures_kept", "captures_asked_for", "captures_with_any_fault", "captures_of_one_fault"),
    *(f"captures_{word}" for word in FLAGS),
)
_RIVALS = ("objects_to_mirror", "newest_objects_to_mirror", "captures_without_thumbnail")


def plans_of(
    run: Callable[[], object], word: str = "", kinds: tuple[str, ...] = ("SELECT", "UPDATE")
) -> list[str]:
    """Run it and return the database's plan of each statement of these kinds."""
    plans: list[str] = []

    def explain(execute, sql, params, many, context):
        if sql.startswith(kinds):
            plans.append(_explain(context["cursor"].db, sql, params, word))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        run()
    return plans


def _explain(database, sql: str, params, word: str) -> str:
    word = word or ("EXPLAIN QUERY PLAN" if database.vendor == "sqlite" else "EXPLAIN")
    # A cursor of its own, without wrappers, so that explaining is not explained.
    wrappers, database.execute_wrappers = database.execute_wrappers, []
    try:
        with database.cursor() as cursor:
            cursor.execute(f"{word} {sql}", params)
            rows = [row[-1] for row in cursor.fetchall()]
            return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    finally:
        database.execute_wrappers = wrappers


def slow_plans(what: str) -> list[str]:
    """Return what is wrong with the plans of this query; empty when it is answered by its index."""
    run, index = QUERIES[what]
    with _rolled_back():
        make_device("porch")
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # With no rows every index costs more than a walk; this asks only whether one can be used.
                cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
                if re.search("of_a?_?node", index):
                    cursor.execute(f"DROP INDEX {', '.join(_RIVALS)}")
                if index.startswith("of_one_device_"):
                    cursor.execute(f"DROP INDEX {', '.join(_OF_ALL_DEVICES)}")
        plans = plans_of(run)
    missing = (
        [] if any(re.search(index, plan) for plan in plans) else [f"{what}: {index} is not used", *plans]
    )
    return missing + [f"{what}: {plan}" for plan in plans if _WALKS_ALL.search(plan)]


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def check_all() -> None:
    """Print what is wrong with any query, for a process of its own on another database."""
    print("\n".join(line for what in QUERIES for line in slow_plans(what)) or "all use their indexes")
