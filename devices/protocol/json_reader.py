"""Read JSON that strangers wrote: within a size and a depth, with ordinary numbers and texts that can be stored."""

import json
import re
from typing import NoReturn

_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACE = " \t\r\n\0\ufeff"


class JsonRefused(ValueError):
    """The bytes are no JSON, or more of it than is read."""


def read_json(data: bytes, *, max_bytes: int, max_depth: int = 32) -> object:
    """Return what the JSON says. Raises JsonRefused and nothing else."""
    if len(data) > max_bytes:
        raise JsonRefused(f"The JSON has {len(data)} bytes, at most {max_bytes} are read.")
    try:
        text = data.decode("utf-8").strip(_SPACE)
    except UnicodeDecodeError as error:
        raise JsonRefused("The JSON is not UTF-8.") from error
    _check_depth(text, max_depth)
    try:
        return _storable(json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float))
    except JsonRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonRefused("The bytes are not JSON.") from error


def _check_depth(text: str, max_depth: int) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > max_depth:
                raise JsonRefused(f"The JSON is nested deeper than {max_depth} levels.")
        elif first in "]}":
            depth -= 1


def _refuse_constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is no number in JSON.")


def _read_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise JsonRefused("The JSON holds a number that is too large.")
    return value


def _storable(value: object) -> object:
    """Return the value with lone surrogates, which nothing can store, made into question marks."""
    if isinstance(value, str):
        return _SURROGATES.sub("?", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATES.sub("?", key): _storable(item) for key, item in value.items()}
    return value
