"""Paths of people: coming in, their account, the people of the hub."""

from django.conf import settings
from django.urls import path

from photohub.accounts import group_devices, groups, people, time_zone
from photohub.accounts import views as accounts
from photohub.accounts.logins import views as logins

urlpatterns = [
    path("login", accounts.log_in, name="login"),
    path("login/second", logins.second_step, name="login_second"),
    path("login/set-up", logins.set_up_at_login, name="login_set_up_second"),
    path("login/passkey", logins.passkey, name="login_passkey"),
    path("logout", accounts.log_out, name="logout"),
    path("setup/<str:token>", accounts.set_up, name="setup"),
    path("invitation/<str:uid>/<str:token>", accounts.accept_invitation, name="invitation"),
    path("account", accounts.account, name="account"),
    path("account/password", accounts.change_password, name="account_password"),
    path("account/second-factor", logins.show, name="second_factor"),
    path("account/second-factor/app", logins.app, name="second_factor_app"),
    path("account/second-factor/app/remove", logins.remove_app, name="second_factor_remove_app"),
    path("account/second-factor/keys/add", logins.add_key, name="second_factor_add_key"),
    path("account/second-factor/keys/<int:pk>/remove", logins.remove_key, name="second_factor_remove_key"),
    path("account/second-factor/codes", logins.new_codes, name="second_factor_codes"),
    path("account/sessions/end", accounts.log_out_everywhere, name="account_end_sessions"),
    path("account/sessions/<int:pk>/end", accounts.end_session, name="account_end_session"),
    path("account/tokens", accounts.add_token, name="account_add_token"),
    path("account/tokens/<int:pk>/revoke", accounts.revoke_token, name="account_revoke_token"),
    path("account/time-zone", time_zone.choose, name="account_time_zone"),
    path("people", people.show, name="people"),
    path("people/invite", people.invite, name="people_invite"),
    path("people/<int:pk>/link", people.renew_link, name="people_link"),
    path("people/<int:pk>/role", people.change_role, name="people_role"),
    path("people/<int:pk>/second-factor", people.reset_second_factor, name="people_second_factor"),
    path("people/<int:pk>/enabled", people.set_enabled, name="people_enabled"),
    path("groups", groups.show, name="groups"),
    path("groups/add", groups.add, name="group_add"),
    path("groups/<int:pk>/rename", groups.rename, name="group_rename"),
    path("groups/<int:pk>/move", groups.move, name="group_move"),
    path("groups/<int:pk>/delete", groups.delete, name="group_delete"),
    path("groups/<int:pk>/devices", group_devices.choose, name="group_devices"),
    path("groups/<int:pk>/people", groups.give, name="group_give"),
    path("groups/<int:pk>/people/<int:person>/remove", groups.take, name="group_take"),
]
if settings.OIDC_ISSUER:
    # What it needs of the library is loaded with a provider alone. The library knows the addresses by these names.
    from photohub.accounts import oidc

    urlpatterns += [
        path("login/sso/<slug:provider_id>/login/", oidc.begin, name="openid_connect_login"),
        path("login/sso/<slug:provider_id>/login/callback/", oidc.come_back, name="openid_connect_callback"),
    ]
