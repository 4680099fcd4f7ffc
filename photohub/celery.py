"""The Celery application: a doorbell. What is to be done stands in the rows."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")

app = Celery("photohub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Celery remembers the current application per thread; without a default one, other threads would ring nobody.
app.set_default()


@setup_logging.connect
def _keep_our_log(**_: object) -> None:
    """Celery replaces the log's handlers unless somebody says that it is set up already."""


@worker_ready.connect
def _say_alive(**_: object) -> None:
    """The status page should not wait for the first heartbeat of the schedule."""
    app.send_task("devices.tasks.beat", retry=False)
