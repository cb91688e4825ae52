"""What a server turned out not to take: for requests of one kind only, and for a time."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..types import canonical, digest

__all__ = [
    "FEW", "INFERRED", "LOGPROBS", "MANY_LOGPROBS", "SAID", "TEMPERATURE", "Dispensable", "Lessons", "Like", "Taught",
]  # fmt: skip

LOG = logging.getLogger("calibrant.http")

UNSUPPORTED = re.compile(
    r"unsupported|not[ _]support|n't support|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed"
    r"|not available|not implemented|\bextra|forbidden|deprecated|cannot find|may only|only (the default|1\b)",
    re.IGNORECASE,
)
"""How servers say that they do not have a field at all; a value out of range is said otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispensable:
    """Something in a request that a server may refuse and an honest answer can be had without.

    An error is about it when the request holds one of `fields` (above `above`, where that is given) and
    the error's words match the pattern `named`. With `unsupported` they must also say that the field is not
    known, since a value that is out of range is for the caller to mend. `lost` are the fields of an Ask that an
    answer without it does not do justice to: whoever stated one of them gets the server's error instead.
    """

    name: str
    named: str
    fields: tuple[str, ...]
    above: int | None = None
    unsupported: bool = True
    lost: tuple[str, ...] = ()

    def refused_by(self, words: str, body: Mapping[str, Any]) -> bool:
        """Whether the words of an error refuse this in that request."""
        held = [body[field] for field in self.fields if field in body]
        if self.above is not None:
            held = [value for value in held if isinstance(value, int) and value > self.above]
        said = re.search(self.named, words, re.IGNORECASE | re.DOTALL) is not None
        return bool(held) and said and (not self.unsupported or UNSUPPORTED.search(words) is not None)

    def wanted(self, firm: Collection[tuple[str, Any]]) -> bool:
        """Whether this is not to be left out of a request for which that was stated (`Ask.firm`).

        >>> MANY_LOGPROBS.wanted([("top_logprobs", 3)]), MANY_LOGPROBS.wanted([("top_logprobs", 7)])
        (False, True)
        """
        return any(name in self.lost and (self.above is None or value > self.above) for name, value in firm)


FEW = 5
"""Alternatives of a token that every server gives which gives any."""

MANY_LOGPROBS = Dispensable(
    name=f"top_logprobs above {FEW}",
    named=r"(?=.*log[-_ ]?prob).*(\b(max|maximum|greater|most|less|between|exceeds?|range|limit)\b|<=|≤)",
    fields=("top_logprobs",),
    above=FEW,
    unsupported=False,
    lost=("top_logprobs",),
)
LOGPROBS = Dispensable(
    name="logprobs",
    named=r"log[-_ ]?prob",
    fields=("logprobs", "top_logprobs", "include"),
    unsupported=False,
    lost=("logprobs", "top_logprobs"),
)
TEMPERATURE = Dispensable(
    name="temperature", named=r"\btemperature\b", fields=("temperature",), lost=("temperature",)
)

REASONING = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "think", "chat_template_kwargs")
"""Fields that say how a model is to reason."""
TOOLS = ("tools", "functions")
FORMS = (
    "response_format",
    "text",
    "grammar",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "structured_outputs",
)
SETTINGS = frozenset((*REASONING, *TOOLS, *FORMS))
LONGEST = 60
"""Characters of a reasoning setting that are told as they are."""


@dataclass(frozen=True, slots=True)
class Like:
    """In what requests are alike for a server: what it refuses in one it will refuse in the others.

    >>> str(Like.of({"model": "m", "reasoning_effort": "high", "tools": [{}], "stream": True}))
    'm, reasoning_effort="high", tools, streamed'
    """

    model: str = ""
    reasoning: str = ""
    tools: bool = False
    form: bool = False
    stream: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Like:
        """That of a request."""
        if SETTINGS.isdisjoint(body):  # as nearly all are
            return cls(model=str(body.get("model", "")), stream=bool(body.get("stream")))
        said = ", ".join(
            f"{name}={canonical(body[name])}" for name in REASONING if body.get(name) is not None
        )
        return cls(
            model=str(body.get("model", "")),
            reasoning=said if len(said) <= LONGEST else f"reasoning {digest(said)[:8]}",
            tools=any(body.get(name) for name in TOOLS),
            form=any(body.get(name) for name in FORMS),
            stream=bool(body.get("stream")),
        )

    @property
    def bare(self) -> bool:
        """Whether nothing but a plain answer is asked for."""
        return not (self.reasoning or self.tools or self.form)

    def __str__(self) -> str:
        marks = {"tools": self.tools, "a response format": self.form, "streamed": self.stream}
        told = [self.model, self.reasoning, *[name for name, holds in marks.items() if holds]]
        return ", ".join(filter(None, told))


SAID = 3600.0
"""Seconds for which holds what a server said; then it is tried again, since servers change."""
INFERRED = 300.0
"""Seconds for which holds what was only inferred from what it did."""
MOST = 256
"""Lessons that are kept; the oldest is forgotten for a further one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taught:
    """One thing that a server turned out not to take, or not to give, in requests like the one that showed it.

    `left_out` says whether it is left out of such requests; they ask for it all the same where that costs nothing, or
    where the caller stated it (`Ask.firm`). `since` and `until` are in seconds since the epoch.
    """

    name: str
    like: Like
    why: str
    since: float
    until: float
    left_out: bool = True


class Lessons:
    """What was learnt from one server, told in the log (`calibrant.http`) when it is and when it no longer holds.

    >>> lessons = Lessons()
    >>> lessons.learn("temperature", Like("m"), "it answered 400", SAID)
    >>> sorted(lessons.left_out(Like("m"))), sorted(lessons.left_out(Like("m", tools=True)))
    (['temperature'], [])
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._clock, self._wall = clock, wall
        self._held: dict[tuple[str, Like], tuple[float, Taught]] = {}

    @property
    def taught(self) -> tuple[Taught, ...]:
        """What holds now, the latest last."""
        self._expire()
        return tuple([one for _, one in self._held.values()])

    def left_out(self, like: Like) -> frozenset[str]:
        """The names of what is left out of requests like this."""
        return frozenset([one.name for one in self.taught if one.left_out and one.like == like])

    def learn(self, name: str, like: Like, why: str, seconds: float, *, left_out: bool = True) -> None:
        """Hold this for so many seconds."""
        at = (name, like)
        known, now = self._held.pop(at, None), self._wall()
        one = Taught(
            name=name,
            like=like,
            why=why,
            since=known[1].since if known else now,
            until=now + seconds,
            left_out=left_out,
        )
        self._held[at] = (self._clock() + seconds, one)
        if len(self._held) > MOST:
            del self._held[next(iter(self._held))]
        if known is None:
            does = "is left out of" if left_out else "is not given for"
            LOG.warning("%s %s requests like (%s) for %g seconds: %s.", name, does, like, seconds, why)

    def forget(self, name: str, like: Like) -> None:
        """An answer showed otherwise."""
        if self._held.pop((name, like), None):
            LOG.info("%s is given again for requests like (%s).", name, like)

    def __bool__(self) -> bool:
        return bool(self._held)

    def _expire(self) -> None:
        now = self._clock()
        for (name, like), _ in [item for item in self._held.items() if item[1][0] <= now]:
            del self._held[name, like]
            LOG.info("%s is tried again in requests like (%s).", name, like)
