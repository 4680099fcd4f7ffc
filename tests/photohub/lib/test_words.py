import gettext

from photohub.lib.words import compile_words

PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Take a picture"
msgstr "拍照"
"""


def test_a_catalogue_is_compiled_when_it_is_newer(tmp_path):
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(PO)
    assert (compile_words(tmp_path), compile_words(tmp_path)) == (1, 0)
    with source.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Take a picture") == "拍照"
