from devices.panels.rendering.fonts import KNOWN, choose_font, find_font
from devices.panels.rendering.text import FontFile


def test_the_first_font_that_is_there_is_chosen(tmp_path):
    (tmp_path / "b.ttf").touch()
    missing, there = FontFile(str(tmp_path / "a.ttf")), FontFile(str(tmp_path / "b.ttf"), 3)
    assert choose_font((missing, there)) == there
    assert choose_font((missing,)) is None


def test_the_machine_s_font_is_a_known_one_or_none():
    assert find_font() is None or find_font() in KNOWN
