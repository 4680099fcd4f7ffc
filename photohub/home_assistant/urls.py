"""Paths of the page about Home Assistant."""

from django.urls import path

from photohub.home_assistant import views

urlpatterns = [
    path("home-assistant", views.show, name="home_assistant"),
    path("home-assistant/let-in", views.let_in, name="home_assistant_let_in"),
    path("home-assistant/shut-out", views.shut_out, name="home_assistant_shut_out"),
    path("home-assistant/groups", views.choose_groups, name="home_assistant_groups"),
]
