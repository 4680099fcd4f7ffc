"""Paths of the status page."""

from django.urls import path

from photohub.status import views

urlpatterns = [
    path("status", views.show, name="status"),
    path("status/storage", views.try_storage, name="status_try_storage"),
    path("status/retry", views.retry_mirror, name="status_retry_mirror"),
    path("status/like-pictures", views.look_ahead_at_like_pictures, name="status_like"),
    path("status/go-on", views.go_on_retaining, name="status_go_on"),
    path("status/adopt", views.adopt_older, name="status_adopt_older"),
]
