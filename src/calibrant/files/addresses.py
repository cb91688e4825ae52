"""Content addresses: JSON text that is equal for equal values, and a short digest of it."""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring
from typing import Any

__all__ = ["canonical", "digest", "digested"]

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no spaces, no NaN."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is list and {*map(type, value)} == {str}:  # most digests are of texts: a third of the time
        return f"[{','.join(map(encode_basestring, value))}]"
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of the canonical JSON of a value.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return digested(canonical(value))


def digested(text: str) -> str:
    """The digest of a value whose canonical JSON this is."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
