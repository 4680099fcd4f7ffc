import pytest
from celery import Celery

from photohub.embedded.worker import EmbeddedWorker


def test_a_worker_that_cannot_import_its_tasks_is_not_started(monkeypatch):
    def fail() -> None:
        raise ImportError("a module of tasks is broken")

    app = Celery("test", broker="memory://")
    monkeypatch.setattr(app.loader, "import_default_modules", fail)
    worker = EmbeddedWorker(app)
    with pytest.raises(ImportError):
        worker.start()
    assert not worker.alive
