from django.apps import AppConfig
from django.core.checks import register

from devices import checks


class DevicesConfig(AppConfig):
    name = "devices"
    verbose_name = "Devices"

    def ready(self) -> None:
        register(checks.check_broker)
