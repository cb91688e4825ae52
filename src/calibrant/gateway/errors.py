"""What leaves as an error. The one door through which anything that comes from elsewhere reaches a client. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from calibrant.errors import (
    BadRequest,
    CalibrantError,
    ModelDenied,
    ModelError,
    ModelRefused,
    StoreError,
    StoreRefused,
    UnknownAssignment,
    UnknownRecord,
)

__all__ = ["Failure", "TurnedAway", "failure_of", "filtered"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error as a client is told of it: `kind` is what OpenAI calls its type, `param` the field at fault."""

    status: int
    message: str
    kind: str
    code: str | None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def wait(self) -> dict[str, float]:
        """When to try again, in seconds: for an error within a stream, whose headers have left."""
        stated = self.headers.get("retry-after")
        return {} if stated is None else {"retry_after": float(stated)}


class TurnedAway(BadRequest):
    """A request that is not let in, whatever it asks: by its key, a limit, or for lack of room. `kind` as above."""

    def __init__(
        self,
        message: str,
        param: str | None = None,
        *,
        status: int,
        code: str,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, param, status, code)
        self.kind, self.headers = kind, headers or {}


PASSED = frozenset({400, 404, 408, 409, 413, 422, 425, 429})
"""Statuses of a model's server that are about the request or the moment, and so for the client to act on."""

BUSY = frozenset({503, 529})

KINDS = {
    401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 502: "upstream_error",
    503: "store_error", 504: "upstream_error",
}  # fmt: skip

INTERNAL = "An error in the gateway; its log says which."
AWAY = "The store is not at hand, so there is no answer. The gateway's log says why."
"""What is wrong with a database is not the client's to know, and names hosts and users."""

LATE = "The model did not answer in time. Try again, or ask for fewer tokens."
DENIED = (
    "The model's server does not take this gateway's requests. Its operator finds why in the gateway's log."
)
BROKEN = "The model gave no answer that can be used. The gateway's log and the record say why."
REFUSED = "The model's server refused the request{}. What it said is kept with the record."


def failure_of(error: Exception, *, hold: bool = False) -> Failure:
    """What a client is told of an error; `hold` where the gate is shut, so that no words of a model may pass.

    >>> from calibrant.formats.failures import failure
    >>> said = {"error": {"message": "Too long, see https://a.b/c.", "code": "context_length_exceeded"}}
    >>> told = failure_of(failure(400, said))
    >>> told.status, told.code, told.message
    (400, 'context_length_exceeded', 'Too long, see [...]')
    """
    if isinstance(error, ModelError):
        return _of_model(error, hold)
    if isinstance(error, BadRequest):
        kind = getattr(error, "kind", None) or KINDS.get(error.status, "invalid_request_error")
        return Failure(
            status=error.status, message=_shortened(str(error)), kind=kind, code=error.code,
            param=error.param and error.param[:MOST], headers=getattr(error, "headers", {}),
        )  # fmt: skip
    if isinstance(error, StoreRefused):
        status = {UnknownRecord: 404, UnknownAssignment: 404}.get(type(error), 409)
        told = _shortened(str(error))
        return Failure(status=status, message=told, kind="invalid_request_error", code=error.code)
    if isinstance(error, StoreError):
        return Failure(status=503, message=AWAY, kind=KINDS[503], code=error.code)
    code = error.code if isinstance(error, CalibrantError) else "internal_error"
    return Failure(status=500, message=INTERNAL, kind="server_error", code=code)


def _of_model(error: ModelError, hold: bool) -> Failure:
    """Status, code, type and field as the model's server stated them, so that clients act as they would on it."""
    status, own = _status(error), type(error).code
    if (
        isinstance(error, ModelDenied) and status == 502
    ):  # whose key is wrong there is not the client's concern
        code, kind = own, None
    else:
        code, kind = _name(error.code, hold) or own, _name(error.kind, hold)
    stated = code if code != own else None
    usual = "invalid_request_error" if status < 500 else "upstream_error"
    return Failure(
        status=status,
        message=_words(error, status, stated, hold),
        kind=kind or ("rate_limit_error" if status == 429 else usual),
        code=code,
        param=_field(error.param, hold),
        headers=_headers(error, status),
    )


def _status(error: ModelError) -> int:
    if isinstance(error.__cause__, TimeoutError) or error.status == 504:
        return 504
    if error.status == 404 and error.code == type(error).code and error.kind is None:
        return 502  # a page that is not there, which is our address, and no model
    if error.status in PASSED:
        return error.status or 502
    return 503 if error.status in BUSY else 502


def _words(error: ModelError, status: int, stated: str | None, hold: bool) -> str:
    if status in PASSED:
        if error.said and not hold:
            return filtered(error.said)
        return REFUSED.format(f" ({stated})" if stated else "")
    if status == 504:
        return LATE
    return DENIED if isinstance(error, ModelDenied) else BROKEN


def _headers(error: ModelError, status: int) -> dict[str, str]:
    """Whether and when to try again, in the words that OpenAI's clients follow."""
    if isinstance(error, ModelRefused):
        return {"x-should-retry": "false"}
    if error.retry_after is not None and status in (408, 429, 503):
        seconds = max(0.0, error.retry_after)
        return {"retry-after": f"{math.ceil(seconds)}", "retry-after-ms": f"{math.ceil(1000 * seconds)}"}
    return {}


MOST = 400
"""Characters of a server's words that are passed on; some repeat the whole request."""

FIELD = re.compile(r"[\w.\[\]$-]{1,100}")
NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")

KNOWN_FIELDS = re.compile(
    r"(messages|input|prompt|tools|tool_choice|max_(completion_|output_)?tokens|temperature|top_p|top_logprobs|logprobs|seed"
    r"|stop|n|model|stream|response_format|text|reasoning(_effort)?)"
    r"([.\[]\d+\]?|\.(content|role|name|format|schema|function|parameters|image_url|url|type))*"
)
KNOWN_NAMES = frozenset((
    "invalid_request_error", "rate_limit_error", "not_found_error", "request_too_large", "overloaded_error",
    "overloaded", "api_error", "server_error", "timeout_error", "insufficient_quota", "tokens", "requests",
    "context_length_exceeded", "exceed_context_size_error", "rate_limit_exceeded", "model_not_found", "content_filter",
    "content_policy_violation", "string_above_max_length", "array_above_max_length", "integer_below_min_value",
    "integer_above_max_value", "unsupported_parameter", "unsupported_value", "unknown_parameter",
    "missing_required_parameter", "invalid_type", "invalid_value", "invalid_json_schema", "invalid_prompt",
    "invalid_image", "invalid_image_url", "BadRequestError", "NotFoundError",
))  # fmt: skip
"""What servers call fields and errors. Where answers are held nothing else of theirs passes: it may be the answer."""

PRIVATE = re.compile(
    r"""
      \b[a-z][a-z0-9+.-]*://\S+                                   # addresses
    | \S*\*{2,}\S*                                                # what a server has masked itself
    | \b(?:bearer|basic)\s+\S+
    | \b(?:api[-_ ]?key|token|secret|password|authorization)\s*[=:]\s*(?:bearer\s|basic\s)?\S+
    | \bend(?:s|ing)\s(?:in|with)\s\S+
    | \b(?:org|proj|user|acct|req|key|sk|pk|rk|gsk|csk|xai|hf|nvapi|pplx|ghp|r8|fw|tgp)[-_]\w[\w.…-]{3,}
    | \b(?:AKIA|AIza|eyJ)[\w-]{8,}[\w.-]*
    | \b(?-i:(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])(?=[\w+/-]*[0-9]))[\w+/-]{20,}={0,2}
    | \b(?=[a-z]*[0-9])[a-z0-9]{28,}\b
    | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b
    | \[[0-9a-f:]{3,}\](?::\d+)?
    | \blocalhost\b(?::\d+)?
    | \b(?:[a-z0-9-]+\.)+(?:com|net|org|io|ai|dev|cloud|local|internal|svc|lan|corp|co)\b(?::\d+)?(?:/\S*)?
    | \b[a-z][a-z0-9.-]*:\d{2,5}\b
    | (?<![\w.])(?:/[\w.-]+){3,}                                  # paths
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What a server's words may hold that is none of a client's business."""


@lru_cache(1024)  # the same few reasons come with many answers
def filtered(words: str) -> str:
    """A server's words without keys, addresses and paths, and not too many of them.

    >>> filtered("Incorrect key sk-abc***xyz at http://10.0.0.7:8000/v1. Ask localhost:80")
    'Incorrect key [...] at [...] Ask [...]'
    """
    text = PRIVATE.sub("[...]", " ".join(words[: 4 * MOST].split()))
    return _shortened(text)


def _shortened(text: str) -> str:
    """Not too much of it: an error may quote what it is about, and that may be all of a request."""
    return text if len(text) <= MOST else f"{text[:MOST]}..."


def _name(value: str | None, hold: bool) -> str | None:
    """A code or a type, where it is one and not a text."""
    if not value or (hold and value not in KNOWN_NAMES):
        return None
    return value if NAME.fullmatch(value) and not PRIVATE.search(value) else None


def _field(value: str | None, hold: bool) -> str | None:
    """The field at fault, where it is one."""
    return value if value and (KNOWN_FIELDS if hold else FIELD).fullmatch(value) else None
