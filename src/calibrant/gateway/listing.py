"""The models that clients may name, as OpenAI and Anthropic list them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from calibrant.errors import BadRequest
from calibrant.pipeline import Pipeline

from .bodies import answered

__all__ = ["Listing"]


class Listing:
    """Tells which models there are now."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def every(self, _: Request) -> Response:
        """All of them."""
        told = [_entry(name) for name in self._pipeline.live.known]
        ends = {"first_id": told[0]["id"], "last_id": told[-1]["id"]}
        return answered({"object": "list", "data": told, "has_more": False, **ends})

    async def one(self, request: Request) -> Response:
        """The one of a name; raises `BadRequest` for another."""
        name, known = request.path_params["name"], self._pipeline.live.known
        if name not in known:
            raise BadRequest(
                f"No model {name[:100]!r} here. Known: {', '.join(known)}.", "model", 404, "model_not_found"
            )
        return answered(_entry(name))


def _entry(name: str) -> dict[str, Any]:
    return {
        "id": name, "object": "model", "created": 0, "owned_by": "calibrant", "type": "model", "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
    }  # fmt: skip
