"""Every page that people can go to, by room: what the rail, the keyboard sheet and the search know of."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

OWNER, OPERATOR = "owner", "operator"


@dataclass(frozen=True)
class Page:
    """One page: the name of its address, what people call it, and who sees it. `also`: other words to find it by."""

    url_name: str
    label: str | Promise
    icon: str
    needs: str = ""
    also: str | Promise = ""


@dataclass(frozen=True)
class Room:
    """A room of the rail: its first page is where it leads. `views` are the names of all its addresses."""

    key: str
    label: str | Promise
    pages: tuple[Page, ...]
    views: tuple[str, ...]
    letter: str = ""

    @property
    def first(self) -> Page:
        return self.pages[0]


ROOMS: tuple[Room, ...] = (
    Room(
        "live",
        gettext_lazy("Live"),
        (
            Page("live", gettext_lazy("Live"), "aperture", also=gettext_lazy("cameras newest pictures")),
            Page("wall", gettext_lazy("Wall"), "layout-grid", also=gettext_lazy("live streams full screen")),
        ),
        ("live", "wall"),
        "l",
    ),
    Room(
        "history",
        gettext_lazy("History"),
        (
            Page("history", gettext_lazy("History"), "images", also=gettext_lazy("pictures archive")),
            Page(
                "time_lapses",
                gettext_lazy("Time-lapses"),
                "clapperboard",
                also=gettext_lazy("films videos time lapse"),
            ),
            Page("gaps", gettext_lazy("Gap map"), "grid-3x3", also=gettext_lazy("missing scheduled pictures")),
            Page("shared_links", gettext_lazy("Shared links"), "share-2", also=gettext_lazy("shares public")),
            Page("trash", gettext_lazy("Trash"), "trash-2", OPERATOR, gettext_lazy("deleted pictures restore")),
        ),
        ("history*", "capture*", "time_lapse*", "share*", "trash*", "gaps*"),
        "h",
    ),
    Room(
        "devices",
        gettext_lazy("Devices"),
        (
            Page("devices:list", gettext_lazy("Devices"), "cctv", also=gettext_lazy("cameras boards")),
            Page("groups", gettext_lazy("Groups"), "folder", OWNER, gettext_lazy("rooms of devices people")),
            Page(
                "schedules:list",
                gettext_lazy("Schedules"),
                "calendar-clock",
                OPERATOR,
                gettext_lazy("timed pictures every hour sunrise sunset"),
            ),
            Page(
                "devices:camera_several",
                gettext_lazy("Camera settings"),
                "sliders-horizontal",
                OWNER,
                gettext_lazy("picture size quality light sleep several"),
            ),
            Page("devices:add", gettext_lazy("Add a device"), "plus", OWNER, gettext_lazy("new camera panel")),
        ),
        ("devices:*", "device_*", "group*", "schedules:*"),
        "d",
    ),
    Room(
        "panels",
        gettext_lazy("Panels"),
        (
            Page("panels:list", gettext_lazy("Panels"), "monitor", also=gettext_lazy("displays e-paper screens")),
            Page("panels:playlists", gettext_lazy("Playlists"), "list-video"),
            Page("rules", gettext_lazy("Rules"), "workflow", also=gettext_lazy("show new pictures on panels")),
            Page(
                "devices:deliveries",
                gettext_lazy("Pictures sent"),
                "send",
                OPERATOR,
                gettext_lazy("deliveries to panels"),
            ),
            Page(
                "devices:renders",
                gettext_lazy("Render profiles"),
                "palette",
                OWNER,
                gettext_lazy("screens formats colours"),
            ),
        ),
        ("panels:*", "rule*", "devices:deliver*", "devices:*render*", "devices:choose_panel"),
        "p",
    ),
    Room(
        "firmware",
        gettext_lazy("Firmware"),
        (
            Page("firmware:list", gettext_lazy("Firmware"), "cpu", also=gettext_lazy("updates rollouts ota")),
            Page("firmware:keys", gettext_lazy("Signing keys"), "file-key", OWNER),
        ),
        ("firmware:*",),
        "f",
    ),
    Room(
        "status",
        gettext_lazy("Status"),
        (
            Page("status", gettext_lazy("Status"), "activity", also=gettext_lazy("health storage mirror broker")),
            Page(
                "alerts",
                gettext_lazy("Tell me when"),
                "bell",
                also=gettext_lazy("alerts notifications messages e-mail webhook ntfy"),
            ),
            Page(
                "hub_settings",
                gettext_lazy("Settings"),
                "settings",
                OWNER,
                gettext_lazy("time zone language links retention environment"),
            ),
            Page("people", gettext_lazy("People"), "users", OWNER, gettext_lazy("accounts roles invitations")),
            Page("audit", gettext_lazy("Audit log"), "scroll-text", OWNER, gettext_lazy("who did what history people")),
            Page(
                "account",
                gettext_lazy("Your account"),
                "key-round",
                also=gettext_lazy("password sessions API keys tokens"),
            ),
            Page(
                "home_assistant",
                gettext_lazy("Home Assistant"),
                "house",
                OWNER,
                gettext_lazy("MQTT discovery smart home"),
            ),
            Page("api:docs", gettext_lazy("API"), "braces", also=gettext_lazy("programs documentation openapi")),
            Page("back_office", gettext_lazy("Administration"), "wrench", OWNER, gettext_lazy("tables database")),
        ),
        ("status*", "alert*", "hub_settings*", "people*", "audit*", "account*", "home_assistant*", "api:*"),
        "s",
    ),
)  # fmt: skip


def pages_of(room: Room, rights) -> list[Page]:
    """Return the room's pages that somebody with these rights may open."""
    may = {"": True, OPERATOR: rights.is_operator, OWNER: rights.is_owner}
    return [page for page in room.pages if may[page.needs]]


def all_pages(rights) -> Iterator[tuple[Room, Page]]:
    """Yield every page that somebody with these rights may open, room by room."""
    for room in ROOMS:
        for page in pages_of(room, rights):
            yield room, page


def room_of(view_name: str) -> str:
    """Return the key of the room to which an address belongs: the one that names it most exactly; empty for none."""
    found = [
        (len(pattern), room.key)
        for room in ROOMS
        for pattern in room.views
        if fnmatchcase(view_name, pattern)
    ]
    return max(found, default=(0, ""))[1]
