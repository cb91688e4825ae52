"""Content addresses: JSON text that is equal for equal values, and a short digest of it."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import import_module
from typing import Any

__all__ = ["canonical", "digest"]

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

_EXPONENT = re.compile(rb"e[-+]?\d+(?:[]},]|\Z)")
_NEAR_ZERO = b"0.0000"
"""What stands in numbers that packages write in different ways."""

_NUMBERS = (1e15, 1e16, 1e17, 1e22, 123456789012345.6, 1e-4, 1e-5, 1e-7, -0.0, 10.00001, 0.1, 1.0)

try:
    _quick: Any = import_module("orjson")
except ImportError:
    _quick = None


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no spaces, no NaN.

    Raises `ValueError` and `TypeError` for what JSON cannot say. Stores and maps hold digests of it, so what is written
    for a value never changes: it is what `json` writes.

    >>> canonical({"said": "é", "odds": [1e-07, 3]})
    '{"odds":[1e-07,3],"said":"é"}'
    """
    text = None if _quick is None else _quickly(value)
    return _CANONICAL.encode(value) if text is None else text


def _quickly(value: Any) -> str | None:
    """The same in a fifth of the time; None where that cannot be said for sure."""
    try:
        data = _quick.dumps(value, option=_quick.OPT_SORT_KEYS)
        if _NEAR_ZERO in data or _EXPONENT.search(data):
            return None
        if _quick.loads(data) != value:  # NaN became null, or what `json` refuses something else
            return None
    except (TypeError, ValueError):  # half a surrogate pair, a number beyond 64 bits, a key that is no text
        return None
    return str(data, "utf-8")


if _quick is not None and any(_quickly(one) not in (None, _CANONICAL.encode(one)) for one in _NUMBERS):
    _quick = None  # another version of it, which writes numbers otherwise


def digest(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of the canonical JSON of a value.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]
