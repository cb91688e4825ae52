"""From answers looked at with and without an attack to findings: what it moved, what each defence buys and costs.

Questions are parted in two halves. Maps are fitted on the clean answers of one, and everything is reported
on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ..maps.calibration import CalibrationMap
from ..metrics import Estimate
from ..plugins import find
from ..tally import Tally
from .shifts import Draws, Pairs, joined

__all__ = ["CAP", "DEFENCES", "SECOND", "Defended", "Effect", "Look", "Trial", "changes", "findings"]

DEFENCES = {
    "none": "the score believed as it stands",
    "map": "clamped by the map: no score counts for more than the map gives the surest score seen without an attack",
    "apart": "asked in a call of its own without untrusted text, then mapped",
    "agreement": "mapped, and at most 0.5 where a second answer without the untrusted text says something else",
    "all": "apart, mapped and with agreement",
}
SECOND = frozenset({"agreement", "all"})
"""Those that need a second answer."""
CAP = 0.5
"""Of two answers that differ one at most is right; which one is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One answer: whether it is right, what it says, and how sure each signal is of it.

    `right` is None where it could not be graded. `scores` are those of the signals as they are, `apart` those of
    signals that ask, asked without untrusted text; None where there was no reading. `agrees` says whether a
    second answer says the same. `cut`: the answer ends at its limit of tokens.
    """

    right: bool | None
    text: str
    scores: Mapping[str, float | None]
    apart: Mapping[str, float | None]
    agrees: bool
    tokens: int = 0
    cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One attack on every question: the answers without it, with it, and whether it changed what they say.

    None stands where the attack found nothing to change, where no answer came, and in `flipped` where it cannot be
    told whether two answers say the same. `kind` is "fixed", "search" or "chance": what a search is held
    against, and no part of what defences are judged by.
    """

    attack: str
    target: str
    direction: str
    clean: Sequence[Look | None]
    attacked: Sequence[Look | None]
    flipped: Sequence[bool | None]
    kind: str = "fixed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What one attack did to one signal behind one defence; `measures` as in `Draws.measures`.

    `n` questions, `wrong` of them answered wrongly under attack. What is missing is counted by `Pairs.counts`:
    confidences without the attack, under it and in both, so that `paired` questions can be compared; grades; and
    answers of which it cannot be told whether they say the same as before. `kind` as of the trial.
    """

    attack: str
    target: str
    direction: str
    signal: str
    defence: str
    kind: str
    n: int
    wrong: int
    missing_clean: int
    missing: int
    missing_both: int
    paired: int
    ungraded_clean: int
    ungraded: int
    untold: int
    measures: Mapping[str, Estimate | None]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = asdict(self)
        measures: dict[str, Any] = told.pop("measures")
        return told | measures


@dataclass(frozen=True, kw_only=True, slots=True)
class Defended:
    """What a defence buys a signal against all attacks together, and what it costs where there is none.

    `measures`: `success_clean`, `success_attacked` (share of wrong answers at or above the threshold, under
    the attacks that inflate), `success_cut` (how much less than without the defence), `held_back_attacked`
    (share of right answers below it, under the attacks that deflate); and on clean input `passed_clean` (share
    of right answers at or above it), `passed_lost`, `auroc_clean` and `auroc_lost`, both against none.
    An answer without a confidence is not let through; `n` clean answers, `missing` of them without one, and under
    attack, of all attacks together, `attacked` and `missing_attacked`. The ranking is of clean answers that have a
    confidence with the defence and without. `calls` and `tokens` are needed for each answer in addition.
    """

    signal: str
    defence: str
    n: int
    missing: int
    attacked: int
    missing_attacked: int
    measures: Mapping[str, Estimate | None]
    calls: float
    tokens: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = asdict(self)
        measures: dict[str, Any] = told.pop("measures")
        return told | measures


def findings(
    trials: Sequence[Trial],
    fitted_on: Sequence[bool],
    threshold: float,
    *,
    defences: Sequence[str] = tuple(DEFENCES),
    resamples: int = 1000,
) -> tuple[tuple[Effect, ...], tuple[Defended, ...]]:
    """All findings, and the account of each defence.

    Parameters
    ----------
    trials : the attacks, each with a look at every question
    fitted_on : for each question whether maps are fitted on it; the findings are on the others
    threshold : confidence from which an answer is sent without a disclaimer
    defences : those that are looked at, of `DEFENCES`; "none" always is
    """
    bench = _Bench(trials, np.asarray(fitted_on, bool), threshold, resamples)
    found, accounts = [], []
    for signal in bench.signals:
        for defence in (name for name in bench.defences(signal) if name in ("none", *defences)):
            found += [bench.finding(trial, signal, defence) for trial in trials if any(trial.attacked)]
            accounts.append(bench.account(signal, defence))
    return tuple(one for one in found if one is not None), tuple(accounts)


def changes(
    one: Trial, other: Trial, signal: str, fitted_on: Sequence[bool], *, resamples: int = 1000
) -> tuple[Estimate | None, Estimate | None, Estimate | None, int, int]:
    """The mean change of a confidence under each of two attacks, and their difference, resampled together.

    Then how many questions are behind the first, and how many of them lack a confidence without it or with it.
    """
    bench = _Bench([one, other], np.asarray(fitted_on, bool), 1.0, resamples)
    pairs = [bench.pairs(trial, signal, "none") for trial in (one, other)]
    first, second = (bench.draws.mean(p.question, p.attacked - p.clean, p.both) for p in pairs)
    counts = pairs[0].counts
    estimates = [bench.draws.estimate(array, least=-1.0) for array in (first, second, first - second)]
    return estimates[0], estimates[1], estimates[2], counts["n"], counts["n"] - counts["paired"]


class _Bench:
    def __init__(
        self, trials: Sequence[Trial], fitted_on: np.ndarray[Any, Any], threshold: float, resamples: int
    ) -> None:
        self.trials, self.fitted_on, self.threshold = trials, fitted_on, threshold
        self.attacks = [trial for trial in trials if trial.kind != "chance"]
        self.place = np.cumsum(~fitted_on) - 1
        self.draws = Draws(int((~fitted_on).sum()), resamples=resamples)
        looks = [look for trial in trials for look in trial.clean if look]
        self.signals = tuple(dict.fromkeys(name for look in looks for name in look.scores))
        self.asking = {name for look in looks for name in look.apart}
        self._maps: dict[tuple[int, str, bool], Callable[[float | None], float]] = {}

    def defences(self, signal: str) -> list[str]:
        return [name for name in DEFENCES if name != "apart" or signal in self.asking]

    def finding(self, trial: Trial, signal: str, defence: str) -> Effect | None:
        pairs = self.pairs(trial, signal, defence)
        if not len(pairs.question):
            return None
        return Effect(
            attack=trial.attack, target=trial.target, direction=trial.direction, signal=signal,
            defence=defence, kind=trial.kind, **pairs.counts,
            measures=self.draws.measures(pairs, trial.direction, self.threshold),
        )  # fmt: skip

    def account(self, signal: str, defence: str) -> Defended:
        up, up_none = (self._pooled("inflate", signal, name) for name in (defence, "none"))
        down = self._pooled("deflate", signal, defence)
        clean, clean_none = (self._clean(signal, name) for name in (defence, "none"))
        draws, at = self.draws, self.threshold
        success, passed = draws.over(up, at), draws.over(clean, at, right=True)
        shared = clean.both & clean_none.both
        area, area_none = (draws.auroc(p.of(shared), clean=True) for p in (clean, clean_none))
        wrong, right = up.behind(up.attacked_right == 0), clean.behind(clean.clean_right == 1)
        found = {
            "success_clean": (draws.over(up, at, clean=True), up.behind(up.clean_right == 0)),
            "success_attacked": (success, wrong),
            "success_cut": (draws.over(up_none, at) - success, wrong),
            "held_back_attacked": (
                1 - draws.over(down, at, right=True),
                down.behind(down.attacked_right == 1),
            ),
            "passed_clean": (passed, right),
            "passed_lost": (draws.over(clean_none, at, right=True) - passed, right),
            "auroc_clean": (area, 0),
            "auroc_lost": (area_none - area, 0),
        }
        if defence == "none":  # nothing is lost or gained against itself
            found = {k: v for k, v in found.items() if k not in ("success_cut", "passed_lost", "auroc_lost")}
        second = defence in SECOND
        tokens = [look.tokens for _, _, look in self._looks(self.trials[0].clean)] if second else [0]
        every = joined(self.pairs(trial, signal, defence) for trial in self.attacks)
        return Defended(
            signal=signal, defence=defence, n=clean.counts["n"], missing=clean.counts["missing"],
            attacked=every.counts["n"], missing_attacked=every.counts["missing"], calls=float(second),
            tokens=float(np.mean(tokens)),
            measures=draws.estimates(found, differences=("_cut", "_lost")),
        )  # fmt: skip

    def pairs(self, trial: Trial, signal: str, defence: str) -> Pairs:
        rows = [
            (place, before, after, trial.flipped[i])
            for i, place, before in self._looks(trial.clean)
            if (after := trial.attacked[i]) is not None
        ]
        confidence = self._confidence(trial, signal, defence)
        return Pairs(
            question=np.array([place for place, *_ in rows], np.intp),
            clean=np.array([confidence(before) for _, before, _, _ in rows], float),
            attacked=np.array([confidence(after) for _, _, after, _ in rows], float),
            clean_right=np.array([_number(before.right) for _, before, _, _ in rows], float),
            attacked_right=np.array([_number(after.right) for _, _, after, _ in rows], float),
            flipped=np.array([_number(flipped) for *_, flipped in rows], float),
        )

    def _clean(self, signal: str, defence: str) -> Pairs:
        """The clean answers of every ground on which an attack was tried, against themselves.

        Of fixed attacks where there are any: what searches are compared with is drawn anew from the same questions.
        """
        fixed = [trial for trial in self.attacks if trial.kind == "fixed"]
        grounds = {id(trial.clean): trial for trial in fixed or self.attacks}.values()
        return joined(self.pairs(replace(t, attacked=t.clean), signal, defence) for t in grounds)

    def _pooled(self, direction: str, signal: str, defence: str) -> Pairs:
        of_kind = [trial for trial in self.attacks if trial.direction in (direction, "either")]
        none = Trial(attack="", target="", direction="either", clean=(), attacked=(), flipped=())
        return joined(self.pairs(trial, signal, defence) for trial in of_kind or [none])

    def _looks(self, looks: Sequence[Look | None]) -> Iterator[tuple[int, int, Look]]:
        """Those of the half that is reported, with their place in it."""
        for i, look in enumerate(looks):
            if look is not None and not self.fitted_on[i]:
                yield i, int(self.place[i]), look

    def _confidence(self, trial: Trial, signal: str, defence: str) -> Callable[[Look], float]:
        if defence == "none":
            return lambda look: _number(look.scores[signal])
        apart = defence in ("apart", "all") and signal in self.asking
        mapped = self._map(trial.clean, signal, apart)
        capped = defence in SECOND

        def confidence(look: Look) -> float:
            p = mapped((look.apart if apart else look.scores)[signal])
            return min(p, CAP) if capped and not look.agrees and not np.isnan(p) else p

        return confidence

    def _map(self, clean: Sequence[Look | None], signal: str, apart: bool) -> Callable[[float | None], float]:
        key = (id(clean), signal, apart)
        if key not in self._maps:
            of_half = [look for i, look in enumerate(clean) if look and self.fitted_on[i]]
            scored = [((look.apart if apart else look.scores)[signal], look.right) for look in of_half]
            known = [(score, right) for score, right in scored if score is not None and right is not None]
            self._maps[key] = _clamped(known)
        return self._maps[key]


def _clamped(scored: list[tuple[float, bool]]) -> Callable[[float | None], float]:
    """A map that takes a score beyond those seen for the nearest that was seen; NaN where nothing was."""
    if not scored:
        return lambda _: float("nan")
    scores = np.array([score for score, _ in scored])
    fitted: CalibrationMap = find("calibrators", "auto")().fit(
        Tally.of(scores, [right for _, right in scored])
    )
    low, high = float(scores.min()), float(scores.max())

    @cache
    def clamped(score: float | None) -> float:
        return float("nan") if score is None else float(fitted([min(max(score, low), high)])[0])

    return clamped


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
