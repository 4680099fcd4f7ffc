"""Which pictures match filters, and where to look for them so that a page costs what it shows."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.lookups import Exact

from devices.access.groups import DeviceGroup
from devices.access.models import devices_in
from devices.access.rights import sees_all
from devices.registry.disclosure import of_group
from devices.registry.models import Device, DeviceQuerySet
from media_pipeline.captures.filters import ANY_FAULT, STATES, Filters
from media_pipeline.captures.models import FLAGS, Capture, Tag, Tagging
from media_pipeline.mirror.models import OSSObject
from media_pipeline.search.joining import AllOf
from media_pipeline.search.matching import Matching, checked, pictures_of
from media_pipeline.search.sources import (
    FEW,
    NO_LABEL,
    OfCameras,
    OfRows,
    OfTexts,
    OfTextsOfCameras,
    Source,
    Span,
    Together,
    few_or_none,
    of_tags,
)
from photohub.lib.database.db import inline_all
from photohub.lib.database.indexes import HoldsWord, IsMissing, Unindexed


def matching(user, filters: Filters) -> Matching:
    """Return the pictures that the person may see and that match."""
    cameras, labels = _cameras(user, filters), _labels(filters)
    about = _About.of(filters.q, user) if filters.q else None
    tags = list(Tag.objects.filter(name=filters.tag).values_list("pk", flat=True)) if filters.tag else []
    others = []
    if filters.state:
        others.append(Q(Exists(_copies(filters.state).filter(pk=OuterRef("pk")))))
    if filters.tag:
        others.append(Q(Exists(Tagging.objects.filter(capture=OuterRef("pk"), tag__in=tags))))
    if about:
        others.append(about.condition)
    rare = any(not label.is_common for label in labels)
    # A rare label gives the order, and whose the picture is, is looked at.
    if rare and cameras and len(cameras) > 1:
        rows = checked(cameras).filter(*(label.condition for label in labels))
    else:
        rows = pictures_of(cameras).filter(*(label.within(cameras) for label in labels))
    rows = rows.filter(*others)
    checks = pictures_of(None).filter(*(label.check for label in labels), *others)
    looks = bool(others or len(labels) + (cameras is not None) > 1)
    source = _source(cameras, labels, filters, tags, about)
    return Matching(rows, source, looks, Span(since=filters.since, before=filters.before), checks, cameras)


def devices_of(devices: DeviceQuerySet, filters: Filters, user) -> DeviceQuerySet:
    """Keep the devices that the filters name, as far as the person may know these."""
    if filters.devices:
        devices = devices.filter(code__in=filters.devices)
    if filters.group:
        devices = of_group(devices, user, filters.group, key=filters.group)
    return devices


def _cameras(user, filters: Filters) -> frozenset[int] | None:
    """Return whose pictures are looked at; None: everybody's.

    Their keys are looked up first: with a join the database would walk the whole history to find one quiet camera.
    """
    if sees_all(user) and not (filters.devices or filters.group):
        return None
    return frozenset(devices_of(Device.objects.visible_to(user), filters, user).values_list("pk", flat=True))


@dataclass(frozen=True)
class _Label:
    """A condition that has a partial index; `check` says the same where no index is wanted. Most have it, or few.

    `of_camera` says the same by the index of one camera, where that needs other words.
    """

    condition: Q
    check: Q
    is_common: bool = False
    of_camera: Q | None = None

    def within(self, cameras: frozenset[int] | None) -> Q:
        return self.condition if cameras is None or self.of_camera is None else self.of_camera

    def source(self, cameras: frozenset[int] | None) -> Source:
        """Return where these cameras' pictures with the label are found in order."""
        if cameras is None or len(cameras) == 1:
            return OfRows(pictures_of(cameras).filter(self.within(cameras)))
        return OfCameras(cameras, self.within(cameras), self.condition)


_NONE = _Label(NO_LABEL, NO_LABEL)


def _labels(filters: Filters) -> list[_Label]:
    labels: list[_Label] = []
    if filters.kept:
        labels.append(_Label(Q(kept=True), Q(kept=True)))
    if filters.asked:
        labels.append(_Label(Q(command__isnull=False), Q(command__isnull=False)))
    elif filters.asked is False:
        labels.append(_Label(Q(IsMissing("command")), Q(IsMissing("command")), is_common=True))
    if filters.fault == ANY_FAULT:
        labels.append(_Label(Q(fault__isnull=False), Q(fault__isnull=False)))
    elif filters.fault:
        check = Q(Exact(Unindexed("fault"), filters.fault))
        of_camera = Q(fault__isnull=False) & check
        labels.append(_Label(Q(fault__isnull=False, fault=filters.fault), check, of_camera=of_camera))
    if filters.flag:
        # One that nothing gives no picture has.
        flagged = Q(HoldsWord("flags", filters.flag)) if filters.flag in FLAGS else Q(pk__in=[])
        labels.append(_Label(flagged, flagged))
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
    def of(cls, text: str, user) -> "_About":
        groups = DeviceGroup.objects.visible_to(user).filter(name__icontains=text)
        named = Q(name__icontains=text) | Q(code__icontains=text) | Q(pk__in=devices_in(groups))
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

    def source(self, cameras: frozenset[int] | None) -> Source:
        rows, checks = pictures_of(cameras).filter(self.own), checked(cameras).filter(self.own)
        texts = OfTexts(rows, self.text, checks)
        sources: list[Source] = [texts if cameras is None else OfTextsOfCameras(cameras, texts)]
        if named := self.cameras if cameras is None else self.cameras & cameras:
            sources.append(OfCameras(named))
        if self.tags:
            sources.append(of_tags(self.tags))
        return sources[0] if len(sources) == 1 else Together(sources)


def _source(
    cameras: frozenset[int] | None,
    labels: list[_Label],
    filters: Filters,
    tags: list[int],
    about: _About | None,
) -> Source | None:
    """Return where to look: among few, if any of the filters leaves few; else by what each of them has in order.

    None: what is asked for has an index of its own.
    """
    if filters.state and filters.state != "mirrored":
        keys = list(_copies(filters.state).values_list("pk", flat=True)[: FEW + 1])
        if len(keys) <= FEW:
            return few_or_none(Capture.objects.filter(pk__in=keys))
    rare = [label for label in labels if not label.is_common]
    # A text is looked for in long stretches, which few pictures with a label need not wait for.
    for label in rare if about else ():
        if listed := few_or_none(Capture.objects.filter(label.condition)):
            return listed
    of_each: list[Source] = [label.source(cameras) for label in rare]
    if filters.tag:
        of_each.append(of_tags(tags))
    if about:
        of_each.append(about.source(cameras))
    elif cameras is not None and not rare:
        of_each.append(_NONE.source(cameras))
    if len(of_each) > 1:
        return AllOf(of_each)
    # What an index alone does not tell is looked at by keys: of two conditions SQLite may take the commoner one.
    is_plain = len(labels) <= 1 and not (filters.tag or about)
    return next((each for each in of_each if not is_plain or isinstance(each, OfCameras)), None)
