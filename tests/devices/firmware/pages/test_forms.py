"""The forms of the firmware pages: refusals stand at the field that they are about."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.firmware import signing
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.pages.forms import FirmwareForm, SigningKeyForm
from devices.firmware.pages.rollout_forms import RolloutForm, say_wait
from devices.firmware.rollouts.models import Rollout
from tests.builders import make_device, make_user
from tests.devices.firmware.builders import IMAGE, PRIVATE, make_devices, make_firmware, signed, store, trust

pytestmark = pytest.mark.django_db

PLAN = {
    "steps": "10, 100",
    "soak_minutes": 10,
    "rate_per_minute": 0,
    "error_percent": 10,
    "error_minimum": 5,
    "deadline_minutes": 30,
}


def manifest_file(**changes) -> SimpleUploadedFile:
    found = signed(**changes)
    return SimpleUploadedFile("m.json", signing.write_manifest_file(found.manifest, found.signature))


def upload_form(manifest: SimpleUploadedFile | None = None, data: bytes = IMAGE, **values) -> FirmwareForm:
    files = {"file": SimpleUploadedFile("cam.bin", data)} | ({"manifest": manifest} if manifest else {})
    return FirmwareForm(values, files)


def refused(form) -> dict[str, str]:
    """Return what is wrong, by field."""
    user = make_user("alice", "owner")
    assert not form.is_valid() or form.save(user) is None
    return {name: errors[0] for name, errors in form.errors.items()}


def rollout_form(user=None, **values) -> RolloutForm:
    firmware = Firmware.objects.first() or make_firmware()
    return RolloutForm(PLAN | values, firmware=firmware, user=user or make_user("alice", "owner"))


def test_a_signed_image_is_stored_and_published_when_wanted():
    trust()
    form = upload_form(manifest_file(), publish="on", note="for the porch")
    assert form.is_valid()
    firmware = form.save(make_user("alice", "owner"))
    assert (firmware.state, firmware.version, firmware.note) == ("published", "2.0.0", "for the porch")


def test_an_image_is_only_stored_when_so_wanted():
    trust()
    form = upload_form(manifest_file())
    assert form.is_valid() and form.save(make_user("alice", "owner")).state == "stored"


def test_an_unsigned_image_is_refused_beside_the_manifest():
    assert "not signed" in refused(upload_form(product="generic", version="3"))["manifest"]
    assert not Firmware.objects.exists()


def test_an_allowed_unsigned_image_needs_product_and_version(settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    assert refused(upload_form()).keys() == {"product", "version"}


def test_an_allowed_unsigned_image_is_stored_by_what_was_typed(settings):
    settings.UNSIGNED_FIRMWARE = "allow"
    form = upload_form(product="generic", version="3", hardware="rev-b")
    assert form.is_valid()
    firmware = form.save(make_user("alice", "owner"))
    assert (firmware.signed, firmware.hardware, firmware.counter) == (False, "rev-b", 1)


@pytest.mark.parametrize(
    ("manifest", "field", "words"),
    [
        (SimpleUploadedFile("m.json", b"{"), "manifest", "cannot be read"),
        (SimpleUploadedFile("m.json", b" " * 100_000), "manifest", "cannot be read"),
    ],
)
def test_an_unreadable_manifest_is_refused_beside_it(manifest, field, words):
    manifest.seek(0)
    assert words in refused(upload_form(manifest))[field]


def test_a_manifest_of_another_file_is_refused_beside_the_file():
    trust()
    assert "The file has" in refused(upload_form(manifest_file(), data=IMAGE + b"x"))["file"]


def test_a_stranger_s_manifest_is_refused_beside_it():
    assert "does not know the key" in refused(upload_form(manifest_file()))["manifest"]


def test_a_lower_counter_is_refused_until_it_is_wanted():
    make_firmware()
    older = {"version": "1.0.0", "counter": 1}
    assert "counter is 1" in refused(upload_form(manifest_file(**older)))["counter"]
    form = upload_form(manifest_file(**older), lower="on", publish="on")
    assert form.is_valid() and form.save(None).state == "published"


def test_the_same_version_again_is_refused_beside_the_version():
    store()
    assert "is already stored" in refused(upload_form(manifest_file()))["version"]


def test_a_field_that_contradicts_the_manifest_is_named_above_the_form():
    trust()
    assert "but the manifest says 2.0.0" in refused(upload_form(manifest_file(), version="9"))["__all__"]


def test_a_public_key_is_trusted():
    form = SigningKeyForm({"name": "release", "public_key": signing.public_bytes(PRIVATE).hex()})
    assert form.is_valid() and form.save(make_user("alice", "owner")) == SigningKey.objects.get()


@pytest.mark.parametrize(("text", "words"), [("abc", "not an Ed25519"), (None, "already known")])
def test_a_key_that_is_none_or_known_is_refused_beside_it(text, words):
    known = trust().public_key
    form = SigningKeyForm({"name": "release", "public_key": text or known})
    assert words in refused(form)["public_key"]


@pytest.mark.parametrize(
    ("text", "steps"),
    [("1, 10, 100", [1, 10, 100]), ("5% 100%", [5, 100]), ("20，100", [20, 100])],
)
def test_steps_are_read_as_people_write_them(text, steps):
    make_devices(1)
    form = rollout_form(devices=["cam-000"], steps=text)
    assert form.is_valid() and form.cleaned_data["steps"] == steps


@pytest.mark.parametrize("text", ["ten, 100", "50", "100, 50", "0, 100", "-5, 100", "²", "1" * 90, ""])
def test_steps_that_are_none_are_refused_beside_them(text):
    make_devices(1)
    assert refused_plan(devices=["cam-000"], steps=text).keys() == {"steps"}


def refused_plan(**values) -> dict:
    form = rollout_form(**values)
    assert not form.is_valid() or form.save(start=True) is None
    assert not Rollout.objects.exists()
    return form.errors


def test_only_fitting_devices_are_offered():
    make_device("porch")
    make_device("oven", profile="k230")
    make_device("done", firmware_version="2.0.0")
    form = rollout_form()
    assert [device.code for device in form.fields["devices"].queryset] == ["porch"]
    assert form.running_it == 1


def test_a_group_or_devices_have_to_be_chosen():
    make_devices(1)
    assert "Choose a group or devices." in refused_plan()["__all__"]


def test_a_device_that_does_not_fit_cannot_be_chosen():
    make_device("oven", profile="k230")
    assert refused_plan(devices=["oven"]).keys() == {"devices"}


def test_the_outlook_says_how_many_devices_each_step_reaches():
    codes = [device.code for device in make_devices(12)]
    looked = rollout_form(devices=codes, steps="10, 50, 100").outlook()
    assert (looked["devices"], looked["left_out"]) == (12, 0)
    assert [(s["percent"], s["devices"], s["wait"]) for s in looked["stages"]] == [
        (10, 2, "then wait 10 minutes"),
        (50, 6, "then wait 10 minutes"),
        (100, 12, ""),
    ]


@pytest.mark.parametrize(
    ("soak_s", "words"),
    [(30, ""), (60, "then wait 1 minute"), (7200, "then wait 2 hours"), (3 * 86_400, "then wait 3 days")],
)
def test_a_wait_is_said_in_the_largest_unit_that_fits(soak_s, words):
    assert say_wait(soak_s) == words


def test_there_is_no_outlook_of_a_wrong_plan():
    assert rollout_form(steps="ten").outlook() is None


def test_a_rollout_is_made_by_the_plan():
    make_devices(2)
    form = rollout_form(devices=["cam-000", "cam-001"], rate_per_minute=3, allow_rollback="on")
    assert form.is_valid()
    rollout = form.save(start=False)
    assert (rollout.state, rollout.rate_per_minute, rollout.deadline_s) == ("draft", 3, 1800)
    assert (rollout.allow_rollback, rollout.steps[0]["soak_s"]) == (True, 600)


def test_an_image_that_is_not_published_is_refused_above_the_form():
    make_devices(1)
    store()
    assert "not published yet" in refused_plan(devices=["cam-000"])["__all__"][0]
