import json
import os
import subprocess
import sys

from celery.app import defaults
from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from photohub.lib.messaging.tasks import TASKS

PROGRAM = """
import logging
from photohub.celery import app

# As each worker and the schedule do before they set up their log.
app.loader.import_default_modules()
app.log.setup()
logging.getLogger("celery.worker.consumer").warning("lost redis://:pw@redis:6379/0")
print(*sorted(name for name in app.tasks if not name.startswith("celery.")))
"""


def test_a_worker_knows_all_tasks_and_writes_its_warnings_as_all_processes_do():
    autodiscover_modules("tasks")
    environment = os.environ | {"PHOTOHUB_LOG": "json", "REDIS_URL": "redis://a:1/0"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )
    assert '"lost redis://:…@redis:6379/0"' in done.stderr and '"level": "warning"' in done.stderr, (
        done.stderr
    )
    ours = {name for name in TASKS if name.startswith(("devices.", "media_pipeline."))}
    assert set(done.stdout.split()) == ours and "devices.tasks.sweep" in ours


def test_every_setting_of_celery_says_something():
    # A value like Celery's own, or one that the pool of threads cannot honour, only looks as if it did something.
    known = dict(defaults.flatten(defaults.NAMESPACES))
    ours = {
        n.removeprefix("CELERY_").lower(): getattr(settings, n)
        for n in dir(settings)
        if n.startswith("CELERY_")
    }
    assert ours.keys() <= known.keys()
    same = [n for n, v in ours.items() if json.dumps(v) == json.dumps(known[n].default)]
    of_processes = (
        "task_time_limit",
        "task_soft_time_limit",
        "worker_max_",
        "worker_redirect",
        "worker_hijack",
    )
    assert same == [] and [n for n in ours if n.startswith(of_processes)] == []
