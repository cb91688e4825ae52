"""How what an audit found is said, in one way everywhere. Sentences are made last; nothing reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..maps.behind import Behind
from ..metrics.falls import Fall
from ..metrics.findings import FEW, Finding
from ..metrics.intervals import Estimate
from .numbers import agreeing, fixed, half_up, interval, of_100, percent, points, span

__all__ = [
    "Told",
    "cells",
    "change_told",
    "corrected",
    "fall_told",
    "floor_told",
    "many_told",
    "shape_told",
    "told",
    "unit_told",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is said of a group: its name, what was found, the verdict, and what people's verdicts correct.

    `why` says which test spoke, where the interval of the gap alone would not tell, and `ranking` is a warning, where
    the scores rank the wrong way round.

    >>> from calibrant.tally import Tally
    >>> print(told("law", Finding.of(Tally.of([0.9] * 60, [1] * 36 + [0] * 24))))
    law: claims 90 of 100, is right 60 of 100 (gap 30 points, 95 % interval 18 to 43; 60 rows). Over-confident.
    """

    name: str
    found: str
    verdict: str
    correction: str = ""
    ranking: str = ""
    why: str = ""

    def __str__(self) -> str:
        verdict = "" if self.verdict in (_NONE, _FEW) else self.verdict
        return f"{self.name}: " + " ".join(
            filter(None, (self.found, verdict, self.why, self.ranking, self.correction))
        )


_NONE, _FEW = "No usable rows.", "Too few rows."
_UNITS = {
    "fraction": "a fraction from 0 to 1", "percent": "per cent", "1-5": "marks from 1 to 5",
    "1-10": "marks from 1 to 10", "0-10": "marks from 0 to 10", "logprob": "log-probabilities", "logit": "logits",
    "event": "chances of an event", "event_percent": "chances of an event, in per cent",
    "several": "several units, by group: see the notes",
}  # fmt: skip


def unit_told(scale: str) -> str:
    """What a confidence is stated in, by the name of its scale.

    >>> unit_told("percent"), unit_told("1-5")
    ('per cent', 'marks from 1 to 5')
    """
    return _UNITS.get(scale, scale)


def told(
    name: str, finding: Finding | None, unusable: Mapping[str, int] | None = None, correction: str = ""
) -> Told:
    """Say what was found of a group, of whose rows `unusable` fell out by reason; with `finding` None all did."""
    if finding is None:
        whys = unusable or {}
        reasons = "; ".join(f"{n:,} x {why}" for why, n in whys.items())
        found = f"none of its {sum(whys.values()):,} rows can be used" + (
            f" ({reasons})." if reasons else "."
        )
        return Told(name=name, found=found, verdict=_NONE)
    f, lost = finding, sum((unusable or {}).values())
    count = f"{f.n:,} of {f.n + lost:,} rows" if lost else f"{f.n:,} rows"
    if f.too_few:
        few = f"{count} ({f.n_eff:,.0f} effective) are too few for a verdict; label {FEW:.0f} or more."
        return Told(name=name, found=few, verdict=_FEW, correction=correction)
    rows = count + (f", {f.n_eff:,.0f} effective" if f.n_eff < 0.95 * f.n else "")
    digits = _digits(f)
    found = (
        f"claims {of_100(f.mean_confidence, digits)} of 100, is right {of_100(f.accuracy, digits)} of 100 (gap "
        f"{points(f.gap.value, digits)}, 95 % interval {span(f.gap, digits, scale=100)}; {rows})."
    )
    return Told(
        name=name,
        found=found,
        verdict=f"{f.verdict.capitalize()}.",
        correction=correction,
        ranking=_ranking(f),
        why=_why(f),
    )


def _digits(found: Finding) -> int:
    """As few decimals as let claim, share right and gap agree, and an interval beyond 0 not seem to touch it."""
    digits = agreeing(found.mean_confidence, found.accuracy)
    nearest = min(abs(found.gap.low), abs(found.gap.high))
    beyond = found.gap.low > 0 or found.gap.high < 0
    return max(digits, 1) if beyond and half_up(100 * nearest) == 0 else digits


def _why(found: Finding) -> str:
    """Which test spoke, where it was not the gap."""
    if found.verdict != "miscalibrated":
        return ""
    tests = (("L2 error", found.l2), ("smooth ECE", found.smooth_ece))
    spoke = [f"{name} {interval(one)}" for name, one in tests if one is not None and one.low > 0]
    return (
        f"The gap on the whole may be none; the test of the shape says that confidence and share right lie apart: "
        f"{' and '.join(spoke)}, above 0."
    )


def _ranking(found: Finding) -> str:
    if not found.reversed:
        return fall_told(found.fall) if found.fall is not None and not found.too_few else ""
    return f"REVERSED: the higher the confidence, the more often it is wrong (AUROC {interval(found.auroc_interval)})."


def fall_told(found: Fall) -> str:
    """Where answers that claim more are right less often.

    >>> from calibrant.metrics import fall
    >>> from calibrant.tally import Tally
    >>> scores, right = [0.8] * 100 + [0.99] * 40, [1] * 90 + [0] * 10 + [1] * 10 + [0] * 30
    >>> fall_told(fall(Tally.of(scores, right)))
    'FALLS AT THE TOP: of answers at 99 and above 25 of 100 are right (40 rows), of those from 80 up to there 90 (100).'
    """
    where = " AT THE TOP" if found.top else " AT THE BOTTOM" if found.bottom else ""
    low, at, high = _apart(found.low, found.at, found.high)
    above, below = of_100(found.rate_above), of_100(found.rate_below)
    return (
        f"FALLS{where}: of answers {f'at {at} and above' if found.top else f'from {at} to {high}'} {above} of 100 are "
        f"right ({found.rows_above:,.0f} rows), of those from {low} up to there {below} ({found.rows_below:,.0f})."
    )


def shape_told(name: str, fall: Fall | None, ranges: Sequence[Behind]) -> list[str]:
    """What is to be said of a group before its map is relied on: where its rate falls, and where the map is off."""
    told = []
    if fall is not None and fall.shown:
        told.append(
            f"{name}: the rate of right answers {fall_told(fall)} Look at such answers before you send by a "
            "threshold: an ascending map hides them."
        )
    if off := [one for one in ranges if one.off]:
        worst = max(off, key=lambda one: abs(one.rate - one.p))
        low, high = _apart(worst.low, worst.high)
        rate = span(Estimate(worst.rate, worst.rate_low, worst.rate_high), 0, scale=100)
        told.append(
            f"{name}: {f'at {low}' if low == high else f'from {low} to {high}'} the map says {of_100(worst.p)} of 100, "
            f"and {of_100(worst.rate)} ({rate}) of {worst.rows:,.0f} labels there are right: its curve smooths a "
            "step of the truth, and its interval may not cover it. Compare --calibrator isotonic."
        )
    return told


def _apart(*scores: float) -> list[str]:
    """Scores out of a hundred, with as few decimals as tell them apart."""
    for digits in range(4):
        said = [of_100(one, digits) for one in scores]
        if len(set(said)) == len(set(scores)):
            break
    return said


def corrected(said: float, seen: int, accuracy: Estimate, gap: Estimate) -> str:
    """What `seen` verdicts of people correct, of a judge that says so many are right."""
    return (
        f"The judge says {of_100(said)} of 100, people's verdicts on {seen:,} rows correct that to "
        f"{of_100(accuracy.value)} ({span(accuracy, 0, scale=100)}) and the gap to {points(gap.value)} "
        f"({span(gap, 0, scale=100)})."
    )


def floor_told(finding: Finding) -> str:
    """The ECE next to what a perfect model would show."""
    ece = finding.ece
    return f"ECE {fixed(ece.value)} on {ece.bins} bins; a perfect model would show {fixed(ece.noise_floor)} at this n."


def change_told(before: Finding | None, after: Finding | None) -> str:
    """What calibration changed, on the same held-out rows."""
    if before is None or after is None or before.too_few or after.too_few:
        return "Too few held-out rows to say what calibration changed."
    b, a = before, after
    digits = max(agreeing(one.mean_confidence, one.accuracy) for one in (b, a))
    lead = "Calibration" if a.brier < b.brier else "Calibration did not improve the Brier score here. It"
    return (
        f"{lead} moved the mean confidence from {of_100(b.mean_confidence, digits)} to "
        f"{of_100(a.mean_confidence, digits)} of 100 (right: {of_100(a.accuracy, digits)}), the gap from "
        f"{_moved(b.gap, digits)} to {_moved(a.gap, digits)}, ECE from "
        f"{fixed(b.ece.value)} to {fixed(a.ece.value)} (a perfect model would show {fixed(a.ece.noise_floor)}), "
        f"Brier from {fixed(b.brier)} to {fixed(a.brier)}. Now: {a.verdict}."
    )


def _moved(gap: Estimate, digits: int) -> str:
    least = 0.5 * 10.0**-digits
    less = "half a point" if digits == 0 else points(2 * least / 100, digits)
    return points(gap.value, digits, signed=True) if abs(100 * gap.value) >= least else f"less than {less}"


def cells(finding: Finding | None) -> dict[str, str]:
    """The numbers of a finding as tables print them; none where rows are too few."""
    if finding is None or finding.too_few or finding.l2 is None or finding.smooth_ece is None:
        return {}
    f, l2, smooth = finding, finding.l2, finding.smooth_ece
    return {
        "n_eff": f"{f.n_eff:,.0f}", "accuracy": percent(f.accuracy, 1), "confidence": percent(f.mean_confidence, 1),
        "gap": interval(f.gap, 1, scale=100), "ece": fixed(f.ece.value), "floor": fixed(f.ece.noise_floor),
        "smooth": interval(smooth), "smooth_value": fixed(smooth.value), "smooth_span": span(smooth),
        "l2_value": fixed(l2.value), "l2_span": span(l2), "brier": fixed(f.brier),
        "parts": f"= {fixed(f.mcb)} − {fixed(f.dsc)} + {fixed(f.unc)}",
        "auroc": "one class only" if f.auroc is None else fixed(f.auroc), "aurc": fixed(f.aurc),
    }  # fmt: skip


def many_told(*, groups: int, shown: int, surely: int, by_chance: float) -> str:
    """How many of many verdicts are beyond chance, and how many others chance alone would bring.

    >>> many_told(groups=40, shown=33, surely=31, by_chance=0.45)
    'Of 40 groups 33 show miscalibration, 31 surely (their gap is beyond chance with all looked at together); of the
    other 9, about 0.5 would by chance alone.'
    """
    sure = f"{surely:,} surely (their gap is beyond chance with all looked at together)"
    rest = (
        f"; of the other {groups - surely:,}, about {fixed(by_chance, 1)} would by chance alone"
        if surely < groups
        else ""
    )
    return f"Of {groups:,} groups {shown:,} show miscalibration, {sure}{rest}."
