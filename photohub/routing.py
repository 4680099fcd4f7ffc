"""WebSocket URLs."""

from django.urls import path

from media_pipeline.dashboard.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
