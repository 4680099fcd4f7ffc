from photohub.lib.http.rates import Buckets


def test_a_burst_is_allowed_and_then_the_steady_rate():
    buckets = Buckets(per_second=2, burst=3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("a", 0.5) == 0


def test_one_key_does_not_use_up_anothers_tokens():
    buckets = Buckets(per_second=1, burst=1)
    assert (buckets.take("a", 0), buckets.take("b", 0)) == (0, 0)


def test_the_wait_is_said_in_whole_seconds():
    buckets = Buckets(per_second=0.1, burst=1)
    buckets.take("a", 0)
    assert buckets.take("a", 0) == 10


def test_forgotten_keys_do_not_grow_the_memory():
    buckets = Buckets(per_second=1, burst=1, keys_at_most=10)
    for number in range(100):
        buckets.take(number, 0)
    assert len(buckets._state) == 10


def test_asking_how_long_to_wait_takes_nothing():
    buckets = Buckets(per_second=1, burst=1)
    assert [buckets.wait_s("a", 0), buckets.wait_s("a", 0)] == [0, 0]
    buckets.take("a", 0)
    assert buckets.wait_s("a", 0) == 1
