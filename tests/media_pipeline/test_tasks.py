"""Tasks that wait for the mirror, beside all others."""

import threading

import pytest

from media_pipeline import tasks
from photohub.embedded import worker

WAITING_FOR_THE_MIRROR = [
    ("mirror_captures", tasks.copying, "mirror_all"),
    ("remove_files", tasks.deleting, "remove_all"),
]


@pytest.mark.parametrize("name, module, function", WAITING_FOR_THE_MIRROR)
def test_while_the_mirror_hangs_a_thread_is_left_for_thumbnails(monkeypatch, name, module, function):
    hanging, may_end, later = threading.Semaphore(0), threading.Event(), []

    def hang(ids: list[str]) -> int:
        hanging.release()
        may_end.wait(20)
        return len(ids)

    monkeypatch.setattr(module, function, hang)
    monkeypatch.setattr(
        tasks.enqueue, "send_task", lambda task, ids, after_s=0.0: later.append((task, ids, after_s))
    )
    task = getattr(tasks, name)
    held = [threading.Thread(target=task, args=([str(n)],)) for n in range(worker.CONCURRENCY - 1)]
    try:
        for thread in held:
            thread.start()
            assert hanging.acquire(timeout=20)
        # The last thread is not taken: these are enqueued again, for when one of the others may be through.
        assert task(["last"]) == 0
        [(again, ids, after_s)] = later
        assert again.endswith(name) and ids == ["last"] and after_s > 0
    finally:
        may_end.set()
        for thread in held:
            thread.join(20)
    assert task(["now"]) == 1
