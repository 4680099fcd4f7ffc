"""Which pictures match filters, and where to look for them so that a page costs what it shows."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from devices.access.rights import sees_all
from devices.registry.models import Device
from media_pipeline.captures.filters import ANY_FAULT, STATES, Filters
from media_pipeline.captures.models import FLAGS, Capture, CaptureQuerySet, Tag, Tagging
from media_pipeline.mirror.models import OSSObject
from media_pipeline.search.matching import Matching, pictures_of
from media_pipeline.search.sources import FEW, OfCameras, OfTexts, Source, Together, few_or_none, of_tags
from photohub.lib.database.db import inline_all
from photohub.lib.database.indexes import HoldsWord, IsMissing


def matching(user, filters: Filters) -> Matching:
    """Return the pictures that the person may see and that match."""
    cameras = _cameras(user, filters)
    labels = _labels(filters)
    about = _About.of(filters.q) if filters.q else None
    rows = pictures_of(cameras)
    if filters.since:
        rows = rows.filter(received_at__gte=filters.since)
    if filters.before:
        rows = rows.filter(received_at__lt=filters.before)
    for label in labels:
        rows = rows.filter(label)
    if filters.state:
        rows = rows.filter(Exists(_copies(filters.state).filter(pk=OuterRef("pk"))))
    tags = list(Tag.objects.filter(name=filters.tag).values_list("pk", flat=True)) if filters.tag else []
    if filters.tag:
        rows = rows.filter(Exists(Tagging.objects.filter(capture=OuterRef("pk"), tag__in=tags)))
    if about:
        rows = rows.filter(about.condition)
    looks = bool(filters.state or filters.tag or about or len(labels) + (cameras is not None) > 1)
    source = _source(cameras, labels, filters, tags, about)
    return Matching(rows.order_by("-received_at", "-id"), source, looks)


def devices_of(devices: QuerySet[Device], filters: Filters) -> QuerySet[Device]:
    """Keep the devices that the filters name."""
    if filters.devices:
        devices = devices.filter(code__in=filters.devices)
    if filters.group:
        named = Q(group__name=filters.group)
        if filters.group.isascii() and filters.group.isdigit():
            named |= Q(group=int(filters.group[:15]))
        devices = devices.filter(named)
    return devices


def _cameras(user, filters: Filters) -> frozenset[int] | None:
    """Return whose pictures are looked at; None: everybody's.

    Their keys are looked up first: with a join the database would walk the whole history to find one quiet camera.
    """
    if sees_all(user) and not (filters.devices or filters.group):
        return None
    return frozenset(devices_of(Device.objects.visible_to(user), filters).values_list("pk", flat=True))


def _labels(filters: Filters) -> list[Q]:
    """Return the conditions that have a partial index each."""
    labels: list[Q] = []
    if filters.kept:
        labels.append(Q(kept=True))
    if filters.asked is not None:
        labels.append(Q(command__isnull=False) if filters.asked else Q(IsMissing("command")))
    if filters.fault:
        # Both for the partial index of the few pictures that have one.
        labels.append(Q(fault__isnull=False))
        if filters.fault != ANY_FAULT:
            labels[-1] &= Q(fault=filters.fault)
    if filters.flag:
        known = filters.flag in FLAGS
        labels.append(Q(HoldsWord("flags", filters.flag)) if known else Q(pk__in=[]))
    return labels


def _copies(state: str) -> QuerySet[OSSObject]:
    return OSSObject.objects.filter(state__in=inline_all(STATES[state]))


@dataclass(frozen=True)
class _About:
    """What a text may be a part of: a picture's own name or note, the name of its camera or group, or a tag."""

    text: str
    cameras: frozenset[int]
    tags: list[int]

    @classmethod
    def of(cls, text: str) -> "_About":
        named = Q(name__icontains=text) | Q(code__icontains=text) | Q(group__name__icontains=text)
        cameras = frozenset(Device.objects.filter(named).values_list("pk", flat=True))
        return cls(text, cameras, list(Tag.objects.filter(name__icontains=text).values_list("pk", flat=True)))

    @property
    def own(self) -> Q:
        return Q(name__icontains=self.text) | Q(note__icontains=self.text)

    @property
    def condition(self) -> Q:
        about = self.own
        if self.cameras:
            about |= Q(device__in=self.cameras)
        if self.tags:
            about |= Q(Exists(Tagging.objects.filter(capture=OuterRef("pk"), tag__in=self.tags)))
        return about

    def source(self, rows: CaptureQuerySet, cameras: frozenset[int] | None) -> Source:
        sources: list[Source] = [OfTexts(rows.filter(self.own), self.text)]
        if named := self.cameras if cameras is None else self.cameras & cameras:
            sources.append(OfCameras(named))
        if self.tags:
            sources.append(of_tags(self.tags))
        return sources[0] if len(sources) == 1 else Together(sources)


def _source(
    cameras: frozenset[int] | None, labels: list[Q], filters: Filters, tags: list[int], about: _About | None
) -> Source | None:
    """Return where to look: among few, if any of the filters leaves few; else by a tag, a text or the cameras."""
    several = len(labels) + sum(map(bool, (cameras is not None, filters.tag, filters.q, filters.state))) > 1
    if filters.state and filters.state != "mirrored":
        keys = list(_copies(filters.state).values_list("pk", flat=True)[: FEW + 1])
        if len(keys) <= FEW:
            return few_or_none(Capture.objects.filter(pk__in=keys))
    for label in labels if several else ():
        if listed := few_or_none(Capture.objects.filter(label)):
            return listed
    if filters.tag:
        return of_tags(tags)
    if about:
        return about.source(pictures_of(cameras), cameras)
    if labels or filters.state or cameras is None or len(cameras) == 1:
        return None
    return OfCameras(cameras)
