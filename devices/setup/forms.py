"""Forms of the device pages. What a value must obey is said once, in `rules`; forms only ask and pass on."""

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.groups import DeviceGroup
from devices.protocol.topics import valid_code
from devices.registry.changes import change_device
from devices.registry.models import Device, LastingLinks, Publisher
from devices.registry.rules import COMMAND_TIMEOUT_S, PULL_INTERVAL_S, REPORTING_INTERVAL_S, mask_secrets
from photohub.lib.pages.form_fields import MONO, number, show_errors, text, tick

from . import adding
from .adding import _CODE_CHARS, propose_code


class GroupsField(forms.ModelMultipleChoiceField):
    """Any number of groups."""

    def __init__(self, **options) -> None:
        options.setdefault("label", gettext_lazy("Groups"))
        options.setdefault("widget", forms.CheckboxSelectMultiple)
        super().__init__(queryset=DeviceGroup.objects.all(), required=False, **options)


class _GroupsForm(forms.Form):
    """What both forms ask about groups: existing ones, and the name of a new one."""

    def chosen_groups(self) -> list[DeviceGroup]:
        chosen = list(self.cleaned_data["groups"])
        if name := " ".join(self.cleaned_data["new_group"].split()):
            chosen.append(DeviceGroup.objects.get_or_create(name=name)[0])
        return chosen


class AddForm(_GroupsForm):
    """The second step of adding a device; its profile was chosen in the first."""

    name = text(
        gettext_lazy("Name"),
        gettext_lazy("What people call it, for example Porch, 鸡舍 or Cellar meter."),
        80,
        required=True,
        attrs={"autofocus": True, "autocomplete": "off", "data-names-code": ""},
    )
    code = text(
        gettext_lazy("Code"),
        gettext_lazy(
            "How the camera identifies itself: 2 to 32 lowercase letters, digits and dashes. It "
            "cannot be changed later; leave it empty to derive it from the name."
        ),
        _CODE_CHARS,
        attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    groups = GroupsField()
    new_group = text(gettext_lazy("In a new group"), chars=80)
    # What it is called where its name says nothing in Latin letters.
    kind = "camera"

    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        if not code:
            return propose_code(self.cleaned_data.get("name", ""), self.kind)
        if not valid_code(code):
            raise ValidationError(
                _("Use 2 to 32 lowercase letters, digits and dashes, starting with a letter or digit.")
            )
        return code

    def add(self, profile: str, user=None) -> adding.NewDevice | None:
        """Make the device; None when it may not be made like this, and the form then says why."""
        data = self.cleaned_data
        try:
            with transaction.atomic():
                return adding.add_device(
                    code=data["code"], name=data["name"], profile=profile, groups=self.chosen_groups()
                )
        except ValidationError as error:
            show_errors(self, error)
            return None


_INTERVAL = "interval"
# What the form asks and no column holds.
_ASIDE = ("groups", "new_group", "keep", "keep_every_s")


def _read_policy(policy: str) -> dict:
    """Return what the form shows for a stored policy, as in `interval:10`."""
    kind, _colon, seconds = policy.partition(":")
    return {"keep": kind, "keep_every_s": int(seconds) if seconds.isdigit() else None}


def _write_policy(values: dict) -> str:
    return f"{_INTERVAL}:{values['keep_every_s']}" if values["keep"] == _INTERVAL else values["keep"]


class SettingsForm(_GroupsForm):
    """Everything that an owner may change of a device."""

    name = text(gettext_lazy("Name"), chars=80, required=True)
    groups = GroupsField()
    new_group = text(gettext_lazy("In a new group"), chars=80)
    note = text(gettext_lazy("Note"), chars=10_000, attrs={"rows": 3}, widget=forms.Textarea)
    enabled = tick(
        gettext_lazy("Turned on"), gettext_lazy("A device that is turned off is refused on every connection.")
    )
    pinned = tick(gettext_lazy("Pinned"), gettext_lazy("Shown first on Live."))
    command_topic = text(
        gettext_lazy("Command topic"),
        gettext_lazy("Sent to the device. Leave empty if it takes no commands."),
        200,
        attrs=MONO,
    )
    result_topic = text(
        gettext_lazy("Result topic"),
        gettext_lazy("Sent by the device, or used for the picture's link."),
        200,
        attrs=MONO,
    )
    frame_topic = text(
        gettext_lazy("Frame topic"), gettext_lazy("Pictures over MQTT, whole or in parts."), 200, attrs=MONO
    )
    picture_topic = text(gettext_lazy("Picture topic"), gettext_lazy("Pictures to a panel."), 200, attrs=MONO)
    picture_ack_topic = text(
        gettext_lazy("Acknowledgement topic"),
        gettext_lazy("Where the panel acknowledges each packet."),
        200,
        attrs=MONO,
    )
    result_publisher = forms.ChoiceField(
        label=gettext_lazy("Who publishes the picture's link"),
        choices=Publisher.choices,
        help_text=gettext_lazy("Only one of them: firmware that relays the HTTP response does it itself."),
    )
    command_timeout_s = number(
        gettext_lazy("Time allowed for a picture (s)"),
        COMMAND_TIMEOUT_S,
        gettext_lazy("A command that brings no picture ends after this time."),
    )
    reporting_interval_s = number(
        gettext_lazy("Reports every (s)"),
        REPORTING_INTERVAL_S,
        gettext_lazy("Without MQTT it counts as offline after one and a half times this."),
    )
    one_wake = tick(
        gettext_lazy("Orders in the answers to its uploads"),
        gettext_lazy(
            "For a camera that sleeps and whose program reads them: one request brings the next order, the time, how "
            "long to sleep (the time between reports above), and whether firmware waits. An order then waits until the "
            "camera wakes."
        ),
    )
    action_as_string = tick(
        gettext_lazy("Send the action as text"),
        gettext_lazy('{"action":"0"} for firmware that wants it; most ignore it.'),
    )
    keep = forms.ChoiceField(
        label=gettext_lazy("Which stream pictures are kept"),
        choices=[
            ("none", gettext_lazy("none")),
            ("every", gettext_lazy("every one")),
            ("on_demand", gettext_lazy("when somebody asks")),
            (_INTERVAL, gettext_lazy("one every so many seconds")),
        ],
    )
    keep_every_s = number(
        gettext_lazy("Seconds from one to the next"),
        (1, 86_400),
        gettext_lazy("Used when one frame is kept every so many seconds."),
        required=False,
    )
    pull_url = text(
        gettext_lazy("Fetch pictures from"),
        gettext_lazy(
            "For a camera with its own server: http://192.168.1.40/snapshot.jpg, a stream.mjpg, or "
            "tcp://192.168.1.40:8080. Put a login before the host, as in "
            "http://user:password@192.168.1.40/; stars keep the stored one. Leave empty if it sends "
            "pictures itself."
        ),
        300,
        attrs=MONO,
    )
    pull_interval_s = number(
        gettext_lazy("Fetch a picture every (s)"),
        PULL_INTERVAL_S,
        gettext_lazy("A stream is read continuously, whatever is set here."),
        required=False,
    )
    ack_base = forms.TypedChoiceField(
        label=gettext_lazy("Acknowledgements count from"), coerce=int, choices=[(0, "0"), (1, "1")]
    )
    lasting_links = forms.ChoiceField(
        label=gettext_lazy("Lasting links to its pictures"),
        choices=LastingLinks.choices,
        required=False,
        help_text=gettext_lazy(
            "If on, anyone with the address that the hub returns for an upload can see the picture for as "
            "long as it exists. Links that people share work either way."
        ),
    )
    issued_name_upload = tick(
        gettext_lazy("Upload by issued name"),
        gettext_lazy(
            "For firmware that cannot send a key: the secret name of a pending command then proves who it is."
        ),
    )
    allowed_network = text(
        gettext_lazy("Upload from this network"),
        gettext_lazy(
            "For example 192.168.1.40 or 192.168.1.0/24. Anyone at these addresses can then send as "
            "this device."
        ),
    )
    product_key = text(gettext_lazy("Product key"))
    device_name = text(gettext_lazy("Device name"))
    hardware = text(
        gettext_lazy("Board revision"),
        gettext_lazy("Needed where firmware differs between revisions. It is only offered what fits."),
    )
    firmware_over_mqtt = tick(
        gettext_lazy("Send firmware over MQTT"),
        gettext_lazy("Block by block, for boards that cannot download from a link."),
    )

    def __init__(self, *args, device: Device, **options) -> None:
        self.device = device
        values = {name: getattr(device, name) for name in self.base_fields if name not in _ASIDE}
        values |= _read_policy(device.stream_policy) | {"groups": device.groups.all()}
        values["pull_url"] = mask_secrets(device.pull_url)
        super().__init__(*args, initial=values, **options)

    def clean(self) -> dict:
        """Ask for the seconds where pictures are kept by them."""
        super().clean()
        values = self.cleaned_data
        if values.get("keep") == _INTERVAL and not values.get("keep_every_s") and not self.errors:
            self.add_error("keep_every_s", _("After how many seconds is the next one kept?"))
        return values

    def clean_pull_interval_s(self) -> int:
        return self.cleaned_data["pull_interval_s"] or self.device.pull_interval_s

    def save(self, user) -> Device | None:
        """Store the changes; None when they may not be, and the form then says why."""
        values = {name: value for name, value in self.cleaned_data.items() if name not in _ASIDE}
        values["stream_policy"] = _write_policy(self.cleaned_data)
        # A fresh copy, since a refused change spoils the one that the page shows.
        fresh = Device.objects.get(pk=self.device.pk)
        try:
            with transaction.atomic():
                change_device(fresh, values | {"groups": self.chosen_groups()}, user)
        except ValidationError as error:
            show_errors(self, error, {"stream_policy": "keep"})
            return None
        return fresh


class RemoveForm(forms.Form):
    """Removing a device is confirmed by typing its code."""

    code = forms.CharField(
        label=gettext_lazy("Type the device's code to confirm"),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args, device: Device, **options) -> None:
        self.device = device
        super().__init__(*args, auto_id="remove-%s", **options)

    def clean_code(self) -> str:
        if self.cleaned_data["code"] != self.device.code:
            raise ValidationError(_("That is not its code. Nothing was removed."))
        return self.cleaned_data["code"]
