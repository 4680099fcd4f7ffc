from celery import Celery

import photohub.celery  # noqa: F401  (which knows the way to the queue)
from photohub.lib.messaging import memory_transport


def test_without_a_worker_no_more_messages_wait_than_have_a_use(monkeypatch):
    monkeypatch.setattr(memory_transport, "WAITING_AT_MOST", 20)
    app = Celery("caller", broker="memory://localhost//", set_as_current=False)
    app.conf.task_default_queue = "nobody-works-here"
    for number in range(50):
        app.send_task("mark", [number])
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        assert isinstance(channel, memory_transport.Channel) and channel._size("nobody-works-here") == 20
        assert channel.basic_get("nobody-works-here").decode()[0] == [30]
