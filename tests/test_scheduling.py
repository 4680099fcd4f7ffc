"""Tests that share a hub run in one process, and the long ones begin first."""

from tests import scheduling

FILES = (
    "tests/production/faults/test_f.py",
    "tests/production/test_a.py",
    "tests/production/test_b.py",
    "tests/devices/test_c.py",
    "tests/devices/test_d.py",
    "tests/test_e.py",
)


def test_each_file_is_one_unit_and_so_is_the_production_form():
    names = [f"{file}::test_note[{turn}]" for turn in range(2) for file in FILES]
    units = [{names[place].split("::")[0] for place in unit} for unit in scheduling.units_of(names)]
    assert units == [set(FILES[:3]), {FILES[3]}, {FILES[4]}, {FILES[5]}]
    assert sorted(place for unit in scheduling.units_of(names) for place in unit) == list(range(len(names)))


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
    assert [scheduling.unit_of(name) for name in names] == [
        "tests/devices/test_a.py",
        "tests/devices/test_slow.py",
        "tests/flows/test_b.py",
        "tests/browser/",
        "tests/production/",
    ]
