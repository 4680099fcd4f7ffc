"""Cards and tiles of the dashboard as HTML."""

from collections.abc import Iterable

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext

from devices.commands.models import CommandState
from devices.registry.models import Device
from media_pipeline.captures.cards import Picture, Tile
from photohub.lib.pages.templating.addresses import address
from photohub.lib.pages.templating.skeletons import Skeleton
from photohub.lib.pages.times.tags import iso, when

from .cards import Card

# As many as a phone or a narrow window shows.
FIRST = 6
_HALF_FULL_PERCENT = 60
_WEAK_DBM = -80
_OF_DEVICE = "code name live_url stream_url still_url device_url capture_url csrf_token at deaf"
_OF_SIGNS = "battery_percent battery_mv rssi bars"
_OF_PICTURE = "id page_url thumb_url width height colour age flags"
_OF_COMMAND = "command_id dismiss_url reason elapsed seconds"
_CARD = Skeleton(
    "media_pipeline/dashboard/_card.html", *f"{_OF_DEVICE} {_OF_SIGNS} {_OF_PICTURE} {_OF_COMMAND}".split()
)
_TILE = Skeleton(
    "media_pipeline/dashboard/_tile.html", *f"{_OF_PICTURE} code name since until pictures".split()
)
_FAILED = (CommandState.FAILED, CommandState.EXPIRED)


def draw_cards(request: HttpRequest, cards: Iterable[Card], first: int = FIRST) -> SafeString:
    """Return an article for each camera, with forms that this visitor may send.

    The pictures of the first ones are fetched before all others, the rest as somebody comes near them.
    """
    token = get_token(request)
    coming = ((card, "first" if number < first else "later") for number, card in enumerate(cards))
    return mark_safe("\n".join([_draw_card(card, token, how) for card, how in coming]))


def draw_card(request: HttpRequest, card: Card) -> SafeString:
    """Return one article alone, to stand in the place of an older one."""
    return mark_safe(_draw_card(card, get_token(request), ""))


def _draw_card(card: Card, token: str, coming: str) -> str:
    device, is_online = card.device, card.device.online
    values = {
        "code": device.code,
        "name": device.name,
        "csrf_token": token,
        "deaf": card.deaf,
        "device_url": address("devices:detail", device.code),
        "capture_url": address("devices:capture", device.code),
    }
    if not is_online:
        values["at"] = when(device.last_seen_at)
    if card.live:
        values |= {"live_url": card.live_url, "stream_url": card.stream_url}
        values["still_url"] = address("device_still", device.code)
    values |= _picture_values(card.capture, "ago_short") if card.capture else {"age": "", "flags": ""}
    values |= _command_values(card) | _sign_values(card)
    return _CARD.fill(_conditions(card, is_online) | {"coming": coming}, values)


def _conditions(card: Card, is_online: bool) -> dict[str, object]:
    device, command = card.device, card.command
    ended_s = command.elapsed_s if command and command.state == CommandState.UPLOADED else 0
    percent, rssi = device.battery_percent, device.rssi_dbm
    return {
        "is_live": card.live,
        "is_online": is_online,
        "was_seen": device.last_seen_at is not None,
        "picture": "stored" if card.capture else "live" if card.live else "",
        "has_colour": bool(card.capture and card.capture.colour),
        "command": command.state if command else "",
        "has_reason": bool(command and command.reason),
        "has_taken": bool(ended_s),
        "can_command": card.can_command,
        "can_press": card.can_command and not card.deaf,
        "is_deaf": bool(card.deaf),
        "is_asked": card.is_asked,
        "battery": _fill(device, percent),
        "signal": "" if not rssi else "weak" if rssi < _WEAK_DBM else "good",
    }


def _fill(device: Device, percent: int | None) -> str:
    if percent is None:
        return ""
    return "low" if device.battery_is_low else "medium" if percent < _HALF_FULL_PERCENT else "full"


def _picture_values(picture: Picture, form: str) -> dict[str, str]:
    return {
        "id": str(picture.id),
        "page_url": picture.page_url,
        "thumb_url": picture.thumb_url,
        "width": str(picture.width or 4),
        "height": str(picture.height or 3),
        "colour": picture.colour,
        "age": when(picture.received_at, form),
        "flags": _flags(picture.flags),
    }


def _flags(flags: list[str]) -> SafeString:
    drawn = [format_html('<span class="card__flag">{}</span>', flag) for flag in flags]
    return mark_safe("\n".join(drawn))


def _command_values(card: Card) -> dict[str, str]:
    command = card.command
    if command is None:
        return {}
    values = {
        "command_id": str(command.id),
        "reason": command.reason,
        "elapsed": f"{command.elapsed_s or 0:.1f}",
        "seconds": floatformat(command.elapsed_s, 1),
    }
    if command.state in _FAILED:
        values["dismiss_url"] = reverse("devices:dismiss", args=[card.device.code, command.id])
    return values


def _sign_values(card: Card) -> dict[str, str]:
    device = card.device
    return {
        "battery_percent": str(device.battery_percent),
        "battery_mv": str(device.battery_mv),
        "rssi": str(device.rssi_dbm),
        "bars": str(card.signal_bars),
    }


def draw_feed(tiles: Iterable[Tile]) -> SafeString:
    """Return a list item for each tile."""
    return mark_safe("\n".join([_draw_tile(tile) for tile in tiles]))


def _draw_tile(tile: Tile) -> str:
    picture, count = tile.picture, tile.count
    values = _picture_values(picture, "ago") | {
        "code": picture.device.code,
        "name": picture.device.name,
        "since": iso(tile.since),
        "until": iso(tile.until),
        "flags": " ".join(f"· {flag}" for flag in picture.flags),
    }
    if count > 1:
        values["pictures"] = ngettext("%(count)s picture", "%(count)s pictures", count) % {"count": count}
    return _TILE.fill({"has_colour": bool(picture.colour), "is_run": count > 1}, values)
