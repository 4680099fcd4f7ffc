import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware.manifest import (
    Manifest,
    Signature,
    decode_manifest,
    decode_signature,
    encode_manifest,
    encode_signature,
    key_id,
    signed_bytes,
)
from devices.protocol.json_fields import Unreadable

SHA256, MD5 = "ba7816bf" * 8, "900150983cd24fb0d6963f7d28e17f72"
MANIFEST = Manifest(
    "Türkamera", "esp32s3-cam", "default", "2.0.0", 12, 432945, SHA256, "2026-03-14T15:09:26Z", MD5
)
WRITTEN = (
    '{"counter":12,"created":"2026-03-14T15:09:26Z","hardware":"esp32s3-cam","md5":"900150983cd24fb0d6963f7d28e17f72",'
    f'"module":"default","product":"Türkamera","sha256":"{SHA256}","size":432945,"version":"2.0.0"}}'
).encode()
SIGNATURE = Signature("0123456789abcdef", bytes(range(64)))
FILE = (
    b"photohub firmware signature 1\nkey: 0123456789abcdef\ned25519: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj"
    b"JCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==\n"
)


def test_a_manifest_is_written_byte_for_byte():
    assert encode_manifest(MANIFEST) == WRITTEN
    assert decode_manifest(WRITTEN) == MANIFEST


def test_the_md5_may_be_missing():
    bare = replace(MANIFEST, md5="")
    assert b"md5" not in encode_manifest(bare)
    assert decode_manifest(encode_manifest(bare)) == bare


def test_what_is_signed_says_what_it_is():
    assert signed_bytes(MANIFEST) == b"photohub firmware 1\n" + WRITTEN


@pytest.mark.parametrize(
    "changes",
    [{"product": ""}, {"version": "x" * 65}, {"module": " a"}, {"hardware": "a\nb"}, {"product": "\ud800"},
     {"counter": -1}, {"counter": 2**53}, {"counter": True}, {"size_bytes": 0}, {"sha256": SHA256.upper()},
     {"md5": "0"}, {"created": "2026-03-14 15:09"}, {"created": "2026-13-14T15:09:26Z"}],
)  # fmt: skip
def test_a_fact_that_cannot_stand_there_is_said(changes: dict):
    with pytest.raises(ValueError, match=r"must be .*\."):
        encode_manifest(replace(MANIFEST, **changes))


def changed(**changes: object) -> bytes:
    fields = {k: v for k, v in (json.loads(WRITTEN) | changes).items() if v is not None}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (WRITTEN + b"\n", "The manifest is not in its canonical form: keys sorted, no spaces, UTF-8."),
        (
            WRITTEN.replace("ü".encode(), b"\\u00fc"),
            "The manifest is not in its canonical form: keys sorted, no spaces, UTF-8.",
        ),
        (
            WRITTEN.replace(b"12,", b'11,"counter":12,'),
            "The manifest is not in its canonical form: keys sorted, no spaces, UTF-8.",
        ),
        (changed(size=None, counter=None), "The manifest lacks counter, size."),
        (changed(url="x"), "The manifest has the unknown key 'url'."),
        (changed(counter=1.0), "counter must be a whole number from 0 to 9007199254740991."),
        (changed(md5=""), "md5 must be lower-case hex of full length."),
        (changed(version=2), "version must be 1 to 64 printable characters without spaces at the ends."),
    ],
)
def test_only_canonical_bytes_are_a_manifest(payload: bytes, sentence: str):
    assert decode_manifest(payload) == Unreadable(sentence)


def test_junk_is_no_manifest():
    assert [decode_manifest(junk) for junk in (b"", b"[]", b"\xe9\1", WRITTEN + b" " * 4096)] == [None] * 4


def test_a_signature_is_written_byte_for_byte():
    assert encode_signature(SIGNATURE) == FILE
    assert decode_signature(FILE) == SIGNATURE
    assert decode_signature(FILE.replace(b"\n", b"\r\n").strip()) == SIGNATURE


@pytest.mark.parametrize(
    "file",
    [b"", FILE[30:], FILE.replace(b"re 1", b"re 2"), FILE.replace(b"key:", b"kee:"), FILE.replace(b"abcdef", b"abcde"),
     FILE.replace(b"AAEC", b"AA!C"), FILE.replace(b"Pw==", b""), FILE + b"more", FILE + b" " * 1024],
)  # fmt: skip
def test_other_files_are_no_signature(file: bytes):
    assert decode_signature(file) is None


def test_a_signature_of_another_length_is_a_mistake_of_ours():
    for wrong in (Signature("0123456789abcdef", b"x"), Signature("0123", bytes(64))):
        with pytest.raises(ValueError):
            encode_signature(wrong)


def test_a_key_is_named_by_its_hash():
    # printf '\0…' (32 zero bytes) | sha256sum
    assert key_id(bytes(32)) == "66687aadf862bd77"
    with pytest.raises(ValueError):
        key_id(bytes(31))


@given(st.binary(max_size=80) | st.text('{}":,1keyd25519photub firmwsgn\n', max_size=80).map(str.encode))
def test_reading_never_raises(payload: bytes):
    decode_manifest(payload)
    decode_signature(payload)
    decode_signature(FILE[:52] + payload)


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=64)


@given(words, words, st.integers(0, 2**53 - 1), st.integers(1, 2**53 - 1))
def test_any_manifest_survives_writing_and_reading(product: str, version: str, counter: int, size_bytes: int):
    manifest = replace(MANIFEST, product=product, version=version, counter=counter, size_bytes=size_bytes)
    assert decode_manifest(encode_manifest(manifest)) == manifest
