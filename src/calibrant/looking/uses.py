"""What a log supports today: of each use whether it works, what is in the way, and how many labels would clear it."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import CalibrantError
from ..guarantees.walking import fewest
from ..logs.attempts import ATTEMPT_COLUMNS
from ..logs.rows import time_column
from ..logs.steps import STEP_COLUMNS
from ..metrics.findings import FEW
from ..metrics.gap import gap
from ..metrics.intervals import Z95
from ..phrasing.numbers import of_100, percent, points
from ..planning.thresholds import plan_thresholds
from ..plans.documents import FEATURES
from ..tally import Tally, merged
from .following import beside
from .seen import Seen, Use
from .several import cascade, compared, ensemble, signals

__all__ = ["labels_for_width", "uses_of"]

FOLDED = 10.0
"""Effective rows below which nothing is fitted on some rows and stated on others."""
HUMAN = (
    "human",
    "human_verdict",
    "human_label",
    "human_correct",
    "person",
    "expert",
    "annotator",
    "reviewer",
    "people",
)


def uses_of(seen: Seen) -> list[Use]:
    """Every use that fits the log, or that something named is in the way of."""
    found = [made for make in _MAKERS if (made := make(seen)) is not None]
    return sorted(found, key=lambda one: not one.ready)


def labels_for_width(tally: Tally, width: float) -> int:
    """Further labels after which the gap's 95 % interval is about so wide, if they are as those at hand.

    >>> labels_for_width(Tally.of([0.9] * 100, [1] * 70 + [0] * 30), 0.1)
    226
    """
    found = gap(tally)
    now = found.high - found.low
    return 0 if now <= width else math.ceil(tally.rows * ((now / width) ** 2 - 1))


def _audit(seen: Seen) -> Use:
    if seen.log is None:
        return _unaudited(seen)
    if not seen.log.claims:
        return seen.use("audit", False, "the confidence claims no probability: a map gives it one")
    all_rows = merged(seen.tallies)
    found = gap(all_rows)
    more = sum(labels_for_width(one, seen.width) for one in seen.tallies)
    few = sum(one.n_eff < FEW for one in seen.tallies)
    says = (
        f"claims {of_100(all_rows.mean_confidence)} of 100, is right {of_100(all_rows.accuracy)} of 100; the gap is "
        f"known to within {points((found.high - found.low) / 2, 1)}"
    )
    if few:
        lacks = sum(math.ceil(FEW - one.n_eff) for one in seen.tallies if one.n_eff < FEW)
        of = f" in {few} of {len(seen.tallies)} groups" if len(seen.tallies) > 1 else ""
        return seen.use(
            "audit",
            False,
            f"too few labels for a verdict{of}: {FEW:.0f} are needed",
            lacks,
            seen.asked.line("audit"),
        )
    per = " in every group" if len(seen.tallies) > 1 else ""
    says += f"; {more:,} more labels would make that {_half(seen)}{per}" if more else ""
    return seen.use("audit", True, says + ".", more or None, seen.asked.line("audit"))


def _half(seen: Seen) -> str:
    return points(seen.width / 2, 1)


def _unaudited(seen: Seen) -> Use:
    if seen.refused == "choose":
        return seen.use("audit", False, "say first how it is to be read: see Next")
    if seen.refused == "labels":
        most = math.ceil((Z95 / seen.width) ** 2)
        says = f"needs verdicts; with {most:,} of them the gap is known to within {_half(seen)} at the worst"
        return seen.use("audit", False, says, most)
    return seen.use("audit", False, "see what is in the way")


def _fit(seen: Seen) -> Use | None:
    if seen.log is None:
        return None
    few = [one for one in seen.tallies if one.n_eff < FEW]
    if few:
        lacks = sum(math.ceil(FEW - one.n_eff) for one in few)
        return seen.use("fit", False, f"a map of fewer than {FEW:.0f} labels promises nothing", lacks)
    maps = beside(seen.asked.log, "maps.json")
    rows = sum(one.rows for one in seen.tallies)
    says = f"maps from this confidence to the probability of being right, on {rows:,} labels."
    return seen.use("fit", True, says, command=seen.asked.line("fit", "-o", maps))


def _thresholds(seen: Seen) -> Use | None:
    name = f"thresholds at {percent(seen.max_error)} wrong"
    if seen.log is None and seen.refused != "labels":
        return None
    if seen.log is None:
        least = fewest(seen.max_error, seen.delta)
        return seen.use(name, False, f"needs labels: {least} at the very least, all of them right", least)
    try:
        made = plan_thresholds(
            seen.head, max_error=seen.max_error, delta=seen.delta, by=seen.asked.by, **seen.options
        )
    except CalibrantError as error:
        return seen.use(name, False, str(error))
    all_of = made.certificates.certificates
    done = [one for one in all_of if one.certified]
    lacking = [one.labels_needed for one in all_of if not one.certified]
    needed = None if any(n is None for n in lacking) else sum(n or 0 for n in lacking)
    extra = ("--max-error", f"{seen.max_error:g}", "-o", beside(seen.asked.log, "thresholds.json"))
    command = seen.asked.line("plan thresholds", *extra)
    if len(done) == len(all_of):
        sent = min(one.coverage.value for one in done)
        lead = "" if len(done) == 1 else "at least "
        return seen.use(
            name,
            True,
            f"{lead}{percent(sent)} of the answers can be sent under that promise.",
            None,
            command,
        )
    some = f"certified for {len(done)} of {len(all_of)} groups; " if len(all_of) > 1 else ""
    why = next(one.reason or "" for one in all_of if not one.certified)
    return seen.use(name, False, some + why, needed or None, command if done else None)


def _costs(seen: Seen) -> Use | None:
    if seen.log is None or any(one.n_eff < FOLDED for one in seen.tallies):
        return None
    command = seen.asked.line("plan costs", "--wrong", "10", "--review", "1")
    return seen.use(
        "costs", True, "what to send, review or hand off at your prices (10 and 1 here).", None, command
    )


def _chain(seen: Seen) -> Use | None:
    trajectory, step = (
        seen.column(*STEP_COLUMNS["trajectory"]),
        seen.column("step", "step_index", "step_id", "turn"),
    )
    if trajectory is None or step is None or trajectory not in seen.columns:
        return None
    several = seen.columns[trajectory].different
    if several < 20 or seen.log is None:
        return seen.use(
            "chain",
            False,
            f"{several} trajectories; 20 with verdicts are needed",
            max(20 - several, 0) or None,
        )
    return seen.use(
        "chain",
        True,
        f"how sure one may be of {several:,} chains of steps.",
        None,
        seen.asked.line("plan chain", by=False),
    )


def _correction(seen: Seen) -> Use | None:
    second = [
        name for role in ("second_p", "second_correct", "second_answer") for name in ATTEMPT_COLUMNS[role][0]
    ]
    if (column := seen.column(*second)) is None:
        return None
    return seen.use(
        "correction", True, f"at which confidence another try pays, by {column!r}.", None,
        seen.asked.line("plan correction", by=False),
    )  # fmt: skip


def _retrieval(seen: Seen) -> Use | None:
    features = [name for name in FEATURES if name in seen.source.columns]
    if len(features) < 2 or seen.log is None:
        return None
    return seen.use(
        "retrieval", True, f"whether documents or the model are to blame, by {', '.join(features[:3])}.", None,
        seen.asked.line("plan retrieval", by=False),
    )  # fmt: skip


def _people(seen: Seen) -> Use | None:
    column = seen.column(*HUMAN)
    if column is None or seen.log is None or column == seen.log.roles.correct or column not in seen.columns:
        return None
    judged = seen.rows - seen.columns[column].missing
    if judged < FEW:
        return seen.use(
            "judge",
            False,
            f"{judged} verdicts of people in {column!r}; {FEW:.0f} are needed",
            math.ceil(FEW - judged),
        )
    return seen.use(
        "judge", True, f"the judge's verdicts corrected by {judged:,} of people in {column!r}.", None,
        seen.asked.line("audit", "--human", column),
    )  # fmt: skip


def _monitoring(seen: Seen) -> Use | None:
    column = time_column(seen.source)
    if column is None or seen.log is None:
        return None
    says = f"rows carry times in {column!r}: certified thresholds can be watched on later rows (calibrant plan check)."
    return seen.use("monitoring", True, says)


_MAKERS: tuple[Callable[[Seen], Use | None], ...] = (
    _audit, _fit, _thresholds, _costs, compared, cascade, ensemble, signals, _chain, _correction, _retrieval,
    _people, _monitoring,
)  # fmt: skip
