"""Fixed bands of probability, each with its action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..types import Action, Confidence, Decision

__all__ = ["Bands"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """Above `answer`: send it. Above `disclaim`: send it with a disclaimer. Above `review`: a person first.

    At or below `review` a person takes over. `use` says whether the bands read the calibrated probability
    itself ("p") or the low end of its interval ("low"); "auto" is careful while labels are few: the low end where fewer
    than 50 are behind the map, else the probability.

    Examples
    --------
    >>> from calibrant.types import Probability
    >>> print(Bands().decide(Confidence(p=Probability(0.9), low=0.8, high=0.95, verdicts=400)).why)
    The calibrated probability of being right, 0.90, is above 0.85: answer.
    >>> Bands().decide(Confidence(p=None, reason="no map")).action
    <Action.HAND_OFF: 'hand_off'>
    """

    answer: float = 0.85
    disclaim: float = 0.60
    review: float = 0.40
    use: Literal["p", "low", "auto"] = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.review <= self.disclaim <= self.answer <= 1:
            raise ValueError(
                f"Bands must ascend within [0, 1]: review {self.review} <= disclaim {self.disclaim} <= "
                f"answer {self.answer} does not hold."
            )
        if self.use not in ("p", "low", "auto"):
            raise ValueError(f"Bands read 'p', 'low' or 'auto', not {self.use!r}.")

    @property
    def edges(self) -> tuple[float, ...]:
        """The probabilities at which the action changes, ascending."""
        return self.review, self.disclaim, self.answer

    def decide(self, confidence: Confidence) -> Decision:
        """The action of the band, and the sentence that says why; no probability means hand off."""
        careful = self.use == "low" or (self.use == "auto" and confidence.few)
        value = confidence.low if careful else confidence.p
        if value is None:
            why = f"No calibrated probability ({confidence.reason}): handed to a person."
            return Decision(action=Action.HAND_OFF, threshold=None, why=why)
        name = "calibrated probability of being right"
        name = f"The low end of the {name}" if careful else f"The {name}"
        for action, threshold, then in (
            (Action.ANSWER, self.answer, "answer"),
            (Action.DISCLAIM, self.disclaim, "answer with a disclaimer"),
            (Action.REVIEW, self.review, "a person reviews it before it is sent"),
        ):
            if value > threshold:
                why = f"{name}, {value:.2f}, is above {threshold:.2f}: {then}."
                return Decision(action=action, threshold=threshold, why=why)
        why = f"{name}, {value:.2f}, is not above {self.review:.2f}: handed to a person."
        return Decision(action=Action.HAND_OFF, threshold=self.review, why=why)
