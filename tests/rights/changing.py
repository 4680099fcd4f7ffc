"""What an owner sends to each address that changes something, so that it really changes: the audit log hears of each.

A value may be a function of the world, which also prepares what the deed needs.
"""

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.access.models import BrowserSession, Membership
from devices.commands import queue as commands
from devices.firmware import signing
from devices.firmware.models import Firmware, FirmwareState
from devices.firmware.rollouts.models import Rollout
from devices.keys import tokens
from devices.panels.deliveries.models import Delivery
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from devices.setup import adding
from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import OSSObject
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.trash import moving
from tests.builders import PASSWORD, make_jpeg
from tests.devices.firmware.builders import IMAGE, STRANGER
from tests.devices.firmware.pages.test_forms import PLAN, manifest_file
from tests.devices.panels.showing.test_profile_views import typed as typed_profile
from tests.devices.setup.test_forms import settings_data
from tests.media_pipeline.show_rules.test_views import typed as typed_rule
from tests.photohub.accounts.test_second_factor import code_of
from tests.rights.world import World

# The deeds that are no business of an owner's who looks at the log, each with its reason.
UNWRITTEN = {
    ("POST", "language"): "kept in the visitor's own browser",
    ("POST", "history/filters"): "a person's own filters, which nobody else sees",
    ("POST", "history/filters/<int:pk>/rename"): "a person's own filters, which nobody else sees",
    ("POST", "history/filters/<int:pk>/delete"): "a person's own filters, which nobody else sees",
    ("POST", "login/second"): "needs a first step: tests/photohub/accounts/test_second_factor.py",
    ("POST", "login/set-up"): "needs a first step: tests/photohub/accounts/test_second_factor.py",
    ("POST", "login/passkey"): "needs a browser: tests/browser/test_second_factor.py",
    ("POST", "account/second-factor/keys/add"): "needs a browser: tests/browser/test_second_factor.py",
    ("POST", "s/<slug:code>"): "a stranger with a link and its password",
    ("POST", "/schedules/preview"): "stores nothing",
}


def camera_hears(world: World, _path: str) -> dict:
    Device.objects.filter(pk=world.yard.camera.pk).update(
        last_seen_at=timezone.now(), link_state="connected", command_topic="photohub/yard-cam/command"
    )
    return {}


def _own_session(world: World, path: str) -> tuple[str, dict]:
    row = BrowserSession.objects.create(user=world.people["owner"], session_key="another")
    return f"/account/sessions/{row.pk}/end", {}


def _has_app(world: World, path: str) -> dict:
    totp.TOTP.activate(world.people["owner"], totp.generate_totp_secret())
    return {}


def _lost_app(world: World, path: str) -> dict:
    totp.TOTP.activate(world.people["nobody"], totp.generate_totp_secret())
    return {}


def _has_key(world: World, path: str) -> tuple[str, dict]:
    row = Authenticator.objects.create(user=world.people["owner"], type="webauthn", data={"name": "Phone"})
    return f"/account/second-factor/keys/{row.pk}/remove", {}


def _scanned(world: World, path: str) -> dict:
    """Let the session know the secret that the code is made of."""
    session = world.browser.session
    session[totp.SECRET_SESSION_KEY] = secret = totp.generate_totp_secret()
    session.save()
    return {"code": code_of(secret)}


def _own_token(world: World, path: str) -> tuple[str, dict]:
    token, _secret = tokens.new_token(world.people["owner"], "mine")
    return f"/account/tokens/{token.pk}/revoke", {}


def _empty_group(world: World, path: str) -> tuple[str, dict]:
    return f"/groups/{DeviceGroup.objects.create(name='empty').pk}/delete", {}


def _member(world: World, path: str) -> dict:
    group = world.yard.camera.groups.first()
    Membership.objects.create(user=world.people["nobody"], role="viewer", group=group)
    return {}


def _simulated(world: World, _path: str) -> dict:
    adding.add_device(code="demo-1", name="Demo", profile="esp32s3", simulated=True)
    return {}


def _keeps_its_bytes(world: World, _path: str) -> dict:
    sha256 = outbox.keep(make_jpeg(text="again"))
    Delivery.objects.filter(pk=world.yard.ids["deliveries"]).update(
        original_sha256=sha256, render_name="none"
    )
    return {}


def _claimed(world: World, _path: str) -> tuple[str, dict]:
    Panel.objects.filter(device=world.yard.panel).update(
        hardware_address="94:A9:90:8C:6D:19", claimed_at=timezone.now()
    )
    return f"/devices/{world.yard.panel.code}/panel/again", {}


def _ended_command(world: World, path: str) -> dict:
    commands.cancel(world.yard.camera.commands.first())
    return {}


def _stored(world: World, path: str) -> dict:
    Firmware.objects.update(state=FirmwareState.STORED)
    return {}


def _free_image(world: World, path: str) -> dict:
    Rollout.objects.update(state="done")
    return {}


def _unsaid_topics(world: World, path: str) -> tuple[str, dict]:
    return "/devices/yard-cam/show/topics", {}


def _trashed(world: World, path: str) -> dict:
    return {"capture": str(world.yard.ids["trash"])}


def _undo(world: World, path: str) -> dict:
    moved = moving.move_to_trash(world.people["owner"], [Capture.objects.get(pk=world.yard.ids["captures"])])
    return {"undo": moved.undo}


def _not_copied(world: World, path: str) -> dict:
    OSSObject.objects.update_or_create(
        capture_id=world.yard.ids["captures"], defaults={"key": "k", "state": "failed"}
    )
    return {}


def _film_waits(world: World, path: str) -> dict:
    TimeLapse.objects.update(state=LapseState.QUEUED)
    return {}


def _running(world: World, path: str) -> dict:
    Rollout.objects.update(state="running")
    return {}


def _paused(world: World, path: str) -> dict:
    Rollout.objects.update(state="paused")
    return {}


def _open_delivery(world: World, path: str) -> dict:
    Delivery.objects.update(state="queued")
    return {}


def _second_item(world: World, path: str) -> dict:
    return {"by": "up"}


def _free_profile(world: World, path: str) -> dict:
    Panel.objects.update(render_profile=None)
    return {}


def _asked_already(world: World, path: str) -> dict:
    Device.objects.update(config_wanted=False)
    return {}


def _aliyun(world: World, path: str) -> dict:
    Device.objects.filter(pk=world.yard.camera.pk).update(product_key="pk", device_name="dn")
    return {}


def _settings(world: World, path: str) -> dict:
    return settings_data(Device.objects.get(pk=world.yard.camera.pk), name="Another")


def _image_file(world: World, path: str) -> dict:
    _free_image(world, path)
    Rollout.objects.all().delete()
    Firmware.objects.all().delete()
    return {"file": SimpleUploadedFile("cam.bin", IMAGE), "manifest": manifest_file(), "publish": "on"}


def _file(_world: World, _path: str) -> dict:
    return {"source": "file", "file": SimpleUploadedFile("a.jpg", make_jpeg(), "image/jpeg")}


def _capture(world: World, _path: str) -> dict:
    return {"capture": str(world.yard.ids["captures"])}


NEW_KEY = signing.public_bytes(STRANGER).hex()

PAGES_BODIES = {
    "login": lambda world, path: {"username": "owner", "password": PASSWORD},
    "account/password": lambda world, path: {
        "old_password": PASSWORD,
        "new_password1": "another horse battery",
        "new_password2": "another horse battery",
    },
    "account/second-factor/app": _scanned,
    "account/second-factor/app/remove": _has_app,
    "account/second-factor/keys/<int:pk>/remove": _has_key,
    "account/second-factor/codes": _has_app,
    "people/<int:pk>/second-factor": _lost_app,
    "account/sessions/<int:pk>/end": _own_session,
    "account/tokens": {"name": "script", "scopes": ["read"], "days": "30"},
    "account/tokens/<int:pk>/revoke": _own_token,
    "account/time-zone": {"zone": "Europe/Berlin"},
    "people/invite": {"username": "newcomer", "role": "viewer"},
    "people/<int:pk>/role": {"role": "viewer"},
    "people/<int:pk>/enabled": {"enabled": "no"},
    "groups/add": {"name": "attic"},
    "groups/<int:pk>/rename": {"name": "attic"},
    "groups/<int:pk>/move": {"by": "down"},
    "groups/<int:pk>/delete": _empty_group,
    "groups/<int:pk>/devices": {"device": "house-cam"},
    "groups/<int:pk>/people": lambda world, path: {"person": world.people["nobody"].pk, "role": "viewer"},
    "groups/<int:pk>/people/<int:person>/remove": _member,
    "devices/add/": lambda world, path: (f"{path}?profile=generic", {"name": "New", "code": "new"}),
    "devices/simulate/remove": _simulated,
    "devices/deliveries/<uuid:id>/cancel": _open_delivery,
    "devices/deliveries/<uuid:id>/again": _keeps_its_bytes,
    "devices/render-profiles/new": lambda world, path: typed_profile(format="png"),
    "devices/render-profiles/<slug:name>/": lambda world, path: typed_profile(name="own", format="png"),
    "devices/render-profiles/<slug:name>/delete": _free_profile,
    "devices/<slug:code>/firmware/ask": _asked_already,
    "devices/<slug:code>/keys/secret": _aliyun,
    "devices/show/": lambda world, path: _capture(world, path) | {"act": "send", "panel": "yard-panel"},
    "devices/<slug:code>/show/": lambda world, path: _file(world, path) | {"act": "send", "render": "none"},
    "devices/<slug:code>/show/topics": _unsaid_topics,
    "devices/<slug:code>/certificate": {"fingerprint": "ab" * 32},
    "devices/<slug:code>/playlist/": _file,
    "devices/<slug:code>/playlist/<uuid:id>/move": _second_item,
    "devices/<slug:code>/settings/": _settings,
    "devices/<slug:code>/panel/again": _claimed,
    "devices/<slug:code>/delete": {"code": "yard-cam"},
    "devices/<slug:code>/commands/<uuid:id>/dismiss": _ended_command,
    "firmware/upload": _image_file,
    "firmware/keys": {"name": "second", "public_key": NEW_KEY},
    "firmware/<uuid:id>/publish": _stored,
    "firmware/<uuid:id>/delete": _free_image,
    "firmware/<uuid:id>/rollout": lambda world, path: (
        _free_image(world, path) or PLAN | {"devices": ["yard-cam"], "action": "start"}
    ),
    "firmware/rollouts/<uuid:id>/<str:order>": _running,
    "capture-all": camera_hears,
    "history/change": lambda world, path: _capture(world, path) | {"action": "keep"},
    "trash/add": _capture,
    "trash/undo": _undo,
    "trash/restore": _trashed,
    "trash/delete": _trashed,
    "captures/<uuid:id>/mirror": _not_copied,
    "captures/<uuid:id>/labels": {"note": "a heron"},
    "timelapses/new": lambda world, path: {
        "device": "yard-cam",
        "step": 1,
        "fps": 5,
        "width": 640,
        "action": "make",
    },
    "timelapses/<uuid:id>/cancel": _film_waits,
    "rules/new": lambda world, path: typed_rule(camera="yard-cam", panels=["yard-panel"]),
    "rules/<uuid:id>/edit": lambda world, path: typed_rule(camera="yard-cam", panels=["yard-panel"]),
    "shared-links/new": lambda world, path: _capture(world, path) | {"for": "1d"},
}

API_BODIES = {
    ("POST", "/devices"): {"code": "new-one", "profile": "generic"},
    ("PATCH", "/devices/{code}"): {"name": "Another"},
    ("PATCH", "/captures/{id}"): {"kept": True},
    ("POST", "/captures/{id}/restore"): lambda world, path: (
        path.replace(str(world.yard.ids["captures"]), str(world.yard.ids["trash"])),
        {},
    ),
    ("POST", "/shares"): {"device": "yard-cam"},
    ("POST", "/devices/{code}/deliveries"): lambda world, path: {
        "file": SimpleUploadedFile("a.jpg", make_jpeg(), "image/jpeg")
    },
    ("POST", "/deliveries/{id}/cancel"): _open_delivery,
    ("POST", "/deliveries/{id}/again"): _keeps_its_bytes,
    ("POST", "/timelapses"): {"device": "yard-cam"},
    ("POST", "/firmware"): lambda world, path: {
        "file": SimpleUploadedFile("cam.bin", _image_file(world, path) and IMAGE),
        "manifest": manifest_file(),
    },
    ("POST", "/firmware/keys"): {"name": "k", "public_key": NEW_KEY},
    ("DELETE", "/firmware/{id}"): _free_image,
    ("POST", "/firmware/{id}/publish"): _stored,
    ("POST", "/rollouts"): lambda world, path: (
        _free_image(world, path) or {"firmware": str(world.yard.ids["image"]), "devices": ["yard-cam"]}
    ),
    ("POST", "/rollouts/{id}/pause"): _running,
    ("POST", "/rollouts/{id}/resume"): _paused,
    ("POST", "/rollouts/{id}/cancel"): _running,
    ("PUT", "/devices/{code}/playlist"): {"items": []},
    ("POST", "/rules"): {"name": "n", "camera": "yard-cam", "panels": ["yard-panel"]},
    ("PATCH", "/rules/{id}"): {"name": "another"},
}
