"""What the monitors of a log or a store say: fields, sentences, a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..logs.keys import group_name
from ..metrics.intervals import Estimate
from ..monitors.shifts import Kind
from ..shown import Shown, flat
from .places import VOLUME

__all__ = ["ASSUMED", "Expected", "Watched", "WatchedGroup", "alarm_sentence", "change_sentence"]

ASSUMED = "assumes that P(correct | confidence) is unchanged"
"""What has to be said beside every number that needs no verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What share of the latest answers is right if their probabilities are (CBPE): their mean, with a 95 % interval.

    `before` is that of earlier answers, None where there are none. It needs no verdict, and cannot see a change of
    what a confidence means.
    """

    answers: int
    value: float
    low: float
    high: float
    before: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "assumes": ASSUMED}


@dataclass(frozen=True, kw_only=True, repr=False)
class WatchedGroup(Shown):
    """What the monitor of one group says.

    `n` rows were watched; `alarm_at` of them had been seen at the alarm, and the stretch with the most evidence begins
    after `change_point` of them; `log10_evidence` is the wealth at the end in powers of ten. `gap` is the mean of
    (claim less verdict) since the change point, of all rows where there was no alarm, with an interval that holds at
    all times at once for a stretch that is not picked by the rows themselves; `claimed` and `right` are the two means,
    NaN (in `to_dict` None) where no row counts yet.
    `kind` says what has changed. `immature` rows are too young to be watched, `left_out` came back to a cluster that
    had been counted. Of a store, `since` is the time of the answer at the change
    point, `alarm_id` the id of the alarm's event, and `expected` what needs no
    verdict.
    """

    by: dict[str, str | None]
    n: int
    alarm_at: int | None
    change_point: int | None
    log10_evidence: float
    gap: Estimate
    claimed: float
    right: float
    kind: Kind
    immature: int = 0
    left_out: int = 0
    since: float | None = None
    alarm_id: str | None = None
    expected: Expected | None = None

    @property
    def alarm(self) -> bool:
        """Whether the claims have come apart from the verdicts by more than the tolerance."""
        return self.alarm_at is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told: dict[str, Any] = {
            "by": self.by, "n": self.n, "alarm": self.alarm, "alarm_at": self.alarm_at,
            "change_point": self.change_point, "log10_evidence": self.log10_evidence,
            "gap": {"value": _known(self.gap.value), "low": self.gap.low, "high": self.gap.high},
            "claimed": _known(self.claimed), "right": _known(self.right), "kind": self.kind,
            "immature": self.immature, "left_out": self.left_out,
        }  # fmt: skip
        if self.expected is not None:
            told["expected"] = self.expected.to_dict()
        return told if self.alarm_id is None else told | {"since": self.since, "alarm_id": self.alarm_id}

    @property
    def sentence(self) -> str:
        """What is said of the group."""
        name, gap = group_name(self.by), self.gap
        if not self.n:
            waits = (
                f", {self.immature:,} wait until others of the same time can be there"
                if self.immature
                else ""
            )
            return f"{name}: no alarm; no verdict counts yet{waits}."
        held = (
            f"claims {100 * self.claimed:.0f} of 100, is right {100 * self.right:.0f} "
            f"(gap {_points(gap.value)} points, {_points(gap.low)} to {_points(gap.high)}"
        )
        if not self.alarm:
            moved = " Other answers come than did." if self.kind == "covariate" else ""
            return f"{name}: no alarm; {held}; {self.n:,} labels). Evidence {self._evidence()}.{moved}"
        since = f"since row {self.change_point:,} it " if self.change_point else "it "
        told = f"{name}: ALARM at label {self.alarm_at:,}: {since}{held})."
        return f"{told} Evidence {self._evidence()}. {_KINDS[self.kind]}"

    def _evidence(self) -> str:
        return f"1e{self.log10_evidence:.1f}"

    def _told(self) -> list[str]:
        return [self.sentence]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(self.to_dict())]


_KINDS: Mapping[Kind, str] = {
    "concept": "Answers of the same confidence are right at another rate than before (concept shift): fit anew.",
    "covariate": "Other answers come, of which each confidence means what it meant (covariate shift): the claims were "
    "wrong there before.",
    "none": "",
    "unknown": "What has changed cannot be told: too few labels before or after.",
}


def alarm_sentence(alarm: Mapping[str, Any]) -> str:
    """What is said of the data of an alarm's event."""
    where = (
        ", ".join(str(alarm[one]) for one in ("task", "domain", "model") if alarm.get(one)) or "All answers"
    )
    gap = alarm["gap"]
    return (
        f"{where}: ALARM. Since {_day(alarm['since'])} it claims {100 * alarm['claimed']:.0f} of 100, is right "
        f"{100 * alarm['right']:.0f} (gap {_points(gap['value'])} points, {_points(gap['low'])} to "
        f"{_points(gap['high'])}). Evidence 1e{alarm['log10_evidence']:.1f}. {_KINDS[alarm['kind']]}"
    )


def change_sentence(change: Mapping[str, Any]) -> str:
    """What is said of a change that needs no verdict.

    >>> change_sentence({"task": "law", "what": "answers refused", "before": 0.01, "after": 0.2, "time": 0})
    'law: answers refused: 20 of 100 since 1970-01-01 00:00 UTC, 1 before.'
    """
    where = ", ".join(str(change[one]) for one in ("task", "domain") if change.get(one)) or "all answers"
    since = _day(change["time"])
    before, after, what = change["before"], change["after"], change["what"]
    if isinstance(after, str):
        of = f" of {change['of']}" if change.get("of") else ""
        return f"{where}: another {what}{of} since {since}: {after}, not {before}."
    if what == VOLUME:
        return f"{where}: {after:,} answers on {since[:10]}, where {before:,} were usual."
    return f"{where}: {what}: {100 * after:.0f} of 100 since {since}, {100 * before:.0f} before."


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _points(value: float) -> str:
    return f"{round(100 * value):d}"


def _known(value: float) -> float | None:
    """None for what is not known: JSON has no NaN."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, kw_only=True, repr=False)
class Watched(Shown):
    """What was read of a log, and what the monitor of each group says, alarms first.

    `changes` are what changed in a store without a verdict, as far as it is known, the last one last.
    """

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    columns: dict[str, str]
    notes: tuple[str, ...]
    alpha: float
    tolerance: float
    ordered: str
    groups: tuple[WatchedGroup, ...]
    changes: tuple[Mapping[str, Any], ...] = ()

    @property
    def alarms(self) -> int:
        """Groups with an alarm."""
        return sum(group.alarm for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.source, "rows": self.rows, "used": self.used, "unusable": self.unusable,
            "columns": self.columns, "notes": list(self.notes), "alpha": self.alpha, "tolerance": self.tolerance,
            "ordered": self.ordered, "groups": [group.to_dict() for group in self.groups],
            "changes": [dict(one) for one in self.changes],
        }  # fmt: skip

    def _told(self) -> list[str]:
        return [*(group.sentence for group in self.groups), *map(change_sentence, self.changes)]

    def _rows(self) -> list[dict[str, Any]]:
        return [row for group in self.groups for row in group._rows()]
