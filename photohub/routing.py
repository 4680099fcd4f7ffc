"""WebSocket URLs."""

from django.urls import path

from media_pipeline.dashboard.consumers import LiveConsumer

# Channels routes to ASGI applications by Django's `path`.
# pyrefly: ignore[no-matching-overload]
websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
