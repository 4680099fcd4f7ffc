"""Names at the message broker. The hub, devices and people log in there side by side, so one name may mean only one of them.

Such names are refused when a device or a person is made. Rows of an older hub may hold them still: at the broker
the hub comes before devices and devices before people, and whoever comes behind is not let in under that name.
"""

from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from .models import Device

# The hub's login at the broker of docker-compose.yml; elsewhere it is the user name of PHOTOHUB_MQTT_URL. At the embedded
# broker the hub does not log in at all, and nobody else may under this name: a hub may change from one form to another.
HUB_USERNAME = "photohub-hub"
# Home Assistant's, where owners let it in.
PROGRAM_USERNAME = "photohub-home"


def hub_names() -> set[str]:
    """Return the names under which only the hub itself logs in."""
    outside = unquote(urlsplit(settings.MQTT_URL).username or "") if settings.MQTT_URL else ""
    return {HUB_USERNAME, outside} - {""}


def is_devices(name: str) -> bool:
    """Tell whether a device logs in under this name, so that no person may."""
    return Device.objects.filter(code=name).exists()


def fault_of_code(code: str) -> str:
    """Say why a device may not be called so at the broker; empty when it may."""
    if code in hub_names() | {PROGRAM_USERNAME}:
        return _("The hub itself logs in to the message broker as %(name)s. Choose another code.") % {
            "name": code
        }
    if get_user_model().objects.filter(username__iexact=code).exists():
        return _("There is already a person called %(name)s. Choose another code.") % {"name": code}
    return ""


def fault_of_person(name: str) -> str:
    """Say why a person may not be called so at the broker; empty when he may."""
    plain = name.casefold()
    if plain in {taken.casefold() for taken in hub_names() | {PROGRAM_USERNAME}}:
        return _("The hub itself logs in to the message broker as %(name)s. Choose another name.") % {
            "name": name
        }
    if is_devices(plain):
        return _("There is already a device called %(name)s. Choose another name.") % {"name": name}
    return ""


def collisions() -> list[str]:
    """Return a sentence for each name of an older hub that means two at the broker, and what to do about it."""
    people = get_user_model().objects.filter(is_active=True)
    found = [
        _(
            "The device %(name)s has the same name as the hub itself, so it cannot log in to the "
            "message broker. Add it again under another code."
        )
        % {"name": code}
        for code in Device.objects.filter(code__in=hub_names()).values_list("code", flat=True)
    ]
    found += [
        _(
            "The person %(name)s has the same name as the hub itself, so their tokens cannot log in "
            "to the message broker."
        )
        % {"name": name}
        for name in people.filter(username__in=hub_names()).values_list("username", flat=True)
    ]
    home = _("%(name)s has the name of Home Assistant's account, so it cannot log in to the message broker.")
    names = [
        *Device.objects.filter(code=PROGRAM_USERNAME).values_list("code", flat=True),
        *people.filter(username=PROGRAM_USERNAME).values_list("username", flat=True),
    ]
    found += [home % {"name": name} for name in names]
    devices = Device.objects.values("code")
    found += [
        _("%(name)s is a device and a person: only the device is let in to the message broker.")
        % {"name": name}
        for name in people.filter(username__in=devices).values_list("username", flat=True)
    ]
    return found
