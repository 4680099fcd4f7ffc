"""The models of all rooms, for Django alone: it looks for them here. Import them from their rooms."""

from .alerts.channels.models import AlertChannel, ChannelKind
from .alerts.models import Alert, AlertMessage, AlertRule, LoginPlace, MessageState, Phase
from .captures.models import Capture, Source, Step, Tag, Tagging
from .history.models import SavedFilter
from .keep_rules.models import KeepRule
from .links.models import ShareLink
from .maintenance.models import (
    CameraSize,
    ChangedHour,
    CountedSpan,
    DayCount,
    DaySize,
    HourCount,
    KeptFigure,
    Removal,
)
from .mirror.models import MirrorState, OSSObject
from .nodes.models import Node, NodeState
from .search.models import ChangedText, IndexedSpan, TextBlock
from .shared_files.models import SharedFile
from .show_rules.models import RunState, ShowRule, ShowRun
from .storage.models import DiskSample
from .time_lapses.models import LapseFormat, LapseState, TimeLapse
from .trash.models import EmptyingOrder

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "AlertRule",
    "CameraSize",
    "Capture",
    "ChangedHour",
    "ChangedText",
    "ChannelKind",
    "CountedSpan",
    "DayCount",
    "DaySize",
    "DiskSample",
    "EmptyingOrder",
    "HourCount",
    "IndexedSpan",
    "KeepRule",
    "KeptFigure",
    "LapseFormat",
    "LapseState",
    "LoginPlace",
    "MessageState",
    "MirrorState",
    "Node",
    "NodeState",
    "OSSObject",
    "Phase",
    "Removal",
    "RunState",
    "SavedFilter",
    "ShareLink",
    "SharedFile",
    "ShowRule",
    "ShowRun",
    "Source",
    "Step",
    "Tag",
    "Tagging",
    "TextBlock",
    "TimeLapse",
]
