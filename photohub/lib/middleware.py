"""Middleware of PhotoHub's own."""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def relax_csp_for_back_office(get_response):
    """Give the back office's pages, whose library evaluates expressions, the rules they need, and only them."""

    def relax(request, response):
        if request.path.startswith("/admin/"):
            response._csp_update = settings.BACK_OFFICE_CSP
        return response

    if iscoroutinefunction(get_response):

        async def middleware(request):
            return relax(request, await get_response(request))

    else:

        def middleware(request):
            return relax(request, get_response(request))

    return middleware
