"""The second step of a login, and a person's second factors."""

import json

from axes.helpers import get_lockout_response
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from photohub.accounts.shown_once import keep_once, take_once

from . import entering, factors
from .factors import WrongProof

_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}


class CodeForm(forms.Form):
    """A code of an app, or a recovery code."""

    code = forms.CharField(label=gettext_lazy("Code"), max_length=40, widget=forms.TextInput(attrs=_CODE))


# --- the second step ---


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for a code or a passkey, and let in who has it."""
    user = entering.who_waits(request)
    if user is None:
        return _begin_again(request)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _ask(request, user, form)
    if entering.is_locked(request, user):
        return get_lockout_response(request)
    if _proves(request, user, form):
        return entering.let_in(request, user)
    entering.note_wrong(request, user)
    if entering.is_locked(request, user):
        return get_lockout_response(request)
    form.add_error("code", _("This code or passkey is wrong, or was used already. Try the next one."))
    return _ask(request, user, form, 422)


def _proves(request: HttpRequest, user, form: CodeForm) -> bool:
    if credential := request.POST.get("credential", ""):
        form.fields["code"].required = False
        try:
            return factors.check_key(request, credential[:20_000], user) == user
        except WrongProof:
            form.is_valid()
            return False
    return form.is_valid() and factors.check_code(user, form.cleaned_data["code"])


def _ask(request: HttpRequest, user, form: CodeForm, status: int = 200) -> HttpResponse:
    options = json.dumps(factors.ask_for_key(request, user)) if factors.has_keys(user) else ""
    context = {"form": form, "person": user, "options": options}
    return render(request, "photohub/accounts/logins/second_step.html", context, status=status)


def _begin_again(request: HttpRequest) -> HttpResponse:
    messages.info(request, _("Please log in again: the second step took too long."))
    return redirect("login")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_at_login(request: HttpRequest) -> HttpResponse:
    """Have somebody who needs a second factor set one up before he comes in."""
    user = entering.who_waits(request)
    if user is None:
        return _begin_again(request)
    if factors.are_on(user):
        return redirect("login_second")
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and _adds_app(request, user, form):
        codes = factors.new_codes(user)
        entering.let_in(request, user)
        keep_once(request, "recovery", "\n".join(codes))
        return redirect("second_factor")
    context = {"form": form, "app": factors.offer_app(request, user), "person": user}
    status = 422 if form.is_bound else 200
    return render(request, "photohub/accounts/logins/set_up.html", context, status=status)


def _adds_app(request: HttpRequest, user, form: CodeForm) -> bool:
    if not form.is_valid():
        return False
    try:
        factors.add_app(request, user, form.cleaned_data["code"])
    except WrongProof:
        form.add_error(
            "code", _("This code is wrong. Is the clock of your phone right? Enter the newest code.")
        )
        return False
    return True


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    """Let somebody in by a passkey alone: a script asks for its question with GET."""
    if request.method == "GET":
        return JsonResponse(factors.ask_for_key(request))
    try:
        user = factors.check_key(request, request.POST.get("credential", "")[:20_000])
    except WrongProof:
        messages.error(request, _("This passkey is not known here. Log in with your password."))
        return redirect("login")
    if entering.is_locked(request, user):
        return get_lockout_response(request)
    return entering.let_in(request, user, request.POST.get("next", ""), entering.by_passkey())


# --- a person's own ---


@never_cache
@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the person's second factors, and new recovery codes once."""
    shown = take_once(request, "recovery")
    context = {
        "factors": factors.of_person(request.user),
        "codes": shown.split("\n") if shown else [],
        "needed": factors.are_needed(request.user),
        "keys_full": len(factors.of_person(request.user).keys) >= factors.KEYS_AT_MOST,
    }
    return render(request, "photohub/accounts/logins/second_factor.html", context)


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def app(request: HttpRequest) -> HttpResponse:
    """Show the secret for an app, and take the first code as the proof that the app has it."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and _adds_app(request, request.user, form):
        messages.success(request, _("From now on your login asks for a code of the app."))
        return _done(request)
    context = {"form": form, "app": factors.offer_app(request, request.user)}
    status = 422 if form.is_bound else 200
    return render(request, "photohub/accounts/logins/app.html", context, status=status)


def _done(request: HttpRequest) -> HttpResponse:
    """Go back to the list, with recovery codes where there are none yet."""
    if not factors.has_codes(request.user):
        keep_once(request, "recovery", "\n".join(factors.new_codes(request.user)))
    return redirect("second_factor")


@require_POST
@login_required
def remove_app(request: HttpRequest) -> HttpResponse:
    """Ask for no codes of the app any more."""
    if factors.remove_app(request.user):
        messages.success(request, _("The app is removed."))
    return redirect("second_factor")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_key(request: HttpRequest) -> HttpResponse:
    """Have the browser make a passkey, and keep it."""
    if len(factors.of_person(request.user).keys) >= factors.KEYS_AT_MOST:
        messages.error(request, _("You have %(n)d passkeys. Remove one first.") % {"n": factors.KEYS_AT_MOST})
        return redirect("second_factor")
    problem = ""
    if request.method == "POST":
        name = " ".join(request.POST.get("name", "").replace("\0", "").split())[:40] or _("Passkey")
        try:
            factors.add_key(request, request.user, name, request.POST.get("credential", "")[:20_000])
        except WrongProof:
            problem = _("The passkey was not accepted. Try again, or use another one.")
        else:
            messages.success(request, _("The passkey “%(name)s” is added.") % {"name": name})
            return _done(request)
    context = {"options": json.dumps(factors.offer_key(request, request.user)), "problem": problem}
    return render(request, "photohub/accounts/logins/add_key.html", context, status=422 if problem else 200)


@require_POST
@login_required
def remove_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a passkey away."""
    name = factors.remove_key(request.user, pk)
    if name is None:
        raise Http404
    messages.success(request, _("The passkey “%(name)s” is removed.") % {"name": name})
    return redirect("second_factor")


@require_POST
@login_required
def new_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, shown once on the next page."""
    if factors.are_on(request.user):
        keep_once(request, "recovery", "\n".join(factors.new_codes(request.user)))
    return redirect(reverse("second_factor"))
