"""Tests that share a hub run in one process, and the long ones begin first."""

from tests import scheduling

TESTS = {
    "tests/production/faults/test_f.py": {"stack", "db"},
    "tests/production/test_a.py": {"stack"},
    "tests/production/test_b.py": {"tmp_path"},
    "tests/browser/test_c.py": {"page"},
    "tests/browser/test_d.py": {"page"},
    "tests/devices/test_e.py": {"stack"},
}


def test_those_that_share_a_stack_or_a_browser_are_one_unit_and_so_is_each_other_file():
    tests = [(f"{file}::test_note[{turn}]", used) for turn in range(2) for file, used in TESTS.items()]
    units = scheduling.units_of(scheduling.unit_of(*test) for test in tests)
    a, b, c, d, e, other = TESTS
    assert [{tests[place][0].split("::")[0] for place in unit} for unit in units] == [
        {a, b},
        {c},
        {d, e},
        {other},
    ]
    assert sorted(place for unit in units for place in unit) == list(range(len(tests)))


def test_long_ones_begin_first():
    names = [
        "tests/devices/test_a.py::test_x",
        "tests/devices/test_slow.py::test_x",
        "tests/flows/test_b.py::test_x[a::b]",
        "tests/browser/test_d.py::test_x",
        "tests/production/test_c.py::test_x",
    ]
    slow = {"tests/devices/test_slow.py"}
    assert sorted(names, key=lambda name: scheduling.rank(name, slow)) == names[::-1]
