from django.apps import AppConfig
from django.core.checks import register

from photohub import checks

# Every process that may enqueue a task needs the application, web servers too.
from photohub.celery import connect_signals


class PhotoHubConfig(AppConfig):
    name = "photohub"
    verbose_name = "PhotoHub"

    def ready(self) -> None:
        connect_signals()
        register(checks.check_production)
        register(checks.check_endpoints)
        register(checks.check_disk)
        register(checks.check_privacy)
        register(checks.check_passwords)
