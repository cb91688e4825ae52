"""What an error of a model server means, whatever the format it came in. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable

__all__ = ["cut_off", "excerpt", "expecting", "failure", "message_in", "status_in"]

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be gone at the next try."""

REFUSING = frozenset({400, 413, 422})
"""Statuses that refuse this one request; any other below 500 awaits every request."""

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)
"""What goes wrong where a body is not what it should be."""

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
    stated = _stated(body)
    if status in PASSING or status >= 500:
        return ModelUnavailable(message, retry_after, status, **stated)
    advice = {
        401: ". Check the key that the server expects.",
        403: ". Check what the key is allowed to do.",
        404: ". Check the model's name and that the URL ends in /v1.",
    }
    kind = ModelRefused if status in REFUSING else ModelDenied
    return kind(
        message.rstrip(".") + advice[status] if status in advice else message, retry_after, status, **stated
    )


def _stated(body: Any) -> dict[str, str | None]:
    """What an error body says of its error: its words, and code, type and field where they are texts or numbers."""
    error = _error_in(body)
    if not isinstance(error, Mapping):
        return {"said": message_in(body)}
    named = {"code": error.get("code"), "kind": error.get("type"), "param": error.get("param")}
    told = {name: str(value) for name, value in named.items() if isinstance(value, str | int) and value}
    return {"said": message_in(body), **told}


class expecting:
    """While what a server sent is read: an error in it leaves as what `failure` says, and what cannot be read as
    `ModelUnavailable`.

    >>> with expecting("a list", {"data": 3}, "Check the URL."):
    ...     list({"data": 3}["data"])
    Traceback (most recent call last):
    calibrant.errors.ModelUnavailable: Expected a list, got {'data': 3}. Check the URL.
    """

    __slots__ = ("_advice", "_body", "_what")

    def __init__(self, what: str, body: Mapping[str, Any], advice: str) -> None:
        self._what, self._body, self._advice = what, body, advice

    def __enter__(self) -> None:
        if self._body.get("error"):
            raise failure(status_in(self._body), self._body)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and isinstance(error, UNREADABLE):
            raise ModelUnavailable(
                f"Expected {self._what}, got {excerpt(self._body)}. {self._advice}"
            ) from error


def cut_off(text: str) -> ModelUnavailable:
    """The error of a stream that ended after this text, before the answer did."""
    return ModelUnavailable(f"The stream was cut off after {len(text)} characters, before the answer ended.")


def _error_in(body: Any) -> Any:
    """The error of a body: its member, or all of it. Some servers put it into a list.

    >>> _error_in([{"error": {"code": 400, "message": "too long"}}])
    {'code': 400, 'message': 'too long'}
    """
    one = body[0] if isinstance(body, list) and len(body) == 1 else body
    return one.get("error", one) if isinstance(one, Mapping) else one


def message_in(body: Any) -> str:
    """What an error says, wherever in its body."""
    error = _error_in(body)
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
