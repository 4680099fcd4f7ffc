"""What an owner sends to the addresses of alerts, schedules, camera settings and the hub's settings, as in `changing`."""

from django.utils import timezone

from devices.audit.models import AuditEntry
from devices.camera_settings import queue as camera_settings
from devices.hub_settings import values
from devices.schedules.models import Schedule
from media_pipeline.alerts import rules as alert_rules
from media_pipeline.alerts.channels import rules as channels
from media_pipeline.keep_rules import rules as keep_rules
from tests.rights.changing import camera_hears
from tests.rights.world import World


def _own_channel(world: World, path: str) -> tuple[str, dict]:
    """Let the address name a channel or a rule of the owner's, and say what both take."""
    channel = channels.add_webhook(
        world.people["owner"], "mine", "https://192.0.2.1/hook", "en", for_hub=False
    )
    rule = alert_rules.save_rule({"kind": "silent", "threshold": 600}, [channel], world.people["owner"])
    parts = path.split("/")
    at = max(parts.index(name) for name in ("channels", "rules") if name in parts)
    parts[at + 1] = str(channel.pk if parts[at] == "channels" else rule.pk)
    return "/".join(parts), {"name": "m", "language": "en", "threshold": 20, "channels": [str(channel.pk)]}


def _of_own_channel(world: World, path: str) -> dict:
    channel = channels.add_webhook(
        world.people["owner"], "mine", "https://192.0.2.1/hook", "en", for_hub=False
    )
    return {"kind": "silent", "threshold": 600, "channels": [str(channel.pk)]}


def _asked_on_page(world: World, path: str) -> tuple[str, dict]:
    return f"{path}?kind=silent", _of_own_channel(world, path) | {"threshold": 20}


def _deleted_schedule(world: World, path: str) -> dict:
    Schedule.objects.update(deleted_at=timezone.now())
    return {}


def _understands(world: World, path: str) -> dict:
    camera_settings.vouch(world.yard.camera, True)
    AuditEntry.objects.all().delete()
    return {"quality": 70, "led": "off", "confirmed": "yes"}


def _limited(world: World, path: str) -> tuple[str, dict]:
    rule = keep_rules.choose(9, device=world.yard.camera)
    return f"/settings/retention/of/{rule.pk}/end", {}


def _lowered(world: World, path: str) -> dict:
    values.choose(values.KEEP_DAYS, 5, later=True)
    return {}


SCHEDULE_FORM = {
    "name": "n",
    "target": "device:yard-cam",
    "kind": "every",
    "every_min": "30",
    "weekdays": ["0"],
}
PAGES_BODIES = {
    "alerts/rules/new": _asked_on_page,
    "alerts/rules/<uuid:id>": _own_channel,
    "alerts/rules/<uuid:id>/delete": _own_channel,
    "alerts/channels/new": lambda world, path: (
        f"{path}?service=webhook",
        {"address": "https://example.org/", "language": "en"},
    ),
    "alerts/channels/<uuid:id>": _own_channel,
    "alerts/channels/<uuid:id>/test": _own_channel,
    "alerts/channels/<uuid:id>/delete": _own_channel,
    "devices/<slug:code>/camera/": _understands,
    "devices/<slug:code>/camera/restart": _understands,
    "devices/<slug:code>/camera/understood": {"understood": "on"},
    "devices/camera-settings/": _understands,
    "schedules/new": SCHEDULE_FORM,
    "schedules/<uuid:id>/edit": SCHEDULE_FORM,
    "schedules/<uuid:id>/switch": {"on": "0"},
    "schedules/<uuid:id>/run": camera_hears,
    "schedules/<uuid:id>/restore": _deleted_schedule,
    "schedules/place": {"latitude": "52.5", "longitude": "13.4"},
    "settings/language": {"language": "en"},
    "settings/links": {"lasting_links": "off"},
    "settings/retention": {"keep_days": "0", "keep_gb": "9", "deed": "apply", "seen": "0 9000000000"},
    "settings/retention/of": {"whose": "yard-cam", "days": "0", "deed": "apply", "seen": "yard-cam 0"},
    "settings/retention/of/<int:pk>/end": _limited,
    "settings/retention/take-back": _lowered,
}
API_BODIES = {
    ("POST", "/alerts/channels"): {"kind": "webhook", "address": "https://example.org/hook"},
    ("DELETE", "/alerts/channels/{id}"): _own_channel,
    ("POST", "/alerts/channels/{id}/test"): _own_channel,
    ("POST", "/alerts/rules"): _of_own_channel,
    ("PATCH", "/alerts/rules/{id}"): lambda world, path: (_own_channel(world, path)[0], {"threshold": 900}),
    ("DELETE", "/alerts/rules/{id}"): _own_channel,
    ("PATCH", "/devices/{code}/camera-settings"): lambda world, path: (
        _understands(world, path) and {"quality": 70}
    ),
    ("POST", "/devices/{code}/restart"): _understands,
    ("POST", "/schedules"): {"name": "n", "device": "yard-cam", "every_min": 30},
    ("PATCH", "/schedules/{id}"): {"name": "another"},
    ("POST", "/schedules/{id}/restore"): _deleted_schedule,
}
