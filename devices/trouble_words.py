"""The sentence of each word that a device's trouble or event can have, in the reader's language."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

# The names in brackets are the `values` that `troubles.note` was given.
SENTENCES = {
    "message_failed": _(
        "A message on %(channel)s could not be handled, because of a fault of the hub: %(detail)s"
    ),
    "frame_unreadable": _("A frame could not be taken: %(detail)s"),
}


class _Known(dict):
    """Arguments of a sentence. One that an older hub did not write down shows as a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def sentence_of(word: str, values: Mapping[str, object]) -> str:
    """Return the sentence in the language that is active; a word of a newer hub stands for itself."""
    sentence = SENTENCES.get(word)
    return word if sentence is None else str(sentence) % _Known(values)
