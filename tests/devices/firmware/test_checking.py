"""No image is kept, published or served whose facts, bytes or signature do not fit (the matrix of refusals)."""

import io
from dataclasses import replace

import pytest
from django.utils import timezone

from devices.firmware import checking, images, signing
from devices.firmware.checking import Facts
from devices.firmware.errors import FirmwareRefused
from devices.firmware.models import Firmware, SigningKey
from tests.devices.firmware.builders import (
    IMAGE,
    PRIVATE,
    STRANGER,
    describe,
    make_firmware,
    signed,
    store,
    trust,
)

pytestmark = pytest.mark.django_db

FORGED = signing.Signature(signed(counter=9).signature.key_id, bytes(64))
UPLOADS = {
    "unsigned": lambda: signing.SignedManifest(describe(), None),
    "unknown_key": lambda: signed(private=STRANGER),
    "signature": lambda: signing.SignedManifest(describe(), FORGED),
    "size": lambda: signed(size_bytes=len(IMAGE) - 1),
    "hash": lambda: signed(sha256="ab" * 32),
    "expired": lambda: signed(created="2020-01-01T00:00:00Z"),
    "future": lambda: signed(created="2190-01-01T00:00:00Z"),
    "counter": lambda: signed(counter=1),
}


def refusal_of(call) -> str:
    with pytest.raises(FirmwareRefused) as caught:
        call()
    assert caught.value.sentence.endswith(".")
    return caught.value.word


def upload(
    manifest: signing.SignedManifest | None, facts: Facts | None = None, data: bytes = IMAGE
) -> Firmware:
    return images.store_firmware(io.BytesIO(data), facts or Facts(), manifest)


@pytest.mark.parametrize("word", UPLOADS)
def test_an_upload_that_does_not_fit_is_refused_and_leaves_nothing(word, settings):
    trust()
    before = make_firmware(b"\xe9older", version="1.0.0", counter=1) if word == "counter" else None
    assert refusal_of(lambda: upload(UPLOADS[word]())) == word
    assert list(Firmware.objects.all()) == ([before] if before else [])
    kept = {path.name for path in settings.FIRMWARE_DIR.iterdir()} - {".lock"}
    assert kept == ({before.sha256} if before else set())


def test_changed_facts_under_a_good_signature_are_refused():
    trust()
    good = signed()
    for change in (
        {"product": "oven"},
        {"hardware": "b"},
        {"module": "stm32"},
        {"version": "9"},
        {"counter": 9},
    ):
        forged = signing.SignedManifest(replace(good.manifest, **change), good.signature)
        assert refusal_of(lambda forged=forged: upload(forged)) == "signature"


@pytest.mark.parametrize(
    "said",
    [Facts(product="oven"), Facts(hardware="b"), Facts(module="m"), Facts(version="9"), Facts(counter=9)],
)
def test_a_form_that_says_other_than_the_manifest_is_refused(said):
    trust()
    assert refusal_of(lambda: upload(signed(), said)) == "facts"


def test_a_form_that_says_the_same_is_taken():
    trust()
    assert upload(signed(), Facts("generic", "any", "default", "2.0.0", 2)).signed


def test_an_md5_of_another_file_is_refused():
    trust()
    assert refusal_of(lambda: upload(signed(md5="ab" * 16))) == "hash"


@pytest.mark.parametrize("data", [b"\x7fELF\x01", b"<!DOCTYPE html>", b"PK\x03\x04zip", b":10010000"])
def test_a_file_that_no_device_can_run_is_refused(data):
    trust()
    assert refusal_of(lambda: upload(signed(data), data=data)) == "image"


def test_an_empty_file_is_refused(settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    assert refusal_of(lambda: upload(None, Facts("generic", version="1"), b"")) == "empty"


BAD_WORDS = [
    Facts("", version="1"),
    Facts(" p", version="1"),
    Facts("p" * 65, version="1"),
    Facts("p", version="a\nb"),
    Facts("p", version="1", counter=-1),
]


@pytest.mark.parametrize("facts", BAD_WORDS)
def test_facts_without_a_manifest_are_checked_too(facts, settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    assert refusal_of(lambda: upload(None, facts)) == "words"


def test_an_unsigned_image_is_kept_only_where_that_is_allowed(settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    row = upload(None, Facts("generic", version="1"))
    assert (row.signed, row.hardware, row.module, row.counter) == (False, "any", "default", 1)
    images.publish(row)
    assert upload(None, Facts("generic", version="2")).counter == 2
    settings.UNSIGNED_FIRMWARE = "refuse"
    for check in (images.publish, images.verified_bytes):
        assert refusal_of(lambda check=check: check(row)) == "unsigned"


def test_a_signature_without_a_key_id_is_tried_with_every_live_key():
    trust(STRANGER, "other")
    trust()
    manifest = describe()
    raw = signing.sign(manifest, PRIVATE).raw
    row = upload(signing.SignedManifest(manifest, signing.Signature("", raw)))
    assert row.signing_key.name == "release"


def test_a_revoked_key_opens_no_stage_any_more():
    row = store()
    SigningKey.objects.update(revoked_at=timezone.now())
    row = Firmware.objects.get(pk=row.pk)
    for check in (images.publish, images.verified_bytes, checking.check_row):
        assert refusal_of(lambda check=check: check(row)) == "revoked_key"
    assert refusal_of(lambda: upload(signed(version="3", counter=3))) == "revoked_key"


@pytest.mark.parametrize(
    "change",
    [
        {"product": "oven"},
        {"hardware": "rev-b"},
        {"module": "stm32"},
        {"version": "9.9"},
        {"counter": 99},
        {"size_bytes": 5},
        {"sha256": "ab" * 32},
        {"md5": "ab" * 16},
        {"manifest": "{}"},
        {"signature": bytes(64)},
        {"signature": None},
    ],
)
def test_a_row_that_was_changed_is_neither_published_nor_served(change):
    row = store()
    Firmware.objects.filter(pk=row.pk).update(**change)
    row = Firmware.objects.get(pk=row.pk)
    for check in (images.publish, images.verified_bytes):
        assert refusal_of(lambda check=check: check(row)) in ("facts", "signature", "unsigned")


def test_a_manifest_that_expires_later_is_not_served_then(settings):
    settings.FIRMWARE_MANIFEST_DAYS = 0
    row = make_firmware(created="2020-01-01T00:00:00Z")
    assert images.verified_bytes(row) == IMAGE
    settings.FIRMWARE_MANIFEST_DAYS = 365
    assert refusal_of(lambda: images.verified_bytes(row)) == "expired"


def test_a_lower_counter_is_published_only_when_an_owner_wants_it():
    make_firmware()
    trust()
    data = b"\xe9an older one"
    old = images.store_firmware(
        io.BytesIO(data), Facts(), signed(data, version="1.0.0", counter=1), lower_allowed=True
    )
    assert refusal_of(lambda: images.publish(old)) == "counter"
    assert images.publish(old, lower_allowed=True).state == "published"


def test_counters_of_other_products_hardware_and_modules_do_not_count():
    make_firmware(counter=50)
    for change in ({"product": "oven"}, {"hardware": "rev-b"}, {"module": "stm32"}):
        assert store(counter=1, **change).counter == 1
