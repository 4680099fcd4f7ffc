"""Coming in, and a person's own account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access import rights
from devices.access.models import ApiToken
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.hub_settings import choices
from devices.keys import tokens
from photohub.accounts import first_owner, invitations
from photohub.accounts.forms import (
    FirstOwnerForm,
    NewPasswordForm,
    ResetPasswordForm,
    TokenForm,
    focus_first_error,
)
from photohub.accounts.logins import entering, factors, sessions
from photohub.accounts.shown_once import keep_once, take_once
from photohub.lib.pages.sentences import said
from photohub.lib.pages.sessions import end_sessions
from photohub.lib.pages.timezones import timezone_of


class LogInView(auth_views.LoginView):
    """Django's own, and a word for whoever comes before the first owner."""

    template_name = "photohub/accounts/log_in.html"

    def form_valid(self, form) -> HttpResponse:
        # An owner whom the environment named comes in here first.
        if rights.is_owner(form.get_user()):
            choices.learn_language(get_language())
        return entering.enter(self.request, form.get_user(), self.get_redirect_url())

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(**kwargs) | {
            "nobody_owns": not rights.owner_exists(),
            "has_passkeys": factors.any_keys(),
            "sso": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        }


log_in = LogInView.as_view()


class LogOutView(auth_views.LogoutView):
    """Django's own, written down."""

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        with transaction.atomic():
            audit.note(Word.LOGGED_OUT, Kind.SESSION)
            return super().post(request, *args, **kwargs)


log_out = LogOutView.as_view()


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Let whoever holds the one-time link become the first owner."""
    if not first_owner.token_holds(token):
        return _dead_link(request)
    form = FirstOwnerForm(request.POST or None, initial={"zone": str(timezone_of(request))})
    if request.method != "POST" or not form.is_valid():
        return _ask_again(request, "photohub/accounts/setup.html", form)
    with transaction.atomic():
        if not first_owner.use_token(token):
            return _dead_link(request)
        user = first_owner.make_owner(form.cleaned_data["username"], form.cleaned_data["password1"])
        if zone := form.cleaned_data.get("zone"):
            choices.choose_timezone(zone)
        choices.learn_language(get_language())
        sentence = said("By the link of the first owner.")
        audit.note(Word.ADDED, Kind.PERSON, user.pk, user, sentence, person=user)
    return entering.enter(request, user)


def _ask_again(request: HttpRequest, template: str, form, **context) -> HttpResponse:
    if form.is_bound:
        focus_first_error(form)
    return render(request, template, {"form": form} | context)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Let whoever holds the one-time link set the password of that account."""
    user = invitations.find_invited(uid, token)
    if user is None:
        return _dead_link(request)
    form = ResetPasswordForm(user, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _ask_again(request, "photohub/accounts/invitation.html", form, person=user)
    with transaction.atomic():
        form.save()
        end_sessions(user)
        sentence = said("A password was set by a one-time link.")
        audit.note(Word.CHANGED, Kind.PERSON, user.pk, user, sentence, person=user)
    answer = entering.enter(request, user)
    _end_tokens(request, form)
    return answer


def _end_tokens(request: HttpRequest, form: NewPasswordForm | ResetPasswordForm) -> None:
    """End the person's API tokens if he wants it, else say that they go on working."""
    living = tokens.living_tokens(form.user)
    if form.cleaned_data.get("end_tokens"):
        for token in living:
            tokens.revoke_token(token)
        messages.success(request, _("Your API tokens are revoked."))
    elif living:
        text = ngettext(
            "%(n)d of your API tokens still works. You can revoke it on your account page.",
            "%(n)d of your API tokens still work. You can revoke them on your account page.",
            len(living),
        )
        messages.info(request, text % {"n": len(living)})


def _dead_link(request: HttpRequest) -> HttpResponse:
    context = {"nobody_owns": not rights.owner_exists()}
    return render(request, "photohub/accounts/dead_link.html", context, status=410)


@never_cache
@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show the person's own account."""
    return _render_account(request, token_secret=take_once(request, "token"))


def _render_account(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    context.setdefault("password_form", NewPasswordForm(request.user))
    context.setdefault("token_form", TokenForm())
    context["sso"] = settings.OIDC_NAME if settings.OIDC_ISSUER else ""
    context["second_factors"] = factors.of_person(request.user)
    context["sessions"] = sessions.sessions_of(request)
    context["tokens"] = ApiToken.objects.filter(user=request.user, revoked_at=None)
    return render(request, "photohub/accounts/account.html", context, status=status)


@sensitive_post_parameters()
@require_POST
@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """Change the password. Every other session of the person ends by it."""
    form = NewPasswordForm(request.user, request.POST)
    if not form.is_valid():
        return _render_account(request, 422, password_form=form)
    with transaction.atomic():
        form.save()
        update_session_auth_hash(request, form.user)
        end_sessions(request.user, keep=request.session.session_key)
        person = request.user
        audit.note(Word.CHANGED, Kind.PERSON, person.pk, person, said("The password."))
    messages.success(request, _("The password is changed. Everywhere else you are logged out."))
    _end_tokens(request, form)
    return redirect("account")


@require_POST
@login_required
def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of the person, this one included."""
    with transaction.atomic():
        end_sessions(request.user)
        audit.note(Word.REVOKED, Kind.SESSION, details=said("All sessions."))
    logout(request)
    messages.success(request, _("You are logged out everywhere."))
    return redirect("login")


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """End one session of the person."""
    ended = sessions.end_session(request.user, pk)
    if ended is None:
        raise Http404
    if ended.session_key == request.session.session_key:
        logout(request)
        return redirect("login")
    messages.success(request, _("The session in %(browser)s is ended.") % {"browser": ended.browser})
    return redirect(reverse("account") + "#sessions")


@require_POST
@login_required
def add_token(request: HttpRequest) -> HttpResponse:
    """Make an API token and show it on the next page, once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _render_account(request, 422, token_form=form)
    _token, secret = tokens.new_token(
        request.user, form.cleaned_data["name"], form.cleaned_data["scopes"], form.expires_at
    )
    keep_once(request, "token", secret)
    return redirect("account")


@require_POST
@login_required
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of the person's own tokens."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    tokens.revoke_token(token)
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account")
