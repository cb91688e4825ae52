"""What attacks that search found, measured where they did not look, beside chance with the same budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..asking.whole import each
from ..metrics import Estimate
from ..types import Question
from .attempts import Job, Plan, job_of
from .hunting import Found, Hunt, Meaning, hunted
from .looking import Looker, flips
from .robustness import Look, Trial, changes

__all__ = ["Searched", "searched_for"]

Looks = Sequence[Look | None]
SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """What one attack found in one direction with a budget, and what chance found with the same.

    `own` and `own_by_chance` are the mean changes of the confidence of `signal` on what each looked at: the best of
    many, which flatters both. `again` and `by_chance` are measured anew, on `measured` questions ("fresh
    answers" to the same questions, or "other questions"), and `beyond_chance` is their difference on the same ones.

    `budget` answers were allowed for each of `questions`, `asked` looked at in all. `changed` of them have a change at
    all; `distorted` of those no longer ask the same and are left out, `missing` had no confidence before or
    after. `found` shows some of what was found, or all of it where it is one for all.
    """

    attack: str
    target: str
    direction: str
    signal: str
    budget: int
    questions: int
    asked: int
    changed: int
    distorted: int
    measured: int
    missing: int
    where: str
    own: float | None
    own_by_chance: float | None
    again: Estimate | None
    by_chance: Estimate | None
    beyond_chance: Estimate | None
    found: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A hunt, what it found, and the trial of that; `distorted` questions no longer asked the same."""

    hunt: Hunt
    found: Found
    trial: Trial
    distorted: int


async def searched_for(
    plan: Plan,
    looker: Looker,
    clean: Looks,
    *,
    against: str,
    seed: int,
    workers: int,
    tick: Callable[[], object] | None = None,
) -> tuple[tuple[Searched, ...], list[Trial]]:
    """Run the searches of a plan, and look at what they found: the account of each, and trials like those of attacks.

    What was found for one question is looked at in answers drawn afresh, without it and with it, since the
    answer that a search ended on is the one that suited it; what was found for all, on the questions that no map
    is fitted on. `clean` are the looks without an attack, `against` the signal that is searched against, and
    `tick` is called for each answer that a search looked at.
    """
    if not plan.hunts:
        return (), []
    meaning, done = Meaning(), []

    async def confidence(question: Question) -> float | None:
        found = await looker.confidence(question, against)
        if tick:
            tick()
        return found

    fresh = await _drawn_anew(plan, looker, clean, workers)
    for hunt in plan.hunts:
        found = await hunted(hunt, plan.questions, confidence, seed=seed, workers=workers)
        done.append(await _measured(plan, hunt, found, looker, clean, fresh, meaning, workers))
    pairs = zip(done[::2], done[1::2], strict=True)
    accounts = tuple(_account(one, chance, against, plan.fitted) for one, chance in pairs)
    return accounts, [one.trial for one in done]


async def _measured(
    plan: Plan,
    hunt: Hunt,
    found: Found,
    looker: Looker,
    clean: Looks,
    fresh: Looks,
    meaning: Meaning,
    workers: int,
) -> _Measured:
    """`clean` are the looks without an attack, `fresh` the same with answers drawn anew where a search looked."""
    attack, distorted = hunt.attack, 0
    each_own = dict(zip(hunt.on, found.changes, strict=False))
    places = plan.reported if attack.universal else hunt.on
    hit: list[Job | None] = [None] * len(clean)
    for i in places:
        change = found.changes[0] if attack.universal else each_own[i]
        changed = attack.applied(plan.questions[i], change)
        if meaning.kept(plan.questions[i], changed):
            hit[i] = job_of(changed)
        else:
            distorted += 1
    drawn = not attack.universal
    before = fresh if drawn else clean
    jobs = [(i, job) for i, job in enumerate(hit) if job]
    after: list[Look | None] = [None] * len(clean)
    for (i, _), look in zip(
        jobs, await _looks(looker, [job for _, job in jobs], drawn, workers), strict=True
    ):
        after[i] = look
    trial = Trial(
        attack=hunt.name, target=attack.target, direction=attack.direction, clean=before, attacked=after,
        flipped=flips(plan.questions, before, after), kind=attack.strategy,
    )  # fmt: skip
    return _Measured(hunt, found, trial, distorted)


async def _drawn_anew(plan: Plan, looker: Looker, clean: Looks, workers: int) -> Looks:
    """The looks without an attack, with fresh answers to the questions that are searched one by one."""
    places = sorted({i for hunt in plan.hunts if not hunt.attack.universal for i in hunt.on})
    fresh = list(clean)
    some = [job_of(plan.questions[i]) for i in places]
    for i, look in zip(places, await _looks(looker, some, True, workers), strict=True):
        fresh[i] = look
    return fresh


async def _looks(looker: Looker, jobs: Sequence[Job], drawn: bool, workers: int) -> list[Look | None]:
    async def look(job: Job) -> Look | None:
        return await looker.look(job, drawn=drawn)

    return await each(jobs, look, workers=workers)


def _account(one: _Measured, chance: _Measured, signal: str, fitted: Sequence[bool]) -> Searched:
    hunt, attack = one.hunt, one.hunt.attack
    again, by_chance, beyond, measured, missing = changes(one.trial, chance.trial, signal, fitted)
    told = [", ".join(found) for found in one.found.changes if found]
    return Searched(
        attack=hunt.name, target=attack.target, direction=attack.direction, signal=signal, budget=hunt.budget,
        questions=len(hunt.on), asked=one.found.asked, changed=len(told) * (len(hunt.on) if attack.universal else 1),
        distorted=one.distorted, measured=measured, missing=missing,
        where="other questions" if attack.universal else "fresh answers",
        own=one.found.own, own_by_chance=chance.found.own, again=again, by_chance=by_chance, beyond_chance=beyond,
        found=tuple(told[:SHOWN]),
    )  # fmt: skip
