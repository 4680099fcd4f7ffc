from django.apps import AppConfig
from django.core.checks import register
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from . import checks


class MediaPipelineConfig(AppConfig):
    name = "media_pipeline"
    verbose_name = _("Pictures")

    def ready(self) -> None:
        # By its name: models cannot be imported before the apps are ready.
        import_string("media_pipeline.wiring.connect")()
        register(checks.check_links)
