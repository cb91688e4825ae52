"""The words of the report: how numbers are said, in which order groups come, what the measures mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..logs.sources import group_name
from ..maps.track_record import TrackRecord
from ..phrasing.english import ENGLISH
from ..phrasing.phrases import phrase_of
from ..types import Confidence, Probability, canonical
from .charts import ACTIONS, FEW

if TYPE_CHECKING:
    from ..auditing import Audit, Group

__all__ = ["ASSUMPTIONS", "MEASURES", "Bands", "group_key", "too_few", "worst_first"]

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
            f"Below {FEW} effective rows no number is printed."),
    ("Reliability diagram", "Blue: the share right after an isotonic (CORP) fit. Grey: where nine in ten such "
            "curves would pass if the confidences were calibrated. Dots: bins, area in proportion to rows."),
    ("Risk and coverage", "If only the surest answers were sent, how many of them would be wrong. "
            "A curve that does not fall to the left gains nothing from a threshold. Answers of one score can only be "
            f"sent together (dots), and the curve starts at {FEW} rows, so it may be short."),
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


def group_key(by: Mapping[str, str | None]) -> str:
    """The name by which `actions` are given to a group.

    It is canonical JSON, so no two groups share one, whatever their names contain.

    >>> group_key({"model": "m", "domain": None}), group_key({})
    ('{"domain":null,"model":"m"}', '{}')
    """
    return canonical(dict(by))


def too_few(group: Group) -> bool:
    """Whether a group has too few effective rows for any number."""
    return group.measures.get("verdict") == "too few rows" or group.tally.n_eff < FEW


def worst_first(groups: Sequence[Group]) -> list[Group]:
    """The whole log, then the groups by how large a gap is shown beyond chance; those with too few rows last."""
    return sorted(groups, key=_evidence)


def _evidence(group: Group) -> tuple[float, ...]:
    if too_few(group):
        return (2.0, -float(group.tally.rows))
    gap, smooth = group.measures["gap"], group.measures["smooth_ece"]
    shown = max(gap["low"], -gap["high"], 0.0)
    return (float(bool(group.by)), -shown, -smooth["low"], -abs(gap["value"]))


def answer_parts(group: Group) -> tuple[str, str, str]:
    """The sentence on a group in three parts: the group's name, what was found, the verdict."""
    name = group_name(group.by)
    if not too_few(group):
        _, claims, rest = group.sentence.rpartition(": claims ")
        found, stop, verdict = f"{claims.removeprefix(': ')}{rest}".rpartition(". ")
        return name, f"{found}{stop}".strip(), verdict
    if not group.tally.rows:
        return name, "no usable rows, so nothing can be said.", "Too few rows."
    worth = (
        f", worth {group.tally.n_eff:.0f} independent ones" if group.tally.n_eff < group.tally.rows else ""
    )
    return (
        name,
        f"{count(group.tally.rows, 'row')}{worth}; {FEW} are needed to say anything.",
        "Too few rows.",
    )


def floor_sentence(group: Group) -> str:
    """The ECE next to what a perfect model would show."""
    ece = group.measures["ece"]
    return (
        f"ECE {num(ece['value'])} on {ece['bins']} bins; a perfect model would show "
        f"{num(ece['noise_floor'])} at this n."
    )


def change_sentence(before: Group, after: Group | None) -> str:
    """What calibration changed, on the same held-out rows."""
    if after is None or too_few(before) or too_few(after):
        return "Too few held-out rows to say what calibration changed."
    b, a = before.measures, after.measures
    better = a["brier"] < b["brier"]
    lead = "Calibration" if better else "Calibration did not improve the Brier score here. It"
    claims = f"from {of_100(b['mean_confidence'])} to {of_100(a['mean_confidence'])} of 100"
    eces = f"from {num(b['ece']['value'])} to {num(a['ece']['value'])}"
    return (
        f"{lead} moved the mean confidence {claims} (right: {of_100(a['accuracy'])}), "
        f"the gap from {points(b['gap'])} to {points(a['gap'])}, "
        f"ECE {eces} (a perfect model would show {num(a['ece']['noise_floor'])}), "
        f"Brier from {num(b['brier'])} to {num(a['brier'])}. Now: {a['verdict']}."
    )


def cells(group: Group) -> dict[str, str]:
    """The numbers of a group as the tables print them; none where rows are too few."""
    m = group.measures
    if too_few(group):
        return {}
    return {
        "n_eff": f"{m['n_eff']:,.0f}",
        "accuracy": percent(m["accuracy"]),
        "confidence": percent(m["mean_confidence"]),
        "gap": interval(m["gap"], 100, 1),
        "ece": num(m["ece"]["value"]),
        "floor": num(m["ece"]["noise_floor"]),
        "smooth": interval(m["smooth_ece"]),
        "l2_value": num(m["l2"]["value"]),
        "l2_span": span(m["l2"]),
        "smooth_value": num(m["smooth_ece"]["value"]),
        "smooth_span": span(m["smooth_ece"]),
        "brier": num(m["brier"]),
        "parts": f"= {num(m['mcb'])} − {num(m['dsc'])} + {num(m['unc'])}",
        "auroc": "one class only" if m["auroc"] is None else num(m["auroc"]),
        "aurc": num(m["aurc"]),
    }


def band_groups(
    groups: Sequence[Group], actions: Bands | None
) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Names and bands of the groups that have any, in the order of the groups."""
    found = ((group_name(g.by), (actions or {}).get(group_key(g.by))) for g in groups)
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


def said_rows(group: Group) -> list[tuple[str, str, str, str, str]]:
    """What people are told of calibrated answers, by band: given, said, answers, right, 95 % interval.

    A band of too few answers is left out; one whose answers are graded or weighted has no count of right ones.
    """
    rows = []
    for band in filter(None, TrackRecord.of(group.tally).bands):
        middle = Confidence(p=Probability((band.low + band.high) / 2), verdicts=group.tally.rows)
        told, words = band.to_dict(), phrase_of(middle, evidence=group.tally.n_eff)
        rows.append((
            ENGLISH.band(band.low, band.high), words.words or "", f"{told['answers']:,}",
            percent(band.share) + ("" if told["right"] is None else f" ({told['right']:,})"),
            f"{percent(band.share_low)} to {percent(band.share_high)}",
        ))  # fmt: skip
    return rows


def read_lines(audit: Audit) -> list[tuple[str, str]]:
    """What was read and what could not be used, with counts: (what, how many)."""
    lines = [
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


def count(n: int, noun: str) -> str:
    """A count with its noun: 1 row, 2 rows."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def of_100(value: float) -> str:
    """A share in whole answers of 100; never 0 and never 100.

    >>> of_100(0.874), of_100(0.999), of_100(0.001)
    ('87', 'over 99', 'under 1')
    """
    whole = round(100 * value)
    return "over 99" if whole >= 100 else "under 1" if whole <= 0 else str(whole)


def points(gap: Mapping[str, float]) -> str:
    """A signed gap in points."""
    whole = round(100 * gap["value"])
    if not whole:
        return "less than half a point"
    return f"{whole:+d} point".replace("-", "−") + ("" if abs(whole) == 1 else "s")


def percent(value: float | None) -> str:
    """A share as per cent; never 0 % and never 100 %."""
    if value is None:
        return "–"
    whole = 100 * value
    return "> 99 %" if whole > 99.45 else "< 1 %" if whole < 0.55 else f"{whole:.0f} %"


def num(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "–" if value is None else _fixed(value, 3)


def interval(estimate: Mapping[str, float], scale: float = 1.0, digits: int = 3) -> str:
    """Value and interval: 0.081 (0.040 to 0.122)."""
    return f"{_fixed(scale * estimate['value'], digits)} ({span(estimate, scale, digits)})"


def span(estimate: Mapping[str, float], scale: float = 1.0, digits: int = 3) -> str:
    """The interval alone: 0.040 to 0.122."""
    return f"{_fixed(scale * estimate['low'], digits)} to {_fixed(scale * estimate['high'], digits)}"


def _fixed(value: float, digits: int) -> str:
    """Fixed decimals with a real minus sign and no minus zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _share(part: int, whole: int) -> str:
    return f" ({percent(part / whole)})" if 0 < part < whole else ""
