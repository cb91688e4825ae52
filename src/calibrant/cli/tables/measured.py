"""What audit, fit and apply found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.applying import Applied
from calibrant.auditing import Audit, Group
from calibrant.fitted import Fitted
from calibrant.metrics.intervals import Estimate
from calibrant.phrasing.findings import cells, unit_told
from calibrant.phrasing.numbers import fixed, of_100, percent, points, several, span

from ..terminal import print_read, say, table

__all__ = ["FEW_AT_TOP", "print_applied", "print_audit", "print_fitted"]


def print_audit(found: Audit) -> None:
    """What gives reason for doubt, one sentence a group, what could not be used, and a table."""
    if 2 * found.used < found.rows:
        say(f"Most rows fell out: {found.used:,} of {found.rows:,} could be used.")
    for note in found.notes:
        say(note)
    if found.many_told:
        say(found.many_told)
    for group in found.groups:
        say(group.sentence)
    say("")
    print_read(found.rows, found.used, found.unusable, ())
    print_columns({part: name for part, name in found.columns.items() if name})
    say(f"Unit of the confidence: {unit_told(found.scale)}.")
    heads = ("group", ">n", ">right", ">claimed", ">ECE (floor)", ">smooth ECE", ">Brier", ">AUROC")
    table(heads, map(_audited, found.groups))


def print_columns(played: Mapping[str, str]) -> None:
    """Which column played which part."""
    say(f"Columns: {', '.join(f'{part} {name!r}' for part, name in played.items())}.")


def _audited(group: Group) -> tuple[str, ...]:
    f, said = group.finding, cells(group.finding)
    if f is None or not said:
        return _of(group.by), f"{group.tally.rows:,}", group.verdict, *["-"] * 5
    return (
        _of(group.by), f"{f.n:,}", said["accuracy"], said["confidence"], f"{said['ece']} ({said['floor']})",
        said["smooth"], said["brier"], said["auroc"],
    )  # fmt: skip


def _of(by: Mapping[str, str | None]) -> str:
    return ", ".join(map(str, by.values())) or "all"


FEW_AT_TOP = 64
"""Labels in the top range below which it cannot be told whether the truth leaves the curve there."""


def print_fitted(fitted: Fitted) -> None:
    """What could not be used, from which columns, and a line for each map."""
    print_read(fitted.log.rows, fitted.log.used, fitted.log.unusable, fitted.notes)
    print_columns(fitted.log.roles.told)
    groups = [(_of(group.by), group.to_dict()) for group in fitted.groups]
    heads = ("group", "calibrator", ">n", ">ECE before", ">after", ">Brier before", ">after", "map")
    table(heads, _fitted(groups, fitted.total()))
    for group in fitted.groups:
        if group.map is None:
            say(f"{_of(group.by)} has no map: {group.why}.")
    _print_worst(fitted.worst_segment())
    _print_behind([(name, g["behind"][-1]) for name, g in groups if g.get("behind")])
    if fitted.fallbacks:
        named = [", ".join(f"{n}={v}" for n, v in where) or "anything" for where, _ in fitted.fallbacks]
        listed = ", ".join(named[:8]) + (f" and {len(named) - 8:,} more" if len(named) > 8 else "")
        say(f"Maps for groups not seen here: {listed}.")
    for name, g in groups:
        if "blend" in g:
            _print_blend(name, g["blend"])


def _fitted(
    groups: list[tuple[str, dict[str, Any]]], total: Mapping[str, Any] | None
) -> Iterator[tuple[str, ...]]:
    for name, g in groups:
        yield name, g["calibrator"] or "-", *_scores(g), g["map_id"] or "none"
    if total is not None and len(groups) > 1:
        yield "together", "", *_scores(total), ""


def _scores(told: Mapping[str, Any]) -> tuple[str, ...]:
    measured = [told[when] or {} for when in ("before", "after")]
    return f"{told['n']:,}", *(fixed(one.get(name)) for name in ("ece", "brier") for one in measured)


def _print_behind(tops: list[tuple[str, dict[str, Any]]]) -> None:
    """How few labels are behind the intervals of the surest scores, where they are too few for a step to show."""
    few = [(name, top) for name, top in tops if top["rows"] < FEW_AT_TOP]
    if few:
        name, top = min(few, key=lambda one: (one[1]["rows"], one[0]))
        low, high = (of_100(top[f"rate_{end}"]) for end in ("low", "high"))
        say(
            f"{several(round(top['rows']), 'label')} behind the interval of the surest scores ({fixed(top['low'])} and "
            f"above, {name}): of themselves they allow any rate from {low} to {high} of 100. A step of the truth there "
            "might not show, nor be covered. --json lists the labels by range."
        )


def _print_worst(worst: Mapping[str, Any] | None) -> None:
    """The segment that is worst calibrated after the fit, on rows that its map had not seen."""
    after = worst and worst["after"]
    if after:
        name = ", ".join(f"{n} {v}" for n, v in after["segment"].items())
        gap = Estimate(**after["gap"])
        say(
            f"Of {after['segments']:,} segments {after['shown']:,} still show a gap; the worst, {name}: "
            f"{points(gap.value, 1, signed=True)}, {span(gap, 1, scale=100, signed=True)} (95 % for all of them at "
            "once)."
        )


def _print_blend(name: str, blend: Mapping[str, Any]) -> None:
    """What each signal is worth to a blend, so that a dear one can be left out."""
    rows = [
        (
            signal,
            fixed(w["weight"], 2),
            percent(w["missing"]) if w["missing"] else "none",
            fixed(w["alone"], 4),
            fixed(w["saves"], 4, signed=True),
        )
        for signal, w in blend["signals"].items()
    ]
    table(("signal", ">weight", ">missing", ">Brier alone", ">saved by it"), rows, f"Blend of {name}")
    for signal, why in blend["dropped"].items():
        say(f"  {signal} was left out: {why}")


def print_applied(done: Applied) -> None:
    """How many rows got a probability, why the others did not, and what is to be done with the answers."""
    for note in done.notes:
        say(note)
    say(f"{done.calibrated:,} of {done.rows:,} rows got a calibrated probability.")
    for why, n in done.uncalibrated.most_common():
        say(f"  {n:,} did not: {why}")
    for signal, n in done.ignored.most_common():
        say(f"  {n:,} scores of {signal} did not count: no blend was fitted on it.")
    for level, n in done.stood_in.most_common(8):
        say(f"  {n:,} are of groups without a map; the one for {level} stood in.")
    for labels, n in done.few.most_common(8):
        say(f"  {n:,} got theirs from a map that rests on {labels} labelled answers only: see its interval.")
    for caution, n in done.cautioned.most_common(8):
        say(f"  {n:,} got theirs from a map that may not hold for them: {caution}.")
    for column, n in done.replaced.items():
        say(f"  {n:,} rows held something in {column} before, which was replaced.")
    say("Actions: " + ", ".join(f"{name} {n:,}" for name, n in done.actions.most_common()))
