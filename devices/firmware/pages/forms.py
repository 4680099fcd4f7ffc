"""Forms of the firmware pages. What a value must obey is said once, in `ota`; forms only ask and pass on."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.firmware import checking, images, keys, signing
from devices.firmware.checking import Facts
from devices.firmware.errors import FirmwareError
from devices.firmware.images import Labels
from devices.firmware.models import Firmware, SigningKey
from photohub.lib.pages.form_fields import MONO, text, tick

# A refusal's word finds the field beside which its sentence stands; the others stand above the form.
_FIELD_OF = {word: "file" for word in ("size", "hash", "image", "too_large", "empty")}
_FIELD_OF |= {
    word: "manifest"
    for word in ("manifest", "unsigned", "unknown_key", "revoked_key", "signature", "expired", "future")
}
_FIELD_OF |= {"counter": "counter", "taken": "version"}
_FACTS = ("product", "hardware", "module", "version", "counter")


class FirmwareForm(forms.Form):
    """An image with its facts: from the signed manifest beside it, or typed where unsigned images are allowed."""

    file = forms.FileField(label=gettext_lazy("Image"))
    manifest = forms.FileField(
        label=gettext_lazy("Signed manifest"),
        required=False,
        help_text=gettext_lazy(
            "The file that sign_firmware wrote next to the image. It contains everything below."
        ),
    )
    product = text(gettext_lazy("Product"), gettext_lazy("The devices' product key, or else their profile."))
    hardware = text(gettext_lazy("Board revision"), gettext_lazy("Leave empty if it fits every revision."))
    module = text(gettext_lazy("Module"), gettext_lazy("Which processor; empty: default."))
    version = text(gettext_lazy("Version"), gettext_lazy("The version the device reports after the update."))
    counter = forms.IntegerField(
        label=gettext_lazy("Counter"),
        min_value=0,
        required=False,
        help_text=gettext_lazy(
            "Must always go up; no device is offered a lower one. Leave empty for one more than the highest."
        ),
    )
    note = text(gettext_lazy("Note"), chars=10_000, attrs={"rows": 3}, widget=forms.Textarea)
    publish = tick(gettext_lazy("Publish it right away"), initial=True)
    lower = tick(gettext_lazy("Accept it even if its counter is not the highest"))

    def clean(self) -> dict:
        """Without a manifest, ask for what it would say; or say at once that there has to be one."""
        super().clean()
        values = self.cleaned_data
        if values.get("manifest") or "manifest" in self.errors:
            return values
        try:
            checking.check_unsigned_allowed()
        except FirmwareError as error:
            self.add_error("manifest", error.sentence)
            return values
        for name in ("product", "version"):
            if name not in self.errors and not values.get(name):
                self.add_error(name, _("Without a signed manifest this must be filled in."))
        return values

    def has_refused_facts(self) -> bool:
        """Say whether a fact that the manifest could say was typed and refused."""
        return any(name in self.errors for name in _FACTS)

    def save(self, user) -> Firmware | None:
        """Keep the image; None when it does not fit, and the form then says why."""
        values = self.cleaned_data
        try:
            facts = Facts(**{n: values[n] for n in _FACTS})
            labels, lower = Labels(values["file"].name, values["note"]), values["lower"]
            firmware = images.store_firmware(
                values["file"], facts, self._read_signed(), user, labels=labels, lower_allowed=lower
            )
            return images.publish(firmware, user, lower_allowed=lower) if values["publish"] else firmware
        except signing.BadManifest as error:
            self.add_error("manifest", _("The manifest cannot be read: %(why)s") % {"why": error})
        except FirmwareError as error:
            name = _FIELD_OF.get(error.word, error.word)
            self.add_error(name if name in self.fields else None, error.sentence)
        return None

    def _read_signed(self) -> signing.SignedManifest | None:
        file = self.cleaned_data["manifest"]
        return signing.read_manifest_file(file.read(signing.MAX_FILE_BYTES + 1)) if file else None


class SigningKeyForm(forms.Form):
    """A public key to trust."""

    name = text(gettext_lazy("Name"), chars=80, required=True)
    public_key = text(
        gettext_lazy("Public key"),
        gettext_lazy(
            "As printed by firmware_key: 64 hex digits, base64 or PEM. Never paste the private key."
        ),
        1000,
        required=True,
        attrs={"rows": 3} | MONO,
        widget=forms.Textarea,
    )

    def save(self, user) -> SigningKey | None:
        """Trust the key; None when it is none, and the form then says why."""
        try:
            return keys.add_key(self.cleaned_data["name"], self.cleaned_data["public_key"], user)
        except FirmwareError as error:
            self.add_error("public_key", error.sentence)
        return None
