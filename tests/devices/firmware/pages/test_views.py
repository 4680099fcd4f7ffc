import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from devices.firmware import keys, signing
from devices.firmware.models import Firmware, FirmwareState, SigningKey
from devices.firmware.rollouts.models import Rollout
from tests.builders import make_user
from tests.devices.firmware.builders import (
    IMAGE,
    PRIVATE,
    make_devices,
    make_firmware,
    make_rollout,
    store,
    trust,
)
from tests.devices.firmware.pages.test_forms import manifest_file

pytestmark = pytest.mark.django_db

LIST, UPLOAD, KEYS = (reverse(f"firmware:{name}") for name in ("list", "upload", "keys"))


@pytest.fixture
def alice(client):
    """An owner's browser."""
    client.force_login(make_user("alice", "owner"))
    return client


def path(name: str, firmware: Firmware) -> str:
    return reverse(f"firmware:{name}", args=[firmware.pk])


def text_of(answer) -> str:
    return answer.content.decode()


def new_image() -> dict:
    return {"file": SimpleUploadedFile("cam.bin", IMAGE), "manifest": manifest_file(), "publish": "on"}


def test_an_empty_store_shows_the_three_steps(alice):
    page = text_of(alice.get(LIST))
    assert "firmware_key release.pem" in page and "sign_firmware firmware.bin" in page and UPLOAD in page


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_people_who_look_see_images_and_no_buttons(client, role):
    firmware = make_firmware()
    client.force_login(make_user("bob", role))
    for url in (LIST, path("detail", firmware)):
        page = text_of(client.get(url))
        assert "2.0.0" in page and UPLOAD not in page and path("delete", firmware) not in page


def test_a_stranger_sees_nothing(client):
    firmware = make_firmware()
    client.force_login(make_user("mallory"))
    assert {client.get(url).status_code for url in (LIST, path("detail", firmware), UPLOAD, KEYS)} == {403}


@pytest.mark.parametrize("role", ["viewer", "operator", ""])
def test_only_owners_change(client, role):
    firmware, key = make_firmware(), trust()
    client.force_login(make_user("bob", role))
    urls = [UPLOAD, KEYS, path("publish", firmware), path("delete", firmware)]
    urls.append(reverse("firmware:revoke_key", args=[key.pk]))
    assert {client.post(url).status_code for url in urls} == {403}
    assert Firmware.objects.exists() and not SigningKey.objects.get().revoked_at


def test_unsigned_and_damaged_images_are_marked_by_words(alice, settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    files = {"file": SimpleUploadedFile("cam.bin", IMAGE), "product": "generic", "version": "3"}
    alice.post(UPLOAD, files)
    Firmware.objects.update(state=FirmwareState.BROKEN, problem="The file is missing.")
    page = text_of(alice.get(LIST))
    assert (
        "unsigned" in page
        and "image generic default 3 is damaged" in page
        and "Unsigned firmware is allowed" in page
    )
    assert "The file is missing." in text_of(alice.get(path("detail", Firmware.objects.get())))


def test_rollouts_that_go_on_come_first(alice):
    firmware = make_firmware()
    devices = make_devices(1)
    open_one, ended = make_rollout(devices, firmware), make_rollout(devices, firmware)
    Rollout.objects.filter(pk=ended.pk).update(state="finished")
    page = text_of(alice.get(LIST))
    assert page.index(str(open_one.pk)) < page.index(str(ended.pk))


def test_an_upload_without_script_leads_to_the_image(alice):
    trust()
    answer = alice.post(UPLOAD, new_image(), follow=True)
    firmware = Firmware.objects.get()
    assert answer.redirect_chain == [(path("detail", firmware), 302)]
    assert "is stored" in text_of(answer) and firmware.sha256 in text_of(answer)


def test_an_upload_by_the_script_is_answered_with_the_address(alice):
    trust()
    answer = alice.post(UPLOAD, new_image(), headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()) == (201, {"url": path("detail", Firmware.objects.get())})


def test_a_refused_upload_says_so_beside_the_field(alice):
    answer = alice.post(UPLOAD, new_image() | {"note": "kept words"})
    assert answer.status_code == 422
    assert "does not know the key" in text_of(answer) and "kept words" in text_of(answer)


@pytest.mark.parametrize(
    ("unsigned", "words"), [("allow", "Unsigned images are allowed here"), ("refuse", "Only signed images")]
)
def test_the_upload_page_says_what_is_taken(alice, settings, unsigned, words):
    settings.UNSIGNED_FIRMWARE = unsigned
    assert words in text_of(alice.get(UPLOAD))


def test_an_image_is_published(alice):
    firmware = store()
    assert "is published" in text_of(alice.post(path("publish", firmware), follow=True))
    firmware.refresh_from_db()
    assert firmware.state == "published"


def test_a_refused_publishing_is_told(alice):
    make_firmware(version="3.0.0", counter=3)
    firmware = store()
    assert "The counter is 2" in text_of(alice.post(path("publish", firmware), follow=True))
    assert "is published" in text_of(alice.post(path("publish", firmware), {"lower": "on"}, follow=True))


def test_an_image_is_deleted_unless_a_rollout_uses_it(alice):
    free, used = make_firmware(), make_firmware(IMAGE + b"2", version="3.0.0", counter=3)
    make_rollout(make_devices(1), used)
    assert "was deleted" in text_of(alice.post(path("delete", free), follow=True))
    assert "in use by a rollout" in text_of(alice.post(path("delete", used), follow=True))
    assert [firmware.version for firmware in Firmware.objects.all()] == ["3.0.0"]


def test_deleting_by_a_link_is_impossible(alice):
    assert alice.get(path("delete", make_firmware())).status_code == 405


def test_a_key_is_trusted_and_revoked(alice):
    public_key = signing.public_bytes(PRIVATE).hex()
    page = alice.post(KEYS, {"name": "release", "public_key": public_key}, follow=True)
    key = SigningKey.objects.get()
    assert key.fingerprint in text_of(page)
    gone = text_of(alice.post(reverse("firmware:revoke_key", args=[key.pk]), follow=True))
    assert "revoked" in gone and "Revoke release for good" not in gone


def test_a_wrong_key_is_refused_beside_it(alice):
    answer = alice.post(KEYS, {"name": "release", "public_key": "abc"})
    assert (answer.status_code, "This is not an Ed25519 public key" in text_of(answer)) == (422, True)


def test_an_image_of_a_revoked_key_says_so(alice):
    firmware = make_firmware()
    keys.revoke_key(firmware.signing_key)
    assert "was revoked" in text_of(alice.get(path("detail", firmware)))


def test_an_image_that_is_not_there_is_not_found(alice):
    firmware = store()
    firmware.delete()
    firmware.pk = "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"
    assert alice.get(path("detail", firmware)).status_code == 404
