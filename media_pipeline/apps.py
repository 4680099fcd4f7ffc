from django.apps import AppConfig
from django.core.checks import register

from media_pipeline import checks


class MediaPipelineConfig(AppConfig):
    name = "media_pipeline"
    verbose_name = "Pictures"

    def ready(self) -> None:
        register(checks.check_links)
