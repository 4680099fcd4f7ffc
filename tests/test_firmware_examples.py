"""The byte-exact blocks on firmware updates in docs/protocol.md, read from where they stand and tried."""

import hashlib
import re
import textwrap
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from devices.protocol.aliyun import blocks as aliyun_blocks
from devices.protocol.aliyun import login as aliyun_login
from devices.protocol.aliyun import topics as aliyun_topics
from devices.protocol.aliyun import updates as aliyun_updates
from devices.protocol.firmware import ddi
from devices.protocol.firmware import manifest as firmware_manifest
from devices.protocol.firmware.byte_ranges import decide_range
from devices.protocol.firmware.esp_image import read_header
from devices.protocol.firmware.esp_update import ImageFacts, decide, read_request

PROTOCOL = (Path(__file__).resolve().parent.parent / "docs/protocol.md").read_text()
FENCE = re.compile(r"^```\w+ vector name=firmware-(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VECTORS = {name: text.strip("\n") for name, text in FENCE.findall(PROTOCOL)}

HUB = "http://photohub.local:8000"
LINK = f"{HUB}/ota/f/7k2m9xq4hv3wn8cbtz"
IMAGE = b"abc"
SHA1, MD5, SHA256 = (hashlib.new(name, IMAGE).hexdigest() for name in ("sha1", "md5", "sha256"))
OFFER = aliyun_updates.Offer("2.0.0", 3, MD5, SHA256, url=LINK)
MANIFEST = firmware_manifest.Manifest(
    "porch-camera", "esp32s3-cam", "default", "2.0.0", 12, 3, SHA256, "2026-03-14T15:09:26Z", MD5
)


def lines_of(name: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in VECTORS[name].splitlines()]


def block_reply() -> str:
    request = aliyun_blocks.decode_request(VECTORS["block-request"].encode())
    digits = aliyun_blocks.encode_block(request, len(IMAGE), IMAGE).hex(" ")
    return "\n".join(textwrap.wrap(digits, 32 * 3))


def ddi_base() -> bytes:
    root = ddi.root_url(HUB, "default", "porch")
    return ddi.encode_base(root, sleep_s=30, deployment=7, deployment_tag=1)


def ddi_deployment() -> bytes:
    artifact = ddi.Artifact(ddi.file_name("porch-camera-2.0.0"), 3, SHA1, MD5, SHA256, LINK)
    return ddi.encode_deployment(7, (ddi.Chunk("porch-camera", "2.0.0", (artifact,)),))


MADE_BY_CODE = {
    "upgrade": lambda: aliyun_updates.encode_upgrade(OFFER, 1626969597470).decode(),
    "get-reply": lambda: aliyun_updates.encode_get_reply(aliyun_updates.by_mqtt(OFFER, 7), "3").decode(),
    "get-nothing": lambda: aliyun_updates.encode_get_reply(None, "3").decode(),
    "block-reply": block_reply,
    "ddi-base": lambda: ddi_base().decode(),
    "ddi-deployment": lambda: ddi_deployment().decode(),
    "manifest": lambda: firmware_manifest.encode_manifest(MANIFEST).decode(),
}
TRIED_BELOW = {"login", "topics", "inform", "progress", "get", "block-request", "esp-request"}
TRIED_BELOW |= {"ddi-feedback", "signature", "key"}


def test_every_vector_on_firmware_is_checked():
    assert set(VECTORS) == MADE_BY_CODE.keys() | TRIED_BELOW


@pytest.mark.parametrize("name", MADE_BY_CODE)
def test_a_vector_is_what_the_code_says(name: str):
    assert VECTORS[name] == MADE_BY_CODE[name]()


def test_the_documented_login_opens():
    given = dict(lines_of("login"))
    login = aliyun_login.parse_login(given["client id"], given["user name"])
    assert aliyun_login.verify(login, given["secret"], given["password"])
    assert not aliyun_login.verify(login, given["secret"][1:], given["password"])


def test_the_documented_topics_are_the_rights_of_a_device_and_two_for_the_sample():
    publish, subscribe = aliyun_topics.device_topics("ga1b2c3", "porch")
    sides = {side: [t for s, t in lines_of("topics") if s == side] for side, _ in lines_of("topics")}
    assert sides["from the device"] == list(publish[:-1]) and publish[-1] in sides["to the device"]
    assert sides["to the device"] == list(subscribe[:-1]) and subscribe[-1] in sides["from the device"]


def test_what_a_device_says_is_read():
    inform, progress, get = (VECTORS[name].encode() for name in ("inform", "progress", "get"))
    assert aliyun_updates.decode_inform(inform) == aliyun_updates.Inform("1", "1.0.1", "MCU")
    assert aliyun_updates.decode_progress(progress) == aliyun_updates.Progress(
        "2", -3, "SHA-256 differs", "MCU"
    )
    assert aliyun_updates.decode_get(get) == aliyun_updates.FirmwareGet("3")


def test_the_documented_block_is_read_by_a_device():
    reply = bytes.fromhex(VECTORS["block-reply"])
    assert aliyun_blocks.decode_reply(reply) == aliyun_blocks.Block("4", 200, "success", 3, 0, IMAGE)
    assert aliyun_blocks.crc16(b"123456789") == 0xBB3D


def test_the_documented_updater_gets_the_image():
    lines = VECTORS["esp-request"].splitlines()[1:]
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    image = ImageFacts(400_000, "2.0.0", MD5, header=read_header(bytes.fromhex("e9010240") + bytes(4)))
    request = read_request(headers)
    assert request.version == "1.0.1" and decide(request, image).status == 200


def test_the_documented_ranges_are_answered_so():
    rows = re.findall(r"^\| `(bytes=\S+)` \| (\d+)(?:, `(.+)`)? \|$", PROTOCOL, re.MULTILINE)
    found = [(w, decide_range(150_000, '"a"', wanted=w)) for w, _, _ in rows]
    assert len(rows) == 5
    assert rows == [(wanted, str(f.status), f.content_range) for wanted, f in found]


def test_the_documented_feedback_is_a_success():
    told = ddi.decode_feedback(VECTORS["ddi-feedback"].encode())
    assert told.succeeded and (told.action_id, told.done, told.of) == (7, 3, 3)


def test_the_documented_signature_belongs_to_the_manifest():
    public_key, manifest = bytes.fromhex(VECTORS["key"]), VECTORS["manifest"].encode()
    signature = firmware_manifest.decode_signature(VECTORS["signature"].encode())
    signed = firmware_manifest.signed_bytes(firmware_manifest.decode_manifest(manifest))
    key = Ed25519PublicKey.from_public_bytes(public_key)
    key.verify(signature.raw, signed)
    assert signature.key_id == firmware_manifest.key_id(public_key)
    with pytest.raises(InvalidSignature):
        key.verify(signature.raw, manifest)
