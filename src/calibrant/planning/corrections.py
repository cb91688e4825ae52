"""Is a second look worth its calls? Measured on labelled questions, or on a log of both, before it is switched on."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any, Literal

import numpy as np

from ..asking.asker import Asker
from ..dialogue.asks import ANSWER, answer_ask
from ..errors import ModelError, NotEnoughLabels
from ..logs.attempts import AttemptLog, read_attempts
from ..maps.calibration import CalibrationMap
from ..metrics.intervals import Estimate
from ..phrasing.numbers import dollars, fixed, span
from ..plans.corrections import Correction
from ..plugins import find
from ..protocols import Grader
from ..records.plain import GOLD_SEPARATOR
from ..routes.self_correction import SelfCorrection
from ..routing.corrections import (
    MARGINS,
    THRESHOLDS,
    Attempt,
    Outcome,
    Rule,
    choose_margin,
    choose_threshold,
    cross_fitted,
    fit_revised,
    outcome,
)
from ..shown import Shown, flat
from ..types import Ask, Completion, Message, Question, Replies

__all__ = ["CorrectionPlan", "LoggedCorrection", "look", "plan_correction", "plan_correction_log"]

LEAST = 20
LEAST_GAIN = 0.01
"""A gain that is no gain where nothing is said of what a wrong answer costs: one answer in a hundred."""

Verdict = Literal["pays", "does not pay", "too few"]


@dataclass(frozen=True, kw_only=True, repr=False)
class LoggedCorrection(Shown):
    """What second attempts of a log were worth, at each threshold and at the one that is chosen.

    `curve` holds each threshold with its margin and what looking again below it does to all questions, the choice
    included; it looks better than it is at the best of them. `found` is what choosing comes to on questions that were
    not chosen on (five folds), None below 20 questions. `worth` is `found.gain`, or with `wrong`, what a wrong answer
    costs, the US dollars a question that looking saves; `needed` how many questions like these would tell, where too
    few do. `plan` is for the route: its threshold is 0, never, where looking is not shown to pay.
    """

    log: AttemptLog
    rule: Rule
    threshold: float
    margin: float
    curve: tuple[tuple[float, float, Outcome], ...]
    found: Outcome | None
    worth: Estimate | None
    wrong: float | None
    verdict: Verdict
    needed: int | None
    plan: Correction

    def _told(self) -> list[str]:
        return self.sentences()

    def _rows(self) -> list[dict[str, Any]]:
        return [flat({"threshold": t, "margin": m, **o.to_dict()}) for t, m, o in self.curve]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        log = self.log
        return {
            "source": log.source, "rows": log.rows, "used": len(log.attempts), "columns": dict(log.columns),
            "unusable": dict(log.unusable), "unreadable": dict(log.unreadable), "rule": self.rule,
            "threshold": self.threshold, "margin": self.margin, "wrong": self.wrong,
            "curve": [{"threshold": t, "margin": m, **o.to_dict()} for t, m, o in self.curve],
            "found": self.found and self.found.to_dict(), "worth": self.worth and asdict(self.worth),
            "verdict": self.verdict, "needed": self.needed, "plan": self.plan.to_dict(),
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, in words."""
        if self.found is None or self.worth is None:
            n = len(self.log.attempts)
            return [
                f"Too few: {n} questions were answered twice and judged, and {LEAST} is the least to choose on."
            ]
        o, w = self.found, self.worth
        mends = self.wrong is not None and any(one.gain.value > 0 for _, _, one in self.curve)
        chosen = (
            (
                "At no threshold is what another try mends worth what it costs"
                if mends
                else "At no threshold is more mended than spoiled"
            )
            + ", so an answer is never tried again"
            if self.threshold == 0
            else f"Best seen: try again below {self.threshold:.2f}"
            + (
                f", take what is likelier by {self.margin:.2f}"
                if self.rule == "guard"
                else ", take what comes"
            )
        )
        told = {
            "pays": "Another try pays",
            "does not pay": "Another try does not pay",
            "too few": "Too few to tell",
        }
        money = "" if self.wrong is None else " US dollars a question"
        more = "" if self.needed is None else f" About {self.needed:,} questions like these would tell."
        largest = max(abs(w.low), abs(w.high))
        digits = 3 if self.wrong is None or not largest else max(3, 1 - math.floor(math.log10(largest)))
        free = self.wrong is not None and o.cost is None
        unpriced = " What another try costs is not known and is counted as nothing." if free else ""
        return [
            f"{chosen}.",
            f"{told[self.verdict]}: on questions that were not chosen on ({o.n:,}, {o.doubted:,} of them tried again) "
            f"{o.mended} are mended and {o.spoiled} spoiled; net {fixed(w.value, digits, signed=True)}{money} (95 % "
            f"interval {span(w, digits, signed=True)}), {_taken(o)}.{unpriced}{more}",
        ]


def _taken(o: Outcome) -> str:
    """What the looks took, as far as it is known."""
    amounts = [
        None if o.calls is None else f"{o.calls:.2f} calls",
        None if o.tokens is None else f"{o.tokens:.0f} tokens",
        None if o.cost is None else f"{dollars(o.cost)} US dollars",
    ]
    known = [one for one in amounts if one]
    return (
        f"for {', '.join(known)} a question" if known else "what that takes in calls and tokens is not known"
    )


def plan_correction_log(
    source: Any, *, wrong: float | None = None, seed: int = 0, **named: str | None
) -> LoggedCorrection:
    """At which confidence does another try pay? From a log of first and second answers, or of self-correction.

    Parameters
    ----------
    source : records of the route `self_correction`, or rows as `calibrant.logs.attempts.ATTEMPT_COLUMNS` says
    wrong : what a wrong answer costs in US dollars, to weigh gains against the column second_cost
    named : columns by role, and the words of verdicts, `right`, `partly` and `wrong_words`

    Where second answers have no probability of their own, each is taken (rule "every") instead of compared.

    Raises `ColumnNotFound` where confidences or second answers are missing, `NotEnoughLabels` where no row has both.

    >>> rows = [{"first_p": i % 2 * 0.8 + 0.1, "first_correct": i % 2, "second_p": 0.9, "second_correct": 1}
    ...         for i in range(200)]
    >>> plan_correction_log(rows).verdict
    'pays'
    """
    log = read_attempts(source, _regraded, wrong=named.pop("wrong_words", None), **named)
    attempts = sorted(log.attempts, key=lambda one: one.item)
    if not attempts:
        raise NotEnoughLabels("What second answers are worth, one row a question,", 1, 0, log.unusable)
    rule: Rule = "guard" if log.compared else "every"
    margins = {t: choose_margin(attempts, threshold=t)[0] if rule == "guard" else 0.0 for t in THRESHOLDS}
    curve = tuple((t, m, outcome(attempts, threshold=t, margin=m, rule=rule)) for t, m in margins.items())
    threshold, margin = choose_threshold(attempts, rule=rule, wrong=wrong)
    found = worth = needed = None
    verdict: Verdict = "too few"
    if len(attempts) >= LEAST:
        found = cross_fitted(attempts, rule=rule, wrong=wrong, seed=seed)
        worth = _worth(found, wrong)
        ends = [worth] if threshold else [_worth(o, wrong) for _, _, o in curve]
        verdict, needed = _verdict(worth, ends, LEAST_GAIN if wrong is None else 0.0, len(attempts))
    pays = verdict == "pays"
    return LoggedCorrection(
        log=log, rule=rule, threshold=threshold, margin=margin, curve=curve, found=found, worth=worth, wrong=wrong,
        verdict=verdict, needed=needed, plan=Correction(
            threshold=threshold if pays else 0.0, margin=margin, rows=len(attempts),
            revised=fit_revised(attempts, threshold=threshold, margin=margin) if pays and rule == "guard" else None,
        ),
    )  # fmt: skip


def _worth(found: Outcome, wrong: float | None) -> Estimate:
    if wrong is None:
        return found.gain
    return Estimate(*(end * wrong - (found.cost or 0.0) for end in astuple(found.gain)))


def _verdict(worth: Estimate, ends: Sequence[Estimate], least: float, n: int) -> tuple[Verdict, int | None]:
    """Whether it pays, and how many questions would tell where these do not."""
    if worth.low > 0:
        return "pays", None
    if all(end.high <= least for end in ends):
        return "does not pay", None
    aim = worth.value if worth.value > 0 else least - worth.value
    half = (worth.high - worth.low) / 2
    return "too few", round(n * max((half / aim) ** 2, 1.0)) if aim > 0 else None


def _regraded(question: str, gold: str, answer: str) -> float | None:
    asked = Question(
        id="", messages=(Message("user", question),), references=tuple(gold.split(GOLD_SEPARATOR))
    )
    return _grade(find("graders", "by_kind")(), asked, Completion(text=answer, model=""))


@dataclass(frozen=True, kw_only=True, repr=False)
class CorrectionPlan(Shown):
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

    def _told(self) -> list[str]:
        return [self.sentence]

    def _rows(self) -> list[dict[str, Any]]:
        names = ("guarded", "every", "always", "claimed")
        return [flat({"rule": name, **asdict(getattr(self, name))}) for name in names]

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
            f"{span(o.gain, signed=True)}), {_taken(o)}; taking every new answer mends {self.every.mended} "
            f"and spoils {self.every.spoiled}."
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
    asking = replace(
        route, asker=asker, margin=0.0, plan=None
    )  # whoever might be accepted by any is looked at closely
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
