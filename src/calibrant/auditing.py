"""Measure: from any log of answers with a confidence and a verdict, how far the confidence can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from shlex import quote
from typing import Any

from .errors import UnusableInput
from .judges.telling import leanings_told, needed_told
from .logs.judged import JudgedGroup, judged_log
from .logs.keys import Key, group_name
from .logs.tallies import Log, read_log
from .metrics.conditions import MEASURES, Judgement, Verdicts, conditions, judged, measured
from .metrics.findings import Finding
from .metrics.intervals import Estimate
from .metrics.segments import beyond_chance
from .phrasing.findings import Told, corrected, many_told, told
from .phrasing.numbers import of_100
from .shown import Shown, flat, lines
from .tally import Tally

__all__ = ["Audit", "Group", "audit"]


FEWEST_OF_MANY = 4
"""Groups from which on it is said what chance does to many verdicts."""
LEVELS_SHOWN = 30
"""Levels, of all groups together, of which a refusal tells how often they are right."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Group(Shown):
    """One group of a log: its tally, and what was found of it; None where none of its rows can be used.

    `unusable` are the others of its rows by reason. `judge` is what people's verdicts say of the judge's, or why they
    say nothing; None where nobody asked for it.
    """

    by: dict[str, str | None]
    tally: Tally
    finding: Finding | None
    unusable: Mapping[str, int] = field(default_factory=dict)
    judge: JudgedGroup | str | None = None

    @property
    def too_few(self) -> bool:
        """Whether there are too few rows for any number to be shown to people."""
        return self.finding is None or self.finding.too_few

    @property
    def verdict(self) -> str:
        """What the group shows, in a word or two."""
        return "no usable rows" if self.finding is None else self.finding.verdict

    @property
    def measures(self) -> dict[str, Any]:
        """The group as plain values, ready for `json.dumps`; what is not known is None."""
        judge = self.judge.to_dict() if isinstance(self.judge, JudgedGroup) else None
        found = self.finding.to_dict() if self.finding else _NOTHING
        lost = {"unusable": dict(self.unusable)} if self.unusable or not self.finding else {}
        return {"by": self.by, **found, **lost, **({} if self.judge is None else {"judge": judge})}

    @property
    def told(self) -> Told:
        """What is said of the group, in its parts."""
        j = self.judge.found if isinstance(self.judge, JudgedGroup) else None
        correction = corrected(j.naive_accuracy.value, j.seen, j.accuracy, j.gap) if j and j.gap else ""
        return told(group_name(self.by), self.finding, self.unusable, correction)

    @property
    def sentence(self) -> str:
        """What is said of the group, in one plain sentence or two."""
        return str(self.told)

    def _told(self) -> list[str]:
        return [self.sentence]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(self.measures)]


CORRECTED = ("accuracy", "gap")
"""The measures that people's verdicts correct."""
_NOTHING = {**dict.fromkeys(Finding.__slots__), "n": 0, "n_eff": 0.0, "verdict": "no usable rows"}


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit(Shown):
    """What was read of a log, and the measures of each group, the most miscalibrated first.

    `columns` are by the part that they play, `words` those of verdicts that were named, by what they mean.

    >>> import calibrant
    >>> found = calibrant.audit("sample", by="domain")
    >>> found.used, found.groups[0].by, found.groups[0].verdict
    (293, {'domain': 'internet'}, 'over-confident')
    """

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    read_as: dict[str, int]
    groups: tuple[Group, ...]
    bins: int
    columns: dict[str, str]
    notes: tuple[str, ...]
    scale: str = "fraction"
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def many(self) -> dict[str, Any] | None:
        """What chance alone does to the verdicts of many groups; None below four groups with rows enough.

        `shown` groups have a verdict against them; the gap of `surely` of those is beyond chance with all looked
        at together (Holm, 5 %), and `by_chance` of the others would have a gap that is shown if none had any.
        """
        judged = [group for group in self.groups if not group.too_few]
        if len(judged) < FEWEST_OF_MANY:
            return None
        surely = sum(beyond_chance([group.tally for group in judged]))
        shown = sum(group.verdict != "no miscalibration shown" for group in judged)
        by_chance = round((len(judged) - surely) / 20, 2)
        return {"groups": len(judged), "shown": shown, "surely": surely, "by_chance": by_chance}

    @property
    def many_told(self) -> str:
        """That in a sentence, to be read before the groups; empty where they are few."""
        return many_told(**self.many) if self.many else ""

    def judged(self, texts: Sequence[str]) -> list[Judgement]:
        """What every group shows of conditions such as "gap>0.05"; each is met where the whole interval is beyond it.

        Where people's verdicts were read, accuracy and gap are those that they correct, and a group of which they
        saw too few rows has neither; all other measures believe the judge.

        Raises `Misuse` for what is no condition.
        """
        asked = conditions(texts, MEASURES)
        return judged(asked, [group_name(group.by) for group in self.groups], self._estimate, self._verdicts)

    def _estimate(self, at: int, measure: str, level: float) -> Estimate | None:
        group = self.groups[at]
        if self._verdicts(measure) == "people" and (measure == "accuracy" or measure == "gap"):
            return (
                group.judge.found.interval(measure, level) if isinstance(group.judge, JudgedGroup) else None
            )
        return None if group.finding is None else measured(group.tally, measure, level)

    def _verdicts(self, measure: str) -> Verdicts | None:
        if "human" not in self.columns or measure == "n":
            return None
        return "people" if measure in CORRECTED else "judge"

    def _told(self) -> list[str]:
        told = f"{self.source}, {self.used:,} of {self.rows:,} rows used"
        read = ", ".join(f"{part} from {name!r}" for part, name in self.columns.items())
        notes = lines((f"Note: {note}" for note in self.notes), most=4)
        many = [self.many_told] if self.many else []
        return [f"{told}; {read}", *notes, *many, *(group.sentence for group in self.groups)]

    def _rows(self) -> list[dict[str, Any]]:
        return [row for group in self.groups for row in group._rows()]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`; what is not known is None."""
        return {
            "source": self.source, "rows": self.rows, "used": self.used, "unusable": self.unusable,
            "read_as": self.read_as, "columns": self.columns, "scale": self.scale, "notes": list(self.notes),
            **({"words": {kind: list(words) for kind, words in self.words.items()}} if self.words else {}),
            **({"many": self.many} if self.many else {}),
            "groups": [group.measures for group in self.groups],
        }  # fmt: skip


def audit(
    log: Any,
    by: str | Sequence[str] = (),
    *,
    bins: int = 15,
    confidence: str | None = None,
    correct: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    right: str | None = None,
    partly: str | None = None,
    wrong: str | None = None,
    labels: Any = None,
    on: str | None = None,
    human: str | None = None,
    human_propensity: str | None = None,
    covariates: Sequence[str] | None = None,
    width: float | None = None,
    scale: str | None = None,
) -> Audit:
    """Audit a log.

    Parameters
    ----------
    log : data frame, path or store URL
        Rows of answers with a confidence and a verdict; see `calibrant.logs.tallies.read_log`.
    by : column names, or one
        One group for each combination of their values.
    bins : int
        Equal-width bins of the ECE.
    confidence, correct, weight, cluster : column names
        Guessed from common conventions where None. Weights are 1 / the probability with which a row came to
        be labelled; rows of one cluster (the same item asked again) are not independent.
    right, partly, wrong : words with commas between
        What the words of verdicts mean, such as right="C,CORRECT", partly="P", wrong="I,N", where they are not usual.
    scale : str
        The unit of the confidence: fraction, percent, 1-5, 1-10, 0-10, logprob, logit or uncertainty. Told by the whole
        of its column where None, or refused where that leaves several readings.
    labels, on : data frame, path or store URL; column names
        A second log that holds the verdicts, joined by the columns `on`, such as on="id", or on="task,id".
    human, human_propensity : column names
        With `human`, the verdicts of `correct` are a judge's and that column holds people's, where there are
        any: each group is also corrected by them, under "judge" of its measures (`calibrant.judges.correcting`). The
        rows that people saw must have been drawn at random, each with the probability in
        `human_propensity`, or all with the same. That column is never taken for the weights of the rows.
    covariates, width : column names, float
        With `human`: what is known of every row and may tell how the judge errs (the usual columns where None), and
        a width, from end to end, of the accuracy's interval: it is said how many of people's verdicts that takes.

    Examples
    --------
    >>> import calibrant
    >>> frame = {"confidence": [0.9] * 60, "correct": [True] * 36 + [False] * 24}
    >>> import pandas
    >>> print(calibrant.audit(pandas.DataFrame(frame)).groups[0].sentence)
    All rows: claims 90 of 100, is right 60 of 100 (gap 30 points, 95 % interval 18 to 43; 60 rows).
    Over-confident.
    """
    for name, given in (("human_propensity", human_propensity), ("covariates", covariates), ("width", width)):
        if given and not human:
            raise UnusableInput(f"{name} is about people's verdicts; name their column as human too.")
    read = read_log(
        log, by=by, apart=human_propensity,  # which is of people's verdicts, no weight of the rows
        confidence=confidence, correct=correct, weight=weight, cluster=cluster, right=right, partly=partly, wrong=wrong,
        labels=labels, on=on, scale=scale,
    )  # fmt: skip
    found = of_log(read, bins)
    if human is None:
        return found
    return _corrected(
        found,
        read.opened or log,
        read,
        human,
        human_propensity,
        covariates=covariates,
        width=width,
        scale=scale,
    )


def of_log(log: Log, bins: int = 15) -> Audit:
    """Audit a log that is already read; raises `UnusableInput` where its scores can be no probabilities."""
    _require_shares(log)
    groups = [
        Group(
            by=dict(zip(log.roles.by, key, strict=True)),
            tally=tally,
            finding=Finding.of(tally, bins),
            unusable=log.lost.get(key, {}),
        )
        for key, tally in log.groups.items()
    ]
    groups += [
        Group(
            by=dict(zip(log.roles.by, key, strict=True)), tally=Tally.of([], []), finding=None, unusable=why
        )
        for key, why in log.empty.items()
    ]
    groups.sort(key=lambda g: -_evidence(g))
    roles = {k: v for k, v in asdict(log.roles).items() if isinstance(v, str)}
    return Audit(
        source=log.source, rows=log.rows, used=log.used, unusable=log.unusable, read_as=log.read_as,
        groups=tuple(groups), bins=bins, columns=roles, scale=log.scale, notes=log.notes, words=log.roles.words.told,
    )  # fmt: skip


def _require_shares(log: Log) -> None:
    """Raise `UnusableInput` where the scores only put answers in order; of levels, with how often each is right."""
    if log.claims:
        return
    named = f" --confidence {quote(log.roles.confidence)} --correct {quote(log.roles.correct)}"
    if log.scale == "levels":
        what = f"levels in words, which claim no probability.{_of_levels(log)} None of them"
        scale = "levels"
    else:
        what, scale = "an uncertainty without bounds, which is no probability. It", "uncertainty"
    raise UnusableInput(
        f"{log.roles.confidence!r} in {log.source} holds {what} claims anything that could be compared with how often "
        f"answers are right. Fit a map first, which says what its probabilities are worth on rows that it had not "
        f"seen: calibrant fit {quote(log.source)}{named} --scale {scale} -o maps.json"
    )


def _of_levels(log: Log) -> str:
    """How often answers of each level are right, with a 95 % interval, the highest level first."""
    roles = log.roles
    cluster = "none" if roles.untied else roles.cluster
    named: dict[str, Any] = {**roles.words.told, "weight": roles.weight, "cluster": cluster}
    by, named["confidence"], named["correct"] = (*roles.by, roles.confidence), roles.confidence, roles.correct
    each = read_log(log.opened, by=by, scale="levels", **named)
    told = []
    for key, tally in sorted(each.groups.items(), key=lambda one: (one[0][:-1], -one[1].mean_confidence))[
        :LEVELS_SHOWN
    ]:
        found, where = measured(tally, "accuracy", 0.95), ", ".join(map(str, key))
        between = f", {of_100(found.low)} to {of_100(found.high)}" if found else ""
        told.append(
            f"{where}: {of_100(tally.accuracy)} of 100 ({tally.rows:,} rows{between or ', too few for more'})"
        )
    return f" Right are, with 95 % intervals, {'; '.join(told)}."


def _corrected(found: Audit, log: Any, read: Log, human: str, propensity: str | None, **about: Any) -> Audit:
    """The audit with what people's verdicts say about the judge's, a group at a time."""
    roles = read.roles
    if human == roles.correct:
        raise UnusableInput(f"{human!r} was read as the judge's verdict; name that column with correct.")
    judged = judged_log(log, roles, human, propensity, **about)
    notes, groups = [note for note in judged.notes if note not in found.notes], []
    for group in found.groups:
        result = _result_of(judged.groups, tuple(group.by.values()))
        notes += [f"{group_name(group.by)}: {line}" for line in _said(result)]
        groups.append(replace(group, judge=result))
    columns = {**found.columns, "human": human} | ({"human_propensity": propensity} if propensity else {})
    return replace(found, groups=tuple(groups), columns=columns, notes=(*found.notes, *notes))


def _said(found: JudgedGroup | str) -> list[str]:
    """Why a judge is not corrected; else whom it favours, and how many verdicts would do."""
    if isinstance(found, str):
        return [found]
    return leanings_told(found.leanings) + (
        [needed_told(found.needed, found.found.seen)] if found.needed else []
    )


def _result_of(judged: Mapping[Key, JudgedGroup | str], key: Key) -> JudgedGroup | str:
    """What was found for a group; whoever counts a long file by itself spells the number 1 as 1.0."""
    short = tuple(part and part.removesuffix(".0") for part in key)
    unmatched = "Its rows cannot be found again by these columns. Part the log by columns of texts."
    return judged.get(key) or judged.get(short) or unmatched


def _evidence(group: Group) -> float:
    """How far from zero the gap certainly is; then the gap's size."""
    if group.finding is None:
        return -1.0
    gap = group.finding.gap
    return max(gap.low, -gap.high, 0.0) + 1e-3 * abs(gap.value)
