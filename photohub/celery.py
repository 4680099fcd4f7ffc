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
def _begin_at_once(**_: object) -> None:
    """The schedule would begin when its first pause is over: the status page, and what a stop interrupted, need not wait."""
    for task in ("devices.tasks.beat", "devices.tasks.sweep", "media_pipeline.tasks.sweep"):
        app.send_task(task, retry=False)
