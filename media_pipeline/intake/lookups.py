"""What the database says of a batch just before its rows are written: keys that still hold, commands that wait.

Asked for every picture, so it is one statement, written once for each number of questions: the ORM takes longer to
compose the two queries than the database takes to answer them.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db import connection

from devices.commands.models import Command
from devices.registry.models import Device, DeviceKey
from photohub.lib.database import rows


@dataclass(frozen=True)
class Known:
    """The keys and devices that may send now, and the open commands by device and name."""

    live_keys: set[int]
    devices: set[int]
    commands: dict[tuple[int, str], Command]


def look_up(key_ids: set[int], device_ids: set[int], names: set[str], now: datetime) -> Known:
    """Ask which keys and devices may send (an endpoint may remember them for some seconds) and which names are awaited.

    Without a name nothing is asked, since every picture has one.
    """
    if not names:
        return Known(set(), set(), {})
    values = [*key_ids, *device_ids, *names, connection.ops.adapt_datetimefield_value(now)]
    found: dict[int, list[str]] = {_KEY: [], _DEVICE: [], _COMMAND: []}
    for id_, kind in rows.execute(_statement(len(key_ids), len(device_ids), len(names)), values):
        found[kind].append(id_)
    open_ = Command.objects.filter(pk__in=found[_COMMAND]) if found[_COMMAND] else ()
    return Known(
        live_keys={int(id_) for id_ in found[_KEY]},
        devices={int(id_) for id_ in found[_DEVICE]},
        commands={(c.device_id, c.name): c for c in open_},
    )


_KEY, _DEVICE, _COMMAND = range(3)


@lru_cache(maxsize=512)
def _statement(keys: int, devices: int, names: int) -> str:
    key, device, command = (m._meta.db_table for m in (DeviceKey, Device, Command))
    states = ", ".join(f"'{state.value}'" for state in Command.OPEN)
    parts = [
        f'SELECT CAST(k.id AS text), {_KEY} FROM "{key}" k WHERE k.id IN ({_marks(keys)}) AND k.revoked_at IS NULL',
        f'SELECT CAST(d.id AS text), {_DEVICE} FROM "{device}" d WHERE d.id IN ({_marks(devices)}) AND d.enabled',
        f'SELECT CAST(c.id AS text), {_COMMAND} FROM "{command}" c'
        f" WHERE c.name IN ({_marks(names)}) AND c.state IN ({states}) AND c.expires_at > %s",
    ]
    asked = [part for part, count in zip(parts, (keys, devices, names), strict=True) if count]
    return " UNION ALL ".join(asked)


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)
