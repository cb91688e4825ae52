"""How charts look, and how they become a picture in a file.

Colours are those of Okabe and Ito, which people with the common forms of colour blindness tell apart; no
chart relies on colour alone. Points are never joined by splines: between two scores there is no data.

A chart is drawn once, in light colours. In a page or a picture of its own (SVG) a rule of style puts the dark ones in
their place where the reader's screen is dark; what knows no such rules, and paper, keeps the light ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from ..errors import Misuse
from ..files.writing import write
from ..plugins import require

__all__ = [
    "Chart",
    "alt",
    "check_drawable",
    "coloured",
    "dressed",
    "plot",
    "rounded",
    "save",
    "to_png",
    "to_svg",
]

BLUE, SKY, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
INK, MUTED, GRID_LINE, BAND = "#1b1b1b", "#5f6368", "#e4e6e8", "#c8ccd0"
GREY = "#9aa0a6"
ON_BLUE, ON_BRIGHT = "#fefefe", "#1a1a1a"
"""Text on bars: on blue ones, which turn light where the page is dark, and on those that stay bright."""
DARK = {
    "white": "#1d2226", INK: "#eceff1", MUTED: "#a3abb2", GRID_LINE: "#343b41", BAND: "#4b545c", GREY: "#7d858c",
    BLUE: "#8ccbf5", SKY: "#4a96cb", VERMILION: "#f08548", ON_BLUE: ON_BRIGHT,
}  # fmt: skip
"""What each colour becomes on a dark page; the others stay."""
DARK_RULES = "@media screen and (prefers-color-scheme:dark){" + "".join(
    f'.marks [{part}="{light}"]{{{part}:{dark}}}' for light, dark in DARK.items() for part in ("fill", "stroke")
) + "}"  # fmt: skip
"""The rules of style that do it, for charts made by `to_svg`."""
SIZE = 400
"""Pixels of a side of the usual chart, small enough for its letters to be read where a phone shrinks it."""
FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]
_ENDINGS = (".svg", ".png", ".html")
Rows = list[dict[str, Any]]
Chart = Any
"""A chart of Altair, whose types are not to be had where it is not installed."""


class _Altair:
    """The library, imported on first use; raises `MissingExtra` with the way to get it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(require("altair", "A chart", extra="report"), name)


alt: Any = _Altair()


def plot(rows: Rows) -> Chart:
    """A chart of rows, handed over as JSON text: Altair copies and checks lists value by value, several times."""
    return alt.Chart(alt.Data(values=json.dumps(rows), format=alt.DataFormat(type="json")))


def coloured(field: str, colours: Mapping[str, str], *, shown: bool = True, **legend: Any) -> Any:
    """Colours by name, with their legend above the chart where it is shown."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    key = alt.Legend(title=None, orient="top", **{"columnPadding": 22, **legend}) if shown else None
    return alt.Color(field, scale=scale, legend=key)


def rounded(value: float, digits: int = 4) -> float:
    """Digits that a picture can show."""
    return round(float(value), digits)


def headed(title: str, *lines: str) -> Any:
    """A title above a chart, with lines of words that would cover data if they stood in it."""
    return alt.TitleParams(
        title, subtitle=list(lines), anchor="start", fontSize=15, color=INK, fontWeight=600, subtitleFontSize=13,
        subtitleColor=INK, subtitlePadding=4, offset=8, limit=SIZE + 60,
    )  # fmt: skip


PADDING = {"left": 24, "top": 8, "right": 24, "bottom": 8}
"""Room for labels in a reader's font, which may be wider than the one that the drawing was measured in."""


def dressed(chart: Any, description: str) -> Any:
    """The common look."""
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 15, "titleFontSize": 15}
    config = {
        "aria": False,
        "font": "Helvetica, Arial, sans-serif",
        "axis": {"gridColor": GRID_LINE, "domainColor": MUTED, "tickColor": MUTED, "labelFlush": False,
                 "titleFontWeight": "normal", "titlePadding": 10, **text},
        "legend": {"labelColor": INK, "labelFontSize": 14, "labelLimit": 320, "offset": 6,
                   "titleColor": INK, "titleFontSize": 13, "titleFontWeight": "normal"},
        "title": {"color": INK},
        "view": {"stroke": MUTED},
    }  # fmt: skip
    return chart.properties(description=description, background="white", padding=PADDING, config=config)


def to_svg(chart: Any, *, title: str = "", styled: bool = True) -> str:
    """The chart as SVG with a title and a description for screen readers; its ids are its own.

    It has its dark colours with it, unless the page has them (`DARK_RULES`): `styled` false.
    """
    svg: str = _converter().vegalite_to_svg(chart.to_dict(), vl_version=_version())
    description = getattr(chart, "description", None)
    svg = re.sub(r' (?:role|aria-\w+)="[^"]*"', "", svg)  # what follows labels the chart as one picture
    # The converter numbers ids through all the charts it has made; here each chart counts from 0.
    for i, name in enumerate(dict.fromkeys(re.findall(r'\bid="(\w+)"', svg))):
        svg = svg.replace(f'id="{name}"', f'id="id-{i}"').replace(f"url(#{name})", f"url(#id-{i})")
    mark = "c" + hashlib.sha256((title + svg).encode()).hexdigest()[:8]
    svg = svg.replace('id="id-', f'id="{mark}-').replace("url(#id-", f"url(#{mark}-")
    labels = f'<title id="{mark}-t">{escape(title or "Chart")}</title>'
    if isinstance(description, str):
        labels += f'<desc id="{mark}-d">{escape(description)}</desc>'
    labels += f"<style>{DARK_RULES}</style>" if styled else ""
    head = rf'<svg role="img" aria-labelledby="{mark}-t {mark}-d" \1>'
    return re.sub(r"<svg ([^>]*)>", lambda m: m.expand(head) + labels, svg, count=1)


def to_png(chart: Any, *, scale: float = 2.0) -> bytes:
    """The chart as PNG."""
    png: bytes = _converter().vegalite_to_png(chart.to_dict(), vl_version=_version(), scale=scale)
    return png


def check_drawable(path: Path) -> None:
    """Before any work: raise `UnusableInput` for a file that is no kind of chart, `MissingExtra` without Altair."""
    _check_ending(path)
    _ = alt.Chart, _converter()


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in _ENDINGS:
        raise Misuse(f"Expected --chart with an ending {', '.join(_ENDINGS)}; got {path}.")


def save(chart: Any, path: Path, *, title: str = "") -> None:
    """Write a chart as SVG, PNG or an HTML page that works offline; raises `UnusableInput` for another ending."""
    _check_ending(path)
    if path.suffix.lower() == ".png":
        write(path, to_png(chart))
        return
    drawn = to_svg(chart, title=title)
    if path.suffix.lower() == ".html":
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        drawn = f"{head}<body>{drawn}</body></html>"
    write(path, drawn)


def _converter() -> Any:
    return require("vl_convert", "A chart as a picture", extra="report")


def _version() -> str:
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
