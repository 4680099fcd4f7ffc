from photohub.lib.pages.templating.options import draw_options


def test_names_are_text_and_the_chosen_ones_are_selected() -> None:
    html = draw_options([("a", "A & <B>"), ('b"', "C")], ('b"',))
    assert html == '<option value="a">A &amp; &lt;B&gt;</option>\n<option value="b&quot;" selected>C</option>'
