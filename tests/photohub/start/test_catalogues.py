import gettext
import threading
from concurrent.futures import ThreadPoolExecutor

from photohub.start import catalogues
from photohub.start.catalogues import compile_words

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


def test_processes_that_start_at_once_do_not_take_each_others_files(tmp_path, monkeypatch):
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(PO)
    barrier = threading.Barrier(4, timeout=10)

    def write_together(file, catalogue):
        file.write(b"half")
        barrier.wait()

    monkeypatch.setattr(catalogues, "write_mo", write_together)
    with ThreadPoolExecutor(4) as pool:
        assert [f.result() for f in [pool.submit(compile_words, tmp_path) for _ in range(4)]] == [1] * 4
    assert [path.name for path in source.parent.iterdir() if path.suffix != ".po"] == ["django.mo"]
