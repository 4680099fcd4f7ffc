from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.core.checks import register
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from photohub import checks
from photohub.lib.memory import heap


class BackOfficeConfig(SimpleAdminConfig):
    """Django's administration in the dress of unfold; its tables are registered by its addresses."""

    default_site = "unfold.sites.UnfoldAdminSite"


class PhotoHubConfig(AppConfig):
    default = True
    name = "photohub"
    verbose_name = "PhotoHub"

    def ready(self) -> None:
        heap.keep_small()
        # A library's tables stand in the back office under a word that says what they hold.
        apps.get_app_config("axes").verbose_name = _("Refused logins")
        if settings.REDIS_URL:
            # Every process that may enqueue a task needs the application, web servers too. Without Redis there is one
            # process, with a worker of its own.
            import_string("photohub.celery.connect")()
            import_string("photohub.metrics.sharing.begin")()
        register(checks.check_production)
        register(checks.check_endpoints)
        register(checks.check_disk)
        register(checks.check_privacy)
        register(checks.check_passwords)
