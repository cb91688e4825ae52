"""What is not understood here is passed on to the model's server, and marked as without confidence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.errors import BadRequest, ModelDenied, ModelRefused, ModelUnavailable
from calibrant.formats.completions import counted
from calibrant.pipeline import Pipeline
from calibrant.releases.live import task_in
from calibrant.types import Ask, Question, Usage

from .admission import Admission
from .answering import while_there
from .bodies import parsed
from .visits import Visit, visit_of
from .wires.messages import Messages

if TYPE_CHECKING:
    import aiohttp

__all__ = ["NO_CONFIDENCE", "Passing"]

NO_CONFIDENCE = {"x-calibrant-confidence": "none"}
REASON = "x-calibrant-reason"

UNREAD = "passed on as it came: no answer was read, so there is no confidence"

SPOKEN = frozenset((
    "chat", "completions", "responses", "messages", "decisions", "feedback", "answers", "models",
    "organization", "organizations", "projects", "admin",
))  # fmt: skip
"""Steps of paths at which answers are given, for no other spelling of them leads past the gate and the records, and
those at which accounts are run.
"""

COUNTED = frozenset(("messages/count_tokens", "responses/input_tokens"))
"""Paths below those that answer nothing."""

HARMLESS = frozenset(
    ("embeddings", "moderations", "rerank", "score", "tokenize", "detokenize", "audio", "images")
)
"""What may be asked for where answers are held: no text of a model that a person was to see first comes back."""

CLASSES = HARMLESS | {"files", "batches", "uploads", "vector_stores", "fine_tuning"}
"""First steps of paths that metrics tell apart; any other is "passed", since clients may name what they like."""

ASKED = {
    name: name.encode()
    for name in ("content-type", "accept", "range", "idempotency-key", "openai-beta", "anthropic-beta")
}
"""Headers of a request that are passed on; a client's key is none of them."""

GIVEN = ("content-type", "content-disposition", "content-range", "accept-ranges", "etag", "last-modified")
"""Headers of a reply that are passed on."""

QUERY = re.compile(rb"[!$-~]*")

WHOLE = 2**20
"""Bytes of JSON that are waited for: it is of no use in part, and what breaks off leaves as an error then."""

PEEKED = 65536
"""Bytes of a form that are looked through for the name of its model; forms begin with their fields."""

FIELD = re.compile(rb'(name="model"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)([^\r\n]*)(?=\r\n)')


class Passable(Protocol):
    """A model behind a URL."""

    @property
    def served(self) -> str:
        """Its name on its server."""
        ...

    def passed(
        self, method: str, path: str, *, again: bool, **request: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The reply to a request of another path; tried again where the model is and it may be made `again`."""
        ...

    def cost(self, usage: Usage) -> float:
        """US dollars for so many tokens."""
        ...


class Passing:
    """Passes requests on, to the model of the name that they state, else to the one that answers by default.

    What is `served` here, paths with their /v1/ and the methods of each, is not passed on by another method.
    """

    def __init__(self, pipeline: Pipeline, admission: Admission, served: Mapping[str, str]) -> None:
        self._pipeline, self._admission, self._served = pipeline, admission, served

    async def endpoint(self, request: Request) -> ASGIApp:
        """The reply as it comes; raises `BadRequest` for what cannot be passed."""
        path = request.scope["path"].removeprefix("/v1/")
        self._check_path(path, request.method)
        if not QUERY.fullmatch(request.scope["query_string"]):
            raise BadRequest("Expected a query of ASCII letters, percent-encoded.")
        visit = visit_of(request)
        visit.wire = step if (step := path.partition("/")[0]) in CLASSES else "passed"
        if path.startswith("messages/"):
            request.state.wire = Messages()  # whose clients read its errors
        body, named = await self._body(request)
        visit.model, model = self._model(named, path, request, visit)
        return _Passed(request, path, model, _renamed(body, model), visit, self._most)

    @property
    def _most(self) -> int:
        return self._admission.server.body_limit

    def _check_path(self, path: str, method: str) -> None:
        allowed = self._served.get(f"/v1/{path}")
        if allowed is not None and method not in allowed.split(", "):
            raise HTTPException(405, headers={"Allow": allowed})
        if path not in COUNTED and SPOKEN & {step.lower() for step in path.split("/")}:
            raise BadRequest(
                f"Not found: /v1/{path[:100]}. Where answers are given, and accounts run, nothing is passed on. "
                "Served are /v1/chat/completions, /v1/responses, /v1/messages, /v1/completions and /v1/decisions.",
                status=404,
                code="unknown_url",
            )

    def _model(self, named: str | None, path: str, request: Request, visit: Visit) -> tuple[str, Passable]:
        task = task_in(named) or request.headers.get("x-calibrant-task")
        question = self._admission.asked(
            visit, Question(id="passed", messages=(), task=task), Ask(messages=(), max_tokens=0), stream=False
        )
        way = self._pipeline.way(question.task, named)
        request.state.hold = request.state.quiet = way.hold
        if way.hold and path.partition("/")[0] not in HARMLESS and path not in COUNTED:
            raise BadRequest(
                f"Answers of this task are held until they are decided on, so /v1/{path[:100]} is not passed on.",
                status=403,
                code="held_task",
            )
        model: Any = way.model
        if not hasattr(model, "passed"):
            raise BadRequest(
                f"Not served: /v1/{path[:100]}. The model {way.model.name!r} is not behind a URL, which this "
                "takes.",
                status=404,
                code="unknown_url",
            )
        return way.model.name, model

    async def _body(self, request: Request) -> tuple[Any, str | None]:
        """The body, JSON as its value and all else as it comes, and the model that the request names."""
        asked = request.query_params.get("model") if request.scope["query_string"] else None
        asked = asked or request.headers.get("x-calibrant-model")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method in ("GET", "HEAD", "DELETE") and "content-length" not in request.headers:
            return None, asked
        if request.headers.get("content-length", "0").isdigit():
            self._check_size(int(request.headers.get("content-length", "0")))
        stream = self._limited(request)
        if kind == "application/json":
            whole = b"".join([part async for part in stream])
            value = parsed(whole, self._admission.server.depth_limit)
            named = value.get("model") if isinstance(value, dict) else None
            return (value, named or asked) if isinstance(named, str) else (whole, asked)
        begin = bytearray()
        async for part in stream:
            begin += part
            if len(begin) >= PEEKED or FIELD.search(begin):
                break
        found = FIELD.search(begin) if kind == "multipart/form-data" else None
        named = found[2].decode("utf-8", "replace").strip() if found else None
        return (bytes(begin), stream), named or asked

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise BadRequest(
                f"The body is larger than {self._most} bytes ([server] body_limit).",
                status=413,
                code="body_too_large",
            )

    async def _limited(self, request: Request) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for part in request.stream():
                size += len(part)
                self._check_size(size)
                yield part
        except (BadRequest, ClientDisconnect) as error:
            request.state.broken = error  # who sends it on would tell of a lost connection
            raise


def _renamed(body: Any, model: Passable) -> Any:
    """The body with the name that the model has on its server, where it names one."""
    if isinstance(body, dict):
        return orjson.dumps({**body, "model": model.served})
    if body is None or isinstance(body, bytes):
        return body
    begin, rest = body
    if found := FIELD.search(begin):
        begin = begin[: found.start(2)] + model.served.encode() + begin[found.end(2) :]
    return _strung(begin, rest)


async def _strung(begin: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if begin:
        yield begin
    async for part in rest:
        if part:
            yield part


class _Passed:
    """The reply of a server, as it comes."""

    def __init__(
        self, request: Request, path: str, model: Passable, body: Any, visit: Visit, most: int
    ) -> None:
        self._request, self._path, self._model, self._body = request, path, model, body
        self._visit, self._most = visit, most

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        request = self._request
        came = dict(request.scope["headers"])
        headers = {name: came[one].decode("latin-1") for name, one in ASKED.items() if one in came}
        try:
            async with self._model.passed(
                request.method, self._path, again=self._again, headers=headers, body=self._body,
                query=request.scope["query_string"].decode("latin-1"),
            ) as response:  # fmt: skip
                await while_there(request.receive, self._give(response, send))
        except ModelUnavailable:
            if isinstance(broken := getattr(request.state, "broken", None), Exception):
                raise broken from None
            raise
        except (ModelDenied, ModelRefused) as error:
            if error.status in (404, 405) and not self._visit.status:
                raise BadRequest(
                    f"The model's server does not serve {request.method} /v1/{self._path[:100]}.",
                    status=404,
                    code="unknown_url",
                ) from error
            raise

    @property
    def _again(self) -> bool:
        """Whether to make the request twice changes nothing, and its body is still there."""
        whole = self._body is None or isinstance(self._body, bytes)
        return whole and (self._request.method in ("GET", "HEAD") or self._path.partition("/")[0] in HARMLESS)

    async def _give(self, response: Any, send: Send) -> None:
        told = {name: value for name in GIVEN if (value := response.headers.get(name)) is not None}
        told |= {**NO_CONFIDENCE, REASON: UNREAD}
        start = [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items()]
        counting = response.content_type == "application/json"
        if counting and response.method != "HEAD" and 0 < (response.content_length or 0) <= WHOLE:
            body = await response.read()
            self._count(body)
            start.append((b"content-length", str(len(body)).encode()))
            await send({"type": "http.response.start", "status": response.status, "headers": start})
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.start", "status": response.status, "headers": start})
        kept = bytearray()
        async for part in response.content.iter_any():
            if counting and len(kept) <= self._most:
                kept += part
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if counting:
            self._count(kept)
        await send({"type": "http.response.body", "body": b""})

    def _count(self, body: bytes | bytearray) -> None:
        usage = _used(body)
        self._visit.used(usage.total, self._model.cost(usage))


def _used(data: bytes | bytearray) -> Usage:
    """The tokens that a reply counts, as far as it does."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Usage()
    usage = value.get("usage") if isinstance(value, dict) else None
    told: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    read, written = (
        next((told[name] for name in names if name in told), 0)
        for names in (
            ("prompt_tokens", "input_tokens", "total_tokens"),
            ("completion_tokens", "output_tokens"),
        )
    )
    return Usage(counted(read), counted(written))
