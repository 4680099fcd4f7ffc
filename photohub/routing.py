"""WebSocket URLs."""

from django.urls import path

from media_pipeline.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
