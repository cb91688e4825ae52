"""Is a second look worth its calls? Measured on labelled questions before it is switched on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..asking.asker import Asker
from ..dialogue.asks import ANSWER, answer_ask
from ..errors import ModelError, NotEnoughLabels
from ..maps.calibration import CalibrationMap
from ..phrasing.numbers import fixed, span
from ..protocols import Grader
from ..routes.self_correction import SelfCorrection
from ..routing.corrections import MARGINS, Attempt, Outcome, choose_margin, fit_revised, outcome
from ..types import Ask, Completion, Question, Replies

__all__ = ["CorrectionPlan", "look", "plan_correction"]

LEAST = 20


@dataclass(frozen=True, kw_only=True)
class CorrectionPlan:
    """A margin and a map of accepted revisions from one half of the questions, and what they do to the other.

    `guarded` compares and takes what is likelier by the margin, `every` takes each new answer to a doubtful
    one, `always` looks at all answers and takes each new one. `claimed` is what the guard seemed to gain on the
    half that chose the margin. `revised` is None below ten accepted revisions. `unusable` counts the questions
    that were left out, by reason.
    """

    threshold: float
    margin: float
    guarded: Outcome
    every: Outcome
    always: Outcome
    claimed: Outcome
    revised: CalibrationMap | None
    unusable: Counter[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rules = {name: asdict(getattr(self, name)) for name in ("guarded", "every", "always", "claimed")}
        return {
            "threshold": self.threshold, "margin": self.margin, **rules,
            "revised": self.revised and self.revised.map_id, "unusable": dict(self.unusable),
        }  # fmt: skip

    @property
    def sentence(self) -> str:
        """What the guard is worth, in words."""
        o = self.guarded
        worth = "helps" if o.gain.low > 0 else "harms" if o.gain.high < 0 else "is not shown to help"
        return (
            f"A second look at answers below {self.threshold:.2f} {worth}: on {o.n} other questions it mends "
            f"{o.mended} and spoils {o.spoiled} (net {fixed(o.gain.value, signed=True)}, 95 % interval "
            f"{span(o.gain, signed=True)}) for {o.calls:.2f} calls and {o.tokens:.0f} tokens more an answer; taking "
            f"every new answer mends {self.every.mended} and spoils {self.every.spoiled}."
        )


async def plan_correction(
    questions: Sequence[Question],
    route: SelfCorrection,
    grader: Grader,
    *,
    settings: Ask = ANSWER,
    margins: Sequence[float] = MARGINS,
    cluster: Callable[[Question], str] | None = None,
    workers: int = 4,
    seed: int = 0,
) -> CorrectionPlan:
    """Look at every answer again, choose the margin on one half of the questions, report on the other.

    The maps of the route's assessor must come from other questions than these. Questions of one `cluster` stay
    together; a question whose first call fails, or that cannot be graded, is counted and left out.

    Parameters
    ----------
    route : a `SelfCorrection`, whose threshold is used; its margin and its map of revisions are not
    grader : one that asks no model

    Raises `NotEnoughLabels` below 20 usable questions.
    """
    gate, unusable = asyncio.Semaphore(workers), Counter[str]()

    async def one(question: Question) -> Attempt | None:
        async with gate:
            found = await look(question, route, grader, settings)
        if isinstance(found, str):
            unusable[found] += 1
            return None
        return found if cluster is None else replace(found, cluster=cluster(question))

    rows = [row for row in await asyncio.gather(*map(one, questions)) if row is not None]
    if len(rows) < LEAST:
        raise NotEnoughLabels("Choosing a margin and reporting on it", LEAST, len(rows))
    names = np.array([row.cluster or row.item for row in rows])
    distinct, code = np.unique(names, return_inverse=True)
    half = (np.random.default_rng(seed).permutation(len(distinct)) % 2)[code.ravel()]
    chosen = [row for row, side in zip(rows, half, strict=True) if side]
    other = [row for row, side in zip(rows, half, strict=True) if not side]
    at = route.threshold
    margin, tried = choose_margin(chosen, threshold=at, margins=margins)
    return CorrectionPlan(
        threshold=at, margin=margin, guarded=outcome(other, threshold=at, margin=margin),
        every=outcome(other, threshold=at, margin=margin, rule="every"),
        always=outcome(other, threshold=at, margin=margin, rule="always"), claimed=tried[margin],
        revised=fit_revised(chosen, threshold=at, margin=margin), unusable=unusable,
    )  # fmt: skip


async def look(
    question: Question, route: SelfCorrection, grader: Grader, settings: Ask = ANSWER
) -> Attempt | str:
    """Answer a question and look at the answer again, whatever its probability; why there is no row otherwise."""
    asker = _Counted(route.asker or Asker(route.model, others=route.assessor.others))
    ask = answer_ask(question, route.assessor.signals.values(), settings)
    asking = replace(route, asker=asker, margin=0.0)  # whoever might be accepted by any is looked at closely
    try:
        first, _ = await asking.first(question, ask, asker)
    except ModelError as error:
        return f"no answer: {error}"
    grade = _grade(grader, question, first.completion)
    if grade is None:
        return "the answer cannot be graded"
    before = asker.calls, asker.tokens
    tried = await asking.look_again(question, ask, first, asker)
    best = tried.candidates[0] if tried.candidates else None
    known = best is not None and best.confidence.p is not None and not tried.refused
    return Attempt(
        item=question.id, first=first.confidence.p, grade=grade,
        revised=best.confidence.p if best and known else None,
        revised_grade=_grade(grader, question, best.completion) if best and known else None,
        again=None if tried.again is None else _grade(grader, question, tried.again),
        calls=asker.calls - before[0], tokens=asker.tokens - before[1],
    )  # fmt: skip


def _grade(grader: Grader, question: Question, completion: Completion) -> float | None:
    found = grader.grade(question, completion)
    return float(found) if isinstance(found, int | float) else None


class _Counted(Asker):
    """An asker in front of another that counts what is asked anew: samples at hand already cost nothing."""

    def __init__(self, behind: Asker) -> None:
        super().__init__(behind.model)
        self._behind, self._seen = behind, dict[str, int]()
        self.calls = self.tokens = 0

    async def ask(self, ask: Ask) -> Replies:
        """As the asker behind answers it."""
        replies = await self._behind.ask(ask)
        had = self._seen.get(ask.address, 0)
        fresh = replies.completions[had:]
        self._seen[ask.address] = max(had, len(replies.completions))
        self.calls += bool(fresh)
        self.tokens += sum(c.usage.total for c in fresh)
        return replies
