"""The Celery application of production: it only says "look now". What is to be done stands in the rows."""

import logging
import os
import warnings

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import celeryd_init, setup_logging, worker_ready
from django.utils.module_loading import autodiscover_modules
from kombu.transport import TRANSPORT_ALIASES

from photohub.lib.log import logs
from photohub.lib.messaging import enqueue
from photohub.lib.messaging.tasks import TASKS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
# Celery runs Django's checks at every start of a worker and looks at nothing that they find.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

TRANSPORT_ALIASES.update(
    dict.fromkeys(("redis", "rediss"), "photohub.lib.messaging.redis_transport:Transport")
)

app = Celery("photohub", amqp="photohub.lib.messaging.redis_transport:RedisAMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")


def _find_tasks() -> list[str]:
    """Make Celery's tasks of ours. Returns the packages to look through for others: none."""
    autodiscover_modules("tasks")
    for name, function in TASKS.items():
        app.task(name=name)(function)
    return []


# Called when a worker begins, after Django was set up.
app.autodiscover_tasks(_find_tasks)
# Celery remembers the current application per thread; without a default one, other threads would reach nobody.
app.set_default()


def _use_our_log(**_: object) -> None:
    """A worker and the schedule of their own write as all others do; with a receiver, Celery sets up nothing itself."""
    # Ten lines at each loss of Redis, of what may be in Celery 6.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    if not logging.getLogger().handlers:
        logs.set_up()


def _begin_at_once(**_: object) -> None:
    """The schedule would begin when its first pause is over: the status page, and what a stop interrupted, need not wait."""
    for task in ("devices.tasks.beat", "devices.tasks.sweep", "media_pipeline.tasks.sweep"):
        app.send_task(task, retry=False)


def _carry(task: str, ids: list[str], queue: str = "") -> None:
    # Without a time of expiry, which another machine would read by its own clock. The queue has a bound.
    where = {"queue": queue} if queue else {}
    app.send_task(task, args=[ids], retry=False, **where)


def _take_own_queue(**_: object) -> None:
    """Have a worker of one of several machines take the tasks that need this one's disk, beside those for anybody."""
    try:
        queue = enqueue.own_queue()
    except Exception as error:
        # Celery would log it and go on, as a worker that no machine hears of.
        raise SystemExit(f"The worker cannot start: {error}") from error
    if queue:
        app.amqp.queues.select([app.conf.task_default_queue, queue])


def connect() -> None:
    """Carry tasks, and hear of a worker's start. Called when Django is ready; connecting twice is once."""
    enqueue.carry_with(_carry)
    setup_logging.connect(_use_our_log)
    celeryd_init.connect(_take_own_queue)
    worker_ready.connect(_begin_at_once)
