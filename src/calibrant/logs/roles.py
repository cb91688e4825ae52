"""Which column of a log plays which part: as named, else by the usual names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from shlex import quote

from ..errors import ColumnNotFound, NoSuchColumn, UnusableInput
from ..types import Fingerprint
from ..types.asked import merged
from .keys import distinct
from .sources import Source
from .vocabulary import Named

__all__ = [
    "CONVENTIONS",
    "STATED",
    "WORDS",
    "Roles",
    "matched",
    "mixed_signals",
    "parted_by_signal",
    "roles_of",
    "shared",
]

CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "confidence": (
        "confidence", "conf", "confidence_score", "verbalized_confidence", "stated_confidence", "calibrated",
        "probability", "prob", "p_correct", "p_true", "score", "p",
    ),
    "correct": (
        "correct", "is_correct", "correctness", "verdict", "right", "is_right", "grade", "passed", "label",
        "outcome", "target", "y_true", "y",
    ),
    "weight": ("weight", "sample_weight", "ipw", "propensity"),
    "cluster": ("cluster", "cluster_id"),
}  # fmt: skip
"""Column names looked for, in this order, whatever their case."""

UNTIED = "none"
"""What stands for no cluster column, so that rows count as independent."""
VAGUE = frozenset({"calibrated", "score", "p", "label", "grade", "outcome", "target", "y_true", "y"})
"""Usual names that say too little of what lies within another column, such as a grader's `score`."""
NEEDED = ("confidence", "correct")
WORDS = ("right", "partly", "wrong")
"""What else may be named beside columns: the words of verdicts."""
UNNAMED = Named()
STATED = tuple(field.name for field in fields(Fingerprint))
"""The columns of a log that tell what its scores are scores of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Which column plays which part; a log without scores, or verdicts, has "" there. `inverse` marks propensities.

    Rows of equal values in all of the columns `tied` belong together: the cluster column, or several; `untied` where a
    person said that none do. `words` are those of verdicts that a person named.
    """

    confidence: str = ""
    correct: str = ""
    weight: str | None = None
    cluster: str | None = None
    by: tuple[str, ...] = ()
    inverse: bool = False
    tied: tuple[str, ...] = ()
    untied: bool = False
    words: Named = UNNAMED

    @property
    def told(self) -> dict[str, str]:
        """The column of each part that has one."""
        parts = (("confidence", self.confidence), ("correct", self.correct), ("weight", self.weight))
        return {part: name for part, name in (*parts, ("cluster", self.cluster)) if name}

    @property
    def names(self) -> list[str]:
        """Distinct columns needed."""
        wanted = [self.confidence, self.correct, self.weight, *self.tied, *self.by]
        return list(dict.fromkeys(name for name in wanted if name))


def shared(name: str, values: Collection[str | None]) -> str | None:
    """What rows with these values of a column `STATED` state together: the only one, or how all of them were asked for.

    >>> shared("model", {"a"}), shared("model", {"a", "b"}), shared("asked_with", {"system none; tokens 4"})
    ('a', None, 'system none')
    """
    if name == "asked_with":
        return merged(values)
    return next(iter(values)) if len(values) == 1 else None


def matched(
    available: Sequence[str], conventions: Mapping[str, Sequence[str]], named: Mapping[str, str | None]
) -> dict[str, str]:
    """The column of each part: the named one, else the first of the usual names that no part before it took.

    Raises `ColumnNotFound` where there is no column of a name.

    >>> matched(["Conf", "label", "n"], CONVENTIONS, {"weight": "n"})
    {'confidence': 'Conf', 'correct': 'label', 'weight': 'n'}
    """
    lower = {name.lower(): name for name in reversed(available)}
    found: dict[str, str] = {}
    for role, usual in conventions.items():
        told, taken = named.get(role), found.values()
        if told is None:
            name = next((lower[c] for c in usual if c in lower and lower[c] not in taken), None)
        else:
            name = told if told in available else lower.get(told.lower())
            if name is None:
                raise NoSuchColumn(role, [told], list(available))
        if name is not None:
            found[role] = name
    return found


def parted_by_signal(source: Source, by: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The columns `by`, and a note: what a format keeps apart, and signals of records, are not pooled."""
    for column in (name for name in source.apart if name not in by):
        if len(distinct(source.first(column))) > 1:
            return (*by, column), [
                f"Groups are parted by the column {column!r}, whose rows are not to be pooled."
            ]
    if "record_id" not in source.columns or "signal" not in source.columns or "signal" in by:
        return tuple(by), []
    if len(distinct(source.first("signal"))) < 2:
        return tuple(by), []
    return (*by, "signal"), ["The records hold several signals, so groups are parted by the column 'signal'."]


def mixed_signals(source: Source, by: Sequence[str]) -> list[str]:
    """A note, where rows of several signals are not parted."""
    kinds = set() if "signal" in by or "signal" not in source.columns else distinct(source.first("signal"))
    names = ", ".join(sorted(str(kind) for kind in kinds))
    return [f"The log mixes the signals {names}: add --by signal to part them."] if len(kinds) > 1 else []


def roles_of(
    source: Source,
    by: Sequence[str],
    named: Mapping[str, str | None],
    *,
    apart: str | None = None,
    needed: Collection[str] = NEEDED,
) -> tuple[Roles, list[str]]:
    """The columns of a source by their parts, and notes on the reading: the format's own, then what was guessed.

    A column that is named plays its part; else the one that the format knows; else the first of a usual name. A
    weight or cluster column that is empty is not guessed, nor is the column `apart`, which is something else.

    Raises
    ------
    ColumnNotFound, UnusableInput
        A named column, or one of `by`, is not there; there is none for a part that is `needed`, or several among
        which a person must choose; no columns at all.
    """
    if not source.columns:
        raise UnusableInput(f"{source.name} has no columns. Expected a header line and one row per answer.")
    available = [name for name in source.columns if name != apart or name in named.values()]
    words = Named.of(**{kind: named.get(kind) for kind in WORDS})
    named = _by_format(source, named)
    for role in needed:
        _require_choice(source, role, named)
        _require_there(source, role, named)
    usual = {r: names for r, names in CONVENTIONS.items() if r not in source.lacking or named.get(r)}
    clusters = named.get("cluster")
    if untied := clusters == UNTIED and UNTIED not in source.columns:
        available, clusters = [name for name in available if name.lower() not in CONVENTIONS["cluster"]], None
    tied = _tied(clusters, source.columns)
    named = {**named, "cluster": None}
    within = _within_others(source, needed, matched(available, usual, named))
    named |= within
    notes = [
        *source.notes,
        *(f"{name!r}, within another column, was read as {role}." for role, name in within.items()),
    ]
    found = matched(available, usual, named)
    for role in needed:
        if role not in found:
            raise ColumnNotFound(role, CONVENTIONS[role], source.columns)
    if missing := [name for name in by if name not in source.columns]:
        raise NoSuchColumn("by", missing, source.columns)
    for role in (r for r in ("weight", "cluster") if not named.get(r) and not (r == "cluster" and tied)):
        while role in found and distinct(source.first(found[role])) <= {None}:
            available.remove(found[role])
            found = matched(available, usual, named)
        if role in found:
            notes.append(f"Rows are {role}ed by the column {found[role]!r}, found by its name.")
    weight, cluster = found.get("weight"), clusters or found.get("cluster")
    roles = Roles(
        confidence=found.get("confidence", ""), correct=found.get("correct", ""), weight=weight, cluster=cluster,
        by=tuple(by), inverse=weight is not None and weight.lower() == "propensity",
        tied=tied or ((cluster,) if cluster else ()), untied=untied, words=words,
    )  # fmt: skip
    return roles, notes


def _within_others(source: Source, needed: Collection[str], found: Mapping[str, str]) -> dict[str, str]:
    """The parts of other columns that have a usual name, where no column has; raises where there are several."""
    ends: dict[str, list[str]] = {}
    for name in source.columns:
        if name in source.inside:
            ends.setdefault(name.rpartition(".")[2].lower(), []).append(name)
    within = {}
    for role in needed:
        usual = next((one for one in CONVENTIONS[role] if one in ends and one not in VAGUE), None)
        if role not in found and usual:
            choices = {role: tuple(ends[usual])} if len(ends[usual]) > 1 else {}
            _require_choice(replace(source, roles={}, choices=choices), role, {})
            within[role] = ends[usual][0]
    return within


def _require_choice(source: Source, role: str, named: Mapping[str, str | None]) -> None:
    """Raise `UnusableInput` where only a person can say which of several columns plays a part, and nobody did."""
    if named.get(role) is None and role not in source.roles and (several := source.choices.get(role)):
        raise UnusableInput(
            f"{source.name} has several columns for {role}: {', '.join(several)}. Choose one: "
            f"{' or '.join(f'--{role} {quote(name)}' for name in several[:3])}."
        )


def _require_there(source: Source, role: str, named: Mapping[str, str | None]) -> None:
    """Raise `UnusableInput` where the format knows that no column plays a part, and nobody named one."""
    if named.get(role) is None and role in source.lacking:
        raise UnusableInput(
            f"{source.name} holds {source.kind}, and no column for {role}. {source.lacking[role]} Its columns are: "
            f"{', '.join(source.columns)}."
        )


def _by_format(source: Source, named: Mapping[str, str | None]) -> dict[str, str | None]:
    """The named columns, and those that the format knows for parts of which nobody named one."""
    told = {role: name for role, name in named.items() if name is not None}
    known = {role: name for role, name in source.roles.items() if role in CONVENTIONS} | told
    if "confidence" not in told and (beside := source.beside.get(known.get("correct", ""))):
        known["confidence"] = beside
    return dict(known)


def _tied(cluster: str | None, available: list[str]) -> tuple[str, ...]:
    """The columns whose values together make a cluster: several where they are parted by commas.

    >>> _tied("item_id", ["task", "item_id"]), _tied("task,item_id", ["task", "item_id"]), _tied(None, [])
    (('item_id',), ('task', 'item_id'), ())
    """
    if cluster is None or cluster in available:
        return () if cluster is None else (cluster,)
    tied = tuple(name.strip() for name in cluster.split(","))
    if not set(tied) <= set(available):
        raise NoSuchColumn("cluster", [cluster], available)
    return tied
