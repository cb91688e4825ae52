"""Is what is claimed still true? An alarm that may be looked at after every label, false with at most a set chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import Misuse, UnusableInput
from calibrant.tally import Floats

__all__ = ["ALPHA", "TOLERANCE", "Monitor"]

ALPHA = 0.05
TOLERANCE = 0.02

SLOPES = (0.6, 0.8, 1.0, 1.25)
SHIFTS = (-1.2, -0.7, -0.35, 0.0, 0.35, 0.7)
GRID = 1000
"""A probability is read down and up to a thousandth, each to the side on which less can be held against it."""

BLOCK = 100
"""Labels that share a weight as possible times of the change."""

_HUGE = 1e200
_RECENT = 256
"""Labels after which it is looked back for where a change began: the alarm does not wait for that."""


class Monitor:
    """Watches a stream of claimed probabilities and verdicts, and raises an alarm when they have come apart.

    Each label is a bet: an alternative q for the claim c multiplies what was put on it by q / c where the answer was
    right, by (1 - q) / (1 - c) where it was wrong, which gains nothing on average while the claim is true. The
    alternatives are q = sigmoid(a logit(c) + b) for 4 slopes and 6 shifts. For a claim that is too high the bet is
    against c - `tolerance` with a q that is no larger, for one that is too low against c + `tolerance` with a q that is
    no smaller, so that a gap within the tolerance gains nothing either. The stake is spread over all times at which a
    change may begin, the k-th hundred labels with 1 / ((k + 1)(k + 2)), and what has not begun is kept. The wealth is
    then a supermartingale that starts at 1, and with probability 1 - `alpha` it never reaches 1 / `alpha` (Ville 1939),
    however long and however often one looks.

    Of labels that belong together (a question that was asked again) the mean of the bets counts as one. They must come
    one after the other: a cluster that comes back is left out, and counted in `left_out`.

    Parameters
    ----------
    alpha : float
        The most that the chance of any false alarm may be, in (0, 1).
    tolerance : float
        A gap between claim and truth that does no harm, from 0 to below 0.5.
    recall : int or None
        Clusters that are known when they come back, the latest that came; None for all.

    Attributes
    ----------
    rows, labels : int
        Verdicts seen, and bets that they made: one for each cluster.
    alarm_at : int or None
        Rows seen when the wealth first reached 1 / `alpha`.
    change_point : int or None
        Rows before the stretch that holds the most evidence: where the claims ceased to be true, to the best of what is
        known. None before an alarm.

    Raises `Misuse` for parameters out of range, `UnusableInput` for values. A label costs under 10 microseconds, and
    the state is under a thousand numbers whatever went before, and 8 bytes for each cluster that is known.

    References
    ----------
    G. Shafer, "Testing by betting", JRSS A 184(2), 2021. A. Ramdas et al., "Game-theoretic statistics and safe
    anytime-valid inference", Statistical Science 38(4), 2023.

    >>> rng = np.random.default_rng(0)
    >>> monitor = Monitor(alpha=0.05, tolerance=0.02)
    >>> for label in range(1200):  # of 100 answers that claim 80, 80 are right, and from label 700 on 60
    ...     monitor.update(0.8, rng.random() < (0.8 if label < 700 else 0.6))
    >>> monitor.alarm, 700 < monitor.alarm_at < 900, abs(monitor.change_point - 700) < 50
    (True, True, True)
    """

    def __init__(
        self, *, alpha: float = ALPHA, tolerance: float = TOLERANCE, recall: int | None = None
    ) -> None:
        if not 0.0 < alpha < 1.0:
            raise Misuse(f"Expected alpha between 0 and 1, such as 0.05; got {alpha!r}.")
        if not 0.0 <= tolerance < 0.5:
            raise Misuse(f"Expected a tolerance from 0 to below 0.5, such as 0.02; got {tolerance!r}.")
        self.alpha, self.tolerance, self._enough = alpha, tolerance, 1 / max(alpha, 1 / math.sqrt(_HUGE))
        self.recall = recall
        self._bets = _bets(tolerance)
        arms = self._bets.right.shape[1]
        self._share, self._scale = 1.0 / arms, 0.0  # the wealth is exp(scale) (share * sum of on + kept)
        self._on = np.zeros(arms)
        self._far = _Far(np.zeros(arms), np.zeros(arms, np.int64), 0.0, 0, 0)
        self._recent: list[_Label] = []
        self.rows = self.labels = self.left_out = 0
        self.alarm_at: int | None = None
        self._open: tuple[int, list[_Verdict]] | None = None
        self._closed: dict[int, None] = {}

    @property
    def alarm(self) -> bool:
        """Whether the wealth has ever reached 1 / alpha; an alarm is not taken back."""
        return self.alarm_at is not None

    @property
    def log10_evidence(self) -> float:
        """The wealth now, in powers of ten: 0 at the start, 1.3 at 1 / alpha for an alpha of 0.05."""
        return self._log() / math.log(10)

    @property
    def change_point(self) -> int | None:
        """Rows before the stretch that holds the most evidence; None before an alarm."""
        return self._looked_back().start if self.alarm else None

    @property
    def over(self) -> bool:
        """Whether that stretch says that the claims are too high, not too low."""
        return self._looked_back().arm < len(self._on) // 2

    def update(self, p: float, correct: float, cluster: Hashable = None) -> None:
        """Take one verdict.

        `p` is the claim in [0, 1], `correct` whether the answer was right, or a grade in [0, 1]; `cluster` is equal for
        those that belong together, and counts with them once another one comes, or at `settle`.
        """
        if not (0.0 <= p <= 1.0 and 0.0 <= correct <= 1.0):  # also False for NaN
            raise UnusableInput(f"Expected a probability and a grade in [0, 1]; got {p!r} and {correct!r}.")
        at = int(p * GRID)
        if cluster is None:
            if self._open is not None:
                self.settle()
            self.rows += 1
            if correct == 1:
                self._take(((at, 1),), self._bets.right[at])
            elif correct == 0:
                self._take(((at, 0),), self._bets.wrong[at])
            else:
                self._take(((at, float(correct)),), self._gain(at, correct))
        else:
            self._gather((at, float(correct)), _key(cluster))

    def settle(self) -> None:
        """Count the cluster that is still open as whole."""
        if self._open is not None:
            key, verdicts = self._open
            self._open = None
            self._closed[key] = None
            if self.recall is not None and len(self._closed) > self.recall:
                del self._closed[next(iter(self._closed))]
            self._take(tuple(verdicts), self._mean(verdicts))

    def _gather(self, verdict: _Verdict, key: int) -> None:
        if self._open is not None and self._open[0] == key:
            self._open[1].append(verdict)
        else:
            self.settle()
            if key in self._closed:
                self.left_out += 1
                self._closed[key] = self._closed.pop(key)  # the last to be forgotten
            else:
                self._open = key, [verdict]
        self.rows += 1

    def _gain(self, at: int, correct: float) -> Floats:
        bets = self._bets
        made: Floats = correct * bets.right[at] + (1 - correct) * bets.wrong[at]
        return made

    def _mean(self, verdicts: Sequence[_Verdict]) -> Floats:
        total = np.zeros(len(self._on))
        for at, correct in verdicts:
            total += self._gain(at, correct)
        return total / len(verdicts)

    def _take(self, verdicts: tuple[_Verdict, ...], gain: Floats) -> None:
        """Let all bets of one label play; those on a change before it begin with it."""
        block, on = self.labels // BLOCK, self._on
        first = 1 / (BLOCK * (block + 1) * (block + 2))
        on += first * math.exp(-self._scale) if self._scale else first
        on *= gain
        self.labels += 1
        self._recent.append((self.rows - len(verdicts), verdicts))
        if len(self._recent) == _RECENT:
            self._far = self._looked_back()
            self._recent.clear()
        total = float(np.add.reduce(on))
        if total > _HUGE:
            on /= _HUGE
            self._scale += math.log(_HUGE)
        if self.alarm_at is None and self._share * total + self._kept() >= self._enough:
            self.alarm_at = self.rows  # before an alarm the scale is 0: nothing has grown so large

    def _looked_back(self) -> _Far:
        """With the recent labels: the stretch with the most evidence for one alternative up to each of them (CUSUM).

        Nothing is changed by looking, so that a monitor comes out the same to the bit whenever it was looked at.
        """
        far = self._far
        if not self._recent:
            return far
        gone = far.run + np.cumsum([self._logs(verdicts) for _, verdicts in self._recent], axis=0)
        first = np.array([rows for rows, _ in self._recent])
        before = np.vstack([far.run, gone[:-1]])  # what a stretch that begins with each label leaves behind
        least = np.minimum.accumulate(np.minimum(before, 0.0), axis=0)
        value = gone - least

        def start(end: int, arm: int) -> int:
            """Rows before the best stretch of an alternative that ends with one of the recent labels."""
            if least[end, arm] < 0 or before[0, arm] <= 0:
                return int(first[int(np.argmin(before[: end + 1, arm]))])
            return int(far.began[arm])

        best, at, alternative = far.best, far.start, far.arm
        end, arm = (int(one) for one in np.unravel_index(int(value.argmax()), value.shape))
        if value[end, arm] > best:
            best, at, alternative = float(value[end, arm]), start(end, arm), arm
        began = np.array([start(len(first) - 1, arm) for arm in range(len(far.run))], np.int64)
        return _Far(value[-1], began, best, at, alternative)

    def _logs(self, verdicts: tuple[_Verdict, ...]) -> Floats:
        (at, correct), bets = verdicts[0], self._bets
        if len(verdicts) == 1 and correct in (0, 1):
            known: Floats = bets.log_right[at] if correct else bets.log_wrong[at]
            return known
        made: Floats = np.log(self._mean(verdicts))
        return made

    def _kept(self) -> float:
        """What is put on changes that are still to begin."""
        block, within = divmod(self.labels, BLOCK)
        return (1 - within / (BLOCK * (block + 2))) / (block + 1)

    def _log(self) -> float:
        wealth = self._share * float(self._on.sum()) + self._kept() * math.exp(-self._scale)
        return math.log(wealth) + self._scale

    def to_dict(self) -> dict[str, Any]:
        """The whole state as plain values, from which `from_dict` goes on to the bit as if nothing had been."""
        far, opened = self._far, self._open
        return {
            "alpha": self.alpha, "tolerance": self.tolerance, "recall": self.recall, "rows": self.rows,
            "labels": self.labels, "left_out": self.left_out, "alarm_at": self.alarm_at, "on": self._on.tolist(),
            "scale": self._scale, "run": far.run.tolist(), "began": far.began.tolist(),
            "best": [far.best, far.start, far.arm],
            "recent": [[rows, *chain.from_iterable(verdicts)] for rows, verdicts in self._recent],
            "open": None if opened is None else [opened[0], *chain.from_iterable(opened[1])],
            "closed": list(self._closed),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Monitor:
        """The monitor of a state that `to_dict` gave.

        >>> first = Monitor()
        >>> first.update(0.9, True)
        >>> Monitor.from_dict(first.to_dict()).to_dict() == first.to_dict()
        True
        """
        made = cls(alpha=state["alpha"], tolerance=state["tolerance"], recall=state["recall"])
        made.rows, made.labels, made.left_out = state["rows"], state["labels"], state["left_out"]
        made.alarm_at, made._scale = state["alarm_at"], state["scale"]
        made._on = np.array(state["on"])
        made._far = _Far(np.array(state["run"]), np.array(state["began"], np.int64), *state["best"])
        made._recent = [(rows, tuple(_pairs(flat))) for rows, *flat in state["recent"]]
        if state["open"] is not None:
            key, *flat = state["open"]
            made._open = key, list(_pairs(flat))
        made._closed = dict.fromkeys(state["closed"])
        return made


_Verdict = tuple[int, float]
"""A claim in thousandths, and the grade."""

_Label = tuple[int, tuple[_Verdict, ...]]
"""Rows before it, and the verdicts of a bet: one, or those of a cluster."""


@dataclass(frozen=True, slots=True)
class _Far:
    """Up to some label, for each alternative the evidence of its best stretch that ends there (`run`) and the rows
    before that (`began`), shape (alternatives,); then the `best` stretch ever, the rows before it, and for which `arm`.
    """

    run: Floats
    began: NDArray[np.int64]
    best: float
    start: int
    arm: int


@dataclass(frozen=True, slots=True)
class _Bets:
    """What each alternative gains, shape (GRID + 1, alternatives), for a right and a wrong answer; with logarithms."""

    right: Floats
    wrong: Floats
    log_right: Floats
    log_wrong: Floats


@lru_cache(maxsize=8)
def _bets(tolerance: float) -> _Bets:
    """The first half of the alternatives lies below the claim, the second above it.

    A claim between two thousandths is taken for the lower one where it is held to be too high, for the upper one where
    it is held to be too low: what gains nothing on average against the stricter claim gains nothing against it either.
    Where a claim with its tolerance is within a thousandth of 0 or 1, no bet is made beyond it: claims are cut there,
    and against the cut a claim of 1 that is always right would gain.
    """
    least = 1 / GRID
    a, b = (values.ravel() for values in np.meshgrid(SLOPES, SHIFTS))
    moved = (a != 1) | (b != 0)
    a, b = a[moved], b[moved]
    down = np.arange(GRID + 1) / GRID
    up = np.minimum(down + least, 1.0)
    up[-1] = 1.0
    halves = []
    for claim, sign in ((down, -1.0), (up, 1.0)):
        inside = np.clip(claim, least, 1 - least)
        odds = np.log(inside / (1 - inside))
        other = 1 / (1 + np.exp(-(a * odds[:, None] + b)))
        null = np.clip(claim + sign * tolerance, least, 1 - least)[:, None]
        q = np.minimum(other, null) if sign < 0 else np.maximum(other, null)
        room = claim if sign < 0 else 1 - claim  # for a truth beyond the claim
        q = np.where((room - tolerance < least - 1e-12)[:, None], null, q)
        halves.append((q / null, (1 - q) / (1 - null)))
    right, wrong = (np.hstack([half[i] for half in halves]) for i in (0, 1))
    made = _Bets(right, wrong, np.log(right), np.log(wrong))
    for array in (made.right, made.wrong, made.log_right, made.log_wrong):
        array.setflags(write=False)
    return made


def _pairs(flat: Sequence[Any]) -> Iterator[_Verdict]:
    return zip(flat[::2], flat[1::2], strict=True)


def _key(cluster: Hashable) -> int:
    """An id in 8 bytes, the same in every process."""
    said = f"{type(cluster).__name__}:{cluster}".encode(errors="replace")
    return int.from_bytes(blake2b(said, digest_size=8).digest())
