"""Pictures that two gateways may have heard, because their device moves from one to the other: one of them stores each.

A frame over MQTT has no name of its own, so the constraint on names does not tell it from another. While a device moves,
its device, its bytes and the moment do: whoever comes second finds the row of the first, however long each of them took.
A camera that moves just then and sends the very same bytes again on purpose is believed to have sent them once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID
from zlib import crc32

from django.db import connection
from django.db.models import Q

from media_pipeline.captures.models import Capture

# Longer than a gateway tries to store one picture, and than the clocks of two machines may differ.
WITHIN = timedelta(minutes=3)
# Of this application's locks in PostgreSQL those with two numbers are for these alone; `database.sequence` has one.
_SPACE = 0x5048

# A device and the SHA-256 of a picture.
Same = tuple[int, str]


def find_stored(wanted: Iterable[Same], now: datetime) -> dict[Same, tuple[UUID, str]]:
    """Return id and code of each of these pictures that is stored already. Call within the transaction that stores the others.

    Whoever asks for the same one waits until this transaction has ended: first of all locks, in one order.
    """
    sames = sorted(set(wanted))
    if not sames:
        return {}
    _wait_for_others(sames)
    found = Q()
    for device, sha256 in sames:
        found |= Q(device=device, sha256=sha256)
    rows = Capture.everything.filter(found, received_at__range=(now - WITHIN, now + WITHIN))
    stored = rows.order_by("-received_at", "-id").values_list("device_id", "sha256", "id", "code")
    # The first of them is the one that is told.
    return {(device, sha256): (id_, code) for device, sha256, id_, code in stored}


def _wait_for_others(sames: list[Same]) -> None:
    if connection.vendor != "postgresql":
        return
    numbers = sorted({crc32(f"{device} {sha256}".encode()) - 2**31 for device, sha256 in sames})
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_SPACE, number])
