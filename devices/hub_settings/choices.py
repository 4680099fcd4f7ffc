"""Reading and writing what owners chose for the whole hub."""

from typing import Any

from django.utils import timezone

from photohub.lib.pages import timezones

from .models import HubSetting

TIME_ZONE = "time_zone"
LANGUAGE = "language"


def read(name: str) -> Any:
    """Return the value that was chosen; None where nobody chose."""
    return HubSetting.objects.filter(pk=name).values_list("value", flat=True).first()


def write(name: str, value: Any) -> None:
    """Keep what was chosen."""
    HubSetting.objects.update_or_create(pk=name, defaults={"value": value, "changed_at": timezone.now()})


def chosen_timezone() -> str:
    """Return the name of the zone that an owner chose; nothing where nobody did."""
    name = read(TIME_ZONE)
    return name if isinstance(name, str) else ""


def choose_timezone(name: str) -> None:
    """Let the hub live in this zone, for this process at once."""
    write(TIME_ZONE, name)
    timezones.forget()


def chosen_language() -> str:
    """Return the language in which the hub names what it makes by itself; nothing while no owner was heard."""
    code = read(LANGUAGE)
    return code if isinstance(code, str) else ""


def learn_language(code: str) -> None:
    """Keep the language of the first owner who is heard."""
    HubSetting.objects.get_or_create(pk=LANGUAGE, defaults={"value": code})
