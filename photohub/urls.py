"""All HTTP paths, by app. The upload endpoint and MQTT over WebSocket stand beside Django in `asgi.py`."""

from django.urls import include, path

from devices.audit import views as audit
from devices.panels.deliveries.endpoint import push_image
from devices.panels.fetching import endpoint as panel_pull
from devices.panels.fetching import trmnl_endpoint as trmnl
from photohub.lib.memory.urls_later import UrlsLater, only_a_name
from photohub.pages import installing
from photohub.pages import views as pages
from photohub.pages.search import search

urlpatterns = [
    path("healthz", pages.healthz, name="healthz"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("manifest.webmanifest", installing.manifest, name="manifest"),
    path("icon-<int:side>.png", installing.icon, name="app_icon"),
    path("worker.js", installing.worker, name="service_worker"),
    path("offline", installing.offline, name="offline"),
    path("readyz", pages.readyz, name="readyz"),
    UrlsLater("api/v1/", "photohub.api.urls", "api", "ninja"),
    UrlsLater("admin/", "photohub.pages.back_office_urls", "admin"),
    path("admin/", only_a_name, name="back_office"),
    path("language", pages.set_language, name="set_language"),
    path("search", search, name="search"),
    path("audit", audit.show, name="audit"),
    path("audit.csv", audit.export, name="audit_csv"),
    path("", include("photohub.accounts.urls")),
    path("", include("photohub.status.urls")),
    path("", include("photohub.hub_settings.urls")),
    path("", include("photohub.home_assistant.urls")),
    path("devices/", include("devices.urls")),
    path("panels/", include("devices.panels.overview.urls")),
    path("schedules/", include("devices.schedules.urls")),
    path("firmware/", include("devices.firmware.pages.urls")),
    path("image", push_image, name="push_image"),
    path("panel/next", panel_pull.next_picture, name="panel_next"),
    path("panel/<str:key>/next", panel_pull.next_picture, name="panel_next_by_key"),
    path("panel/i/<str:token>", panel_pull.picture_by_link, name="panel_picture"),
    # The addresses are in the panels' firmware: with and without a slash, never a redirect.
    path("api/setup", trmnl.setup, name="trmnl_setup"),
    path("api/setup/", trmnl.setup),
    path("api/display", trmnl.display, name="trmnl_display"),
    path("api/display/", trmnl.display),
    path("api/log", trmnl.log, name="trmnl_log"),
    path("api/log/", trmnl.log),
    path("", include("media_pipeline.urls")),
    path("broker/<str:secret>/", include("photohub.broker.urls")),
]
handler400 = "photohub.pages.views.bad_request"
handler403 = "photohub.pages.views.forbidden"
handler404 = "photohub.pages.views.not_found"
handler500 = "photohub.pages.views.server_error"
