"""Keys, signatures and the manifest file."""

import base64
import io
import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from devices.firmware import signing
from devices.protocol.firmware.manifest import Manifest, Signature, key_id

FACTS = Manifest("cam", "rev-b", "default", "2.0.0", 12, 4, "ab" * 32, "2026-03-14T15:09:26Z", "cd" * 16)


@pytest.fixture
def key(tmp_path):
    signing.make_key_file(tmp_path / "private.pem")
    return signing.read_key_file(tmp_path / "private.pem")


def run(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_a_signature_fits_its_facts_and_its_key_only(key, tmp_path):
    raw, public = signing.sign(FACTS, key).raw, signing.public_bytes(key)
    other = signing.make_key_file(tmp_path / "other.pem")
    assert signing.verify(FACTS, raw, public)
    assert not signing.verify(FACTS, raw, other)
    assert not signing.verify(FACTS, raw[:-1] + bytes([raw[-1] ^ 1]), public)
    assert not signing.verify(FACTS, b"", public)


@pytest.mark.parametrize(
    "change",
    [
        {"product": "oven"},
        {"hardware": "rev-a"},
        {"module": "stm32"},
        {"version": "2.0.1"},
        {"counter": 13},
        {"size_bytes": 5},
        {"sha256": "ac" * 32},
        {"md5": ""},
        {"created": "2026-03-14T15:09:27Z"},
    ],
)
def test_no_fact_can_be_changed_under_a_signature(key, change):
    raw, public = signing.sign(FACTS, key).raw, signing.public_bytes(key)
    assert not signing.verify(replace(FACTS, **change), raw, public)


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path):
    path = tmp_path / "private.pem"
    signing.make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        signing.make_key_file(path)


def test_a_public_key_is_read_as_people_paste_it(key):
    raw = signing.public_bytes(key)
    pem = b"MCowBQYDK2VwAyEA" + base64.b64encode(raw)
    for text in (raw.hex(), raw.hex().upper() + "\n", base64.b64encode(raw).decode()):
        assert signing.read_public_key(text) == raw
    block = f"-----BEGIN PUBLIC KEY-----\n{pem.decode()}\n-----END PUBLIC KEY-----\n"
    assert signing.read_public_key(block) == raw


RSA = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA" + "A" * 43 + "=\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 31, "-----BEGIN PUBLIC KEY-----", RSA])
def test_what_is_no_public_key_is_refused_in_words(text):
    with pytest.raises(signing.BadKey, match=r"\.$"):
        signing.read_public_key(text)


def test_a_manifest_file_comes_back_whatever_its_spaces(key):
    signature = signing.sign(FACTS, key)
    file = signing.write_manifest_file(FACTS, signature)
    squeezed = json.dumps(dict(reversed(json.loads(file).items()))).encode()
    for form in (file, squeezed):
        assert signing.read_manifest_file(form) == signing.SignedManifest(FACTS, signature)


def test_a_manifest_without_signature_is_read_as_such():
    file = signing.write_manifest_file(FACTS, None)
    bare = json.dumps(json.loads(file)["manifest"]).encode()
    assert signing.read_manifest_file(file) == signing.read_manifest_file(bare)
    assert signing.read_manifest_file(bare) == signing.SignedManifest(FACTS, None)


def whole() -> dict:
    return json.loads(signing.write_manifest_file(FACTS, Signature("0123456789abcdef", bytes(64))))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"[1]",
        b"\xff" * 20,
        b"{" * 5000,
        json.dumps(whole() | {"x": 1}).encode(),
        json.dumps(whole() | {"manifest": 7}).encode(),
        json.dumps(whole() | {"ed25519": "AAAA"}).encode(),
        json.dumps(whole() | {"ed25519": 7}).encode(),
        json.dumps({"manifest": whole()["manifest"], "key": "0123456789abcdef"}).encode(),
        json.dumps({"manifest": whole()["manifest"] | {"counter": -1}}).encode(),
        json.dumps({"manifest": whole()["manifest"] | {"extra": 1}}).encode(),
        json.dumps(whole()).encode() + b" " * signing.MAX_FILE_BYTES,
    ],
)
def test_a_broken_manifest_file_is_refused_in_words(file):
    with pytest.raises(signing.BadManifest, match=r"\.$"):
        signing.read_manifest_file(file)


def test_the_tools_make_a_key_and_sign_an_image(tmp_path):
    (tmp_path / "cam.bin").write_bytes(b"image")
    said = run("firmware_key", str(tmp_path / "private.pem"))
    public = signing.read_public_key(said.partition("public key: ")[2].splitlines()[0])
    words = f"--key {tmp_path}/private.pem --product cam --version 2.0.0 --counter 12".split()
    run("sign_firmware", f"{tmp_path}/cam.bin", *words)
    found = signing.read_manifest_file((tmp_path / "cam.bin.manifest.json").read_bytes())
    assert (found.manifest.size_bytes, found.manifest.hardware, found.manifest.counter) == (5, "any", 12)
    assert found.signature.key_id == key_id(public)
    assert signing.verify(found.manifest, found.signature.raw, public)


def test_a_private_key_is_not_made_in_the_data_folder(settings):
    with pytest.raises(CommandError, match="data folder"):
        call_command("firmware_key", str(settings.PHOTOHUB_DATA / "private.pem"))
    assert not (settings.PHOTOHUB_DATA / "private.pem").exists()


def test_signing_says_what_is_missing(tmp_path):
    (tmp_path / "cam.bin").write_bytes(b"")
    signing.make_key_file(tmp_path / "private.pem")
    words = "--product cam --version 2 --counter 1 --key".split()
    with pytest.raises(CommandError, match="size must be"):
        call_command("sign_firmware", f"{tmp_path}/cam.bin", *words, f"{tmp_path}/private.pem")
    with pytest.raises(CommandError, match=r"none.pem: No such file"):
        call_command("sign_firmware", f"{tmp_path}/cam.bin", *words, f"{tmp_path}/none.pem")
