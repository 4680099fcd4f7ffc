"""Paths under /devices/. `rules.RESERVED_CODES` lists the words here that no device may have as its code."""

from django.urls import path

from .views import adding, commands, detail, keys, listing, settings, simulate

app_name = "devices"
urlpatterns = [
    path("", listing.device_list, name="list"),
    path("add/", adding.add, name="add"),
    path("add/code", adding.code_for, name="code_for"),
    path("simulate", simulate.simulate, name="simulate"),
    path("simulate/remove", simulate.simulate_remove, name="simulate_remove"),
    path("<slug:code>/", detail.overview, name="detail"),
    path("<slug:code>/now", detail.now, name="now"),
    path("<slug:code>/pictures/", detail.pictures, name="pictures"),
    path("<slug:code>/firmware/", detail.firmware, name="firmware"),
    path("<slug:code>/connect/", detail.connect, name="connect"),
    path("<slug:code>/events/", detail.events, name="events"),
    path("<slug:code>/added/", adding.added, name="added"),
    path("<slug:code>/firstlight", adding.first_light, name="first_light"),
    path("<slug:code>/settings/", settings.settings, name="settings"),
    path("<slug:code>/delete", settings.delete, name="delete"),
    path("<slug:code>/keys/", keys.keys, name="keys"),
    path("<slug:code>/keys/new", keys.new_key, name="new_key"),
    path("<slug:code>/keys/secret", keys.new_secret, name="new_secret"),
    path("<slug:code>/keys/<str:prefix>/revoke", keys.revoke_key, name="revoke_key"),
    path("<slug:code>/capture", commands.capture, name="capture"),
    path("<slug:code>/commands/<uuid:id>", commands.progress, name="command"),
    path("<slug:code>/commands/<uuid:id>/cancel", commands.cancel, name="cancel"),
]
