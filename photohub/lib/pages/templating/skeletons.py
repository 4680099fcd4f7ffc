"""Templates that many rows of one page are put into.

A page has dozens of tiles that differ in a few values and conditions. A skeleton's template is rendered once for each
set of conditions and each language, with marks in place of the values; then the values of every row are put between the
same pieces of text. Nothing of a row is kept, so there is nothing that could be out of date.
"""

import re
from collections.abc import Callable, Mapping
from html import escape

from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

# Conditions are few. Should they ever not be, the oldest texts are made anew.
_KEPT_AT_MOST = 500
_BEGIN, _END = "\ue000", "\ue001"
_MARK = re.compile(f"{_BEGIN}(\\w+){_END}")
_INDENTATION = re.compile(r"\s*\n\s*")


class Skeleton:
    """One template with the names of its values, which it may write, but neither ask about nor filter."""

    def __init__(self, template: str, *values: str) -> None:
        self._template = template
        self._marks = {name: f"{_BEGIN}{name}{_END}" for name in values}
        self._texts: dict[tuple, str] = {}

    def fill(
        self,
        conditions: Mapping[str, object],
        values: Mapping[str, str],
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> SafeString:
        """Return the text for one row.

        `conditions` are hashable and few, and mean the same in every time zone; `values` are plain text, or HTML that is
        marked as safe. `more()` returns what the template may ask about and what follows from the conditions.
        """
        key = (get_language(), *conditions.values())
        text = self._texts.get(key)
        if text is None:
            text = self._make(key, {**more(), **conditions})
        return mark_safe(text % {name: _escaped(value) for name, value in values.items()})

    def _make(self, key: tuple, conditions: Mapping[str, object]) -> str:
        rendered = get_template(self._template).render({**self._marks, **conditions})
        plain = _INDENTATION.sub("\n", rendered).replace("%", "%%")
        text = _MARK.sub(r"%(\1)s", plain)
        if len(self._texts) >= _KEPT_AT_MOST:
            self._texts.pop(next(iter(self._texts)), None)
        self._texts[key] = text
        return text


def _escaped(value: str) -> str:
    return value if isinstance(value, SafeString) else escape(value)
