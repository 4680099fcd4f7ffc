from devices.firmware.endpoints.transfer.sending import Progress

SIZE = 1_000_000


def test_a_row_is_told_at_most_once_a_second():
    progress = Progress()
    asked = [(n * 4096, n * 4096 + 4096, 100 + n / 10) for n in range(21)]
    told = [progress.take(1, (first, end), SIZE, 0, now_s) for first, end, now_s in asked]
    assert [n for n, due in enumerate(told) if due] == [0, 10, 20]


def test_the_end_is_always_told():
    progress = Progress()
    assert progress.take(1, (0, SIZE // 2), SIZE, 0, 100.0)
    assert progress.take(1, (SIZE // 2, SIZE), SIZE, 0, 100.0)


def test_a_glance_at_the_end_is_no_progress():
    progress = Progress()
    assert not progress.take(1, (SIZE - 10, SIZE), SIZE, 0, 100.0)
    assert progress.take(1, (SIZE - 10, SIZE), SIZE, 99, 101.0)


def test_what_another_process_sent_in_between_is_not_missed():
    progress = Progress()
    assert progress.take(1, (0, 4096), SIZE, 0, 100.0)
    assert progress.take(1, (200_000, 204_096), SIZE, 0, 102.0)


def test_devices_do_not_count_for_each_other():
    progress = Progress()
    assert progress.take(1, (0, SIZE // 2), SIZE, 0, 100.0)
    assert not progress.take(2, (SIZE // 2, SIZE), SIZE, 0, 102.0)


def test_what_was_sent_is_known():
    progress = Progress()
    progress.take(1, (0, 4096), SIZE, 0, 100.0)
    assert progress.knows(1) and not progress.knows(2)
