"""JSON text as bytes, by orjson where it is installed, which takes a fifth of the time."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

__all__ = ["decoded", "encoded", "whole_text"]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

try:
    _quick: Any = import_module("orjson")
except ImportError:
    _quick = None


def encoded(value: Any) -> bytes:
    """A value as JSON in UTF-8, without spaces; half a surrogate pair becomes "?".

    What is not a number has no place in JSON: leave it out beforehand. It is a `ValueError`, but null with orjson.

    >>> encoded({"said": "é", "p": 0.5})
    b'{"said":"\\xc3\\xa9","p":0.5}'
    """
    if _quick is not None:
        try:
            return bytes(_quick.dumps(value))
        except TypeError:  # half a surrogate pair, a number beyond 64 bits, a key that is no text
            pass
    return _encode(value).encode(errors="replace")


def decoded(data: bytes) -> Any:
    """The value of JSON; raises `ValueError` for anything else.

    Accepts what `json` does, such as NaN and half a surrogate pair.

    >>> decoded(b'{"p":NaN}')
    {'p': nan}
    """
    if _quick is not None:
        try:
            return _quick.loads(data)
        except ValueError:
            pass
    return json.loads(data)


def whole_text(value: Any) -> Any:
    """A decoded body whose texts hold no half of a surrogate pair, which no file or database can keep.

    >>> whole_text({"content": "Par\\ud83dis"})
    {'content': 'Par?is'}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    return [whole_text(item) for item in value] if isinstance(value, list) else value
