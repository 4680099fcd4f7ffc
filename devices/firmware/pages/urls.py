"""Paths of the firmware pages, under /firmware/."""

from django.urls import path

from . import rollout_views as rollouts
from . import views as firmware

app_name = "firmware"
urlpatterns = [
    path("", firmware.overview, name="list"),
    path("upload", firmware.upload, name="upload"),
    path("keys", firmware.signing_keys, name="keys"),
    path("keys/<int:pk>/revoke", firmware.revoke_signing_key, name="revoke_key"),
    path("<uuid:id>/", firmware.detail, name="detail"),
    path("<uuid:id>/publish", firmware.publish, name="publish"),
    path("<uuid:id>/delete", firmware.delete, name="delete"),
    path("<uuid:id>/rollout", rollouts.new, name="rollout_new"),
    path("rollouts/<uuid:id>/", rollouts.show, name="rollout"),
    path("rollouts/<uuid:id>/<str:order>", rollouts.change, name="rollout_change"),
]
