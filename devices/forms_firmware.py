"""Forms of the firmware pages. What a value must obey is said once, in `ota`; forms only ask and pass on."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import Device, DeviceGroup, Firmware, Rollout, SigningKey
from .ota import images, keys, planning, rollouts, signing
from .ota.checking import Facts
from .ota.errors import FirmwareError, RolloutError
from .ota.images import Labels
from .ota.planning import Plan

_MONO = {"class": "mono", "autocapitalize": "none", "spellcheck": "false"}
# The words of `Facts` are the names of the form's fields, so that a refusal finds its place.
_FIELD_OF = {
    "size": "file",
    "hash": "file",
    "image": "file",
    "too_large": "file",
    "empty": "file",
    "signature": "manifest",
    "manifest": "manifest",
    "unsigned": "manifest",
}


class FirmwareForm(forms.Form):
    """An image with its facts: from the signed manifest beside it, or typed where unsigned images are allowed."""

    file = forms.FileField(label=gettext_lazy("Image"))
    manifest = forms.FileField(
        label=gettext_lazy("Signed manifest"),
        required=False,
        help_text=gettext_lazy(
            "The file that sign_firmware wrote beside the image. It says all that follows."
        ),
    )
    product = forms.CharField(
        label=gettext_lazy("Product"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("The devices' product key, else their profile."),
    )
    hardware = forms.CharField(
        label=gettext_lazy("Board revision"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Empty: it fits every revision."),
    )
    module = forms.CharField(
        label=gettext_lazy("Module"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Which processor; empty: default."),
    )
    version = forms.CharField(
        label=gettext_lazy("Version"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("What the device reports afterwards."),
    )
    counter = forms.IntegerField(
        label=gettext_lazy("Counter"),
        min_value=0,
        required=False,
        help_text=gettext_lazy(
            "Only goes up; nobody is offered a lower one. Empty: one more than the highest."
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    publish = forms.BooleanField(
        label=gettext_lazy("Let rollouts use it at once"), required=False, initial=True
    )

    def save(self, user) -> Firmware | None:
        """Keep the image; None when it does not fit, and the form then says why."""
        values = self.cleaned_data
        try:
            signed = signing.read_manifest_file(values["manifest"].read()) if values["manifest"] else None
            facts = Facts(**{n: values[n] for n in ("product", "hardware", "module", "version", "counter")})
            labels = Labels(values["file"].name, values["note"])
            firmware = images.store_firmware(values["file"], facts, signed, user, labels=labels)
            return images.publish(firmware, user) if values["publish"] else firmware
        except signing.BadManifest as error:
            self.add_error("manifest", _("The manifest cannot be read: %(why)s") % {"why": error})
        except FirmwareError as error:
            name = _FIELD_OF.get(error.word, error.word)
            self.add_error(name if name in self.fields else None, error.sentence)
        return None


class SigningKeyForm(forms.Form):
    """A public key to trust."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    public_key = forms.CharField(
        label=gettext_lazy("Public key"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3, **_MONO}),
        help_text=gettext_lazy(
            "As firmware_key printed it: 64 hex digits, base64, or PEM. Never the private half."
        ),
    )

    def save(self, user) -> SigningKey | None:
        """Trust the key; None when it is none, and the form then says why."""
        try:
            return keys.add_key(self.cleaned_data["name"], self.cleaned_data["public_key"], user)
        except signing.BadKey as error:
            self.add_error("public_key", str(error))
        except FirmwareError as error:
            self.add_error("public_key", error.sentence)
        return None


class RolloutForm(forms.Form):
    """Who gets an image, in which steps, and when to stop."""

    group = forms.ModelChoiceField(
        DeviceGroup.objects.none(),
        label=gettext_lazy("Group"),
        required=False,
        empty_label=gettext_lazy("No group: the devices chosen below"),
    )
    devices = forms.ModelMultipleChoiceField(
        Device.objects.none(),
        label=gettext_lazy("Devices"),
        required=False,
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
    )
    steps = forms.CharField(
        label=gettext_lazy("Steps, in percent"),
        max_length=100,
        initial="1, 10, 100",
        help_text=gettext_lazy("The last one is 100. Each step waits until the one before has ended well."),
    )
    soak_minutes = forms.IntegerField(
        label=gettext_lazy("Wait between steps (min)"), min_value=0, max_value=30 * 24 * 60, initial=10
    )
    rate_per_minute = forms.IntegerField(
        label=gettext_lazy("Devices a minute"),
        min_value=0,
        max_value=100_000,
        initial=0,
        help_text=gettext_lazy("0: as fast as it goes."),
    )
    error_percent = forms.IntegerField(
        label=gettext_lazy("Stop at so many percent of failures"), min_value=1, max_value=100, initial=10
    )
    error_minimum = forms.IntegerField(
        label=gettext_lazy("… once so many have ended"), min_value=1, max_value=100_000, initial=5
    )
    deadline_minutes = forms.IntegerField(
        label=gettext_lazy("A device silent for so long has failed (min)"),
        min_value=1,
        max_value=7 * 24 * 60,
        initial=30,
    )
    allow_rollback = forms.BooleanField(
        label=gettext_lazy("Devices may go back to a lower counter"),
        required=False,
        help_text=gettext_lazy("For taking back a bad release. It is written down who allowed it."),
    )

    def __init__(self, *args, firmware: Firmware, user, **options) -> None:
        super().__init__(*args, **options)
        self.firmware = firmware
        self.left_out: dict[str, str] = {}
        visible = Device.objects.visible_to(user)
        fitting = [d.pk for d in visible if planning.misfit(d, firmware, rollback=True) in ("", "already")]
        self.fields["devices"].queryset = visible.filter(pk__in=fitting)
        self.fields["group"].queryset = DeviceGroup.objects.filter(devices__in=visible).distinct()

    def clean_steps(self) -> list[int]:
        """Read the percents."""
        words = self.cleaned_data["steps"].replace(",", " ").replace("，", " ").replace("%", " ").split()
        if not words or not all(word.isascii() and word.isdigit() and len(word) < 4 for word in words):
            raise forms.ValidationError(_("Write percents with commas, as in 1, 10, 100."))
        return [int(word) for word in words]

    def clean(self) -> dict:
        """Ask for one of the two."""
        values = super().clean()
        if not self.errors and bool(values.get("group")) == bool(values.get("devices")):
            raise forms.ValidationError(_("Choose a group, or devices."))
        return values

    def save(self, user, *, start: bool) -> Rollout | None:
        """Make the rollout; None when it cannot be, and the form then says why."""
        values = self.cleaned_data
        group, chosen = values["group"], values["devices"]
        devices = Device.objects.visible_to(user).filter(group=group) if group else chosen
        try:
            rollout, left_out = rollouts.create(
                self.firmware,
                devices,
                user,
                plan=self._plan(),
                group_name=group.name if group else "",
                start=start,
            )
        except (RolloutError, FirmwareError) as error:
            self.add_error("steps" if error.word == "steps" else None, error.sentence)
            return None
        self.left_out = left_out
        return rollout

    def _plan(self) -> Plan:
        values = self.cleaned_data
        soak_s = 60 * values["soak_minutes"]
        steps = planning.read_steps(
            [{"percent": percent, "soak_s": 0 if percent == 100 else soak_s} for percent in values["steps"]]
        )
        return Plan(
            steps=steps,
            rate_per_minute=values["rate_per_minute"],
            error_percent=values["error_percent"],
            error_minimum=values["error_minimum"],
            deadline_s=60 * values["deadline_minutes"],
            allow_rollback=values["allow_rollback"],
        )
