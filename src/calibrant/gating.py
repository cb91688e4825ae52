"""Gate: a function's answers leave it as the policy says, by the calibrated probability that they are right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction, isgeneratorfunction
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from .applying import Maps, maps_of
from .errors import Misuse, NeedsPerson
from .logs.values import REASONS, scores
from .maps.calibration import MapSet
from .phrasing.phrases import Phrase, Phrasebook
from .plugins import find
from .protocols import Policy
from .types import Action, Confidence, Decision

__all__ = ["Gate", "Gated", "gated"]

P = ParamSpec("P")
T = TypeVar("T")
Known = Mapping[str, str | None] | Callable[..., Mapping[str, str | None]]
"""What is known of the scores, such as {"task": "law"}; or a function of the call's arguments that says it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated(Generic[T]):
    """An answer with its confidence, what is to be done with it and why, and how both are said to people.

    >>> import calibrant
    >>> gate = calibrant.Gate(calibrant.fit([0.9, 0.5] * 100, [1, 0, 1, 1] * 50))
    >>> found = gate("Sydney", 0.5)
    >>> round(found.p, 2), found.action, found.phrase.text
    (0.5, <Action.REVIEW: 'review'>, 'about even between right and wrong (about 50 %)')
    """

    answer: T
    confidence: Confidence
    decision: Decision
    phrase: Phrase

    @property
    def action(self) -> Action:
        """What to do with the answer."""
        return self.decision.action

    @property
    def p(self) -> float | None:
        """The calibrated probability that the answer is right; None where there is none (`confidence.reason`)."""
        return self.confidence.p


class Gate:
    """Says of one answer and its score what is to be done; `gated` puts it around a function.

    >>> import calibrant
    >>> gate = Gate(calibrant.fit([0.9, 0.6] * 200, [1, 0, 1, 1, 1, 0, 1, 0] * 50))
    >>> found = gate("Lima", "90%")
    >>> found.answer, found.action, round(found.p, 2)
    ('Lima', <Action.ANSWER: 'answer'>, 1.0)
    >>> gate("Quito", None).decision.why
    'No calibrated probability (confidence missing or NaN): handed to a person.'
    """

    def __init__(self, maps: Maps, policy: Policy | None = None) -> None:
        self.maps: MapSet = maps_of(maps)
        self.policy: Policy = find("policies", "bands")() if policy is None else policy
        self.book = Phrasebook.of(self.maps, self.policy)

    def __call__(self, answer: T, score: Any, known: Mapping[str, str | None] | None = None) -> Gated[T]:
        """The answer with its confidence and what to do with it.

        Parameters
        ----------
        answer : anything
        score : in the unit of the map, as a log would hold it: 0.9, 90 of a map of percents, "90%"; by signal, as a
            mapping, for a blend. What cannot be read, or is None, has no probability, with the reason.
        known : task, domain, model or signal of the score; a map of another is not used
        """
        confidence = self._confidence(score, dict(known or {}))
        decision = self.policy.decide(confidence).noting(confidence)
        phrase = self.book.phrase(confidence, decision)
        return Gated(answer=answer, confidence=confidence, decision=decision, phrase=phrase)

    def _confidence(self, score: Any, known: dict[str, str | None]) -> Confidence:
        if isinstance(score, Mapping):
            return self._blended(score, known)
        match = self.maps.match(known)
        if match.found is None:
            return Confidence(p=None, reason=match.reason)
        value, why = self._read(score, known)
        if why:
            return Confidence(p=None, reason=why)
        return next(self.maps.confidences(match, [value], known))

    def _blended(self, by_signal: Mapping[str, Any], known: dict[str, str | None]) -> Confidence:
        units = {name: unit for _, blend in self.maps.blends for name, unit in blend.units.items()}
        read = {name: self._read(score, known, units.get(name)) for name, score in by_signal.items()}
        usable = {name: [value] for name, (value, why) in read.items() if not why}
        if not usable:
            why = "; ".join(f"{name}: {why}" for name, (_, why) in read.items())
            return Confidence(p=None, reason=why or "nothing was read")
        stated = {name: {**known, "signal": name} for name in usable}
        match = self.maps.match_blend(stated)
        if match.found is None:
            return Confidence(p=None, reason=match.reason)
        return next(self.maps.blend_confidences(match, usable, stated))

    def _read(self, score: Any, known: dict[str, str | None], unit: Any = None) -> tuple[float, str]:
        """A score as a log's reader reads it, and why it cannot be used."""
        values = np.asarray([score]) if isinstance(score, int | float | np.generic) else _one(score)
        column = scores(values, unit or self.maps.unit(known))
        return float(column.values[0]), REASONS[column.why[0]]


class _Around:
    """The decorator that `gated` makes."""

    def __init__(self, gate: Gate, known: Known | None, hand_off: Callable[[Gated[Any]], Any] | None) -> None:
        self.gate, self.known, self.hand_off = gate, known, hand_off

    @overload
    def __call__(
        self, work: Callable[P, Coroutine[Any, Any, tuple[T, Any]]]
    ) -> Callable[P, Coroutine[Any, Any, Gated[T]]]: ...

    @overload
    def __call__(self, work: Callable[P, tuple[T, Any]]) -> Callable[P, Gated[T]]: ...

    def __call__(self, work: Callable[..., Any]) -> Callable[..., Any]:
        if isgeneratorfunction(work) or isasyncgenfunction(work):
            raise Misuse(
                f"{_name(work)} is a generator, and what has left it cannot be held back. Gate what collects it, or "
                'serve the model with `gate = "hold"`: calibrant init.'
            )

        @wraps(work)
        async def asynchronous(*given: Any, **named: Any) -> Any:
            return await self._later(work, work(*given, **named), given, named)

        @wraps(work)
        def plain(*given: Any, **named: Any) -> Any:
            returned = work(*given, **named)
            if isawaitable(returned):  # a partial of an async function, or an object with an async call
                return self._later(work, returned, given, named)
            return self._let_go(self._judged(work, returned, given, named))

        return asynchronous if iscoroutinefunction(work) else plain

    async def _later(self, work: Any, returned: Awaitable[Any], given: Any, named: Any) -> Any:
        said = self._let_go(self._judged(work, await returned, given, named))
        return await said if isawaitable(said) else said

    def _judged(self, work: Any, returned: Any, given: Any, named: Any) -> Gated[Any]:
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise Misuse(
                f"{_name(work)} returned {type(returned).__name__}. Expected an answer and a score: "
                "`return answer, score`, with None for a score that is not known."
            )
        known = self.known(*given, **named) if callable(self.known) else self.known
        return self.gate(*returned, known)

    def _let_go(self, found: Gated[Any]) -> Any:
        if not found.action.needs_person:
            return found
        if self.hand_off is None:
            raise NeedsPerson(found.decision.why, found)
        return self.hand_off(found)


@overload
def gated(maps: Maps, policy: Policy | None = None, *, known: Known | None = None) -> _Around: ...


@overload
def gated(
    maps: Maps,
    policy: Policy | None = None,
    *,
    known: Known | None = None,
    hand_off: Callable[[Gated[Any]], Any],
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...


def gated(
    maps: Maps,
    policy: Policy | None = None,
    *,
    known: Known | None = None,
    hand_off: Callable[[Gated[Any]], Any] | None = None,
) -> Any:
    """Gate a function that returns an answer and a score, plain or async: a decorator.

    The decorated function returns a `Gated` where the policy lets the answer go, with or without a disclaimer. Where a
    person comes first (`Action.REVIEW`, `Action.HAND_OFF`), it returns what `hand_off` makes of the `Gated`, or raises
    `NeedsPerson`, which holds it. An answer without a probability is never let go.

    Parameters
    ----------
    maps : MapSet, what `calibrant.fit` gave, a map, or the path of a file of maps; read once
    policy : what decides; the default bands where None
    known : task, domain, model or signal of the scores, or a function of the call's arguments that tells them
    hand_off : is given the `Gated`; of an async function it may be async

    Raises
    ------
    NeedsPerson
        From the decorated function, where the answer may not be used by itself and there is no `hand_off`.
    Misuse
        Where the function returns anything but an answer and a score. Around a generator, since what has left cannot
        be gated: the gateway holds streams.

    Examples
    --------
    >>> import calibrant
    >>> maps = calibrant.fit([0.9, 0.6] * 200, [1, 0, 1, 1, 1, 0, 1, 0] * 50)
    >>> @gated(maps)
    ... def capital(country):
    ...     return {"Peru": ("Lima", 0.9), "Chile": ("Quito", 0.6)}[country]
    >>> capital("Peru").answer, capital("Peru").phrase.text
    ('Lima', 'almost certainly right (about 95 %)')
    >>> capital("Chile")
    Traceback (most recent call last):
    calibrant.errors.NeedsPerson: The calibrated probability of being right, 0.25, is not above 0.40: handed to ...
    """
    return _Around(Gate(maps, policy), known, hand_off)


def _one(score: Any) -> Any:
    """An array of one object, whatever that is."""
    values = np.empty(1, object)
    values[0] = score
    return values


def _name(work: Callable[..., Any]) -> str:
    return f"{getattr(work, '__qualname__', type(work).__name__)}()"
