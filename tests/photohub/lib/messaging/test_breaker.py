from photohub.lib.messaging.breaker import Breaker


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def broken(failures: int = 1, longest_pause_s: float = 10) -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(longest_pause_s, clock)
    for _ in range(failures):
        clock.now_s += longest_pause_s
        assert breaker.enter()
        breaker.leave(False)
    return breaker, clock


def test_while_all_is_well_everybody_may_try_at_once():
    breaker = Breaker(10)
    assert [breaker.enter() for _ in range(5)] == [True] * 5


def test_after_a_failure_nobody_tries_for_a_while():
    breaker, clock = broken()
    assert not breaker.enter()
    clock.now_s += 1.1
    assert breaker.enter()


def test_only_one_tries_whether_it_is_back():
    breaker, clock = broken()
    clock.now_s += 2
    assert [breaker.enter() for _ in range(3)] == [True, False, False]


def test_success_opens_it_for_everybody():
    breaker, clock = broken(failures=3)
    clock.now_s += 10
    breaker.enter()
    breaker.leave(True)
    assert [breaker.enter() for _ in range(3)] == [True] * 3


def test_pauses_grow_up_to_the_longest():
    breaker, clock = broken(failures=9)
    clock.now_s += 9.9
    assert not breaker.enter()
    clock.now_s += 0.2
    assert breaker.enter()


def test_a_try_that_tells_nothing_lets_the_next_one_try():
    breaker, clock = broken()
    clock.now_s += 2
    breaker.enter()
    breaker.leave(None)
    assert breaker.enter()
