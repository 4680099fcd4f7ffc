from django.apps import AppConfig
from django.core.checks import register
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from . import checks


class DevicesConfig(AppConfig):
    name = "devices"
    verbose_name = _("Devices")

    def ready(self) -> None:
        # By its name: models cannot be imported before the apps are ready.
        import_string("devices.wiring.connect")()
        register(checks.check_broker)
