import os
import threading

from photohub.lib.messaging import measures
from photohub.lib.messaging.measures import Count, Present, Times


def make_times(**values) -> Times:
    return Times("t_duration_seconds", "Help.", "way", ("air", "sea"), **values)


def test_durations_fall_into_their_classes():
    times = make_times(bounds_s=(0.1, 1.0))
    times.observe("air", [0.1, 0.11, 5.0])
    assert times.parts == ("0.1", "1.0", "+Inf", "sum")
    assert times.read() == {"air": [1, 1, 1, 5.21]}


def test_a_clock_that_jumped_back_makes_no_number_smaller():
    times = make_times()
    times.observe("sea", [-3600.0])
    assert times.read()["sea"][0] == 1 and times.read()["sea"][-1] == 0


def test_words_that_nobody_declared_are_one_word():
    count = Count("c_total", "Help.", "reason", ("full",))
    for word in ("full", "what?", "and this", "full"):
        count.add(word)
    assert count.read() == {"full": [2], "other": [2]}


def test_many_threads_lose_nothing():
    count = Count("c_total", "Help.", "reason", ("full",))
    threads = [threading.Thread(target=lambda: [count.add("full") for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.read() == {"full": [8000]}


def test_a_child_process_begins_with_nothing():
    count = Count("c_total", "Help.", "reason", ("full",))
    count.add("full")
    child = os.fork()
    if not child:
        os._exit(len(count.read()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and count.read()


def test_whoever_gathers_hears_of_each_change(monkeypatch):
    told = []
    monkeypatch.setattr(measures, "_tell", lambda: told.append(1))
    Count("c_total", "Help.", "reason", ("full",)).add("full")
    make_times().observe("air", [1.0])
    here = Present("p", "Help.")
    here.add(2)
    here.add(-1)
    assert len(told) == 4 and here.read() == 1
    here.ask_by(lambda: 7)
    assert here.read() == 7
