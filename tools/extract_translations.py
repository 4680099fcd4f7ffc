"""Bring the catalogues of words in step with the sources: `python tools/extract_translations.py`.

New messages come in empty, messages that no source has any more go, everything else stays as it was. It reads
templates by Django's own rules and needs no program but Babel, so it runs wherever PhotoHub runs.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("devices", "media_pipeline", "photohub", "templates")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "said": None,
    # Codecs say in English what they cannot read; whoever notes it has it said in the reader's language.
    "_Refuse": (2,),
    "BadHello": None,
    "UnknownFraming": None,
    "BadHeader": None,
    "NotPicture": None,
    "TooFine": None,
}


def extract_translations(root: Path = ROOT) -> Catalog:
    """Return every message of the sources, without translations."""
    found = Catalog()
    for path in _source_files(root):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            text = _as_python(text)
        for _line, message, _comments, context in extract("python", io.BytesIO(text.encode()), KEYWORDS):
            found.add(message, context=context)
    return found


def _source_files(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        yield from sorted(path for path in (root / name).rglob("*") if path.suffix in (".py", ".html"))


def _as_python(template: str) -> str:
    # Indentation means nothing in a template but would be an error to Python's tokenizer.
    return "\n".join(line.lstrip() for line in templatize(template).splitlines())


def read_words(path: Path) -> Catalog:
    """Read a catalogue with its opening comment as it stands; Babel alone would strip its indentation."""
    text = path.read_text(encoding="utf-8")
    catalogue = read_po(io.BytesIO(text.encode()))
    catalogue.header_comment = text.partition('msgid ""')[0].rstrip()
    return catalogue


def update_words(old: Catalog, found: Catalog) -> Catalog:
    """Return the messages of `found` with the translations of `old`, sorted, nothing guessed."""
    new = Catalog(locale=old.locale, header_comment=old.header_comment, fuzzy=False)
    for message in found:
        if message.id:
            known = old.get(message.id, message.context)
            new.add(message.id, known.string if known else "", context=message.context)
    return new


def is_translated(message: Message) -> bool:
    """Whether every form of the message has words."""
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(forms) and all(forms)


def write_words(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue without dates, line numbers and other noise that would fill every diff."""
    out = io.BytesIO()
    write_po(out, catalogue, width=110, no_location=True, omit_header=True, sort_output=True)
    header = (
        f"{catalogue.header_comment}\n"
        'msgid ""\nmsgstr ""\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Language: {catalogue.locale_identifier}\\n"\n'
        f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    path.write_text(header + out.getvalue().decode().strip("\n") + "\n", encoding="utf-8")


def main() -> int:
    """Update every catalogue; 1 when something is left to translate."""
    settings.configure()
    found, missing = extract_translations(), 0
    for path in sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po")):
        catalogue = update_words(read_words(path), found)
        write_words(path, catalogue)
        untranslated = [message for message in catalogue if message.id and not is_translated(message)]
        for message in untranslated:
            print(f"{path.relative_to(ROOT)}: no words yet for {message.id!r}")
        missing += len(untranslated)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
