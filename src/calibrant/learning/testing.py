"""Is another map better than the one in force? A test that may be looked at after every label.

Each answer that is judged counts d / propensity, where d is the Brier score of the map in force less that of the other,
so that in the mean it counts as all answers would, judged or not. The null hypothesis is that at no time the other map
is better on average over answers. Wealth that bets against it, prod (1 + lambda d / propensity), averaged over several
lambda, is then a supermartingale that starts at 1, and reaches 1 / alpha with probability <= alpha (Ville 1939).
No unlabelled answer is needed: predicted by the mean of the two maps, the difference of an answer is 0 before its
verdict is known, so that weighting the verdicts alone is what augmenting them by that prediction comes to.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UnusableInput
from ..metrics.intervals import Estimate
from ..tally import Floats

__all__ = ["ALPHA", "PromotionTest", "largest", "mark_of"]

ALPHA = 0.05

_SHARES = np.array([0.9, 0.6, 0.4, 0.25, 0.15, 0.09, 0.05, 0.03, 0.015, 0.008])
"""Bets, as shares of the largest that cannot lose everything."""

_HALVINGS = 50
_MOST = 100_000
"""Labels of which nobody waits for more."""


@dataclass(frozen=True, slots=True)
class _Bet:
    """What one cluster of answers said: its mean weighted difference, and what it could have lost and gained."""

    difference: float
    loss: float
    gain: float

    @property
    def plain(self) -> list[float]:
        """Its numbers."""
        return [self.difference, self.loss, self.gain]


class PromotionTest:
    """Holds a challenger against the champion, label by label, each at the probabilities that they gave the answer.

    `loss` and `gain` bound what one answer can say against and for the challenger, weighted; both are raised by answers
    that could say more. Such an answer is bet on by the bound from before: it counts as no gain for the side that it
    speaks for, and up to the bound for the other, so that the promise does not hang on the largest weight.

    Of answers to one item the mean counts, if they come one after the other, once another one comes or at `settle`. An
    item that comes back later is left out and counted in `left_out`: how it went is no news.

    Parameters
    ----------
    loss, gain : float, above 0
        What is known before any label of the largest weighted difference; see `largest`.
    alpha : float
        The most that the chance may be of ever finding a challenger better that is not.

    Attributes
    ----------
    labels, items : answers taken, and bets that they made
    better_at, worse_at : labels seen when the evidence first said that it is better, or worse; None before

    References
    ----------
    A. Henzi, J. Ziegel, "Valid sequential inference on probability forecast performance", Biometrika 109(3), 2022.
    Y. J. Choe, A. Ramdas, "Comparing sequential forecasters", Operations Research 72(4), 2024. I. Waudby-Smith,
    A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1), 2024.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> test = PromotionTest(loss=0.2, gain=0.2)
    >>> for right in rng.random(400) < 0.7:  # of 100 answers that the champion calls sure to 85, 70 are right
    ...     test.update(0.85, 0.7, float(right))
    >>> test.better, test.better_at < 400, test.interval().low > 0
    (True, True, True)
    """

    def __init__(self, *, loss: float, gain: float, alpha: float = ALPHA) -> None:
        if not 0.0 < alpha < 1.0:
            raise UnusableInput(f"Expected alpha between 0 and 1, such as 0.05; got {alpha!r}.")
        if not (0.0 < loss < math.inf and 0.0 < gain < math.inf):
            raise UnusableInput(f"Expected bounds above 0; got loss {loss!r} and gain {gain!r}.")
        self.alpha, self._bounds = alpha, (loss, gain)
        self._loss, self._gain = loss, gain
        self.labels = self.left_out = 0
        self.better_at: int | None = None
        self.worse_at: int | None = None
        self._bets: list[_Bet] = []
        self._for, self._against = np.zeros(len(_SHARES)), np.zeros(len(_SHARES))
        self._open: tuple[int, list[_Bet]] | None = None
        self._closed: set[int] = set()

    @property
    def better(self) -> bool:
        """Whether the evidence has ever reached 1 / alpha that the challenger is better; it is not taken back."""
        return self.better_at is not None

    @property
    def worse(self) -> bool:
        """The same of worse."""
        return self.worse_at is not None

    @property
    def items(self) -> int:
        """Bets made: labels, of one item counted as one."""
        return len(self._bets)

    @property
    def log10_evidence(self) -> float:
        """The wealth now that the challenger is better, in powers of ten: 0 at the start, 1.3 at 1 / 0.05."""
        return _log_mean(self._for) / math.log(10)

    @property
    def log10_enough(self) -> float:
        """The wealth that finds it better, 1 / alpha, in powers of ten."""
        return -math.log10(self.alpha)

    def update(
        self, champion: float, challenger: float, grade: float, propensity: float = 1.0, item: Hashable = None
    ) -> None:
        """Take a verdict.

        `champion` and `challenger` are the probabilities that the two give the answer, `grade` what it turned out to
        be, all in [0, 1]; `propensity` is the probability with which it came to be judged, `item` equal for answers
        that are right or wrong together. Raises `UnusableInput` for values out of range.
        """
        if not all(0.0 <= value <= 1.0 for value in (champion, challenger, grade)) or not 0 < propensity <= 1:
            raise UnusableInput(
                "Expected two probabilities and a grade in [0, 1], and a propensity above 0; got "
                f"{champion!r}, {challenger!r}, {grade!r} and {propensity!r}."
            )
        sides = [_difference(champion, challenger, float(y)) / propensity for y in (0, 1)]
        bet = _Bet(_difference(champion, challenger, grade) / propensity, -min(*sides, 0.0), max(*sides, 0.0))
        self.labels += 1
        if item is None:
            self.settle()
            self._take([bet])
            return
        mark = mark_of(item)
        if self._open is not None and self._open[0] == mark:
            self._open[1].append(bet)
        elif mark in self._closed:
            self.left_out += 1
        else:
            self.settle()
            self._open = (mark, [bet])

    def settle(self) -> None:
        """Count the item that is still open as whole."""
        if self._open is not None:
            mark, bets = self._open
            self._open = None
            self._closed.add(mark)
            self._take(bets)

    def _take(self, bets: list[_Bet]) -> None:
        mean = _Bet(
            sum(bet.difference for bet in bets) / len(bets),
            max(bet.loss for bet in bets),
            max(bet.gain for bet in bets),
        )
        self._bets.append(mean)
        self._for += np.log1p(_SHARES * _counted(mean.difference, mean.loss, self._loss) / self._loss)
        self._against += np.log1p(_SHARES * _counted(-mean.difference, mean.gain, self._gain) / self._gain)
        self._loss, self._gain = max(self._loss, mean.loss), max(self._gain, mean.gain)
        enough = math.log(1 / self.alpha)
        if self.better_at is None and _log_mean(self._for) >= enough:
            self.better_at = self.labels
        if self.worse_at is None and _log_mean(self._against) >= enough:
            self.worse_at = self.labels

    def interval(self) -> Estimate:
        """By how much the challenger's Brier score is lower, over all answers, with ends from the same bets.

        Each end holds at all times at once with probability 1 - `alpha`: the low one is above 0 once the challenger
        is found better, the high one below 0 once it is found worse, and not before. The value is the mean so far,
        brought between them.
        """
        if not self._bets:
            return Estimate(0.0, -self._loss, self._gain)
        x, loss, gain = (
            np.array([getattr(bet, n) for bet in self._bets]) for n in ("difference", "loss", "gain")
        )
        low = _lower(x, loss, self._bounds[0], self._gain, self.alpha)
        high = -_lower(-x, gain, self._bounds[1], self._loss, self.alpha)
        return Estimate(min(max(float(x.mean()), low), max(low, high)), low, max(low, high))

    def path(self) -> list[float]:
        """The wealth in powers of ten after each bet, as it was then; `better` asks whether it ever was enough.

        >>> test = PromotionTest(loss=0.2, gain=0.2)
        >>> for grade in (1.0, 0.0, 0.0):
        ...     test.update(0.85, 0.7, grade)
        >>> len(test.path()), test.path()[-1] == test.log10_evidence
        (3, True)
        """
        if not self._bets:
            return []
        x, loss = (np.array([getattr(bet, n) for bet in self._bets]) for n in ("difference", "loss"))
        bounds = _bounds_before(loss, self._bounds[0])
        logs = np.cumsum(np.log1p(_SHARES[:, None] * _counted(x, loss, bounds) / bounds), axis=1)
        return [float(one) for one in _log_means(logs) / math.log(10)]

    def more(self) -> int | None:
        """About how many more labels find the challenger better at the present rate; None where 100,000 would not.

        That is by the bet which has fared best so far, so that little is known while labels are few.
        """
        if self.better:
            return 0
        best = float(self._for.max()) / max(len(self._bets), 1)
        if best <= 0:
            return None
        lacking = math.log(len(_SHARES) / self.alpha) - float(self._for.max())
        more = math.ceil(lacking / best * self.labels / len(self._bets))
        return max(1, more) if more <= _MOST else None

    def to_dict(self) -> dict[str, Any]:
        """The whole state as plain values, from which `from_dict` goes on."""
        still = self._open and [self._open[0], [bet.plain for bet in self._open[1]]]
        return {
            "alpha": self.alpha, "bounds": list(self._bounds), "labels": self.labels, "left_out": self.left_out,
            "better_at": self.better_at, "worse_at": self.worse_at, "closed": sorted(self._closed),
            "bets": [bet.plain for bet in self._bets], "open": still,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The test of a state that `to_dict` gave.

        >>> first = PromotionTest(loss=0.2, gain=0.2)
        >>> first.update(0.8, 0.6, 0.0)
        >>> PromotionTest.from_dict(first.to_dict()).log10_evidence == first.log10_evidence
        True
        """
        loss, gain = state["bounds"]
        made = cls(loss=loss, gain=gain, alpha=state["alpha"])
        for bet in state["bets"]:
            made._take([_Bet(*bet)])
        made.labels, made.left_out = state["labels"], state["left_out"]
        made.better_at, made.worse_at = state["better_at"], state["worse_at"]
        made._closed = set(state["closed"])
        if state["open"] is not None:
            mark, bets = state["open"]
            made._open = (mark, [_Bet(*bet) for bet in bets])
        return made


def largest(champion: ArrayLike, challenger: ArrayLike, propensity: ArrayLike = 1.0) -> tuple[float, float]:
    """The most that an answer can say against and for a challenger, weighted: over answers that are known before.

    `champion`, `challenger` and `propensity` are those of `PromotionTest.update`, shape (n,).

    >>> [round(bound, 4) for bound in largest([0.9, 0.6], [0.7, 0.6], [0.5, 0.1])]
    [0.16, 0.64]
    """
    c, d = np.asarray(champion, dtype=float), np.asarray(challenger, dtype=float)
    sides = np.array([(c - y) ** 2 - (d - y) ** 2 for y in (0.0, 1.0)]) / np.asarray(propensity, dtype=float)
    return float(max(-sides.min(initial=0.0), 1e-9)), float(max(sides.max(initial=0.0), 1e-9))


def mark_of(item: Hashable) -> int:
    """An item in 8 bytes, the same in every process."""
    return int.from_bytes(blake2b(str(item).encode(errors="replace"), digest_size=8).digest())


def _difference(champion: float, challenger: float, grade: float) -> float:
    """The Brier score of the champion less that of the challenger; of a grade between, its expectation as a coin."""
    return (champion - challenger) * (champion + challenger - 2 * grade)


def _counted(difference: Any, loss: Any, bound: Any) -> Any:
    """What is bet on: the difference; where an answer could lose more than the bound, its loss up to the bound."""
    return np.where(loss <= bound, difference, np.maximum(np.minimum(difference, 0.0), -bound))


def _bounds_before(loss: Floats, bound: float) -> Floats:
    """The bound that was known before each bet: the largest loss so far, and `bound` at the least."""
    known: Floats = np.maximum(np.r_[bound, np.maximum.accumulate(loss)[:-1]], bound)
    return known


def _lower(x: Floats, loss: Floats, bound: float, highest: float, alpha: float) -> float:
    """The lower end of a confidence sequence of the mean of x >= -bound, by the bets of the test, at all times so far.

    A mean m is left out once the wealth that bets against a mean of at most m has reached 1 / alpha. That wealth falls
    in m, so the end is found by halving.
    """
    bounds = _bounds_before(loss, bound)
    counted = _counted(x, loss, bounds)

    def refuted(m: float) -> bool:
        shares = _SHARES[:, None] * (counted - m) / np.maximum(bounds + m, 1e-300)
        return bool(_log_means(np.cumsum(np.log1p(shares), axis=1)).max() >= math.log(1 / alpha))

    least, most = -float(bounds.min()) * (1 - 1e-9), highest
    if not refuted(least):
        return -float(bounds.max())
    if refuted(0.0):
        low, high = 0.0, most
    else:
        low, high = least, 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _log_means(logs: Floats) -> Floats:
    """The logarithm of the mean over the first axis."""
    top = logs.max(axis=0)
    means: Floats = top + np.log(np.exp(logs - top).mean(axis=0))
    return means


def _log_mean(logs: Floats) -> float:
    return float(_log_means(logs[:, None])[0])
