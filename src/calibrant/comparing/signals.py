"""Which signal works where: every signal of a log, by groups, beside the one that is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnknownName, UnusableInput
from ..logs.keys import group_name
from ..metrics.intervals import Estimate
from ..phrasing.numbers import several
from ..plugins import find
from ..shown import Shown, flat
from .answers import Answers, Column, read_answers
from .budgets import Choice, Priced, choices
from .gains import dealt
from .measuring import GroupOf, Measured, rows_at
from .verdicts import Verdict, judged

__all__ = ["Compared", "SignalTable", "compare_signals"]

TOKENS = (
    "choice_logprob", "field_logprob", "mean_logprob", "joint_logprob", "min_logprob", "token_margin", "token_entropy",
)  # fmt: skip
"""Signals of the answer's own tokens, which cost nothing, in the order in which one is taken to compare with."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A signal in a group of answers.

    Attributes
    ----------
    by : the group's values by column; empty for the whole log
    answers, asked, n : answers of the group, those with a row of this signal, and those that have a score and a verdict
    coverage : share of the answers asked for it that gave a score; None where none was
    n_eff : effective number of the n, after weights and clusters
    accuracy : mean grade of the n
    auroc : how often a right answer has the higher score, with its 95 % interval; None where one kind alone is there
    brier : Brier score of its out-of-fold probabilities on the n; None below `FEW` rows
    gain : how much lower that is than that of `against`, on the `gain_n` answers with a score of both
    calls, tokens, dollars : what a reading of it takes on average; None where that is not known
    free : whether it is what the others are held against: the free token signal, or another that was named
    """

    signal: str
    by: dict[str, str | None]
    answers: int
    asked: int
    n: int
    n_eff: float
    coverage: float | None
    accuracy: float | None
    auroc: Estimate | None
    brier: float | None
    gain: Estimate | None
    gain_n: int
    against: str
    calls: float | None
    tokens: float | None
    dollars: float | None
    free: bool
    verdict: Verdict
    reason: str

    @property
    def shown(self) -> Estimate | None:
        """The AUROC, where there are rows enough for any number to be shown to people."""
        return None if self.brier is None else self.auroc

    @property
    def group(self) -> str:
        """The group in words."""
        return group_name(self.by)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the gain as `brier_gain` with its n and what it is over."""
        found = asdict(self)
        gain, n, against = found.pop("gain"), found.pop("gain_n"), found.pop("against")
        found["n_eff"] = round(self.n_eff, 2)
        return found | {"brier_gain": gain and {**gain, "n": n, "against": against}}


@dataclass(frozen=True, kw_only=True, repr=False)
class SignalTable(Shown):
    """The signals of a log, group by group and the best ranking first, and what to use for which budget.

    `free` is what the others are held against, the free token signal or the one named; None where there is none. `tops`
    are the groups that are no part of another: the whole log, or each model where models part it; `budgets` holds the
    choices of each.
    """

    source: str
    by: tuple[str, ...]
    rows: int
    answers: int
    judged: int
    unusable: dict[str, int]
    free: str | None
    signals: tuple[Compared, ...]
    budgets: tuple[tuple[dict[str, str | None], Choice], ...]
    notes: tuple[str, ...]

    def _told(self) -> Sequence[str]:
        return [
            f"{len({one.signal for one in self.signals})} signals on {self.judged:,} answers",
            *self.sentences,
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(one.to_dict()) for one in self.signals]

    @property
    def tops(self) -> list[dict[str, str | None]]:
        """The groups that are no part of another."""
        return list({str(by): by for by, _ in self.budgets}.values())

    def groups(self) -> Iterator[tuple[dict[str, str | None], list[Compared]]]:
        """Each group with its signals."""
        held: dict[str, tuple[dict[str, str | None], list[Compared]]] = {}
        for one in self.signals:
            held.setdefault(str(one.by), (one.by, []))[1].append(one)
        yield from held.values()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Where self-evaluation works, and where it fails."""
        from ..phrasing.signals import sentences

        return sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.source, "rows": self.rows, "answers": self.answers, "judged": self.judged,
            "unusable": self.unusable, "by": list(self.by), "free": self.free,
            "signals": [one.to_dict() for one in self.signals],
            "budgets": [{"by": by, **choice.to_dict()} for by, choice in self.budgets],
            "sentences": list(self.sentences), "notes": list(self.notes),
        }  # fmt: skip


def compare_signals(
    log: Any,
    by: str | Sequence[str] = (),
    *,
    against: str | None = None,
    scores: str | Sequence[str] = (),
    confidence: str | None = None,
    correct: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    scale: str | None = None,
    **reading: Any,
) -> SignalTable:
    """Compare the signals of a log, on the whole of it and by groups.

    Parameters
    ----------
    log : data frame, path or store URL
        A row for each answer and signal, with a column `signal`; or a row for each answer, a column for each signal.
    by : column names, or one
        Also one group for each combination of their values. Where `model` is one of them there is no whole log, but
        one whole for each model.
    against : name of a signal
        What the others are held against; the first of `TOKENS` that half of the answers have a score of where None,
        and the base rate where there is no such signal.
    scores : column names, or one
        Of a wide log, the columns that hold a signal each.
    confidence, correct, weight, cluster : column names
        As for `calibrant.audit`. Answers to one item are a cluster where nothing else is said.
    scale : str, optional
        The unit of all scores, as for `calibrant.audit`.
    reading : right, partly, wrong, labels, on, as for `calibrant.audit`

    Raises
    ------
    ColumnNotFound, UnusableInput, UnknownName
        No rows, no such column, no verdict at all; no signal of the name `against`.

    Notes
    -----
    AUROC and its interval: `calibrant.metrics.ranking`. The calibrated Brier score is that of out-of-fold maps, a gain
    the paired difference of two such scores on the answers that have both, refitted on these, with a Student interval
    by clusters: `calibrant.comparing.gains`. Which verdict: `calibrant.comparing.verdicts`.

    Examples
    --------
    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> odds = rng.normal(size=400)
    >>> right = rng.random(400) < 1 / (1 + np.exp(-2 * odds))
    >>> noises = {"mean_logprob": 2 * rng.normal(size=400), "p_true": np.zeros(400)}
    >>> columns = {name: 1 / (1 + np.exp(noise - odds)) for name, noise in noises.items()}
    >>> found = compare_signals(pandas.DataFrame(columns | {"correct": right}))
    >>> [(one.signal, one.verdict) for one in found.signals]
    [('p_true', 'helps'), ('mean_logprob', 'helps')]
    """
    read = read_answers(
        log, by, scores_in=scores, confidence=confidence, correct=correct, weight=weight, cluster=cluster,
        scale=scale, **reading,
    )  # fmt: skip
    if not read.signals:
        raise UnusableInput(
            f"{read.source} has {several(len(read), 'answer')}, and not one row that names a signal."
        )
    if against is not None and against not in read.signals:
        raise UnknownName("signal of this log", against, list(read.signals))
    free = against or _free(read)
    usable = ~np.isnan(read.grade) & ~np.isnan(read.weight)
    if not usable.any():
        why = "; ".join(f"{n:,} x {reason}" for reason, n in read.unusable.items())
        raise UnusableInput(
            f"Of {several(len(read), 'answer')} of {read.source} none has a usable verdict: {why}."
        )
    costs = {name: _cost(name, column) for name, column in read.signals.items()}
    fold = dealt(read.cluster)
    wholes, parts = _groups(read)
    cells: list[tuple[dict[str, str | None], str, Measured]] = []
    for whole, groups in ((True, wholes), (False, parts)):
        for of, at in groups:
            one = GroupOf(read, at, usable, fold, free, whole)
            cells += [(of, name, one.measured(name)) for name, c in read.signals.items() if c.asked[at].any()]
    told = judged([cell.evidence for _, _, cell in cells])
    found = [
        _compared(cell, name, of, costs[name], free, verdict, reason)
        for (of, name, cell), (verdict, reason) in zip(cells, told, strict=True)
    ]
    budgets = [
        (of, choice)
        for of, at in wholes
        for choice in choices(_priced(read, at[usable[at]], costs), rows_at(read, at[usable[at]], fold), free)
    ]
    return SignalTable(
        source=read.source, by=read.by, rows=read.rows, answers=len(read), judged=int(usable.sum()),
        unusable=dict(read.unusable), free=free, signals=tuple(_ordered(found, [of for of, _ in [*wholes, *parts]])),
        budgets=tuple(budgets), notes=(*read.notes, *_notes(costs, free, against)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Cost:
    """Calls, tokens and dollars of a reading, and whether the calls are what the signal declares, for want of a log."""

    calls: float | None
    tokens: float | None
    dollars: float | None
    declared: bool


def _free(read: Answers) -> str | None:
    """The free token signal, chosen without a look at any verdict: by its name and how many answers have it."""
    if not read.paired:
        return None
    named = [n for n in TOKENS if n in read.signals]
    named += sorted(n for n in read.signals if n not in TOKENS and "logprob" in n.lower())
    named = [n for n in named if not read.signals[n].calls]
    held = {n: int((~np.isnan(read.signals[n].scores)).sum()) for n in named}
    wide = [n for n in named if 2 * held[n] >= len(read)]
    most = max(named, key=held.__getitem__, default=None)
    return wide[0] if wide else most if most and held[most] else None


def _cost(name: str, column: Column) -> _Cost:
    """From the log; what the signal declares, at the most, where the log says nothing."""
    if column.calls is not None:
        return _Cost(column.calls, column.tokens, column.dollars, False)
    if "logprob" in name.lower():
        return _Cost(0.0, column.tokens, column.dollars, False)
    try:
        declared = find("signals", name.partition(":")[0])().cost
    except UnknownName:
        return _Cost(None, column.tokens, column.dollars, False)
    return _Cost(float(declared.calls + declared.samples), column.tokens, column.dollars, True)


_Groups = list[tuple[dict[str, str | None], NDArray[np.intp]]]


def _groups(read: Answers) -> tuple[_Groups, _Groups]:
    """The groups that are no part of another, and the others, each with the indices of its answers."""
    every = [
        (dict(zip(read.by, key, strict=True)), np.flatnonzero(read.group == g))
        for g, key in enumerate(read.keys)
    ]
    own = sorted((one for one in every if len(one[1])), key=lambda one: str(tuple(one[0].values())))
    if "model" not in read.by:
        return [({}, np.arange(len(read)))], own if read.by else []
    if len(read.by) == 1:
        return own, []
    models = dict.fromkeys(of["model"] for of, _ in own)
    wholes = [
        ({"model": model}, np.sort(np.concatenate([at for of, at in own if of["model"] == model])))
        for model in models
    ]
    return wholes, own


def _priced(read: Answers, at: NDArray[np.intp], costs: dict[str, _Cost]) -> list[Priced]:
    return [
        Priced(name=n, scores=c.scores[at], asked=c.asked[at], calls=costs[n].calls, tokens=costs[n].tokens)
        for n, c in read.signals.items()
        if c.asked[at].any()
    ]


def _compared(
    cell: Measured,
    name: str,
    of: dict[str, str | None],
    cost: _Cost,
    free: str | None,
    verdict: Verdict,
    reason: str,
) -> Compared:
    e = cell.evidence
    return Compared(
        signal=name, by=of, answers=cell.answers, asked=cell.asked, n=e.n, n_eff=e.n_eff,
        coverage=cell.read / cell.asked if cell.asked else None, accuracy=cell.accuracy, auroc=e.auroc,
        brier=cell.brier, gain=e.gain, gain_n=cell.gain_n, against=e.against, calls=cost.calls, tokens=cost.tokens,
        dollars=cost.dollars, free=name == free, verdict=verdict, reason=reason,
    )  # fmt: skip


def _ordered(found: list[Compared], groups: list[dict[str, str | None]]) -> list[Compared]:
    """Groups in their order, wholes first; in each the signals by AUROC, those without one last."""
    place = {str(of): i for i, of in reversed(list(enumerate(groups)))}
    return sorted(found, key=lambda c: (place[str(c.by)], -(c.auroc.value if c.auroc else -1.0), c.signal))


def _notes(costs: dict[str, _Cost], free: str | None, against: str | None) -> list[str]:
    notes = []
    if free is None:
        notes.append(
            "There is no free token signal, so each signal is held against the base rate, which tells every answer "
            "the share of right ones."
        )
    elif against is None:
        notes.append(
            f"The free token signal is {free}, chosen by name and coverage without a look at the verdicts."
        )
    if declared := ", ".join(name for name, cost in costs.items() if cost.declared and cost.calls):
        notes.append(
            f"The log does not say what these cost; calls are what they ask at the most: {declared}."
        )
    if unknown := ", ".join(name for name, cost in costs.items() if cost.calls is None):
        notes.append(f'Of unknown cost, so for the budget "any" alone: {unknown}.')
    return notes
