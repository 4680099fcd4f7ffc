"""Long lists of choices: a hub may have a thousand cameras."""

from collections.abc import Collection, Iterable
from html import escape

from django.utils.safestring import SafeString, mark_safe


def draw_options(choices: Iterable[tuple[str, str]], chosen: Collection[str]) -> SafeString:
    """Return an `<option>` for each value and its words."""
    return mark_safe(
        "\n".join(
            [
                f'<option value="{escape(value)}"{" selected" if value in chosen else ""}>{escape(words)}</option>'
                for value, words in choices
            ]
        )
    )
