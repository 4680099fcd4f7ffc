"""Forms of people: first owner, invitation, account."""

from datetime import timedelta

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm, UserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from devices.access.groups import DeviceGroup
from devices.access.models import Role, Scope
from devices.keys.tokens import living_tokens
from devices.registry.broker_names import fault_of_person
from photohub.accounts.time_zone import TimeZoneField, is_set_outside

TOKEN_LIVES = {"30": _("30 days"), "365": _("1 year"), "": _("until it is revoked")}


def check_person_name(name: str) -> None:
    """Refuse a name that means somebody else at the message broker. Raises ValidationError."""
    if sentence := fault_of_person(name):
        raise ValidationError(sentence, code="taken")


def _word_passwords(form: forms.BaseForm, first: str, second: str) -> None:
    """Say in our own words what Django says of its password fields."""
    form.fields[first].help_text = _("At least 8 characters, and not a common password.")
    form.fields[second].label = _("Password once more")
    form.fields[second].help_text = ""


def focus_first_error(form: forms.Form) -> None:
    """Let the browser begin at the first field that was refused, and not at the first of all."""
    for field in form.fields.values():
        field.widget.attrs.pop("autofocus", None)
    for name in form.fields:
        if name in form.errors:
            form.fields[name].widget.attrs["autofocus"] = True
            return


class FirstOwnerForm(UserCreationForm):
    """Name and password of the first owner, and the hub's time zone where the environment does not say it."""

    # A program that sets a hub up need not know of it.
    zone = TimeZoneField(is_proposed=True)

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.fields["username"].label = _("User name")
        self.fields["username"].help_text = _("You log in with it. Letters, digits and @ . + - _")
        _word_passwords(self, "password1", "password2")
        if is_set_outside():
            del self.fields["zone"]

    def clean_username(self) -> str:
        # Django's own returns nothing for a name that is taken, which it has noted as an error.
        if name := super().clean_username():
            check_person_name(name)
        return name

    # As Django says to do it: a form's Meta does not inherit.
    # pyrefly: ignore[bad-override]
    class Meta:
        model = get_user_model()
        fields = ["username"]


class RoleForm(forms.Form):
    """What a person may do, and to which devices."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.VIEWER)
    group = forms.ModelChoiceField(
        label=_("Devices"), queryset=DeviceGroup.objects.all(), required=False, empty_label=_("all devices")
    )

    def clean(self) -> dict:
        super().clean()
        cleaned = self.cleaned_data
        if cleaned.get("role") == Role.OWNER and cleaned.get("group"):
            raise ValidationError(
                _("An owner has access to everything. Choose “all devices” or another role.")
            )
        return cleaned


class InviteForm(RoleForm):
    """A new person: the name to log in with, and the role."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[User.username_validator],
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    field_order = ["username", "role", "group"]

    def clean_username(self) -> str:
        name = get_user_model().normalize_username(self.cleaned_data["username"])
        if get_user_model().objects.filter(username__iexact=name).exists():
            raise ValidationError(_("There is already a person with this name."))
        check_person_name(name)
        return name


class _EndsTokens(forms.Form):
    """Offers to end the person's API tokens with the old password, where there are any."""

    end_tokens = forms.BooleanField(label=_("Also revoke my API tokens"), required=False)

    def __init__(self, user, *args, **options) -> None:
        super().__init__(user, *args, **options)
        count = len(living_tokens(user))
        if not count:
            del self.fields["end_tokens"]
            return
        text = ngettext(
            (
                "%(n)d API token works without this password. Anyone who has it keeps your rights until "
                "it is revoked."
            ),
            (
                "%(n)d API tokens work without this password. Anyone who has one keeps your rights until "
                "it is revoked."
            ),
            count,
        )
        self.fields["end_tokens"].help_text = text % {"n": count}
        self.order_fields([name for name in self.fields if name != "end_tokens"])


class ResetPasswordForm(_EndsTokens, SetPasswordForm):
    """A password by a one-time link, from the owner or after it was lost."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        _word_passwords(self, "new_password1", "new_password2")


class NewPasswordForm(_EndsTokens, PasswordChangeForm):
    """A new password by the old one."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        _word_passwords(self, "new_password1", "new_password2")


class TokenForm(forms.Form):
    """A new API token: what it is for, what it may do, how long it lives."""

    name = forms.CharField(
        label=_("What it is for"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.READ]
    )
    days = forms.ChoiceField(label=_("Valid for"), choices=TOKEN_LIVES.items(), required=False, initial="365")

    @property
    def expires_at(self):
        """Return when the token ends; None for never."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
