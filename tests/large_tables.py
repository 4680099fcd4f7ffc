"""Tables of any size, made in a moment, and what the sweeps and claims cost on them.

Of each table three fifths have ended, one fifth is due and one fifth pauses. What runs every few seconds may touch no
more of this than what it returns: no walk and no sort that grows with what has ended, or with what waits.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from unittest import mock

from django.db import connection, models, transaction
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events import record as events
from devices.events import troubles
from devices.events.models import Event, Trouble
from devices.firmware.models import Firmware
from devices.firmware.rollouts import sweeping
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget
from devices.mqtt import dynsec
from devices.panels import in_use
from devices.panels.deliveries import leases, preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.playlists import turns as playlists
from devices.registry.models import BrokerAccount, Device
from devices.schedules import ending as schedule_ends
from devices.schedules import planning
from devices.schedules import queue as schedules
from devices.schedules.models import Schedule, ScheduledRun
from devices.telemetry import thinning
from devices.telemetry.models import SummedUp, TelemetrySample
from media_pipeline.alerts import queue as alerts
from media_pipeline.alerts.channels.models import AlertChannel
from media_pipeline.alerts.kinds import battery, looking, silence
from media_pipeline.alerts.models import Alert, AlertMessage, AlertRule
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture
from media_pipeline.links import publish
from media_pipeline.maintenance import counting, deleting, figures, retention
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import OSSObject
from media_pipeline.search import index
from media_pipeline.show_rules import runs
from media_pipeline.show_rules.models import ShowRule
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import TimeLapse
from photohub.home_assistant import reading as home
from photohub.lib.ids import new_id
from photohub.status import parts as status
from tests.builders import make_device
from tests.queries import plans_of

# Enough for every sweep to find as much as it asks for, and several times as many.
FEW, MANY = 6_000, 24_000
# Rows that PostgreSQL may look at in one node of a plan: somewhat more than any of these asks for.
TOUCHED_AT_MOST = 1500
_STEP = 20


def _ending_nothing(run: Callable[[], object], *ends: str) -> Callable[[], object]:
    """Return the same without what it does to each row that it finds."""

    def find() -> None:
        with ExitStack() as stack:
            for end in ends:
                stack.enter_context(mock.patch(end, return_value=True))
            run()

    return find


def _looking_at_the_status() -> None:
    # Devices with trouble and accounts of people are counted as well, of which a hub never has as many as here.
    with mock.patch("django.conf.settings.PHOTOHUB_MIRROR", "file"):
        for question in ("database", "files", "mirror", "retention", "clock"):
            found = next(look for key, _label, look in status._questions() if key == question)
            found()


def _looking_for_alerts() -> None:
    silence.forget(listened_s=3600)
    # The first look of a process goes over what is open.
    silence._watch.heard_until = battery._looked_until = timezone.now()
    with mock.patch("media_pipeline.alerts.kinds.silence._begin"):
        looking.look()


# What runs by itself, every few seconds or with every notice; each is asked for what it does when much waits.
SWEEPS: dict[str, Callable[[], object]] = {
    "copies that are due": copying.due,
    "previews that are due": thumbnails.due,
    "files to remove": deleting.due,
    "hours to count": counting._next_piece,
    "texts to index": index._next_step,
    "texts that wait": index.waits,
    "films to make": making.due,
    "films that are too old": time_lapses.drop_expired,
    "rules with new pictures": runs.due,
    "alerts that are to be told": _looking_for_alerts,
    "whether an alert waits": looking.waits,
    "messages of alerts to send": alerts.claim,
    "URLs to publish": publish.claim_to_publish,
    "URLs to give up": publish.give_up_old,
    "pictures that are too old": lambda: list(retention.older_than(timezone.now())[:100]),
    "what is long in the trash": lambda: list(retention.long_trashed()[:100]),
    "files to free": lambda: list(retention.mirrored_before(timezone.now())[:100]),
    "commands to send": lambda: commands.claim_to_send(hears=lambda _code, _topic: True),
    "commands to end": _ending_nothing(commands.expire_due, "devices.commands.queue._finish"),
    "deliveries to prepare": preparing.due,
    "deliveries to send": lambda: leases.claim_to_send(1, hears=lambda _code, _topic: True),
    "deliveries to end": _ending_nothing(deliveries.expire_due, "devices.panels.deliveries.queue.fail"),
    "deliveries with a wrong end": deliveries.bound_waiting,
    "deliveries of a gateway that died": leases.put_back_lost,
    "playlists": playlists.push_due,
    "pictures that panels need": lambda: in_use.hashes_in_use(["0" * 64, "1" * 64]),
    "old events": events.prune,
    "old troubles": troubles.prune,
    "parts of the status page": _looking_at_the_status,
    "accounts to tell": lambda: dynsec.claim_due("hub"),
    "updates by the clock": sweeping.sweep,
    "samples to sum up": lambda: thinning._sum_up(thinning._settled(timezone.now()), 0),
    "samples that are too old": lambda: thinning._delete_old(thinning._settled(timezone.now()), 0),
    "news for Home Assistant": lambda: home.changed_since(home.newest_event()),
    "schedules that are due": lambda: schedules._claim_due(True),
    "schedules of another clock": planning.keep_in_step,
    "runs whose turn has come": schedules.order_waiting,
    "runs that may have ended": schedule_ends.end_due,
    "whether schedules wait": schedules.waits,
    "old runs of schedules": schedule_ends.prune,
}


class Sql:
    """The few expressions that the two databases spell differently; `n` is the number of the row."""

    def __init__(self, rows: int, now: datetime) -> None:
        self.rows, self._now = rows, f"{now:%Y-%m-%d %H:%M:%S}"
        self._is_sqlite = connection.vendor == "sqlite"

    @property
    def key(self) -> str:
        return "printf('%032x', n)" if self._is_sqlite else "lpad(to_hex(n), 32, '0')::uuid"

    def uuid(self, hex_: str) -> str:
        return f"'{hex_}'" if self._is_sqlite else f"'{hex_}'::uuid"

    def at(self, seconds: str) -> str:
        """Return the time so many seconds from now."""
        if self._is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', '{self._now}', ({seconds}) || ' seconds')"
        return f"timestamptz '{self._now}+00' + ({seconds}) * interval '1 second'"

    def by_fifths(self, ended: str, due: str, pausing: str) -> str:
        """Return one of these: for three fifths of the rows, for one, and for the last."""
        fifth = self.rows // 5
        return f"CASE WHEN n <= {3 * fifth} THEN {ended} WHEN n <= {4 * fifth} THEN {due} ELSE {pausing} END"

    @property
    def next_try(self) -> str:
        past = self.at("-30 - n * 0.001")
        return self.by_fifths(past, past, self.at("4"))

    def state(self, ended: str, waiting: str) -> str:
        return self.by_fifths(f"'{ended}'", f"'{waiting}'", f"'{waiting}'")

    def multiply(self, row: models.Model, rows: int = 0, **columns: str) -> None:
        """Insert so many copies of a row, in which these columns are expressions; the row itself goes."""
        meta, rows = row._meta, rows or self.rows
        names = [f.column for f in meta.concrete_fields if not isinstance(f, models.BigAutoField)]
        chosen = ", ".join(columns.get(name, f"t.{connection.ops.quote_name(name)}") for name in names)
        key = row.pk if isinstance(row.pk, int) else f"'{row.pk.hex}'"
        counted = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}"
        quoted = ", ".join(connection.ops.quote_name(name) for name in names)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {meta.db_table} ({quoted}) "
                f"WITH RECURSIVE numbers(n) AS ({counted}) "
                f"SELECT {chosen} FROM {meta.db_table} t, numbers WHERE t.{meta.pk.column} = {key}"
            )
        type(row)._base_manager.filter(pk=row.pk).delete()


def fill(now: datetime, rows: int) -> None:
    """Make all tables that grow large."""
    sql, porch = Sql(rows, now), make_device("porch", command_topic="c", picture_topic="p")
    _fill_pictures(porch, sql)
    _fill_orders(porch, sql)
    _fill_updates(porch, sql)
    _fill_schedules(porch, sql)
    for sentence, age_s in (("", f"n * {400 * 86400 / rows}"), ("told", f"{40 * 86400} + n")):
        row = Event.objects.create(type="notice", device=porch, sentence=sentence)
        # Those with a sentence, which are kept for a year, are all older than a month.
        sql.multiply(row, rows // 2, at=sql.at(f"-({age_s})"))
    seen = sql.by_fifths(sql.at("-86400 * 8 - n"), sql.at("-n"), sql.at("-n"))
    sql.multiply(Trouble.objects.create(device=porch, word="w"), word="'w' || n", last_at=seen)
    minute = int(now.timestamp()) // 60
    SummedUp.objects.create(pk=1, until=minute // 60 - 2)
    sample = TelemetrySample.objects.create(device=porch, minute=minute + 1, battery_mv=1)
    sql.multiply(sample, minute=f"{minute} - n * {100 * 1440 // rows}")
    account = BrokerAccount.objects.create(username="u")
    states = {"state": sql.state("synced", "pending"), "next_try_at": sql.next_try}
    sql.multiply(account, id=sql.key, username="'u' || n", **states)


def _fill_pictures(porch: Device, sql: Sql) -> None:
    now = timezone.now()
    facts = {"name": "a", "path": "a", "sha256": "a", "size_bytes": 1, "received_at": now, "stored_at": now}
    times = {"received_at": sql.next_try, "publish_next_try_at": sql.next_try}
    steps = {name: sql.state("done", "pending") for name in ("thumbnail_state", "publish_state")}
    unique = {"id": sql.key, "code": "'c' || n", "name": "'a' || n"}
    first = Capture.objects.create(device=porch, **facts)
    copy = OSSObject.objects.create(capture=first, key="k")
    film = TimeLapse.objects.create(device=porch, fps=1, width=2, frames_total=1)
    removal = Removal.objects.create(capture_id=new_id(), path="a")
    sql.multiply(Capture.objects.create(device=porch, **facts | {"name": "b"}), **unique, **times, **steps)
    due = {"next_try_at": sql.next_try, "created_at": sql.at("-n * 0.001")}
    tried = sql.by_fifths("1", "n % 2", "1")
    copied = {"mirrored_at": sql.at("-n"), "state": sql.state("mirrored", "pending"), "attempts": tried}
    sql.multiply(copy, capture_id=sql.key, **due, **copied)
    sql.multiply(removal, capture_id=sql.key, **due, attempts="n % 2")
    sql.multiply(film, id=sql.key, **due, state=sql.state("ready", "queued"), expires_at=sql.at("n"))
    rule = {"name": "r", "camera": porch, "since_at": now - timedelta(days=1), "seen_until": now}
    ShowRule.objects.create(**rule)
    _fill_alerts(porch, sql)


def _fill_alerts(porch: Device, sql: Sql) -> None:
    now = timezone.now()
    channel = AlertChannel.objects.create(name="hook", kind="webhook", address_encrypted=b"")
    rule = AlertRule.objects.create(kind="silent", threshold=600, seen_until=now - timedelta(seconds=600))
    for kind in ("battery", "picture", "hub", "rollout"):
        AlertRule.objects.create(kind=kind, threshold=15, seen_until=now)
    alert = Alert.objects.create(rule=rule, key="k", device=porch)
    message = AlertMessage.objects.create(alert=alert, channel=channel, phase="began", give_up_at=now)
    state = {"state": sql.state("sent", "waiting"), "next_try_at": sql.next_try}
    # Each of an alert of its own, of which three fifths are over.
    sql.multiply(
        Alert.objects.create(rule=rule, key="a"), id=sql.key, key="'a' || n", device_id=f"{porch.pk}"
    )
    sql.multiply(message, id=sql.key, alert_id=sql.key, **state)


def _fill_orders(porch: Device, sql: Sql) -> None:
    now = timezone.now()
    expires = sql.by_fifths(sql.at("-9"), sql.at("CASE WHEN n % 2 = 0 THEN 3600 ELSE -9 END"), sql.at("3600"))
    made = {"created_at": sql.at("n * 0.001 - 1000"), "expires_at": expires, "id": sql.key}
    command = Command.objects.create(device=porch, name="a", expires_at=now)
    claimed = sql.by_fifths("NULL", "NULL", sql.at("-1"))
    sql.multiply(command, **made, name="'n' || n", state=sql.state("uploaded", "queued"), claimed_at=claimed)
    delivery = Delivery.objects.create(device=porch)
    prepared = sql.by_fifths(sql.at("-1"), "NULL", sql.at("-1"))
    state = sql.state("delivered", "queued")
    hashes = {"sha256": "'s' || n", "original_sha256": "'o' || n"}
    past = {"next_try_at": sql.at("-9"), "prepared_at": prepared}
    sql.multiply(delivery, **made, **hashes, **past, state=state)


def _fill_updates(porch: Device, sql: Sql) -> None:
    silent = dict.fromkeys(("command_topic", "result_topic", "frame_topic"), "")
    sql.multiply(make_device("gate", **silent), code="'d' || n")
    first = Device.objects.filter(code="d1").values_list("pk", flat=True).get()
    firmware = Firmware.objects.create(product="p", version="2", counter=1, size_bytes=1, sha256="a", md5="a")
    states = (RolloutState.FINISHED, RolloutState.RUNNING)
    old, new = (Rollout.objects.create(firmware=firmware, state=state).pk.hex for state in states)
    target = RolloutTarget.objects.create(rollout_id=old, device=porch)
    sql.multiply(
        target,
        rollout_id=sql.by_fifths(*(sql.uuid(pk) for pk in (old, new, new))),
        device_id=f"{first} + n - 1",
        token="'t' || n",
        position="n",
        state=sql.state("proved", "waiting"),
    )


def _fill_schedules(porch: Device, sql: Sql) -> None:
    now = timezone.now()
    schedule = Schedule.objects.create(name="a", device=porch, planned_at=now - timedelta(hours=1))
    due = sql.by_fifths(sql.at("3600 + n"), sql.at("-n * 0.001"), sql.at("4"))
    kept = Schedule.objects.create(
        name="kept", device=porch, planned_at=now, next_run_at=now + timedelta(days=1)
    )
    planning.keep_in_step()
    sql.multiply(schedule, id=sql.key, next_run_at=due)
    run = ScheduledRun.objects.create(
        schedule=kept, device=porch, due_at=now, expires_at=now + timedelta(hours=1)
    )
    columns = {
        "due_at": sql.at("-n * 600"),
        "check_at": sql.next_try,
        "state": sql.state("answered", "waiting"),
    }
    sql.multiply(run, id=sql.key, **columns)


@contextmanager
def tables_of(rows: int) -> Iterator[None]:
    """Fill the tables, and let the clock stand still meanwhile; afterwards they are as before."""
    now = timezone.now().replace(microsecond=0)
    with mock.patch("django.utils.timezone.now", lambda: now), transaction.atomic():
        fill(now, rows)
        figures._counted.clear()
        figures.keep()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        yield
        transaction.set_rollback(True)


def cost_of(what: str) -> int:
    """Return what this sweep costs: steps of SQLite's machine, or rows that PostgreSQL looks at. The rows stay as before."""
    with transaction.atomic():
        cost = work_of(SWEEPS[what])
        transaction.set_rollback(True)
    return cost


def work_of(run: Callable[[], object]) -> int:
    """Return how many steps of SQLite's machine this takes, or how many rows PostgreSQL looks at in one node of a plan."""
    return (_steps if connection.vendor == "sqlite" else _touched_by)(run)


def _steps(run: Callable[[], object]) -> int:
    steps = [0]

    def count() -> None:
        steps[0] += _STEP

    connection.connection.set_progress_handler(count, _STEP)
    try:
        run()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps[0]


def _touched_by(run: Callable[[], object]) -> int:
    plans = plans_of(run, "EXPLAIN (ANALYZE, FORMAT JSON)", ("SELECT",))
    return max((touched for plan in plans for touched in _touched(json.loads(plan)[0]["Plan"])), default=0)


def _touched(node: dict) -> Iterator[int]:
    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
    yield int((node["Actual Rows"] + removed) * node["Actual Loops"])
    for child in node.get("Plans", ()):
        yield from _touched(child)


def check_all() -> None:
    """Print which sweeps look at too much, for a process of its own on another database."""
    with tables_of(MANY):
        costs = {what: cost_of(what) for what in SWEEPS}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    found = [f"{what}: {cost} rows" for what, cost in costs.items() if cost > TOUCHED_AT_MOST]
    print("\n".join(found) or "none walks its table")
