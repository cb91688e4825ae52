"""What a request for a response names instead of saying it: the response before, and items of such."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from itertools import dropwhile
from typing import Any

from calibrant.errors import BadRequest, StoreError
from calibrant.formats.dialects import kind_of
from calibrant.formats.fields import text_of
from calibrant.formats.responses.replies import output_of
from calibrant.formats.responses.turns import items_of
from calibrant.pipeline import Pipeline
from calibrant.types import Ask, Json, Message, Record

from .admission import own_name
from .decided import now_given
from .given import given
from .visits import Visit

__all__ = ["INSTRUCTED", "Earlier"]

INSTRUCTED = "instructed"
"""Of a question's metadata: its first turn is the instructions of its request, which hold for no later one."""

NAMED = re.compile(r"(?:resp|msg|rs|fc)_([0-9a-zA-Z-]+)")
"""The ids that responses and their items have here: they hold the record's."""

PREVIOUS = "previous_response_id"


class Earlier:
    """Puts what is named in its place, as the client was given it: of an answer that is held, the notice of that, until
    it is released or corrected.

    Each key finds what was asked with it, and nothing else.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __call__(self, body: Json, visit: Visit) -> Json:
        """The request with all its turns; raises `BadRequest` where the response before is not known."""
        said, previous = body.get("input"), body.get(PREVIOUS)
        items = said if isinstance(said, list) else []
        cited = [
            item["id"]
            for item in items
            if kind_of(item) == "item_reference" and isinstance(item.get("id"), str)
        ]
        if previous is None and not cited:
            return body
        if previous is not None:
            return await self._following(body, text_of(previous, PREVIOUS), visit)
        return {**body, "input": await self._resolved(items, cited, visit)}

    async def _following(self, body: Json, previous: str, visit: Visit) -> Json:
        record = await self._record(previous, visit)
        if record is None:
            raise BadRequest(
                f"No response {previous[:100]!r} is kept here. Send the turns before as input.",
                PREVIOUS,
                code="previous_response_not_found",
            )
        before = [item for turn in _turns_of(record) for item in items_of(turn)]
        said = body.get("input")
        items = [{"role": "user", "content": said}] if isinstance(said, str) else said
        whole = {
            **body,
            "input": [*before, *await self._output(record), *(items if isinstance(items, list) else [])],
        }
        return await self({name: value for name, value in whole.items() if name != PREVIOUS}, visit)

    async def _resolved(self, items: list[Any], cited: Iterable[str], visit: Visit) -> list[Any]:
        """The items; thoughts that are not found are left out, which servers do without."""
        known: dict[str, Any] = {}
        for id in dict.fromkeys(named[1] for one in cited if (named := NAMED.match(one))):
            if (record := await self._record(f"resp_{id}", visit)) is not None:
                known |= {str(item.get("id")): item for item in await self._output(record)}
        made = [
            known.get(str(item.get("id")), item) if kind_of(item) == "item_reference" else item
            for item in items
        ]
        return [
            item for item in made
            if kind_of(item) != "item_reference" or not str(item.get("id")).startswith("rs_")
        ]  # fmt: skip

    async def _record(self, named: str, visit: Visit) -> Record | None:
        found = NAMED.fullmatch(named)
        store: Callable[[str], Record | None] = self._pipeline.store.record
        record = None if found is None else await asyncio.to_thread(store, found[1])
        assert visit.caller is not None  # it was let in
        if record is None and found is not None and self._pipeline.writer.away:
            raise StoreError("The store is away, and the response may be there.")
        if (
            record is None
            or record.content != "stored"
            or record.completion is None
            or record.decision is None
        ):
            return None  # what broke off was no response
        return record if record.question.asked_by == own_name(visit.caller) else None

    async def _output(self, record: Record) -> list[dict[str, Any]]:
        hold = record.held or self._pipeline.way(record.question.task).hold
        one = given(record, hold=hold)
        shown = await asyncio.to_thread(now_given, self._pipeline.store, record) if one.held else None
        return output_of(shown or one.completion, Ask(messages=()), record.id)


def _turns_of(record: Record) -> list[Message]:
    turns = record.question.messages
    if not record.question.metadata.get(INSTRUCTED):
        return list(turns)
    return list(dropwhile(lambda turn: turn.role in ("system", "developer"), turns))
