"""What one machine has and the mirror has not: what would be lost with its disk."""

from django.db.models import QuerySet

from media_pipeline.nodes import here

from .models import OSSObject

# Of a picture whose machine was declared lost before it was copied.
LOST = "node_lost"


def only_on(marked: int | None, at_most: int | None = None) -> list[OSSObject]:
    """Return the copies that were not made of the pictures of this node, in the order in which these came."""
    found = [row for rows in _of(marked) for row in rows.select_related("capture__device")[:at_most]]
    return sorted(found, key=lambda row: row.capture.received_at)


def count_only_on(marked: int | None, at_most: int) -> int:
    """Count them, no further than is worth it."""
    return min(at_most, sum(len(rows.values_list("pk")[:at_most]) for rows in _of(marked)))


def _of(marked: int | None) -> list[QuerySet[OSSObject]]:
    """Return what waits, was given up or never asked for: each has an index of its own."""
    kinds = (OSSObject.objects.waiting(), OSSObject.objects.failed(), OSSObject.objects.never_copied())
    return [rows.filter(here.of(marked)).exclude(error_word=LOST).order_by() for rows in kinds]
