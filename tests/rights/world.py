"""Two groups that have everything twice, what is in both, and people who may do different things in one of them."""

from dataclasses import dataclass, field

from django.test import Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.firmware.models import SigningKey
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.planning import Plan
from devices.keys import tokens
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.playlists import turns as playlists
from devices.panels.rendering.models import RenderProfile
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from devices.schedules.rules import save_schedule
from devices.setup import adding
from media_pipeline.alerts import rules as alert_rules
from media_pipeline.alerts.channels import rules as alert_channels
from media_pipeline.captures.models import Capture
from media_pipeline.links import sharing
from media_pipeline.show_rules import rules as show_rules
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from tests.builders import make_capture, make_device, make_jpeg, make_user
from tests.devices.firmware.builders import ALL_AT_ONCE, make_firmware

# The neighbour looks after the house alone; the viewer and the operator have the yard.
ROLES = ("stranger", "nobody", "viewer", "operator", "neighbour", "owner")
SCOPES = ("read", "command", "manage")


@dataclass
class Place:
    """What one group has, or what is in both."""

    name: str
    camera: Device
    panel: Device
    key: str
    ids: dict[str, object] = field(default_factory=dict)


def make_trashed(camera: Device):
    """Return a picture that lies in the trash."""
    capture = make_capture(camera, make_jpeg(text=f"{camera.code} gone"), name="gone.jpg")
    Capture.objects.filter(pk=capture.pk).update(trashed_at=timezone.now())
    return capture


def make_place(name: str, firmware, groups: list[DeviceGroup]) -> Place:
    """Return a camera and a panel of these groups, and one of each thing that belongs to them."""
    made = adding.add_device(code=f"{name}-cam", name=f"{name} cam", profile="generic", groups=groups)
    camera, panel = made.device, make_device(f"{name}-panel", profile="panel", groups=groups)
    capture = make_capture(camera, name=f"{name}.jpg")
    Panel.objects.filter(device=panel).update(render_profile=RenderProfile.objects.first())
    sha256 = outbox.keep(make_jpeg(text=name))
    Panel.objects.filter(device=panel).update(shown_sha256=sha256, shown_content_type="image/jpeg")
    shown = {"sha256": sha256, "content_type": "image/jpeg", "origin": PictureOrigin.CAPTURE}
    film = time_lapses.ask_for(time_lapses.Wish(camera))
    TimeLapse.objects.filter(pk=film.pk).update(state=LapseState.READY)
    time_lapses.film_path(film.pk).write_bytes(b"a film")
    place = Place(name, camera, panel, made.key)
    rule = show_rules.save_rule({"name": f"{name} rule", "camera": camera}, [panel])
    place.ids = {
        "commands": commands.capture(camera).pk,
        "captures": capture.pk,
        "shares": sharing.share(sharing.Wish((capture,)), None, None).code,
        "s": capture.pk,
        "p": capture.code,
        "trash": make_trashed(camera).pk,
        "deliveries": Delivery.objects.create(device=panel, origin_ref=str(capture.pk), **shown).pk,
        "playlist": playlists.add_picture(panel, make_jpeg(), "a").pk,
        "timelapses": film.pk,
        "rules": rule.pk,
        "schedules": save_schedule({"name": f"{name} schedule", "device": camera}).pk,
        "rollouts": rollouts.create(firmware, [camera], plan=Plan(steps=ALL_AT_ONCE), start=True)[0].pk,
        "image": firmware.pk,
        "prefix": camera.keys.get().prefix,
    } | make_alerts(name)
    return place


def make_alerts(name: str) -> dict[str, object]:
    """Return a channel and a rule of somebody who is none of those who ask."""
    somebody = make_user(f"{name}-somebody", "viewer")
    address = "https://example.org/hook"
    channel = alert_channels.add_webhook(somebody, "hook", address, "en", for_hub=False)
    rule = alert_rules.save_rule({"kind": "silent", "threshold": 600}, [channel], somebody)
    return {"alert_channels": channel.pk, "alert_rules": rule.pk}


@dataclass
class World:
    """Both places and the one that they share, the people, and a program of the owner's for each scope."""

    yard: Place
    house: Place
    shared: Place
    people: dict[str, object]
    firmware: object
    signing_key: SigningKey

    def client(self, role: str) -> Client:
        client = Client(raise_request_exception=False)
        if role != "stranger":
            client.force_login(self.people[role], "django.contrib.auth.backends.ModelBackend")
        return client

    def program(self, scope: str) -> Client:
        _token, secret = tokens.new_token(self.people["owner"], scope, [scope])
        return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def make_world() -> World:
    firmware = make_firmware()
    RenderProfile.objects.create(name="own", settings={"width": 64, "height": 48})
    of_yard, of_house = (DeviceGroup.objects.create(name=name) for name in ("yard", "house"))
    places = [
        make_place(name, firmware, groups)
        for name, groups in (("yard", [of_yard]), ("house", [of_house]), ("shared", [of_yard, of_house]))
    ]
    people = {"nobody": make_user("nobody"), "owner": make_user("owner", "owner")}
    people |= {role: make_user(role, role, of_yard) for role in ("viewer", "operator")}
    people["neighbour"] = make_user("neighbour", "viewer", of_house)
    return World(*places, people, firmware, SigningKey.objects.first())
