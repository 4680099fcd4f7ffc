"""Pages and files of pictures."""

from django.urls import path

from .alerts import views as alerts
from .alerts.channels import views as channels
from .captures import views as capture
from .dashboard import views as live
from .gaps import views as gaps
from .history import around, compare, saved
from .history import views as history
from .links import share_views as shares
from .links import shared_views as shared
from .links import views as links
from .live import views as stream
from .plots import views as plots
from .show_rules import views as rules
from .time_lapses import views as time_lapses
from .trash import views as trash

urlpatterns = [
    path("", live.dashboard, name="live"),
    path("cards/<slug:code>", live.card, name="card"),
    path("feed", live.feed, name="feed"),
    path("capture-all", live.capture_all, name="capture_all"),
    path("wall", live.wall, name="wall"),
    path("wall/<slug:code>", live.screen, name="wall_screen"),
    path("history", history.browse, name="history"),
    path("history/calendar", history.show_month, name="history_calendar"),
    path("history/run", history.show_run, name="history_run"),
    path("history/filters", saved.add, name="saved_filter_add"),
    path("history/filters/<int:pk>/rename", saved.rename, name="saved_filter_rename"),
    path("history/filters/<int:pk>/delete", saved.delete, name="saved_filter_delete"),
    path("history/change", history.change, name="history_change"),
    path("gaps", gaps.show, name="gaps"),
    path("gaps.csv", gaps.as_csv, name="gaps_csv"),
    path("trash", trash.show, name="trash"),
    path("trash/add", trash.add, name="trash_add"),
    path("trash/undo", trash.undo, name="trash_undo"),
    path("trash/restore", trash.restore, name="trash_restore"),
    path("trash/delete", trash.delete, name="trash_delete"),
    path("trash/empty", trash.empty, name="trash_empty"),
    path("trash/<uuid:id>/thumb", trash.thumb, name="trash_thumb"),
    path("trash/<uuid:id>/original", trash.original, name="trash_original"),
    path("captures/picker", history.pick, name="capture_picker"),
    path("captures/around", around.around, name="captures_around"),
    path("captures/<uuid:id>", capture.show, name="capture"),
    path("captures/<uuid:id>/panel", capture.panel, name="capture_panel"),
    path("captures/<uuid:id>/compare", compare.compare, name="capture_compare"),
    path("captures/<uuid:id>/mirror", capture.retry_mirror, name="capture_mirror"),
    path("captures/<uuid:id>/labels", capture.save_labels, name="capture_labels"),
    path("captures/<uuid:id>/keep", capture.keep, name="capture_keep"),
    path("captures/<uuid:id>/link", links.change_link, name="capture_link"),
    path("captures/<uuid:id>/original", capture.original, name="capture_original"),
    path("captures/<uuid:id>/thumb", capture.thumb, name="capture_thumb"),
    path("devices/<slug:code>/live/", stream.stream, name="device_live"),
    path("devices/<slug:code>/live/going", stream.going, name="device_going"),
    path("devices/<slug:code>/still.jpg", stream.still, name="device_still"),
    path("devices/<slug:code>/keep", stream.keep, name="device_keep"),
    path("devices/<slug:code>/plots/", plots.plots, name="device_plots"),
    path("devices/<slug:code>/plots/<slug:of>.csv", plots.export, name="device_plots_csv"),
    path("devices/<slug:code>/latest.jpg", capture.latest, name="latest"),
    path("timelapses", time_lapses.list_films, name="time_lapses"),
    path("timelapses/new", time_lapses.new, name="time_lapse_new"),
    path("timelapses/<uuid:id>", time_lapses.show, name="time_lapse"),
    path("timelapses/<uuid:id>/now", time_lapses.now, name="time_lapse_now"),
    path("timelapses/<uuid:id>/film.mp4", time_lapses.film, name="time_lapse_film"),
    path("timelapses/<uuid:id>/cancel", time_lapses.cancel, name="time_lapse_cancel"),
    path("timelapses/<uuid:id>/delete", time_lapses.delete, name="time_lapse_delete"),
    path("rules/", rules.list_rules, name="rules"),
    path("rules/new", rules.new, name="rule_new"),
    path("rules/<uuid:id>", rules.show, name="rule"),
    path("rules/<uuid:id>/edit", rules.edit, name="rule_edit"),
    path("rules/<uuid:id>/delete", rules.delete, name="rule_delete"),
    path("alerts/", alerts.show, name="alerts"),
    path("alerts/rules/new", alerts.new, name="alert_rule_new"),
    path("alerts/rules/<uuid:id>", alerts.edit, name="alert_rule"),
    path("alerts/rules/<uuid:id>/delete", alerts.delete, name="alert_rule_delete"),
    path("alerts/channels/new", channels.new, name="alert_channel_new"),
    path("alerts/channels/<uuid:id>", channels.show, name="alert_channel"),
    path("alerts/channels/<uuid:id>/test", channels.test, name="alert_channel_test"),
    path("alerts/channels/<uuid:id>/delete", channels.delete, name="alert_channel_delete"),
    path("p/<slug:code>", links.follow, name="link"),
    path("shared-links", shares.list_links, name="shared_links"),
    path("shared-links/new", shares.new, name="share_new"),
    path("shared-links/<slug:code>", shares.show, name="share_link"),
    path("shared-links/<slug:code>/revoke", shares.revoke, name="share_revoke"),
    path("s/<slug:code>", shared.open_link, name="share_open"),
    path("s/<slug:code>/all.zip", shared.archive, name="share_archive"),
    path("s/<slug:code>/latest.jpg", shared.latest, name="share_latest"),
    path("s/<slug:code>/<uuid:id>", shared.picture, name="share_picture"),
    path("s/<slug:code>/<uuid:id>/thumb", shared.thumb, name="share_thumb"),
]
