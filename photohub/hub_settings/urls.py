"""Paths of the settings of the hub."""

from django.urls import path

from . import keep_rules, views

urlpatterns = [
    path("settings", views.show, name="hub_settings"),
    path("settings/language", views.choose_language, name="hub_settings_language"),
    path("settings/links", views.choose_links, name="hub_settings_links"),
    path("settings/retention", views.choose_retention, name="hub_settings_retention"),
    path("settings/retention/of", views.choose_keep_rule, name="hub_settings_keep_rule"),
    path("settings/retention/of/<int:pk>/end", keep_rules.end, name="hub_settings_keep_rule_end"),
    path("settings/retention/take-back", views.take_back, name="hub_settings_take_back"),
]
