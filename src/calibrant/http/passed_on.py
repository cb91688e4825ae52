"""What a call to a model carries on behalf of the request that it serves: the trace which it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar

__all__ = ["PASSED_ON", "trace_in"]

PASSED_ON: ContextVar[Mapping[str, str] | None] = ContextVar("PASSED_ON", default=None)
"""Headers of all calls that are made in this context."""

PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
STATE = re.compile(r"[\x20-\x7e]{1,512}")


def trace_in(parent: str | None, state: str | None = None) -> dict[str, str] | None:
    """The headers of a trace as W3C's Trace Context has them; None where there is none, or none that is well-formed.

    >>> trace_in("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    {'traceparent': '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'}
    >>> trace_in("00-4bf9") is None
    True
    """
    if parent is None or not PARENT.fullmatch(parent):
        return None
    made = {"traceparent": parent}
    return made | {"tracestate": state} if state is not None and STATE.fullmatch(state) else made
