"""Paths of the settings of the hub."""

from django.urls import path

from . import views

urlpatterns = [
    path("settings", views.show, name="hub_settings"),
    path("settings/language", views.choose_language, name="hub_settings_language"),
    path("settings/links", views.choose_links, name="hub_settings_links"),
    path("settings/retention", views.choose_retention, name="hub_settings_retention"),
    path("settings/retention/take-back", views.take_back, name="hub_settings_take_back"),
]
