"""Addresses whose modules are loaded by the first request for one of them, or by the first link there."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLResolver
from django.urls.resolvers import RoutePattern


class UrlsLater(URLResolver):
    """Stands in a list of addresses for those of a module, which have a namespace: `UrlsLater("admin/", "…urls", "admin")`."""

    def __init__(self, route: str, module: str, namespace: str, app_name: str = "") -> None:
        pattern = RoutePattern(route, is_endpoint=False)
        super().__init__(pattern, module, app_name=app_name or namespace, namespace=namespace)

    def _populate(self) -> None:
        """Collect no names: Django asks at the first link on any page, and looks up a namespace's by the addresses."""


def only_a_name(request: HttpRequest) -> HttpResponse:
    """Stand behind `UrlsLater` at the same address, which takes every request, and name it for links that load nothing."""
    raise Http404
