"""Whether the gateway can answer now: whether its store keeps records, and its models are reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from calibrant.errors import CalibrantError, StoreError
from calibrant.pipeline import Pipeline
from calibrant.protocols import Model
from calibrant.releases.live import Live, LiveWay
from calibrant.releases.prospects import why_none
from calibrant.types import Json

__all__ = ["Readiness"]

KEPT = 2.0
"""Seconds for which a finding holds: anybody may ask, and many may."""

RECENT = 30.0
"""Seconds for which a call says whether a model's server is well; then it is asked."""

MISSES = 5
"""Failed calls in a row after which a server that says hello is not well."""

OTHERS = "(all others)"
"""The tasks that have nothing of their own."""

UNKNOWN = "the store is away, so it is not known whether another one was promoted"

PATIENCE = 3.0
"""Seconds for each part to say something."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part, whether it is well, and else why, in words that give no address away."""

    name: str
    ok: bool
    why: str | None = None


class Readiness:
    """Looks at the parts that an answer needs. A task is served where its model, or one that it falls back on, is.

    What only keeps answers from having a probability makes a gateway degraded, not unready. `knows` says whether it is
    known which release is to answer.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        knows: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline, self._knows, self._clock = pipeline, knows, clock
        self._found: tuple[float, bool, Json] | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> tuple[bool, Json]:
        """Whether all parts are well, and what is to be said of each."""
        async with self._looking:
            if self._found is None or self._clock() - self._found[0] >= KEPT:
                self._found = (self._clock(), *await self._parts())
            return self._found[1:]

    async def _parts(self) -> tuple[bool, Json]:
        live = self._pipeline.live
        models = {id(model): model for ways in _served_by(live) for model in ways}
        store, *looked = await asyncio.gather(self._store(), *(self._model(one) for one in models.values()))
        well = {key: part.ok for key, part in zip(models, looked, strict=True)}
        served = all(any(well[id(model)] for model in models) for models in _served_by(live))
        known = self._knows()
        ready = store.ok and served and known
        names = [model.name for model in self._pipeline.models.values()]
        without = {task or OTHERS: why for task, way in _ways(live) if (why := why_none(way, task, names))}
        body: dict[str, Any] = {
            "status": ("degraded" if without else "ready") if ready else "not_ready",
            "store": _told(store),
            "release": _told(Part("release", known, None if known else UNKNOWN)),
            "models": {part.name: _told(part) for part in looked},
            "tasks": {
                task: _told(Part(task, task not in without, without.get(task)))
                for task in (one or OTHERS for one, _ in _ways(live))
            },
        }
        return ready, body

    async def _store(self) -> Part:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._pipeline.writer.ready()
        except TimeoutError:
            return Part("store", False, "does not answer")
        except StoreError:
            return Part("store", False, "no record can be kept")
        return Part("store", True, "away; records wait in the spool" if self._pipeline.writer.away else None)

    async def _model(self, model: Model) -> Part:
        at, misses = getattr(model, "last_call", None) or (None, 0)
        recent = at is not None and self._clock() - at < RECENT
        if recent and not misses:
            return Part(model.name, True)
        if recent and misses >= MISSES:
            return Part(model.name, False, f"the last {misses} calls failed")
        greet = getattr(model, "greet", None)
        if greet is None:  # it runs here
            return Part(model.name, True)
        try:
            status = (await greet(PATIENCE)).status
        except CalibrantError:
            return Part(model.name, False, "its server is not reached")
        return Part(model.name, status < 500, None if status < 500 else f"its server answers {status}")


def _told(part: Part) -> Json:
    return {"ok": part.ok} | ({} if part.why is None else {"why": part.why})


def _ways(live: Live) -> Iterator[tuple[str | None, LiveWay]]:
    yield None, live.default
    yield from live.tasks.items()


def _served_by(live: Live) -> Iterator[list[Model]]:
    """For each task the models of which one is enough."""
    for task, way in _ways(live):
        others = [live.alone.get((task, name)) for name in getattr(way.model, "fallbacks", ())]
        yield [way.model, *[other.model for other in others if other is not None]]
