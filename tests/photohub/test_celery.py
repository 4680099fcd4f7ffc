import os
import subprocess
import sys

from django.conf import settings

PROGRAM = """
import logging
from photohub.celery import app

app.log.setup()
logging.getLogger("celery.worker.consumer").warning("lost redis://:pw@redis:6379/0")
"""


def test_a_worker_writes_its_warnings_as_all_processes_do():
    environment = os.environ | {"PHOTOHUB_LOG": "json"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )
    assert '"lost redis://:…@redis:6379/0"' in done.stderr and '"level": "warning"' in done.stderr, (
        done.stderr
    )
