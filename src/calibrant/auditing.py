"""Measure: from any log of answers with a confidence and a verdict, how far the confidence can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import metrics
from .errors import UnusableInput
from .logs.judging import Judged, judged_log
from .logs.reading import Log, read_log
from .logs.sources import Key, group_name
from .metrics import Estimate
from .tally import Tally

__all__ = ["Audit", "Group", "audit", "measure"]

FEW = 30.0
"""Below this many effective rows no verdict is given."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One group of a log: its tally, its measures (the group's JSON), and one plain sentence.

    A group without a usable row has measures of None, and under "unusable" its rows by reason.
    """

    by: dict[str, str | None]
    tally: Tally
    measures: dict[str, Any]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was read of a log, and the measures of each group, the most miscalibrated first."""

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    read_as: dict[str, int]
    groups: tuple[Group, ...]
    bins: int
    columns: dict[str, str]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`; what is not known is None."""
        return {
            "source": self.source, "rows": self.rows, "used": self.used, "unusable": self.unusable,
            "read_as": self.read_as, "columns": self.columns, "notes": list(self.notes),
            "groups": [group.measures for group in self.groups],
        }  # fmt: skip


def audit(
    log: Any,
    by: Sequence[str] = (),
    *,
    bins: int = 15,
    confidence: str | None = None,
    correct: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    human: str | None = None,
    human_propensity: str | None = None,
) -> Audit:
    """Audit a log.

    Parameters
    ----------
    log : data frame, path or store URL
        Rows of answers with a confidence and a verdict; see `calibrant.logs.reading.read_log`.
    by : column names
        One group for each combination of their values.
    bins : int
        Equal-width bins of the ECE.
    confidence, correct, weight, cluster : column names
        Guessed from common conventions where None. Weights are 1 / the probability with which a row came to
        be labelled; rows of one cluster (the same item asked again) are not independent.
    human, human_propensity : column names
        With `human`, the verdicts of `correct` are a judge's and that column holds people's, where there are
        any: each group is also corrected by them, under "judge" of its measures (`calibrant.logs.judging`). The
        rows that people saw must have been drawn at random, each with the probability in
        `human_propensity`, or all with the same. That column is never taken for the weights of the rows.

    Examples
    --------
    >>> import calibrant
    >>> frame = {"confidence": [0.9] * 60, "correct": [True] * 36 + [False] * 24}
    >>> import pandas
    >>> print(calibrant.audit(pandas.DataFrame(frame)).groups[0].sentence)
    All rows: claims 90 of 100, is right 60 of 100 (gap 30 points, 95 % interval 18 to 43; 60 rows).
    Over-confident.
    """
    if human_propensity and not human:
        raise UnusableInput("human_propensity is about people's verdicts; name their column as human too.")
    read = read_log(
        log, by=by, apart=human_propensity,  # which is of people's verdicts, no weight of the rows
        confidence=confidence, correct=correct, weight=weight, cluster=cluster,
    )  # fmt: skip
    found = of_log(read, bins)
    return found if human is None else _corrected(found, log, read, human, human_propensity)


def of_log(log: Log, bins: int = 15) -> Audit:
    """Audit a log that is already read."""
    groups = [
        _group(dict(zip(log.roles.by, key, strict=True)), tally, bins) for key, tally in log.groups.items()
    ]
    groups += [_empty(dict(zip(log.roles.by, key, strict=True)), why) for key, why in log.empty.items()]
    groups.sort(key=lambda g: -_evidence(g))
    roles = {k: v for k, v in asdict(log.roles).items() if isinstance(v, str)}
    return Audit(
        source=log.source, rows=log.rows, used=log.used, unusable=log.unusable, read_as=log.read_as,
        groups=tuple(groups), bins=bins, columns=roles, notes=log.notes,
    )  # fmt: skip


def _corrected(found: Audit, log: Any, read: Log, human: str, propensity: str | None) -> Audit:
    """The audit with what people's verdicts say about the judge's, a group at a time."""
    roles = read.roles
    if human == roles.correct:
        raise UnusableInput(f"{human!r} was read as the judge's verdict; name that column with correct.")
    if roles.weight is not None:
        raise UnusableInput(
            f"Rows are weighted by the column {roles.weight!r}, and a judge can be corrected on unweighted rows "
            "only. Leave that column out; where it is the probability with which a person was shown a row, name "
            f"it: --human-propensity {roles.weight} (human_propensity in Python)."
        )
    judged, unreadable = judged_log(log, roles, human, propensity)
    notes = [
        f"{unreadable:,} verdicts in {human!r} are neither right nor wrong nor in [0, 1]; they count as none."
    ]
    notes = notes if unreadable else []
    groups = []
    for group in found.groups:
        result = _result_of(judged, tuple(group.by.values()))
        if isinstance(result, str):
            notes.append(f"{group_name(group.by)}: {result}")
            groups.append(replace(group, measures={**group.measures, "judge": None}))
        else:
            measures = {**group.measures, "judge": result.to_dict()}
            groups.append(
                replace(group, measures=measures, sentence=f"{group.sentence} {_judge_sentence(result)}")
            )
    columns = {**found.columns, "human": human} | ({"human_propensity": propensity} if propensity else {})
    return replace(found, groups=tuple(groups), columns=columns, notes=(*found.notes, *notes))


def _result_of(judged: Mapping[Key, Judged | str], key: Key) -> Judged | str:
    """What was found for a group; whoever counts a long file by itself spells the number 1 as 1.0."""
    short = tuple(part and part.removesuffix(".0") for part in key)
    unmatched = "Its rows cannot be found again by these columns. Part the log by columns of texts."
    return judged.get(key) or judged.get(short) or unmatched


def _judge_sentence(j: Judged) -> str:
    accuracy, gap = j.accuracy, j.gap
    return (
        f"The judge says {_of_100(j.naive_accuracy.value)} of 100, people's verdicts on {j.seen:,} rows correct "
        f"that to {_of_100(accuracy.value)} ({100 * accuracy.low:.0f} to {100 * accuracy.high:.0f}) and the gap "
        f"to {100 * gap.value:.0f} points ({100 * gap.low:.0f} to {100 * gap.high:.0f})."
    )


def _evidence(group: Group) -> float:
    """How far from zero the gap certainly is; then the gap's size."""
    gap = group.measures["gap"]
    if gap is None:
        return -1.0
    certain = max(gap["low"], -gap["high"], 0.0)
    return float(certain + 1e-3 * abs(gap["value"]))


def _group(by: dict[str, str | None], tally: Tally, bins: int) -> Group:
    measures = {"by": by, **measure(tally, bins)}
    return Group(by=by, tally=tally, measures=measures, sentence=_sentence(by, measures))


def _empty(by: dict[str, str | None], unusable: Mapping[str, int]) -> Group:
    """A group without a usable row: counted, with nothing measured."""
    none = dict.fromkeys(
        ("accuracy", "mean_confidence", "gap", "ece", "ece_equal_mass", "l2", "smooth_ece", "brier", "mcb", "dsc",
         "unc", "log_loss", "auroc", "aurc")
    )  # fmt: skip
    measures = {
        "by": by, "n": 0, "n_eff": 0.0, **none, "verdict": "no usable rows", "unusable": dict(unusable),
    }  # fmt: skip
    reasons = "; ".join(f"{n:,} x {why}" for why, n in unusable.items())
    sentence = f"{group_name(by)}: none of its {sum(unusable.values()):,} rows can be used ({reasons})."
    return Group(by=by, tally=Tally.of([], []), measures=measures, sentence=sentence)


def measure(tally: Tally, bins: int = 15) -> dict[str, Any]:
    """Every measure of a tally as plain values; O(distinct scores), some 20 ms."""
    gap, l2, smooth = metrics.gap(tally), _or_none(metrics.l2, tally), _or_none(metrics.smooth_ece, tally)
    parts = metrics.corp(tally)
    return {
        "n": tally.rows,
        "n_eff": round(tally.n_eff, 2),
        "accuracy": tally.accuracy,
        "mean_confidence": tally.mean_confidence,
        "gap": asdict(gap),
        "ece": {
            "value": metrics.ece(tally, bins),
            "bins": bins,
            "noise_floor": metrics.noise_floor(tally, bins),
            "right_closed": metrics.ece(tally, bins, right_closed=True),
        },
        "ece_equal_mass": {
            "value": metrics.ece_equal_mass(tally, bins),
            "bins": bins,
            "noise_floor": metrics.noise_floor_equal_mass(tally, bins),
        },
        "l2": l2 and asdict(l2),
        "smooth_ece": smooth and asdict(smooth),
        "brier": parts.brier,
        "mcb": parts.mcb,
        "dsc": parts.dsc,
        "unc": parts.unc,
        "log_loss": metrics.log_loss(tally),
        "auroc": metrics.auroc(tally),
        "aurc": metrics.aurc(tally),
        "verdict": _verdict(tally, gap, l2, smooth),
    }


def _or_none(estimate: Any, tally: Tally) -> Estimate | None:
    result: Estimate | None = estimate(tally) if tally.rows > 1 else None
    return result


def _verdict(tally: Tally, gap: Estimate, l2: Estimate | None, smooth: Estimate | None) -> str:
    if tally.n_eff < FEW or l2 is None or smooth is None:
        return "too few rows"
    if gap.low > 0:
        return "over-confident"
    if gap.high < 0:
        return "under-confident"
    # Both look for a bend; each errs one time in seventy, so one of the two is enough.
    return "miscalibrated" if l2.low > 0 or smooth.low > 0 else "no miscalibration shown"


def _sentence(by: dict[str, str | None], m: dict[str, Any]) -> str:
    name = group_name(by)
    if m["verdict"] == "too few rows":
        return f"{name}: {m['n']} rows ({m['n_eff']:.0f} effective) are too few for a verdict; label {FEW:.0f} or more."
    gap = m["gap"]
    rows = f"{m['n']:,} rows" + (f", {m['n_eff']:,.0f} effective" if m["n_eff"] < 0.95 * m["n"] else "")
    verdict = m["verdict"]
    return (
        f"{name}: claims {_of_100(m['mean_confidence'])} of 100, is right {_of_100(m['accuracy'])} of 100 "
        f"(gap {100 * gap['value']:.0f} points, 95 % interval {100 * gap['low']:.0f} to {100 * gap['high']:.0f}; "
        f"{rows}). {verdict[0].upper()}{verdict[1:]}."
    )


def _of_100(share: float) -> str:
    """Whole points; a share is never said to be none or all of them."""
    return "over 99" if share > 0.995 else "under 1" if share < 0.005 else f"{100 * share:.0f}"
