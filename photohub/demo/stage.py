"""Makes what the demo needs: devices, the panel's playlist, a firmware and its rollout. Run twice, it makes nothing twice."""

import hashlib
import io

from django.utils import timezone
from django.utils.translation import gettext, override

from devices.access.groups import DeviceGroup
from devices.firmware import images, keys, signing
from devices.firmware.checking import ANY_HARDWARE, Facts
from devices.firmware.models import Firmware
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.planning import Plan
from devices.firmware.signing import SignedManifest
from devices.panels.playlists import turns
from devices.panels.rendering.models import RenderProfile
from devices.protocol.firmware.manifest import Manifest
from devices.registry.models import Device, Panel
from devices.setup import adding, simulated
from devices.setup.simulated import DEVICE_GROUP, KEY_NAME, PRODUCT
from simulators.firmware_board import make_firmware

from . import naming
from .cast import BOARDS, CAMERAS, PANEL, PI

RUNNING, OFFERED = "1.0.0", "1.1.0"
_COLOURS = "epaper-800x480-bwr"
_TURN_S = 600
# One board, then half of them for three days: the demo stands in the second step.
_STEPS = (
    {"devices": 1, "percent": 0, "soak_s": 30},
    {"devices": 0, "percent": 50, "soak_s": 3 * 24 * 3600},
    {"devices": 0, "percent": 100, "soak_s": 0},
)


def make_devices() -> None:
    """Make the demo's devices that are not there."""
    wanted: dict[str, tuple[str, dict]] = {c.code: ("esp32s3", {}) for c in CAMERAS}
    wanted |= {PI[0]: ("raspberry-pi", {"stream_policy": "none"}), PANEL[0]: ("panel", {})}
    wanted |= {code: ("esp8266-stm32", {"product_key": PRODUCT}) for code, _number in BOARDS}
    here = set(Device.objects.filter(code__in=wanted).values_list("code", flat=True))
    with override(naming.language()):
        group = _group()
        for code, (profile, values) in wanted.items():
            if code not in here:
                name = naming.name_of(code)
                adding.add_device(
                    code=code, name=name, profile=profile, groups=[group], simulated=True, **values
                )


def _group() -> DeviceGroup:
    names = simulated.in_every_language(DEVICE_GROUP)
    known = DeviceGroup.objects.filter(name__in=names).holding(simulated.devices()).first()
    return known or DeviceGroup.objects.get_or_create(name=gettext(DEVICE_GROUP))[0]


def fill_playlist() -> None:
    """Let the panel show the cameras in turn."""
    panel = Device.objects.filter(code=PANEL[0], simulated=True).first()
    if panel is None or panel.playlist.exists():
        return
    colours = RenderProfile.objects.filter(name=_COLOURS).first()
    Panel.objects.filter(device=panel).update(render_profile=colours, poll_interval_s=_TURN_S)
    cameras = Device.objects.filter(code__in=[c.code for c in CAMERAS], simulated=True).order_by("pk")
    for camera in cameras:
        turns.add_camera(panel, camera, caption=camera.name)


def begin_rollout() -> None:
    """Sign, store and publish a firmware for the boards, and roll it out in steps."""
    boards = list(simulated.devices().filter(product_key=PRODUCT).order_by("pk"))
    if not boards or Firmware.objects.filter(product=PRODUCT).exists():
        return
    # Its private half is forgotten: nobody signs for these boards again.
    private = signing.make_key()
    keys.add_key(KEY_NAME, signing.public_bytes(private).hex())
    image = make_firmware(OFFERED).data
    manifest = _manifest(image)
    signed = SignedManifest(manifest, signing.sign(manifest, private))
    firmware = images.store_firmware(io.BytesIO(image), Facts(), signed)
    images.publish(firmware)
    rollouts.create(firmware, boards, plan=Plan(steps=_STEPS), start=True)


def _manifest(image: bytes) -> Manifest:
    return Manifest(
        product=PRODUCT,
        hardware=ANY_HARDWARE,
        module="default",
        version=OFFERED,
        counter=2,
        size_bytes=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        created=f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
    )
