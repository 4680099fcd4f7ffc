from photohub.lib.log.throttling import Seldom


def test_a_kind_is_told_at_first_and_once_in_a_while_with_their_number():
    now = [0.0]
    seldom = Seldom(60, clock=lambda: now[0])
    counts = []
    for now[0] in (0, 1, 2, 59, 60, 61, 300):
        counts.append(seldom.count("a"))
    assert counts == [1, 0, 0, 0, 4, 0, 2] and seldom.count("b") == 1


def test_it_remembers_a_bounded_number_of_kinds():
    seldom = Seldom()
    for kind in range(5000):
        seldom.count(kind)
    assert len(seldom._said) == 1000
