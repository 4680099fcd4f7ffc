"""The addresses of the API, for `photohub.urls`."""

from photohub.api.api import api

urlpatterns, app_name, namespace = api.urls
