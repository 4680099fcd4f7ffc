"""System checks of where pictures go."""

from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_links(app_configs, **kwargs) -> list[CheckMessage]:
    """Links can lead to the mirror only when there is one with an address."""
    if settings.PHOTOHUB_LINKS == "hub" or settings.PHOTOHUB_MIRROR in ("oss", "s3"):
        return []
    hint = "Set PHOTOHUB_LINKS=hub, or PHOTOHUB_MIRROR to oss or s3."
    links, mirror = settings.PHOTOHUB_LINKS, settings.PHOTOHUB_MIRROR
    message = f"PHOTOHUB_LINKS is {links}, but the mirror ({mirror}) has no links."
    return [Error(message, hint=hint, id="media_pipeline.E001")]
