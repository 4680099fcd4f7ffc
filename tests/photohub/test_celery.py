import json
import os
import subprocess
import sys

from celery.app import defaults
from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from photohub import celery
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


OF_ONE_MACHINE = """
from photohub import celery
from photohub.lib.messaging import enqueue

celery.app.loader.import_default_modules()
enqueue.route_with(lambda task: "", lambda: {own})
celery.app.Worker(exclude_queues={left_out})
celery.app.amqp.queues["node.8"]
print(*sorted(celery.app.amqp.queues.consume_from))
"""


def run_on_machine(own: str, left_out: str = "") -> subprocess.CompletedProcess:
    environment = os.environ | {"REDIS_URL": "redis://a:1/0"}
    command = [sys.executable, "-c", OF_ONE_MACHINE.format(own=own, left_out=left_out.split())]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_worker_takes_the_tasks_of_its_own_machine_and_of_no_other():
    # What it sends to another's queue makes that queue known to Celery, which would then take from it as well.
    assert run_on_machine("'node.7'").stdout.split() == ["celery", "node.7"]


def test_a_worker_may_leave_to_others_what_is_for_any_machine():
    # `-X celery` in docker-compose.nodes.yml and deploy/kubernetes.
    assert run_on_machine("'node.7'", "celery").stdout.split() == ["node.7"]


def test_a_worker_that_may_not_use_its_folder_does_not_start():
    done = run_on_machine("1 / 0")
    assert done.returncode == 1 and "The worker cannot start: division by zero" in done.stderr


def test_what_is_for_one_machine_goes_to_its_queue(monkeypatch):
    sent = []
    monkeypatch.setattr(celery.app, "send_task", lambda task, **how: sent.append((task, how)))
    celery._carry("a", ["1"])
    celery._carry("b", ["2"], "node.7")
    assert sent == [
        ("a", {"args": [["1"]], "retry": False}),
        ("b", {"args": [["2"]], "retry": False, "queue": "node.7"}),
    ]
