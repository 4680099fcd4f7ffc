"""The forms of channels: one for each service of the catalogue, one for webhooks, and what can be changed later."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext, gettext_lazy

from photohub.lib.pages.form_fields import MONO, show_errors, text, tick

from .catalogue import Service
from .models import AlertChannel
from .rules import ADDRESS_CHARS, add_browser, add_service, add_webhook, change_channel

_NO_CORRECTION = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class _Named(forms.Form):
    """What every channel has: a name, and the language of what it says."""

    name = text(
        gettext_lazy("Name"),
        gettext_lazy("What you call it: “my phone”. Empty: the service's own."),
        80,
        attrs={"autocomplete": "off"},
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of the messages"), choices=settings.LANGUAGES)

    def __init__(self, *args, initial: dict | None = None, **kwargs) -> None:
        spoken = {"language": get_language()}
        super().__init__(*args, initial=spoken | (initial or {}), **kwargs)


class ServiceForm(_Named):
    """Asks for what a service of the catalogue needs."""

    def __init__(self, *args, service: Service, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.service = service
        named = {name: self.fields.pop(name) for name in ("name", "language")}
        for field in service.fields:
            # A password field of the browser would offer to keep it; what is typed here may be looked at.
            attrs = {**_NO_CORRECTION, "placeholder": field.example} | (MONO if field.secret else {})
            self.fields[field.name] = text(
                field.label, field.help, ADDRESS_CHARS, required=field.required, attrs=attrs
            )
        self.fields |= named

    def save(self, user, *, for_hub: bool) -> AlertChannel | None:
        """Make the channel; None when it may not be, with the reasons at their fields."""
        given = self.cleaned_data
        first = self.service.fields[0].name
        try:
            address = self.service.make(given)
        except ValueError as error:
            self.add_error(first, str(error))
            return None
        name = given["name"] or (str(self.service.label) if self.service.word != "other" else "")
        try:
            return add_service(user, name, address, self.service.word, given["language"], for_hub=for_hub)
        except ValidationError as error:
            show_errors(self, error, {"address": first})
            return None


class WebhookForm(_Named):
    """Asks where signed JSON is to go."""

    address = text(
        gettext_lazy("Address"),
        gettext_lazy("PhotoHub sends POST requests there, signed with a secret that you see next."),
        ADDRESS_CHARS,
        required=True,
        attrs={**MONO, "autocomplete": "off", "placeholder": "https://example.org/photohub"},
    )
    field_order = ("address", "name", "language")

    def save(self, user, *, for_hub: bool) -> AlertChannel | None:
        """Make the channel; None when it may not be, with the reasons at their fields."""
        given = self.cleaned_data
        try:
            return add_webhook(user, given["name"], given["address"], given["language"], for_hub=for_hub)
        except ValidationError as error:
            show_errors(self, error)
            return None


class PushForm(_Named):
    """Takes what this browser hands out to be reached by."""

    subscription = forms.CharField(widget=forms.HiddenInput, required=False)

    def save(self, user, *, for_hub: bool) -> AlertChannel | None:
        """Make the channel; None when it may not be, with the reasons above the form."""
        given = self.cleaned_data
        name = given["name"] or gettext("This browser")
        try:
            return add_browser(user, name, given["subscription"], given["language"])
        except ValidationError as error:
            show_errors(self, error)
            return None


class ChannelForm(_Named):
    """Changes what may be changed; another address is another channel."""

    enabled = tick(
        gettext_lazy("Turned on"), gettext_lazy("Messages that wait are not sent while it is off.")
    )

    def __init__(self, *args, channel: AlertChannel, **kwargs) -> None:
        self.channel = channel
        initial = {"name": channel.name, "language": channel.language, "enabled": channel.enabled}
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["name"].help_text = ""
        self.fields["name"].required = True

    def save(self) -> AlertChannel:
        change_channel(
            self.channel, {name: self.cleaned_data[name] for name in ("name", "language", "enabled")}
        )
        return self.channel
