from devices.events.wording import SENTENCES, sentence_of


def test_every_word_becomes_a_sentence_also_where_its_arguments_are_missing():
    for word in SENTENCES:
        assert sentence_of(word, {}) and "%(" not in sentence_of(word, {})
    assert sentence_of("of_a_newer_hub", {}) == "of_a_newer_hub"
