"""Texts in pieces: whatever holds a text has all of its pieces."""

from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.search.grams import fold_case, grams_of, wanted_of

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(TEXTS, TEXTS.filter(bool), TEXTS)
def test_a_text_that_holds_another_has_its_pieces(before, text, after):
    assert set(wanted_of(text)) <= grams_of([before + text + after])
    assert set(wanted_of(text.swapcase())) <= grams_of([before + text + after]) or fold_case(
        text.swapcase()
    ) != fold_case(text)


def test_chinese_needs_no_spaces():
    block = grams_of(["门口有人经过"])
    assert all(set(wanted_of(word)) <= block for word in ("门", "有人", "口有人", "门口有人经过"))
    assert not set(wanted_of("没人")) <= block


def test_what_differs_in_a_few_letters_is_told_apart():
    block = grams_of(["IMG_20240630_120000"])
    assert set(wanted_of("img_2024")) <= block and set(wanted_of("0630_12")) <= block
    assert not set(wanted_of("IMG_20240631")) <= block and not set(wanted_of("12:00")) <= block


def test_a_long_text_asks_for_a_few_pieces_and_none_for_nothing():
    assert 4 <= len(wanted_of("a very long text that has many different letters")) <= 8
    assert wanted_of("") == [] and len(wanted_of("x")) == 1
