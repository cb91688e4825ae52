"""The words of the report: how numbers are said, in which order groups come, what the measures mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..logs.keys import group_name
from ..maps.track_record import TrackRecord
from ..metrics.findings import FEW
from ..phrasing.english import ENGLISH
from ..phrasing.findings import change_told, unit_told
from ..phrasing.numbers import percent
from ..phrasing.phrases import phrase_of
from ..types import Confidence, Probability, canonical
from .charts import ACTIONS

if TYPE_CHECKING:
    from ..auditing import Audit, Group

__all__ = ["ASSUMPTIONS", "MEASURES", "SPREAD", "Bands", "ReportGroup", "group_key", "worst_first"]

Bands = Mapping[str, Sequence[Mapping[str, Any]]]

MEASURES = (
    ("Gap", "Mean confidence minus the share of right answers, in points of 100; above zero is over-confident. "
            "Its 95 % interval says how far chance could have moved it."),
    ("ECE and its floor", "Expected calibration error: the mean distance between confidence and share right over "
            "bins. It is above zero even for a perfect model; the floor is what one would show at this n."),
    ("Smooth ECE", "The same question asked without bins, with a 95 % interval that may reach 0. "
            "An interval that starts above 0 shows miscalibration."),
    ("L2 error", "Root of the mean squared distance between confidence and share right, with the noise taken off: "
                 "about 0 for a calibrated model, and it may be negative. The interval is 95 %."),
    ("Verdict", "Over- or under-confident where the interval of the gap leaves out 0; else miscalibrated where the "
                "interval of L2 or of smooth ECE starts above 0; else none is shown, which is no proof of none."),
    ("Brier = MCB - DSC + UNC", "Mean squared distance between confidence and outcome, lower is better. MCB is what "
            "recalibration could gain, DSC what the confidence tells, UNC how mixed the outcomes are."),
    ("AUROC", "How often a right answer has a higher confidence than a wrong one: 0.5 is chance. "
            "It does not change when confidences are moved without changing their order."),
    ("AURC", "Mean share of wrong answers over all ways of sending only the surest; lower is better. "
            "It depends on accuracy as well as on ranking."),
    ("n and n_eff", "Rows, and the number of independent equally weighted rows that would tell as much. "
            f"Below {FEW:.0f} effective rows no number is printed."),
    ("Reliability diagram", "Blue: the share right after an isotonic (CORP) fit. Grey: where nine in ten such "
            "curves would pass if the confidences were calibrated. Dots: bins, area in proportion to rows."),
    ("Risk and coverage", "If only the surest answers were sent, how many of them would be wrong. "
            "A curve that does not fall to the left gains nothing from a threshold. Answers of one score can only be "
            f"sent together (dots), and the curve starts at {FEW:.0f} rows, so it may be short."),
)  # fmt: skip

ASSUMPTIONS = (
    "The verdicts on the rows are taken as true, and the labelled rows as drawn at random from the answers the "
    "numbers are meant for (or weighted by how they were drawn).",
    "Rows are independent, save where a cluster column was named; intervals widen for clusters.",
    "Intervals hold for each group on its own. Among 20 calibrated groups about one would be called "
    "miscalibrated by chance.",
    "The numbers describe the past: a new model, prompt or kind of question needs a new audit.",
    "This is evidence for a judgement, not a conformity assessment.",
)


SPREAD = (
    "Confidence minus share right of every group with rows enough, from the lowest to the highest, with 95 % "
    "intervals. Of groups without any gap, one interval in twenty leaves out zero by chance."
)


def made_line(made: date | None = None) -> str:
    """When a report was made, and by what."""
    return f"Made on {(made or date.today()).isoformat()} by calibrant {__version__}."


def counted(groups: Sequence[ReportGroup]) -> str:
    """How many groups show what, where there are several."""
    if len(groups) < 4:
        return ""
    counts = Counter(one.group.verdict for one in groups)
    return (
        f"Of {len(groups):,} groups: "
        + ", ".join(f"{n:,} {verdict}" for verdict, n in counts.most_common())
        + "."
    )


def group_key(by: Mapping[str, str | None]) -> str:
    """The name by which `actions` are given to a group.

    It is canonical JSON, so no two groups share one, whatever their names contain.

    >>> group_key({"model": "m", "domain": None}), group_key({})
    ('{"domain":null,"model":"m"}', '{}')
    """
    return canonical(dict(by))


@dataclass(frozen=True, kw_only=True)
class ReportGroup:
    """A group of the report; `after` is the same group after calibration, where that is `compared`."""

    key: str
    group: Group
    after: Group | None
    compared: bool

    @property
    def stages(self) -> list[tuple[str, Group]]:
        """The group by what was done to it, "" where nothing is compared."""
        after = [] if self.after is None else [("calibrated", self.after)]
        return [("raw" if self.compared else "", self.group), *after]

    @property
    def change(self) -> str | None:
        """What calibration changed, in words."""
        later = self.after.finding if self.after else None
        return change_told(self.group.finding, later) if self.compared else None


def worst_first(audit: Audit, after: Audit | None) -> list[ReportGroup]:
    """The whole log, then the groups by how large a gap is shown beyond chance; those with too few rows last."""
    later = {group_key(group.by): group for group in after.groups} if after else {}
    keyed = [(group_key(group.by), group) for group in sorted(audit.groups, key=_evidence)]
    return [ReportGroup(key=k, group=g, after=later.get(k), compared=after is not None) for k, g in keyed]


def _evidence(group: Group) -> tuple[float, ...]:
    if group.finding is None or group.finding.smooth_ece is None or group.too_few:
        return (2.0, -float(group.tally.rows))
    gap, smooth = group.finding.gap, group.finding.smooth_ece
    shown = max(gap.low, -gap.high, 0.0)
    return (float(bool(group.by)), -shown, -smooth.low, -abs(gap.value))


def band_groups(
    groups: Sequence[ReportGroup], actions: Bands | None
) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Names and bands of the groups that have any, in the order of the groups."""
    found = ((group_name(one.group.by), (actions or {}).get(one.key)) for one in groups)
    return [(name, bands) for name, bands in found if bands]


def band_rows(
    named: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
) -> list[tuple[str, list[tuple[str, str]]]]:
    """A row per group: its name, then for each action what is sent there and what the raw confidence would."""
    rows: list[tuple[str, list[tuple[str, str]]]] = []
    for name, bands in named:
        by_action = {band["action"]: band for band in bands}
        rows.append((name, [_band_cell(by_action.get(action)) for action in ACTIONS]))
    return rows


def _band_cell(band: Mapping[str, Any] | None) -> tuple[str, str]:
    if band is None:
        return "none", "raw: none"
    enough = band["n"] >= FEW and band["accuracy"] is not None
    right = f", {percent(band['accuracy'])} right" if enough else ", too few to say" if band["n"] else ""
    sent, was = (f"{n:,}" if n else "none" for n in (band["n"], band["was"]))
    return f"{sent}{right}", f"raw: {was}"


def said(groups: Sequence[ReportGroup]) -> dict[str, Any] | None:
    """What people are told of the first group's calibrated answers, and how often it was right.

    Its `name`, and `rows` by band: given, said, answers, right, 95 % interval. A band of too few answers is left out;
    one whose answers are graded or weighted has no count of right ones. None where nothing is left.
    """
    group = groups[0].after if groups else None
    if group is None or group.too_few:
        return None
    rows = []
    for band in filter(None, TrackRecord.of(group.tally).bands):
        middle = Confidence(p=Probability((band.low + band.high) / 2), verdicts=group.tally.rows)
        told, words = band.to_dict(), phrase_of(middle, evidence=group.tally.n_eff)
        rows.append((
            ENGLISH.band(band.low, band.high), words.words or "", f"{told['answers']:,}",
            percent(band.share) + ("" if told["right"] is None else f" ({told['right']:,})"),
            f"{percent(band.share_low)} to {percent(band.share_high)}",
        ))  # fmt: skip
    return {"name": group_name(group.by), "rows": rows} if rows else None


def read_lines(audit: Audit) -> list[tuple[str, str]]:
    """What was read and what could not be used, with counts: (what, how many)."""
    lines = [("file", audit.source)]
    lines += [(part, f"column {name!r}") for part, name in audit.columns.items() if name]
    lines += [
        ("unit of the confidence", unit_told(audit.scale)),
        ("rows read", f"{audit.rows:,}"),
        ("rows used", f"{audit.used:,}" + _share(audit.used, audit.rows)),
    ]
    lines += [
        (f"unusable: {why}", f"{n:,}{_share(n, audit.rows)}")
        for why, n in sorted(audit.unusable.items(), key=lambda item: -item[1])
    ]
    if not audit.unusable:
        lines.append(("unusable rows", "none"))
    lines += [(f"read as: {how}", f"{n:,}") for how, n in audit.read_as.items()]
    return lines


def _share(part: int, whole: int) -> str:
    return f" ({percent(part / whole)})" if 0 < part < whole else ""
