"""Logging in by another provider (OpenID Connect). The library speaks with it; who may come in, and as what, is decided here."""

import logging
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect import views as library
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from devices.access.groups import DeviceGroup
from devices.access.models import Membership, Role
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from photohub.accounts.forms import check_person_name
from photohub.accounts.logins import entering
from photohub.accounts.people import LastOwner, give_role, keeping_an_owner
from photohub.lib.http.origins import is_led_by_own_page
from photohub.lib.network.oidc_rules import Rule
from photohub.lib.pages.sentences import Said, said, said_of

log = logging.getLogger(__name__)


class Refused(Exception):
    """The person may not come in; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Adapter(DefaultSocialAccountAdapter):
    """Takes over from the library once the provider has said who it is."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        try:
            response = _come_in(request, sociallogin)
        except Refused as refusal:
            response = refuse(request, refusal.sentence)
        raise ImmediateHttpResponse(response)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error=None, exception=None, extra_context=None
    ) -> None:
        sentence = _("The login at %(name)s was not completed.") % {"name": settings.OIDC_NAME}
        raise ImmediateHttpResponse(refuse(request, sentence))


@never_cache
@require_safe
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the provider. To connect an account begins on the person's own page, or another site might ask."""
    if request.GET.get("process") == "connect" and not is_led_by_own_page(request):
        return refuse(request, _("Begin on “Your account” to connect the two."))
    try:
        return library.login(request, provider_id)
    except (RequestException, KeyError, ValueError) as error:
        # Also a page that is no description of a provider.
        log.warning("The provider at %s cannot be asked: %s", settings.OIDC_ISSUER, type(error).__name__)
        sentence = _("%(name)s cannot be reached just now.") % {"name": settings.OIDC_NAME}
        return refuse(request, sentence, 502)


@never_cache
@require_safe
def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take whom the provider sends back."""
    try:
        return library.callback(request, provider_id)
    except (RequestException, KeyError, ValueError) as error:
        log.warning("The answer of %s cannot be used: %s", settings.OIDC_ISSUER, type(error).__name__)
        sentence = _("The login at %(name)s was not completed.") % {"name": settings.OIDC_NAME}
        return refuse(request, sentence, 502)


def refuse(request: HttpRequest, sentence: str, status: int = 403) -> HttpResponse:
    """Say that somebody is not let in, and whom to ask."""
    context = {"sentence": sentence, "name": settings.OIDC_NAME}
    return render(request, "photohub/accounts/logins/not_let_in.html", context, status=status)


def _come_in(request: HttpRequest, sociallogin: Any) -> HttpResponse:
    account = sociallogin.account
    known = (
        SocialAccount.objects.filter(provider=account.provider, uid=account.uid)
        .select_related("user")
        .first()
    )
    if sociallogin.state.get("process") == "connect" and request.user.is_authenticated:
        return _connect(request, account, known)
    claims = _claims_of(account.extra_data)
    rule = next((rule for rule in settings.OIDC_ROLES if rule.fits(claims)), None)
    if rule is None:
        raise Refused(_("Your account at %(name)s has no access here.") % {"name": settings.OIDC_NAME})
    user = known.user if known else _make_person(account, claims)
    if not user.is_active:
        raise Refused(_("The account %(name)s is turned off here.") % {"name": user})
    # An account that was here before keeps the role that an owner gave it.
    if not user.has_usable_password():
        _follow(user, rule)
    details = said("By %(name)s.", name=settings.OIDC_NAME)
    return entering.let_in(request, user, sociallogin.get_redirect_url(request) or "", details)


def _claims_of(data: dict) -> dict:
    """Return what the provider says, in the token and on its page of the person."""
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


def _make_person(account: Any, claims: dict) -> User:
    """Make an account without a password for somebody who comes for the first time."""
    email = str(claims.get("email") or "")
    name = User.normalize_username(str(claims.get("preferred_username") or email or account.uid))[:150]
    try:
        User.username_validator(name)
        check_person_name(name)
    except ValidationError as error:
        raise Refused(_("The name %(name)s cannot be used here.") % {"name": name}) from error
    if User.objects.filter(username__iexact=name).exists():
        raise Refused(
            _(
                "There is already a person called %(name)s. If it is you, log in with the password and connect the two"
                " on “Your account”."
            )
            % {"name": name}
        )
    with transaction.atomic():
        user = User.objects.create_user(name, email)
        SocialAccount.objects.create(user=user, provider=account.provider, uid=account.uid)
        audit.note(
            Word.ADDED, Kind.PERSON, user.pk, user, said("By %(name)s.", name=settings.OIDC_NAME), person=user
        )
    return user


def _follow(user: User, rule: Rule) -> None:
    """Give the person what the rule says; the last owner stays one."""
    group = None
    if rule.group:
        group, _new = DeviceGroup.objects.get_or_create(name=rule.group)
    wanted = [(rule.role, group.pk if group else None)]
    if list(Membership.objects.filter(user=user).values_list("role", "group")) == wanted:
        return
    try:
        with keeping_an_owner():
            give_role(user, rule.role, group)
            audit.note(Word.CHANGED, Kind.PERSON, user.pk, user, _told(rule), person=user)
    except LastOwner:
        return


def _told(rule: Rule) -> Said:
    devices = rule.group or said("all devices")
    return said("%(role)s; devices: %(group)s.", role=said_of(Role(rule.role).label), group=devices)


def _connect(request: HttpRequest, account: Any, known: SocialAccount | None) -> HttpResponse:
    """Let somebody who is logged in here come in by the provider too."""
    user = request.user
    if known is not None and known.user.pk != user.pk:
        raise Refused(
            _("This account at %(name)s belongs to another person here.") % {"name": settings.OIDC_NAME}
        )
    if known is None:
        with transaction.atomic():
            SocialAccount.objects.create(user=user, provider=account.provider, uid=account.uid)
            sentence = said("Connected with %(name)s.", name=settings.OIDC_NAME)
            audit.note(Word.CHANGED, Kind.PERSON, user.pk, user, sentence)
    messages.success(request, _("You can log in with %(name)s now.") % {"name": settings.OIDC_NAME})
    return redirect(reverse("account") + "#password")
