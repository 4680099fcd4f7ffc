"""What the database says of a batch just before its rows are written: keys that still hold, commands that wait.

Asked for every picture, so it is one statement, written once for each number of questions: the ORM takes longer to
compose the two queries than the database takes to answer them.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db import connection

from devices.models import Command, Device, DeviceKey


@dataclass(frozen=True)
class Standing:
    """The keys that open the door now, and the open commands by device and name."""

    live_keys: set[int]
    commands: dict[tuple[int, str], Command]


def look_up(key_ids: set[int], names: set[str], now: datetime) -> Standing:
    """Ask which of these keys still hold (a door may remember one for some seconds) and which names are awaited.

    Without a name nothing is asked, since every picture has one.
    """
    if not names:
        return Standing(set(), {})
    values = [*key_ids, *names, connection.ops.adapt_datetimefield_value(now)]
    with connection.cursor() as cursor:
        cursor.execute(_statement(len(key_ids), len(names)), values)
        found = cursor.fetchall()
    commands = [id_ for id_, is_key in found if not is_key]
    rows = Command.objects.filter(pk__in=commands) if commands else ()
    return Standing(
        live_keys={int(id_) for id_, is_key in found if is_key},
        commands={(c.device_id, c.name): c for c in rows},
    )


@lru_cache(maxsize=512)
def _statement(keys: int, names: int) -> str:
    key, device, command = (m._meta.db_table for m in (DeviceKey, Device, Command))
    states = ", ".join(f"'{state.value}'" for state in Command.OPEN)
    live = (
        f'SELECT CAST(k.id AS text), 1 FROM "{key}" k JOIN "{device}" d ON d.id = k.device_id'
        f" WHERE k.id IN ({_marks(keys)}) AND k.revoked_at IS NULL AND d.enabled UNION ALL "
    )
    awaited = (
        f'SELECT CAST(c.id AS text), 0 FROM "{command}" c'
        f" WHERE c.name IN ({_marks(names)}) AND c.state IN ({states}) AND c.expires_at > %s"
    )
    return (live if keys else "") + awaited


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)
