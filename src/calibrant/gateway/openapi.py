"""What the gateway takes and gives, as an OpenAPI document, formats of others as far as we rely on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from calibrant import __version__

from .bodies import answered

__all__ = ["document", "endpoint"]

TEXT, NUMBER, FLAG, ANY = {"type": "string"}, {"type": "number"}, {"type": "boolean"}, dict[str, Any]()
PROBABILITY = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
MESSAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {"role": TEXT, "content": {"type": ["string", "array", "null"]}},
    },
}

SCHEMAS: dict[str, Any] = {
    "Confidence": {
        "type": "object",
        "required": ["p", "action", "record_id"],
        "properties": {
            "p": PROBABILITY, "low": PROBABILITY, "high": PROBABILITY, "phrase": TEXT,
            "action": {"type": ["string", "null"], "enum": ["answer", "disclaim", "review", "hand_off", None]},
            "reason": {"type": ["string", "null"]}, "record_id": TEXT,
        },
    },
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}},
}  # fmt: skip


def _body(required: list[str], **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


MODEL = {"model": TEXT, "stream": FLAG}

POSTED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "/v1/chat/completions": ("Chat completions", _body(["model", "messages"], messages=MESSAGES, **MODEL)),
    "/v1/responses": ("Responses", _body(["model"], input={"type": ["string", "array"]}, **MODEL)),
    "/v1/messages": (
        "Messages",
        _body(["model", "messages", "max_tokens"], messages=MESSAGES, max_tokens=NUMBER, **MODEL),
    ),
    "/v1/completions": (
        "Completions",
        _body(["model", "prompt"], prompt={"type": ["string", "array"]}, **MODEL),
    ),
    "/v1/decisions": ("Decisions, with our probability beside the vendor's", _body(["model"], model=TEXT)),
    "/v1/embeddings": (
        "Embeddings, passed through without a confidence",
        _body(["model", "input"], input=ANY, model=TEXT),
    ),
    "/v1/feedback": (
        "Whether an answer was right",
        _body(["record_id"], record_id=TEXT, correct=FLAG, grade=NUMBER, judge=TEXT),
    ),
}
"""What is posted, and what is to be in it; whatever else is in it goes on to the model's server."""

DECIDED = _body([], release=FLAG, correction=TEXT, grade=NUMBER, judge=TEXT, note=TEXT)

GOT = {
    "/v1/models": "The models and ways that may be asked",
    "/v1/answers": "Answers that are held",
    "/healthz": "Whether it runs",
    "/readyz": "Whether store and models are at hand",
    "/metrics": "Figures for Prometheus",
}

CARRYING = frozenset(POSTED) - {"/v1/embeddings", "/v1/feedback"}
"""Whose replies have a confidence."""


def document() -> dict[str, Any]:
    """The document, in OpenAPI 3.1.

    >>> sorted(document()["paths"]["/v1/chat/completions"]["post"]["responses"])
    ['200', '4XX', '5XX']
    """
    posts = {
        path: {"post": {"summary": summary, "requestBody": body, "responses": _responses(path)}}
        for path, (summary, body) in POSTED.items()
    }
    gets = {
        path: {"get": {"summary": summary, "responses": _responses(path)}} for path, summary in GOT.items()
    }
    named = {"name": "id", "in": "path", "required": True, "schema": TEXT}
    one = {
        "parameters": [named],
        "get": {"summary": "What became of an answer", "responses": _responses("")},
        "post": {"summary": "What a reviewer decided", "requestBody": DECIDED, "responses": _responses("")},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "calibrant", "version": __version__},
        "security": [{"key": []}],
        "paths": posts | gets | {"/v1/answers/{id}": one},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _responses(path: str) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "object"}
    if path in CARRYING:
        told = {"type": "object", "properties": {"confidence": {"$ref": "#/components/schemas/Confidence"}}}
    kinds = {"application/json": {"schema": told}}
    if path in CARRYING:
        kinds["text/event-stream"] = {"schema": TEXT}
    if path == "/metrics":
        kinds = {"text/plain": {"schema": TEXT}}
    failed = {
        "description": "An error in the shape of the format",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return {"200": {"description": "Done", "content": kinds}, "4XX": failed, "5XX": failed}


async def endpoint(_: Request) -> Response:
    """The document, to whoever may ask."""
    return answered(document())
