"""What a search for a prompt found, as fields and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..dialogue.prompts import SEED, Prompt
from ..phrasing.numbers import fixed, interval
from .measured import Measured
from .selection import Claim, Confirmation, Objective, Standing

__all__ = ["ABOUT", "Candidate", "Refinement"]

ABOUT = (
    "A search among prompts after the reward of CAPR (Chien and Huang, INTERSPEECH 2025): right answers and calibrated "
    "confidence. No refiner is trained, as theirs is: candidates are compared by successive halving, and the best is "
    "confirmed on other questions. For confidence from external knowledge take --signal claim_support."
)
"""What this is, and what it is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A prompt and what was seen under it on the `n` questions of the choice that it was asked.

    `quantiles` are the least score, the quartiles and the largest; `missing` is the share without a score. The
    `ungraded` answers could not be read by the grader, and count as wrong: nobody is served by them.
    `calls` and `tokens` are what the answers and the signal on them took, whether or not a call was needed:
    one that was made earlier or for another counts as well.
    """

    prompt: Prompt
    n: int
    accuracy: float
    ungraded: int
    auroc: float | None
    quantiles: tuple[float, ...]
    distinct: int
    missing: float
    calls: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Refinement:
    """How the choice went.

    `leader` is the best candidate on the questions of the choice, by the `objective`; the seed only where no other is
    left. `separated`: the bound of its gain there is above zero, for all the prompts that were compared at once.
    `winner` is the leader where it was separated and the untouched questions confirm it, else the seed.
    `confirmation` and `claims` (reward, Brier score, ECE) are about the leader, on the untouched questions, where
    `before` and `after` show the seed and the leader. The answers of `cut` end at their limit of tokens: they count,
    and are graded, as they stand.
    """

    model: str
    signal: str
    winner: Prompt
    leader: Prompt
    separated: bool
    selected_on: int
    confirmation: Confirmation
    objective: Objective
    before: Measured
    after: Measured
    claims: tuple[Claim, Claim, Claim]
    rounds: tuple[tuple[Standing, ...], ...]
    candidates: tuple[Candidate, ...]
    unusable_rewrites: int
    cut: int
    reasons: Mapping[str, int]
    calls: int
    tokens: int

    @property
    def confirmed(self) -> bool:
        """Whether the interval of the leader's gain in reward lies above zero on the untouched questions."""
        return self.confirmation.reward_gain.low > 0

    @property
    def by(self) -> str:
        """The objective by its name: "reward", or "Brier score" where only the confidence counts."""
        return "reward" if self.objective.credit else "Brier score"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = asdict(self)
        confirmation = told.pop("confirmation")
        for role in ("winner", "leader"):
            told[role]["shown"] = getattr(self, role).shown
        return told | {
            "about": ABOUT, "confirmed": self.confirmed, "confirm": confirmation, "sentences": self.sentences(),
            "temperature": {"leader": confirmation["after"].get("temperature"),
                            "seed": confirmation["seed_after"].get("temperature")},
            "fitted_temperature": {"leader": told["after"]["temperature"], "seed": told["before"]["temperature"]},
            "claimed": {one["measure"]: one for one in told.pop("claims")},
            "candidates": [
                asdict(one) | {"digest": one.prompt.digest, "shown": one.prompt.shown} for one in self.candidates
            ],
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, for people."""
        c, claimed = self.confirmation, self.claims[0]
        first = self._decision()
        gains = [
            f"{name} {interval(gain, signed=True)}"
            for name, gain in (
                *([("reward", c.reward_gain)] if self.objective.credit else []),
                ("Brier", c.brier_gain), ("accuracy", c.accuracy_gain), ("ECE", c.ece_gain),
            )
        ]  # fmt: skip
        told = [
            first,
            f"On {c.n} questions that had no part in it, gain of {self.leader.name} over the seed: "
            f"{', '.join(gains)}; above zero is better.",
            f"Choosing among the {claimed.candidates} finalists on these questions would have claimed a gain in "
            f"{self.by} of {fixed(claimed.claimed, signed=True)} for {claimed.picked}; among candidates that are alike "
            f"such claims are about {fixed(claimed.optimism)} too high on average.",
        ]
        auroc = {one.prompt.name: one.auroc for one in self.candidates}
        picked = self.claims[2].picked
        if (auroc[picked] or 0.5) <= 0.55:
            told.append(
                f"ECE alone would have chosen {picked}, whose confidence ranks no better than chance."
            )
        return told

    def _alone(self) -> str:
        """Why no other prompt leads: what the last round in which there were others says of them."""
        others = [[row for row in rows if row.name != SEED.name] for rows in self.rounds]
        last = next(rows for rows in reversed(others) if rows)
        asked = f"{last[0].n}" + (f" of {self.selected_on}" if last[0].n < self.selected_on else "")
        if all(row.out for row in last):
            return f"No other prompt that was asked {asked} questions kept the seed's accuracy"
        better = "a higher reward" if self.objective.credit else "a lower Brier score"
        return f"No other prompt that was asked {asked} questions had {better} than the seed"

    def _decision(self) -> str:
        if self.leader.digest == SEED.digest:
            return f"{self._alone()}: the seed is kept."
        if not self.separated:
            return (
                f"No prompt was separated from the seed on {self.selected_on} questions: the seed is kept. "
                f"The best of the others was {self.leader.name}."
            )
        if not self.confirmed:
            return (
                f"{self.leader.name} was better on {self.selected_on} questions, which the {self.confirmation.n} "
                "untouched ones did not confirm: the seed is kept."
            )
        return f"Chosen: {self.winner.name}, on {self.selected_on} questions, and confirmed on others."
