"""What an error of a model server means, whatever the format it came in. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable

__all__ = ["excerpt", "failure", "message_in", "status_in"]

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be gone at the next try."""

REFUSING = frozenset({400, 413, 422})
"""Statuses that refuse this one request; any other below 500 awaits every request."""

NAMED_STATUSES = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded_error": 529,
}
"""What an error calls itself where it came without a status: in a stream, or in a reply that says 200."""


def failure(status: int, body: Any, retry_after: float | None = None) -> ModelError:
    """The error that an HTTP status and the body with it stand for.

    408, 409, 425, 429 and 5xx are worth another try (`ModelUnavailable`); 400, 413 and 422 refuse this one
    request (`ModelRefused`); any other says that none will be served until the caller acts (`ModelDenied`).

    >>> failure(429, {"error": {"message": "slow down"}}, retry_after=2.0)
    ModelUnavailable('The server answered 429: slow down')
    >>> failure(401, "no key")
    ModelDenied('The server answered 401: no key. Check the key that the server expects.')
    """
    message = f"The server answered {status}: {message_in(body)}"
    if status in PASSING or status >= 500:
        return ModelUnavailable(message, retry_after, status)
    advice = {
        401: ". Check the key that the server expects.",
        403: ". Check what the key is allowed to do.",
        404: ". Check the model's name and that the URL ends in /v1.",
    }
    kind = ModelRefused if status in REFUSING else ModelDenied
    return kind(message.rstrip(".") + advice[status] if status in advice else message)


def message_in(body: Any) -> str:
    """What an error says, wherever in its body."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    message = error.get("message", error) if isinstance(error, Mapping) else error
    return message[:500] if isinstance(message, str) else excerpt(message)


def status_in(body: Mapping[str, Any]) -> int:
    """The status that an error body states itself; without one it counts as the server's own fault."""
    error = body["error"]
    if not isinstance(error, Mapping):
        return 500
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return code
    named = (NAMED_STATUSES.get(name) for name in (code, error.get("type")) if isinstance(name, str))
    return next((status for status in named if status is not None), 500)


def excerpt(value: Any) -> str:
    """The beginning of something unexpected, to be quoted."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
