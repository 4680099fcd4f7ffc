"""A real Celery worker and its beat as threads of the one process, on the in-memory broker.

The in-memory broker forgets everything when the process dies; that loses nothing, because the rows are the queue.
"""

import logging
import threading
import warnings

from celery import Celery
from celery.beat import Service
from celery.platforms import SecurityWarning
from celery.worker import WorkController

from photohub.lib.messaging.schedule import SteadyScheduler

log = logging.getLogger(__name__)

# Pillow and sockets release the interpreter; more threads only wait for the same two cores. Two may wait for the mirror.
CONCURRENCY = 3
_STOP_S = 3.0
_HEARS_WITHIN_S = 0.5


class EmbeddedWorker:
    """The worker thread and the beat thread; one that dies is started again."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._worker: WorkController | None = None
        self._thread: threading.Thread | None = None
        self._beat: Service | None = None
        self._stopping = threading.Event()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start both threads."""
        warnings.filterwarnings("ignore", category=SecurityWarning)
        # Celery imports the tasks once. Were that left to the thread, a worker whose first import failed would be
        # started again without any, and throw away every message from then on.
        self._app.loader.import_default_modules()
        self._thread = threading.Thread(target=self._run, name="photohub-worker", daemon=True)
        self._thread.start()
        threading.Thread(target=self._run_beat, name="photohub-beat", daemon=True).start()

    def _run_beat(self) -> None:
        """Send what the schedule says: without it nothing is swept, tidied up or kept to."""
        self._app.set_current()
        while not self._stopping.is_set():
            try:
                # In memory: the schedule stands in the settings, and a file of it would be one more thing to go wrong.
                self._beat = Service(self._app, scheduler_cls=SteadyScheduler)
                self._beat.start()
            except Exception:
                log.exception("The schedule stopped; it is started again.")
            self._stopping.wait(1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._worker = self._app.Worker(
                    pool="threads",
                    concurrency=CONCURRENCY,
                    without_gossip=True,
                    without_mingle=True,
                    without_heartbeat=True,
                    quiet=True,
                )
                self._worker.start()
            except Exception:
                log.exception("The task worker stopped; it is started again.")
            self._stopping.wait(1)

    def stop(self) -> bool:
        """Let running tasks finish, then end both threads. Returns False when a task goes on, as a hanging copy may.

        Nothing is lost when the process ends under such a task: its row is due again when the lease is over.
        """
        self._stopping.set()
        if self._beat is not None:
            # Not waited for: it sleeps for up to a second, and what it would still send finds nobody.
            self._beat.stop()
        stopper = threading.Thread(target=self._stop_worker, name="photohub-worker-stop", daemon=True)
        stopper.start()
        stopper.join(_STOP_S)
        return not stopper.is_alive()

    def _stop_worker(self) -> None:
        # It would warn of the very stop that we ask for.
        logging.getLogger("celery.worker.control").setLevel(logging.ERROR)
        while self.alive:
            # A worker that waits for messages looks up when one comes, and else only every 2 s.
            self._app.control.shutdown()
            if self._thread is not None:
                self._thread.join(_HEARS_WITHIN_S)
            if self._worker is not None and self.alive:
                # It has not begun to listen yet, or waits for its tasks already.
                self._worker.stop()
