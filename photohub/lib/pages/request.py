"""The request of a page, as the middleware leaves it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """A request that says whether htmx asks, for a part of the page."""

    htmx: HtmxDetails
