"""Paths under /devices/. `rules.RESERVED_CODES` lists the words here that no device may have as its code."""

from django.urls import path

from devices.firmware.pages import rollout_views
from devices.panels.deliveries import views as deliveries
from devices.panels.playlists import views as playlist
from devices.panels.showing import profile_views as renders
from devices.panels.showing import views as showing

from .camera_settings import group_views as camera_group
from .camera_settings import views as camera
from .commands import views as commands
from .keys import views as keys
from .overview import listing
from .overview import views as detail
from .setup import views as adding

app_name = "devices"
urlpatterns = [
    path("", listing.device_list, name="list"),
    path("add/", adding.add, name="add"),
    path("add/code", adding.code_for, name="code_for"),
    path("simulate", adding.simulate, name="simulate"),
    path("simulate/remove", adding.simulate_remove, name="simulate_remove"),
    path("camera-settings/", camera_group.several, name="camera_several"),
    path("deliveries/", deliveries.delivery_list, name="deliveries"),
    path("deliveries/<uuid:id>/picture", deliveries.picture, name="delivery_picture"),
    path("deliveries/<uuid:id>/cancel", deliveries.cancel, name="delivery_cancel"),
    path("deliveries/<uuid:id>/again", deliveries.again, name="delivery_again"),
    path("render-profiles/", renders.render_list, name="renders"),
    path("render-profiles/new", renders.new, name="new_render"),
    path("render-profiles/<slug:name>/", renders.edit, name="render"),
    path("render-profiles/<slug:name>/delete", renders.delete, name="delete_render"),
    path("show/", showing.choose_panel, name="choose_panel"),
    path("show/drawn", showing.drawn, name="drawn"),
    path("<slug:code>/", detail.overview, name="detail"),
    path("<slug:code>/now", detail.now, name="now"),
    path("<slug:code>/pictures/", detail.pictures, name="pictures"),
    path("<slug:code>/show/", showing.show, name="show"),
    path("<slug:code>/show/now", showing.show_now, name="show_now"),
    path("<slug:code>/show/shown", showing.shown, name="shown"),
    path("<slug:code>/show/preview", showing.capture_preview, name="capture_preview"),
    path("<slug:code>/show/topics", showing.take_pictures, name="take_pictures"),
    path("<slug:code>/firmware/", rollout_views.firmware, name="firmware"),
    path("<slug:code>/firmware/ask", adding.ask_config, name="ask_config"),
    path("<slug:code>/playlist/", playlist.playlist, name="playlist"),
    path("<slug:code>/playlist/<uuid:id>/move", playlist.move, name="playlist_move"),
    path("<slug:code>/playlist/<uuid:id>/remove", playlist.remove, name="playlist_remove"),
    path("<slug:code>/playlist/<uuid:id>/picture", playlist.picture, name="playlist_picture"),
    path("<slug:code>/connect/", detail.connect, name="connect"),
    path("<slug:code>/camera/", camera.camera, name="camera"),
    path("<slug:code>/camera/understood", camera.understood, name="camera_understood"),
    path("<slug:code>/camera/restart", camera.restart, name="restart"),
    path("<slug:code>/events/", detail.events, name="events"),
    path("<slug:code>/added/", adding.added, name="added"),
    path("<slug:code>/firstlight", adding.first_light, name="first_light"),
    path("<slug:code>/settings/", adding.settings, name="settings"),
    path("<slug:code>/panel/again", adding.allow_again, name="allow_again"),
    path("<slug:code>/certificate", adding.trust_certificate, name="trust_certificate"),
    path("<slug:code>/delete", adding.delete, name="delete"),
    path("<slug:code>/keys/", keys.keys, name="keys"),
    path("<slug:code>/keys/new", keys.new_key, name="new_key"),
    path("<slug:code>/keys/secret", keys.new_secret, name="new_secret"),
    path("<slug:code>/keys/<str:prefix>/revoke", keys.revoke_key, name="revoke_key"),
    path("<slug:code>/capture", commands.capture, name="capture"),
    path("<slug:code>/commands/<uuid:id>", commands.progress, name="command"),
    path("<slug:code>/commands/<uuid:id>/cancel", commands.cancel, name="cancel"),
    path("<slug:code>/commands/<uuid:id>/dismiss", commands.dismiss, name="dismiss"),
]
