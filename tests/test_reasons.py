"""Every reason has a word and a sentence in the reader's language: read from the sources, so that a new one has them too."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from django.conf import settings
from django.utils.translation import override
from pydantic_core._pydantic_core import list_all_errors

from devices.events.wording import SENTENCES
from photohub.lib.http.refusals import field_errors
from tests.markdown import tables, words
from tests.test_docs import PROTOCOL

ROOT = settings.BASE_DIR

# Who is handed a word of `trouble_words` and its values; the word is the argument of this number.
NOTERS = {"troubles.note": 1, "broker.tell_refused": 1, "self.tell_refused": 1, "events.record_word": 1}
NOTERS |= dict.fromkeys(("GetFailed", "BadUrl", "BadAnswer", "AddressRefused", "LoginRefused"), 0)
# Who keeps a sentence for readers that come later.
KEEPERS = {
    *(
        "events.record",
        "events.new_event",
        "heartbeats.beat",
        "heartbeats.note",
        "heartbeats.note_if_news",
        "presence.disconnected",
    ),
    *("presence.stream_ended", "commands.fail", "commands.cancel", "deliveries.fail", "deliveries.cancel"),
    *(
        "rollouts.tell",
        "time_lapses.tell",
        "troubles.note",
        "tell",
        "_tell",
        "tell_changed",
        "columns",
        "kept",
    ),
    *("note_failed", "note_answers", "MirrorError", "CannotDeliver", "CannotFetch", "CannotMake", "Closed"),
}
# The same where the function itself is imported, or called in its own module.
KEEPERS |= {name.rpartition(".")[2] for name in KEEPERS} | {"_finish", "_end", "_note_heartbeat"}
# Whose word programs get from the API.
REFUSALS = {
    "CannotDeliver",
    "CannotFetch",
    "FirmwareRefused",
    "FirmwareTaken",
    "FirmwareAway",
    "FirmwareBroken",
}
REFUSALS |= {"RolloutError", "ApiError"}


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
            return f"{owner}.{name}"
    return ""


@cache
def _modules() -> dict[str, ast.Module]:
    """Parse those files that name any of these."""
    told = re.compile("|".join({name.rpartition(".")[2] + r"\(" for name in (*NOTERS, *KEEPERS, *REFUSALS)}))
    paths = [p for name in ("devices", "media_pipeline", "photohub") for p in (ROOT / name).rglob("*.py")]
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}
    return {path: ast.parse(text) for path, text in texts.items() if told.search(text)}


def _calls(tree: ast.AST, names) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _name(node.func)) in names:
            yield name, node


def _text(node: ast.expr, tree: ast.Module) -> str | None:
    """Return the text that an argument is, also by a name of its module."""
    if isinstance(node, ast.Name):
        named = [
            each.value
            for each in tree.body
            if isinstance(each, ast.Assign) and _name(each.targets[0]) == node.id
        ]
        node = named[0] if named else node
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _noted() -> Iterator[tuple[str, str, set[str | None]]]:
    """Yield where which word is noted, with the names of its values; None stands for some that cannot be read."""
    for path, tree in _modules().items():
        for name, call in _calls(tree, NOTERS):
            if len(call.args) > NOTERS[name] and (word := _text(call.args[NOTERS[name]], tree)):
                yield f"{path}:{call.lineno}", word, {keyword.arg for keyword in call.keywords}


def test_every_trouble_has_a_sentence_and_the_values_that_it_names():
    found = list(_noted())
    assert len(found) > 40 and [place for place, word, _ in found if word not in SENTENCES] == []
    for place, word, given in found:
        wanted = set(re.findall(r"%\((\w+)\)", SENTENCES[word])) - {"again"}
        assert None in given or wanted <= given, place


def _in_a_language(node: ast.AST) -> bool:
    """Tell whether an argument is a sentence that is in a language already."""
    match node:
        case ast.JoinedStr(values=parts):
            return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in parts)
        case ast.BinOp(op=ast.Mod()):
            return True
        case ast.Constant(value=str(text)):
            return " " in text.strip() and text[0].isupper()
        case ast.Call(func=ast.Name(id="_" | "gettext" | "ngettext")):
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return _in_a_language(body) or _in_a_language(orelse)
    return False


def _kept(function: ast.AST) -> Iterator[int]:
    """Yield the lines where a sentence is kept that is in a language already, also by way of a variable."""
    assigned = [
        node for node in ast.walk(function) if isinstance(node, ast.Assign) and _in_a_language(node.value)
    ]
    names = {_name(node.targets[0]) for node in assigned} - {""}
    for _, call in _calls(function, KEEPERS):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(_in_a_language(each) or _name(each) in names for each in given):
            yield call.lineno


def test_no_row_keeps_a_sentence_in_the_language_of_whoever_writes_it():
    functions = [
        (path, node)
        for path, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [f"{path}:{line}" for path, function in functions for line in _kept(function)] == []


def test_every_error_word_of_the_api_is_documented():
    named = {word for row in tables(PROTOCOL, "`err` of the API") for word in words(row[0])}
    said = set()
    for tree in _modules().values():
        for name, call in _calls(tree, REFUSALS):
            word = call.args[name == "ApiError" :][:1]
            said |= {each.value for node in word for each in ast.walk(node) if isinstance(each, ast.Constant)}
    assert said - named == set()


def test_sentences_of_wrong_values_are_those_that_pydantic_says_in_english():
    known = {error["type"]: error["message_template_python"] for error in list_all_errors()}
    for kind, sentence in field_errors.SENTENCES.items():
        wanted = re.sub(r"\{expected_plural\}", "s", known[kind])
        assert re.sub(r"%\((\w+)\)s", r"{\1}", sentence) == wanted, kind


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"type": "missing", "msg": "Field required"}, "此字段必填"),
        ({"type": "less_than_equal", "ctx": {"le": 500}, "msg": "x"}, "应不大于 500"),
        ({"type": "less_than_equal", "msg": "As it came"}, "As it came"),
        ({"type": "of_a_newer_pydantic", "msg": "As it came"}, "As it came"),
    ],
)
def test_a_wrong_value_is_told_in_the_readers_language(error, said):
    with override("zh-hans"):
        assert field_errors.say(error) == said
    with override("en"):
        assert field_errors.say(error) == error["msg"]
