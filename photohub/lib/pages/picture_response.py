"""Answers that are pictures."""

from django.http import HttpResponse


def picture_response(
    data: bytes, content_type: str, name: str, cache_control: str, tag: str = ""
) -> HttpResponse:
    """Wrap picture bytes so that a browser shows them and does nothing else with them."""
    response = HttpResponse(data, content_type=content_type)
    response["Content-Length"] = str(len(data))
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["Cache-Control"] = cache_control
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    if tag:
        response["ETag"] = f'"{tag}"'
    return response
