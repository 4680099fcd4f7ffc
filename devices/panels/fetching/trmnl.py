"""Panels with the TRMNL firmware: how one sets itself up, and what it is told to show.

Fields, types and what the firmware makes of them were read in its source (usetrmnl/trmnl-firmware: `src/bl.cpp`,
`src/display_session.cpp`, `src/services/device_setup.cpp`, `lib/trmnl/src/parse_response_api_*.cpp`):

- The body is read only of HTTP 200, 301 and 429; after anything else it asks five times more. So refusals are 200 too.
- `status` of /api/setup: 200 keeps `api_key`; anything else shows `image_url` and sleeps.
- `status` of /api/display: 0 shows; 202 waits and asks again; 500 makes the panel forget its key *and its Wi-Fi*,
  which nobody wants of a hub that was restored or mistaken, so it is never sent.
- A `filename` that the panel has in its flash is shown from there; another one is fetched. 31 characters at most.
- `image_url` is fetched without redirects that change the host, BMP (800 × 480, 1 bit, 48062 bytes), PNG or JPEG.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.keys import identity
from devices.panels.rendering.models import RenderProfile
from devices.registry.models import Device, Panel
from photohub.lib.pages.sentences import said

from . import cards as panel_cards
from . import choosing
from . import links as panel_links
from .choosing import Shown
from .settings import read_hardware_address

# How soon a panel that was refused asks again.
REFUSED_WAIT_S = 900


@dataclass(frozen=True)
class Claimed:
    """A panel that has just been given its key, in clear: the only time it is seen."""

    device: Device
    key: str


def claim(address: str) -> Claimed | None:
    """Give the panel with this address its key; None when nobody expects it, or it was given one before."""
    panel = _expected(address)
    if panel is None:
        return None
    now = timezone.now()
    with transaction.atomic():
        # Of two requests at once one gets the key.
        if not Panel.objects.filter(pk=panel.pk, claimed_at=None).update(claimed_at=now):
            return None
        if panel.render_profile is None:
            profile = RenderProfile.objects.filter(name=panel_cards.SETUP_PROFILE).first()
            Panel.objects.filter(pk=panel.pk).update(render_profile=profile)
        key = identity.issue_key(panel.device)
        # Without its address, by which it would be given a key once more.
        events.record_change(panel.device, None, said("Its panel received its key."))
    return Claimed(panel.device, key)


def _expected(address: str) -> Panel | None:
    known = read_hardware_address(address)
    if known is None:
        return None
    panel = Panel.objects.select_related("device", "render_profile").filter(hardware_address=known).first()
    return panel if panel and panel.claimed_at is None and panel.device.enabled else None


def allow_again(device: Device, user=None) -> bool:
    """Let the panel with the device's address be given a key once more, after it was reset."""
    with transaction.atomic():
        rows = Panel.objects.filter(device=device).exclude(hardware_address="").exclude(claimed_at=None)
        done = bool(rows.update(claimed_at=None))
        if done:
            sentence = said("Its panel can be set up again.")
            events.record_change(device, user, sentence)
            audit.note(Word.CHANGED, Kind.DEVICE, device.code, device.name, sentence)
    return done


def setup_answer(claimed: Claimed, base: str = "") -> dict:
    """Return the body for a panel that was given its key."""
    card = panel_cards.welcome(claimed.device)
    return {
        "status": 200,
        "api_key": claimed.key,
        "friendly_id": claimed.device.code,
        "image_url": panel_links.make_link(claimed.device.pk, card.sha256, card.extension, base),
        "filename": f"setup-{card.sha256[:12]}.{card.extension}",
        "message": _("Welcome to PhotoHub. This is %(code)s.") % {"code": claimed.device.code},
    }


def unknown_answer(address: str) -> dict:
    """Return the body for a panel that nobody expects."""
    message = _(
        "PhotoHub does not expect this panel. Enter %(address)s in a panel's settings, then restart it."
    )
    return {
        "status": 404,
        "api_key": None,
        "friendly_id": None,
        "image_url": None,
        "filename": None,
        "message": message % {"address": address},
    }


def display(panel: Panel, base: str = "") -> dict:
    """Book what a panel's request proves, and return what it should show.

    It draws what it fetched before it sleeps. So what it fetched and then came back from, it shows; the pictures
    of a playlist it may have kept in its flash, and coming back is all that it says of them.
    """
    delivery = choosing.handed_delivery(panel) if panel.handed_sha256 else None
    choosing.settle(panel, delivery is None or delivery.progressed_at is not None)
    shown = choosing.choose(panel, frozenset())
    choosing.hand_out(panel, shown)
    return {
        "status": 0,
        "image_url": panel_links.make_link(panel.pk, shown.sha256, shown.extension, base),
        "filename": file_name(shown),
        "refresh_rate": shown.wait_s,
        "update_firmware": False,
        "firmware_url": None,
        "reset_firmware": False,
        "special_function": "none",
    }


def file_name(shown: Shown) -> str:
    """Return the name by which the panel keeps a picture: another one for other bytes, and for each delivery."""
    # A delivery has to be fetched to be proved, even when the panel has the same bytes in its flash.
    tail = f"-{shown.delivery.pk.hex[-6:]}" if shown.delivery is not None else ""
    return f"{shown.sha256[:12]}{tail}.{shown.extension}"


def refusal(sentence: str) -> dict:
    """Return the body that lets a panel sleep and ask again, without forgetting anything."""
    return {"status": 202, "error": sentence, "refresh_rate": REFUSED_WAIT_S, "reset_firmware": False}
