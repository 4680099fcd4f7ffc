"""Django's tags `translate`, `blocktranslate` and `url`, and `lucide`: where their text is always the same, it is made once.

A page has some two hundred of them. Every template has them, under the names by which they are loaded otherwise too.
"""

from collections.abc import Callable

import lucide as icons
from django.template import Context, Library, Node
from django.template.base import FilterExpression, Parser, TextNode, Token, TokenType, Variable
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as parse_url
from django.template.library import SimpleNode
from django.templatetags import i18n
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from lucide.templatetags.lucide import register as lucide_tags

register = Library()
register.tags.update(i18n.register.tags)
register.filters.update(i18n.register.filters)
_parse_icon = lucide_tags.tags["lucide"]


class Known(Node):
    """A node that is rendered once for each answer of `depends_on`: nothing else may change its text."""

    def __init__(self, node: Node, depends_on: Callable[[], object]) -> None:
        self._node = node
        self._depends_on = depends_on
        self._texts: dict[object, str] = {}

    def render(self, context: Context) -> str:
        key = self._depends_on()
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = self._node.render(context)
        return text


class Named(Known):
    """The same for a text that is not written, but given a name."""

    def __init__(self, node: Node, depends_on: Callable[[], object], name: str) -> None:
        super().__init__(node, depends_on)
        self._name = name

    def render(self, context: Context) -> str:
        context[self._name] = super().render(context)
        return ""


def _is_literal(value: object) -> bool:
    """Tell whether an argument is written out in the template, and not looked up."""
    if isinstance(value, FilterExpression):
        if value.filters:
            return False
        value = value.var
    return isinstance(value, str) or (isinstance(value, Variable) and value.lookups is None)


@register.tag("translate")
@register.tag("trans")
def translate(parser: Parser, token: Token) -> Node:
    """Translate a text of the template once for each language."""
    node = i18n.do_translate(parser, token)
    context = node.message_context
    if node.noop or not _is_literal(node.filter_expression) or not (context is None or _is_literal(context)):
        return node
    name, node.asvar = node.asvar, None
    return Named(node, get_language, name) if name else Known(node, get_language)


@register.tag("blocktranslate")
@register.tag("blocktrans")
def blocktranslate(parser: Parser, token: Token) -> Node:
    """Translate a block without values once for each language."""
    node = i18n.do_block_translate(parser, token)
    has_values = node.extra_context or node.plural or node.message_context or node.asvar
    if has_values or any(part.token_type == TokenType.VAR for part in node.singular):
        return node
    return Known(node, get_language)


def _nothing() -> None:
    """Say that a text never changes."""


@register.tag("url")
def url(parser: Parser, token: Token) -> Node:
    """Look up an address without arguments once."""
    node = parse_url(parser, token)
    # A hub is never reached under a path, and each of its applications is there once.
    is_known = isinstance(node, URLNode) and not node.args and not node.kwargs and not node.asvar
    return Known(node, _nothing) if is_known and _is_literal(node.view_name) else node


@register.tag("lucide")
def lucide(parser: Parser, token: Token) -> Node:
    """Draw an icon once, where the template says which."""
    node = _parse_icon(parser, token)
    if isinstance(node, SimpleNode) and not node.target_var:
        given = [*node.args, *node.kwargs.values()]
        if all(_is_literal(value) for value in given):
            return TextNode(node.render(Context()))
    return node


_drawn: dict[tuple, SafeString] = {}


def draw_icon(name: str, size: int) -> SafeString:
    """Return an icon that says nothing to those who hear the page."""
    found = _drawn.get((name, size))
    if found is None:
        found = _drawn[name, size] = mark_safe(icons._render_icon(name, size, aria_hidden="true"))
    return found
