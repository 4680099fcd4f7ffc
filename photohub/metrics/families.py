"""The hub's figures as families of Prometheus' client library, which is loaded when somebody asks for the first time.

Names and units are those of Prometheus' practices. No label names a device, a person or a picture: what stands in a label
is one of few words, or the name of a machine.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError

# Whose modules say what is counted: each is loaded where it is asked for, whichever process counts it.
from devices.commands import queue as _commands  # noqa: F401
from devices.mqtt import message_counts as _messages  # noqa: F401
from media_pipeline.intake import endpoint as _intake  # noqa: F401
from media_pipeline.live import viewers as _viewers  # noqa: F401
from media_pipeline.live import wall as _wall  # noqa: F401
from media_pipeline.mirror import copying as _copying  # noqa: F401
from photohub import __version__
from photohub.lib.memory.later import later
from photohub.lib.messaging import measures
from photohub.lib.messaging.measures import Measure, Row, Times
from photohub.metrics import queues, sharing
from photohub.status import parts as status
from photohub.status.part import LOOKS

if TYPE_CHECKING:
    import redis
    from prometheus_client import metrics_core as core
    from prometheus_client.metrics_core import Metric
else:
    core, redis = later("prometheus_client.metrics_core"), later("redis")

log = logging.getLogger(__name__)


class Hub:
    """What a registry of the library collects: everything about the hub, or as much as can be told now."""

    def collect(self) -> "Iterator[Metric]":
        """Yield every family. What cannot be asked is left out, and said."""
        yield _info()
        missing = []
        for name, ask in (("counted", _counted), ("rows", _of_rows), ("disk", _disks), ("parts", _parts)):
            try:
                # All of a source or nothing: half a family would be another figure.
                families = list(ask())
            except (DatabaseError, OSError, redis.RedisError) as error:
                log.warning("Figures of the source %s could not be told: %s", name, type(error).__name__)
                missing.append(name)
                continue
            yield from families
        yield _missing(missing)


_SOURCES = ("counted", "rows", "disk", "parts")


def _info() -> "Metric":
    family = core.GaugeMetricFamily(
        "photohub_build_info", "Which version of PhotoHub answers; always 1.", labels=["version"]
    )
    family.add_metric([__version__], 1)
    return family


def _missing(missing: list[str]) -> "Metric":
    help_ = "Whether a source of figures could not be asked: what comes from it is left out."
    return _gauges("photohub_metrics_source_missing", help_, "source", [(s, s in missing) for s in _SOURCES])


def _gauges(name: str, help_: str, label: str, values: Iterable[tuple[str, float]]) -> "Metric":
    family = core.GaugeMetricFamily(name, help_, labels=[label])
    for word, value in values:
        family.add_metric([word], value)
    return family


# --- what is counted ---


def _counted() -> "Iterator[Metric]":
    shared = sharing.shared()
    if shared is not None:
        rows, present = shared.read()
    else:
        rows = {measure.name: measure.read() for measure in measures.counted()}
        present = {figure.name: figure.read() for figure in measures.present()}
    for measure in measures.counted():
        yield _family_of(measure, rows.get(measure.name, {}))
    for figure in measures.present():
        yield core.GaugeMetricFamily(figure.name, figure.help, value=present.get(figure.name, 0))


def _family_of(measure: Measure, rows: dict[str, Row]) -> "Metric":
    # Words of which nothing was counted yet begin at none, so that their first is seen as one more.
    words = dict.fromkeys((*measure.words, *rows))
    nothing = [0.0] * len(measure.parts)
    if isinstance(measure, Times):
        times = core.HistogramMetricFamily(measure.name, measure.help, labels=[measure.label])
        for word in words:
            *counts, total_s = rows.get(word, nothing)
            times.add_metric([word], buckets=_added_up(measure, counts), sum_value=total_s)
        return times
    family = core.CounterMetricFamily(measure.name, measure.help, labels=[measure.label])
    for word in words:
        family.add_metric([word], rows.get(word, nothing)[0])
    return family


def _added_up(measure: Times, counts: list[float]) -> list[tuple[str, float]]:
    """Return the classes as Prometheus has them: each with all that are smaller."""
    so_far, buckets = 0.0, []
    for part, count in zip(measure.parts, counts, strict=False):
        so_far += count
        buckets.append((part, so_far))
    return buckets


# --- what rows tell ---


def _of_rows() -> "Iterator[Metric]":
    waiting = list(queues.read_queues())
    yield _gauges(
        "photohub_queue_rows",
        "Rows that wait in a queue; of the largest as the sweep last counted them.",
        "queue",
        [(queue.name, queue.rows) for queue in waiting],
    )
    yield _gauges(
        "photohub_queue_oldest_seconds",
        "How long the row of a queue has waited that has waited longest; 0 where none waits.",
        "queue",
        [(queue.name, queue.oldest_s) for queue in waiting if queue.oldest_s is not None],
    )
    trash = queues.read_trash()
    figures: tuple[tuple[str, str, float], ...] = (
        (
            "photohub_pictures",
            "Pictures that are stored, those in the trash among them.",
            queues.count_stored(),
        ),
        ("photohub_trash_pictures", "Pictures in the trash.", trash.count),
        ("photohub_trash_bytes", "Size of the pictures in the trash.", trash.size_bytes),
        ("photohub_devices_in_trouble", "Devices that something is wrong with.", queues.count_troubled()),
    )
    for name, help_, value in figures:
        yield core.GaugeMetricFamily(name, help_, value=value)
    if settings.MQTT_URL:
        help_ = "Gateways that share the devices and are connected to the broker."
        yield core.GaugeMetricFamily("photohub_gateways", help_, value=queues.count_gateways())


def _disks() -> "Iterator[Metric]":
    free = [(disk.machine, disk.free_bytes) for disk in queues.read_disks()]
    yield _gauges("photohub_disk_free_bytes", "Free space where pictures are stored.", "machine", free)
    help_ = "Free space below which uploads are refused."
    yield core.GaugeMetricFamily("photohub_disk_floor_bytes", help_, value=queues.floor_bytes())


def _parts() -> "Iterator[Metric]":
    family = core.GaugeMetricFamily(
        "photohub_part_state",
        "Parts of the hub as the status page shows them: 1 for the state that a part is in.",
        labels=["part", "state"],
    )
    for part in status.collect().parts:
        for state in LOOKS:
            family.add_metric([part.key, state], part.state == state)
    yield family
