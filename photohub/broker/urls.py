"""Paths at which an outside broker asks who may do what. Two brokers, two conventions, so nothing is shared."""

from django.urls import path

from . import hooks as broker_hooks

urlpatterns = [
    path("emqx/authn", broker_hooks.emqx_authn, name="emqx_authn"),
    path("emqx/authz", broker_hooks.emqx_authz, name="emqx_authz"),
    path("goauth/user", broker_hooks.goauth_user, name="goauth_user"),
    path("goauth/superuser", broker_hooks.goauth_superuser, name="goauth_superuser"),
    path("goauth/acl", broker_hooks.goauth_acl, name="goauth_acl"),
]
