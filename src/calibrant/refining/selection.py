"""Choosing among prompts on some questions and reporting on others: the arithmetic, on arrays.

Candidates are compared by an `Objective`, of probabilities from a calibrator that was fitted on other questions, so
that a prompt is not paid for being easy to rescale. A Brier score also falls when nearly all answers are wrong; a
floor on accuracy is therefore part of every choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..errors import UnusableInput
from ..metrics import Estimate, auroc, brier, ece
from ..plugins import find
from ..tally import Floats, Tally, cell_of

__all__ = [
    "BRIER",
    "REWARD",
    "Claim",
    "Confirmation",
    "Objective",
    "Resamples",
    "Sheet",
    "Standing",
    "claim",
    "confirm",
    "cross_fitted",
    "mapped",
    "standings",
]

BINS = 15
Indexes = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What an answer and its confidence are worth: credit x grade - penalty x (probability - grade)^2.

    With credit 1 it is the reward that we take CAPR's to be, whose abstract says only that confidence and accuracy are
    in it: right answers count, and a squared error of the confidence costs `penalty` times as much. With credit 0 it
    is the Brier score with its sign turned, and only the confidence counts.

    >>> Objective()(np.array([0.8]), np.array([1.0])).round(2), BRIER(np.array([0.8]), np.array([1.0])).round(2)
    (array([0.96]), array([-0.04]))
    """

    credit: float = 1.0
    penalty: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.credit < np.inf and 0 < self.penalty < np.inf):
            raise UnusableInput(
                f"Expected a credit from 0 on and a penalty above 0; got {self.credit} and {self.penalty}."
            )

    def __call__(self, p: Floats, right: Floats) -> Floats:
        """The worth of each answer."""
        worth: Floats = self.credit * right - self.penalty * (p - right) ** 2
        return worth


REWARD = Objective()
"""Right answers and their confidence."""
BRIER = Objective(credit=0.0)
"""Confidence alone."""


@dataclass(frozen=True, eq=False, slots=True)
class Sheet:
    """A candidate's grades and scores on the same questions, both of shape (n,).

    `right` is in [0, 1], 0 where no answer came; `score` in [0, 1], NaN where there was none.
    """

    right: Floats
    score: Floats

    def at(self, rows: Indexes) -> Sheet:
        """Some of the questions."""
        return Sheet(self.right[rows], self.score[rows])

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Where there is a score."""
        seen: NDArray[np.bool_] = ~np.isnan(self.score)
        return seen

    @property
    def auroc(self) -> float | None:
        """How well the scores rank, None where there is nothing to rank."""
        seen = self.seen
        return auroc(Tally.of(self.score[seen], self.right[seen])) if seen.any() else None


def mapped(fitted_on: Sheet, score: Floats, calibrator: str = "platt") -> Floats:
    """Probabilities for scores, by a map fitted on a sheet; shape (n,).

    An answer without a score gets the share that was right of those without one, drawn towards the share
    of all by two rows.

    >>> sheet = Sheet(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.8, 0.2, np.nan]))
    >>> mapped(sheet, np.array([np.nan])).round(2)
    array([0.33])
    """
    seen, base = fitted_on.seen, float(fitted_on.right.mean())
    missing = fitted_on.right[~seen]
    p = np.full(len(score), (float(missing.sum()) + 2 * base) / (len(missing) + 2))
    known = ~np.isnan(score)
    if seen.any() and known.any():
        tally = Tally.of(fitted_on.score[seen], fitted_on.right[seen])
        p[known] = find("calibrators", calibrator)().fit(tally)(score[known])
    return p


def cross_fitted(sheet: Sheet, fold: Indexes) -> Floats:
    """Probabilities for every question, each by the map of the other fold; `fold` holds 0 and 1."""
    p = np.empty(len(sheet.right))
    for one in (0, 1):
        here, there = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        if len(here) and len(there):
            p[here] = mapped(sheet.at(there), sheet.score[here])
        elif len(here):
            p[here] = sheet.right.mean()
    return p


class Resamples:
    """Resamples of clusters of questions, the same for every statistic, so that differences are paired.

    Parameters
    ----------
    cluster : group of each question, shape (n,), counted from 0
    """

    def __init__(self, cluster: Indexes, *, resamples: int = 1000, seed: int = 20240601) -> None:
        count = int(cluster.max()) + 1
        drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
        # Resampled means spread less than means do, by (count - 1) / count.
        self._wider = float(np.sqrt(count / max(1, count - 1)))
        self.weight = drawn.astype(np.float64)[:, cluster]

    def interval(self, value: float, drawn: Floats) -> Estimate:
        """95 %: the value and the spread of the resamples around their own mean.

        For a mean this is the percentile interval. For an ECE it leaves out the error that resampling adds.
        """
        low, high = np.quantile(drawn - drawn.mean(), [0.025, 0.975]) * self._wider
        return Estimate(value, value + float(low), value + float(high))

    def difference(self, values: Floats) -> Estimate:
        """The mean of paired differences, with its interval."""
        return self.interval(float(values.mean()), _means(self.weight, values))

    def least(self, values: Floats, compared: int) -> float:
        """Lower 97.5 % bound of the mean, which holds for all of `compared` means at once (Bonferroni).

        From the standard error: quantiles that far out would take many more resamples. The noise of fitted
        maps is not in it: with cross-fitted losses of 60 to 180 questions it is exceeded in 6 to 9 % of the
        draws (20 candidates no better than the seed), so a winner needs untouched questions as well.
        """
        error = float(_means(self.weight, values).std()) * self._wider
        return float(values.mean() + ndtri(0.025 / max(1, compared)) * error)


def _means(weight: Floats, values: Floats) -> Floats:
    """The mean on each resample, shape (resamples,)."""
    means: Floats = weight @ values / weight.sum(axis=1)
    return means


def _eces(weight: Floats, p: Floats, right: Floats) -> Floats:
    """Expected calibration error on each resample."""
    inside = np.eye(BINS)[cell_of(p, BINS)] * (p - right)[:, None]
    errors: Floats = np.abs(weight @ inside).sum(axis=1) / weight.sum(axis=1)
    return errors


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A candidate in a round, against the seed on the same questions.

    `reward` is the objective it was chosen by. `gain` is how much lower its Brier score is, `accuracy_gain` how much
    more often it is right, `reward_gain` how much more it is worth; their intervals are for one candidate named
    beforehand. `least_gain` bounds the gain in reward from below for all that were compared at once, so also for
    the one that was picked since it looks best. `out`: it is below the floor of accuracy.
    """

    name: str
    n: int
    reward: float
    brier: float
    accuracy: float
    reward_gain: Estimate
    gain: Estimate
    least_gain: float
    accuracy_gain: Estimate
    out: bool


def standings(
    sheets: Mapping[str, Sheet],
    seed: str,
    fold: Indexes,
    cluster: Indexes,
    *,
    objective: Objective = BRIER,
    max_accuracy_loss: float = 0.02,
    compared: int | None = None,
) -> list[Standing]:
    """The candidates of a round, the best by the objective first, those below the floor last.

    `compared` is how many candidates have been compared with the seed in all rounds, those of this one
    where it is left out: earlier rounds picked on some of the same questions.

    A candidate is below the floor where it loses more than `max_accuracy_loss` against the seed and the
    interval of that loss excludes zero.
    """
    draws = Resamples(cluster)
    p = {name: cross_fitted(sheet, fold) for name, sheet in sheets.items()}
    loss = {name: (p[name] - sheet.right) ** 2 for name, sheet in sheets.items()}
    worth = {name: objective(p[name], sheet.right) for name, sheet in sheets.items()}
    rows = []
    for name, sheet in sheets.items():
        accuracy_gain = draws.difference(sheet.right - sheets[seed].right)
        rows.append(
            Standing(
                name=name, n=len(sheet.right), reward=float(worth[name].mean()), brier=float(loss[name].mean()),
                accuracy=float(sheet.right.mean()), reward_gain=draws.difference(worth[name] - worth[seed]),
                gain=draws.difference(loss[seed] - loss[name]),
                least_gain=draws.least(worth[name] - worth[seed], compared or len(sheets) - 1),
                accuracy_gain=accuracy_gain,
                out=accuracy_gain.value < -max_accuracy_loss and accuracy_gain.high < 0,
            )
        )  # fmt: skip
    # Of equals the seed comes first.
    return sorted(rows, key=lambda row: (row.out, -row.reward, row.name != seed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """A candidate against the seed on questions that had no part in choosing it.

    Gains are the seed's figure less the candidate's for Brier and ECE, and the other way round for accuracy and
    the reward: above zero is better. Both went through maps fitted on the questions of the choice. `after` has Brier
    and ECE of the candidate as its scores are ("raw"), and after each calibrator; `seed_after` the seed's.
    """

    n: int
    reward: float
    seed_reward: float
    reward_gain: Estimate
    brier: float
    seed_brier: float
    brier_gain: Estimate
    accuracy: float
    seed_accuracy: float
    accuracy_gain: Estimate
    ece: float
    seed_ece: float
    ece_gain: Estimate
    auroc: float | None
    seed_auroc: float | None
    after: Mapping[str, Mapping[str, float]]
    seed_after: Mapping[str, Mapping[str, float]]


def confirm(
    chosen: tuple[Sheet, Sheet],
    seed: tuple[Sheet, Sheet],
    cluster: Indexes,
    objective: Objective = BRIER,
) -> Confirmation:
    """Compare on the untouched questions; each pair is the sheet of the choice and the untouched one.

    The intervals are over questions, for the maps as they were fitted.
    """
    draws = Resamples(cluster)
    (_, new), (_, old) = chosen, seed
    p, q = (mapped(fitted, held.score) for fitted, held in (chosen, seed))
    loss, seed_loss = (p - new.right) ** 2, (q - old.right) ** 2
    worth, seed_worth = objective(p, new.right), objective(q, old.right)
    ece_new, ece_old = ece(Tally.of(p, new.right), BINS), ece(Tally.of(q, old.right), BINS)
    return Confirmation(
        n=len(new.right), reward=float(worth.mean()), seed_reward=float(seed_worth.mean()),
        reward_gain=draws.difference(worth - seed_worth), brier=float(loss.mean()), seed_brier=float(seed_loss.mean()),
        brier_gain=draws.difference(seed_loss - loss), accuracy=float(new.right.mean()),
        seed_accuracy=float(old.right.mean()), accuracy_gain=draws.difference(new.right - old.right),
        ece=ece_new, seed_ece=ece_old,
        ece_gain=draws.interval(
            ece_old - ece_new, _eces(draws.weight, q, old.right) - _eces(draws.weight, p, new.right)
        ),
        auroc=new.auroc, seed_auroc=old.auroc, after=_after(*chosen),
        seed_after=_after(*seed),
    )  # fmt: skip


def _after(fitted: Sheet, held: Sheet) -> dict[str, dict[str, float]]:
    seen = held.seen
    raw = {"raw": held.score[seen]}
    if not seen.any():
        return {}
    for name in ("temperature", "auto"):
        raw[name] = mapped(fitted, held.score[seen], name)
    tallies = {name: Tally.of(p, held.right[seen]) for name, p in raw.items()}
    return {name: {"brier": brier(t), "ece": ece(t, BINS)} for name, t in tallies.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What choosing on the reporting questions would have claimed for one measure.

    `picked` is the candidate that looks best there and `claimed` its gain over the seed there; `honest` is
    the gain there of the candidate chosen on other questions. `optimism` is how much such a claim overstates
    on average: the best on a resample is measured there and on the questions the resample left out, and the
    difference is divided by sqrt(2), since a resample of n questions, some of them twice, tells as little as
    n/2. That is exact where the candidates are alike, and somewhat too much where one of them stands out.
    """

    measure: str
    candidates: int
    picked: str
    claimed: float
    honest: float
    optimism: float


def claim(
    pairs: Mapping[str, tuple[Sheet, Sheet]],
    seed: str,
    chosen: str,
    cluster: Indexes,
    objective: Objective = BRIER,
) -> tuple[Claim, Claim, Claim]:
    """The claims for the reward, for the Brier score and for the ECE; arguments as those of `confirm`."""
    draws = Resamples(cluster, resamples=400)
    names = list(pairs)
    p = {name: mapped(fitted, held.score) for name, (fitted, held) in pairs.items()}
    right = {name: held.right for name, (_, held) in pairs.items()}
    measures: dict[str, Callable[[Floats, str], Floats]] = {
        "reward": lambda weight, name: -_means(weight, objective(p[name], right[name])),
        "brier": lambda weight, name: _means(weight, (p[name] - right[name]) ** 2),
        "ece": lambda weight, name: _eces(weight, p[name], right[name]),
    }
    weight = draws.weight[(draws.weight == 0).any(axis=1)]
    made = []
    for measure, values in measures.items():
        all_rows, resample, left_out = (
            np.stack([values(one, name) for name in names])
            for one in (np.ones((1, len(cluster))), weight, (weight == 0).astype(np.float64))
        )
        value, base = all_rows[:, 0], names.index(seed)
        at, each = resample.argmin(axis=0), np.arange(len(weight))
        over = (resample[base] - resample[at, each]) - (left_out[base] - left_out[at, each])
        best = int(value.argmin())
        made.append(
            Claim(
                measure=measure, candidates=len(names), picked=names[best],
                claimed=float(value[base] - value[best]),
                honest=float(value[base] - value[names.index(chosen)]),
                optimism=float(over.mean() / np.sqrt(2)),
            )
        )  # fmt: skip
    return made[0], made[1], made[2]
