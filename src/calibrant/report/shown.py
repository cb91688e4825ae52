"""The chart and the page of each result that can be shown."""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import Any

from ..auditing import Audit, Group
from ..comparing.logs import Comparison
from ..comparing.signals import SignalTable
from ..errors import UnusableInput
from ..fitted import Fitted, FittedGroup
from ..judging import Judging
from ..logs.keys import group_name
from ..maps.calibration import CalibrationMap, MapSet
from ..maps.groups import PooledMaps
from ..metrics.findings import Finding
from ..planning.cascades import PlannedCascade
from ..planning.costs import CostPlan
from ..planning.ensembles import EnsemblePlan
from ..planning.pareto import ParetoFront
from ..planning.thresholds import ThresholdPlan
from ..tally import Tally
from . import charts
from .cascades import cost_quality
from .comparisons import comparison_chart, comparison_sheet
from .costs import cost_curves
from .drawing import Chart, to_svg
from .ensembles import ensemble_chart
from .gaps import gap_chart
from .judgings import judging_sheet
from .maps import map_curves
from .notebook import STYLE, cells, table
from .page import html, sheet_html
from .pareto import front
from .signals import ranking_chart
from .thresholds import certified_risk

__all__ = ["chart", "page"]

_PAGE = (
    ":root{color-scheme:light dark}body{margin:0 auto;max-width:70rem;padding:1.5rem;background:Canvas;"
    "color:CanvasText}h1{font:600 1.5rem/1.2 system-ui,sans-serif}figure{margin:1rem 0}"
    "figure svg{max-width:100%;height:auto;background:#fff;border-radius:.35rem}"
)


@singledispatch
def chart(thing: Any) -> Chart:
    """The chart of a result; raises `UnusableInput` where it has none."""
    raise UnusableInput(
        f"There is no chart of a {type(thing).__name__}. Its numbers: to_frame() for all, to_html() for a page."
    )


@chart.register
def _(thing: Tally) -> Chart:
    if not thing.rows:
        raise UnusableInput("There is nothing to draw: no row of it can be used. Its notes say why.")
    return charts.reliability(thing)


@chart.register
def _(thing: Group) -> Chart:
    return chart(thing.tally)


@chart.register
def _(thing: Audit) -> Chart:
    measured = [group.tally for group in thing.groups if group.finding is not None]
    return gap_chart(thing.groups) if len(measured) > 1 else chart((*measured, Tally.of([], []))[0])


@chart.register
def _(thing: CalibrationMap) -> Chart:
    return map_curves({"": thing})


@chart.register
def _(thing: MapSet) -> Chart:
    named = {", ".join(map(str, key)) or "All rows": one for key, one in thing.groups}
    named |= {f"any other {', '.join(v for _, v in where)}".strip(): one for where, one in thing.fallbacks}
    if not named:
        raise UnusableInput(
            "Blends take several signals, so they have no curve. to_frame() says what each is worth."
        )
    return map_curves(named)


@chart.register
def _(thing: Fitted) -> Chart:
    named = {group_name(g.by): g.map for g in thing.groups if isinstance(g.map, CalibrationMap)}
    if not named:
        raise UnusableInput(
            "These maps have no curve: they take several numbers. to_frame() says what they are worth."
        )
    return map_curves(named)


@chart.register
def _(thing: FittedGroup) -> Chart:
    if not isinstance(thing.map, CalibrationMap):
        raise UnusableInput(
            "This map has no curve: it takes several numbers, or there is none. to_frame() says more."
        )
    return map_curves({group_name(thing.by): thing.map})


@chart.register
def _(thing: PooledMaps) -> Chart:
    return map_curves({", ".join(map(str, key)) or "All rows": one for key, one in thing.groups.items()})


@chart.register
def _(thing: ThresholdPlan) -> Chart:
    return certified_risk(thing)


@chart.register
def _(thing: CostPlan) -> Chart:
    told = [group for group in thing.to_dict()["groups"] if group["curve"]]
    if not told:
        raise UnusableInput("There is nothing to draw: no group has labels enough.")
    return cost_curves(told, wrong=thing.policy.wrong, review=thing.policy.review)


@chart.register
def _(thing: EnsemblePlan) -> Chart:
    return ensemble_chart(thing)


@chart.register
def _(thing: PlannedCascade) -> Chart:
    return cost_quality(thing.to_dict())


@chart.register
def _(thing: ParetoFront) -> Chart:
    return front(thing.to_dict())


@chart.register
def _(thing: SignalTable) -> Chart:
    return ranking_chart(thing)


@chart.register
def _(thing: Comparison) -> Chart:
    return comparison_chart(thing)


@singledispatch
def page(thing: Any) -> str:
    """The report of a result as one page: its lines, its chart where it has one, its table."""
    told, title = [escape(line) for line in thing._told()], type(thing).__name__
    try:
        drawn = f"<figure>{to_svg(chart(thing), title=title)}</figure>"
    except UnusableInput:
        drawn = ""
    words = "".join(f"<p>{line}</p>" for line in told)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title}</title><style>{_PAGE}{STYLE}</style></head>'
        f'<body class="calibrant"><h1>{title}</h1>{words}{drawn}{table(cells(thing))}</body></html>\n'
    )


@page.register
def _(thing: Comparison) -> str:
    return sheet_html(comparison_sheet(thing))


@page.register
def _(thing: Judging) -> str:
    return sheet_html(judging_sheet(thing))


@page.register
def _(thing: Audit) -> str:
    return html(thing)


@page.register
def _(thing: Group) -> str:
    return html(_audit_of(thing))


@page.register
def _(thing: Tally) -> str:
    return html(_audit_of(Group(by={}, tally=thing, finding=Finding.of(thing) if thing.rows else None)))


def _audit_of(group: Group) -> Audit:
    rows = group.tally.rows
    return Audit(
        source="a tally", rows=rows + sum(group.unusable.values()), used=rows, unusable=dict(group.unusable),
        read_as={}, groups=(group,), bins=15, columns={}, notes=(),
    )  # fmt: skip
