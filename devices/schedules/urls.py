"""Paths under /schedules/."""

from django.urls import path

from . import views

app_name = "schedules"
urlpatterns = [
    path("", views.list_schedules, name="list"),
    path("new", views.new, name="new"),
    path("place", views.place, name="place"),
    path("<uuid:id>", views.show, name="show"),
    path("<uuid:id>/edit", views.edit, name="edit"),
    path("<uuid:id>/switch", views.switch, name="switch"),
    path("<uuid:id>/run", views.run_now, name="run"),
    path("<uuid:id>/delete", views.delete, name="delete"),
    path("<uuid:id>/restore", views.restore, name="restore"),
]
