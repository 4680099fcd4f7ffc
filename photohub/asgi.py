"""The ASGI entry of every web process: endpoints of devices and live pictures beside Django, the live socket, MQTT."""

import os
from functools import cache

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
django.setup(set_prefix=False)

from channels.routing import URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware, SessionMiddleware  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402

from devices.firmware.endpoints import endpoint as firmware  # noqa: E402
from media_pipeline.intake import endpoint as upload  # noqa: E402
from media_pipeline.links import shared_live  # noqa: E402
from media_pipeline.live import mjpeg, wall  # noqa: E402
from media_pipeline.node_files import endpoint as node_files  # noqa: E402
from photohub.lib.http.body_limit import limit_body  # noqa: E402
from photohub.lib.http.host_guard import refuse_unknown_host  # noqa: E402
from photohub.lib.http.origins import OwnPagesOnly  # noqa: E402
from photohub.lib.http.page_handler import PageHandler  # noqa: E402
from photohub.lib.http.proxies import behind_proxies  # noqa: E402
from photohub.lib.log import logs  # noqa: E402
from photohub.metrics import endpoint as metrics  # noqa: E402
from photohub.routing import websocket_urlpatterns  # noqa: E402

logs.set_up()

_pages_socket = OwnPagesOnly(CookieMiddleware(SessionMiddleware(URLRouter(websocket_urlpatterns))))
_mqtt_socket = None
_streams: mjpeg.MjpegEndpoint | None = None
_shared_streams: mjpeg.MjpegEndpoint | None = None
_wall = None


# Files are sent by the event loop itself, and the API has answers that wait there.
_ASYNCHRONOUS = ("/api/", settings.STATIC_URL)


@cache
def _django(is_asynchronous: bool):
    # Made at the first request: what it imports is not all there while this module is loaded.
    images = (settings.FIRMWARE_MAX_BYTES + 2**20, 600.0)
    handler = ASGIHandler() if is_asynchronous else PageHandler()
    return limit_body(handler, dict.fromkeys(("/api/v1/firmware", "/firmware/upload"), images))


def serve_mqtt_at(websocket_application) -> None:
    """Mount the embedded broker at `/mqtt`."""
    global _mqtt_socket
    # Devices and programs name no origin, and bring a password of their own; a web page must be ours.
    _mqtt_socket = OwnPagesOnly(websocket_application, needed=False) if websocket_application else None


def serve_streams_at(endpoint: mjpeg.MjpegEndpoint | None) -> None:
    """Mount the live pictures at their paths."""
    global _streams
    _streams = endpoint


def serve_shared_streams_at(endpoint: mjpeg.MjpegEndpoint | None) -> None:
    """Mount the live pictures that shared links open."""
    global _shared_streams
    _shared_streams = endpoint


def serve_wall_at(endpoint: wall.WallEndpoint | None) -> None:
    """Mount the wall of live pictures, for pages of this hub only."""
    global _wall
    _wall = OwnPagesOnly(endpoint) if endpoint is not None else None


async def application(scope: dict, receive, send) -> None:
    """Route one connection."""
    if scope["type"] != "lifespan":
        scope = behind_proxies(scope)
    if scope["type"] == "http":
        if upload.serves(scope["path"]):
            await upload.application(scope, receive, send)
        elif firmware.serves(scope["path"]):
            await firmware.application(scope, receive, send)
        elif node_files.serves(scope["path"]):
            await node_files.application(scope, receive, send)
        elif metrics.serves(scope["path"]):
            await metrics.application(scope, receive, send)
        elif await refuse_unknown_host(scope, send):
            return
        elif _streams is not None and mjpeg.serves(scope["path"]):
            await _streams(scope, receive, send)
        elif _shared_streams is not None and shared_live.serves(scope["path"]):
            await _shared_streams(scope, receive, send)
        else:
            await _django(scope["path"].startswith(_ASYNCHRONOUS))(scope, receive, send)
    elif scope["type"] == "websocket":
        try:
            await _websocket(scope, receive, send)
        except OSError as error:
            # Servers say so when the tab was closed before an answer could be written; true faults carry a number.
            if error.errno is not None:
                raise
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _websocket(scope: dict, receive, send) -> None:
    if scope["path"].rstrip("/") == "/mqtt" and _mqtt_socket is not None:
        await _mqtt_socket(scope, receive, send)
    elif scope["path"] == "/ws/live/":
        await _pages_socket(scope, receive, send)
    elif scope["path"] == wall.PATH and _wall is not None:
        await _wall(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4004})


async def _lifespan(receive, send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
