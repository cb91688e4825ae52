"""Draw what hangs together how: boxes and arrows, in the colours of the reports, dark where the reader's screen is.

python docs/diagrams.py
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from calibrant.report.drawing import BLUE, DARK_RULES, INK, MUTED

FOLDER = Path(__file__).parent / "pictures"
LINE, LETTER = 17, 7.4
"""Height of a line of text and width of a letter, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """Lines of text around a point, the first of them strong; `ours` is what calibrant does."""

    x: float
    y: float
    says: str
    ours: bool = False
    wide: float = 0

    @property
    def width(self) -> float:
        """Pixels, of its longest line where not set."""
        return self.wide or LETTER * max(map(len, self.says.splitlines())) + 26

    @property
    def height(self) -> float:
        """Pixels, of its lines."""
        return LINE * len(self.says.splitlines()) + 18

    def svg(self) -> str:
        """As a part of the picture."""
        left, top = self.x - self.width / 2, self.y - self.height / 2
        edge = f'stroke="{BLUE if self.ours else MUTED}" stroke-width="{2 if self.ours else 1.2}"'
        parts = [
            f'<rect x="{left:g}" y="{top:g}" width="{self.width:g}" height="{self.height:g}" rx="6" '
            f'fill="white" {edge}/>'
        ]
        for i, line in enumerate(self.says.splitlines()):
            weight = ' font-weight="600"' if i == 0 else ""
            parts.append(
                f'<text x="{self.x:g}" y="{top + 9 + LINE * (i + 0.75):g}" text-anchor="middle" '
                f'fill="{INK if i == 0 else MUTED}"{weight}>{escape(line)}</text>'
            )
        return "".join(parts)


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """From point to point, with what goes along it."""

    path: tuple[tuple[float, float], ...]
    says: str = ""
    at: tuple[float, float] | None = None
    anchor: str = "middle"

    def svg(self) -> str:
        """As a part of the picture."""
        points = " ".join(f"{x:g},{y:g}" for x, y in self.path)
        look = f'fill="none" stroke="{MUTED}" stroke-width="1.4" marker-end="url(#tip)"'
        drawn = f'<polyline points="{points}" {look}/>'
        (a, b), (c, d) = self.path[0], self.path[-1]
        x, y = self.at or ((a + c) / 2, (b + d) / 2 - 7)
        for i, line in enumerate(self.says.splitlines()):
            drawn += (
                f'<text x="{x:g}" y="{y + LINE * i:g}" text-anchor="{self.anchor}" fill="{INK}" '
                f'font-size="12.5">{escape(line)}</text>'
            )
        return drawn


def diagram(title: str, width: int, height: int, *parts: Box | Arrow) -> str:
    """The whole picture; boxes lie on the arrows."""
    ordered = sorted(parts, key=lambda part: isinstance(part, Box))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="marks" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" font-size="13.5">'
        f"<title>{escape(title)}</title><style>{DARK_RULES}</style>"
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{MUTED}"/></marker></defs>'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f"{''.join(part.svg() for part in ordered)}</svg>\n"
    )


def engines() -> str:
    """Only sums leave an engine."""
    return diagram(
        "The engine counts a billion rows, sums travel, and all figures are made of the sums",
        764,
        250,
        Box(
            x=122,
            y=80,
            says="Where the log lies\nDuckDB, PostgreSQL, Spark,\nBigQuery, Snowflake ...\na billion rows",
        ),
        Box(
            x=425,
            y=80,
            says="One tally\ncount and sums of verdicts\nfor each group and each of\n25,200 steps of confidence",
            ours=True,
        ),
        Box(x=672, y=80, says="Every figure\nreports, maps,\nthresholds, costs,\nintervals", ours=True),
        Box(x=122, y=205, says="What needs each row\napply, watch, cascades"),
        Arrow(path=((232, 80), (314, 80)), says="GROUP BY"),
        Arrow(path=((535, 80), (592, 80))),
        Arrow(path=((122, 126), (122, 178))),
        Arrow(path=((217, 205), (425, 205), (425, 126)), says="row by row, and it is said", at=(320, 223)),
    )


def replicas() -> str:
    """Gateways share one database and nothing else."""
    parts: list[Box | Arrow] = []
    for i, y in enumerate((60, 150, 240)):
        does = "answers; leads: webhooks, monitors" if i == 0 else "answers"
        parts += [
            Box(x=350, y=y, says=f"Gateway {i + 1}\n{does}", ours=True, wide=236),
            Arrow(path=((175, 150 + 12 * (i - 1)), (231, y))),
            Arrow(path=((468, y), (548, 150 + 22 * (i - 1)))),
        ]
    return diagram(
        "Clients ask a balancer, any of three gateways answers, all share one PostgreSQL",
        764,
        380,
        Box(x=110, y=150, says="Balancer\nTLS, /readyz\nany way of\nbalancing does"),
        *parts,
        Box(x=652, y=150, says="PostgreSQL\nrecords, verdicts, releases,\nheld answers, who leads", wide=206),
        Box(x=350, y=335, says="A spool for each gateway\nwhat waits while the database is away", wide=290),
        Arrow(path=((350, 266), (350, 308))),
        Arrow(path=((495, 335), (652, 335), (652, 186)), says="afterwards, in order", at=(573, 325)),
        Arrow(path=((110, 34), (110, 104)), says="requests", at=(110, 24)),
    )


def gateway() -> str:
    """The way of an answer, and what comes back."""
    return diagram(
        "The model answers, signals and a map make a probability, a policy acts, verdicts come back", 720, 330,
        Box(x=80, y=60, says="Model\nanswers", wide=120),
        Box(x=235, y=60, says="Signals\nhow sure is it?", ours=True, wide=130),
        Box(x=400, y=60, says="Map\na probability", ours=True, wide=130),
        Box(x=565, y=60, says="Policy\nwhat to do with it", ours=True, wide=140),
        Box(x=565, y=170, says="Record\nbefore the answer leaves", ours=True, wide=190),
        Box(x=565, y=280, says="Reader\nanswer, or a disclaimer", wide=190),
        Box(x=310, y=170, says="People\njudge what was held, and what\nis drawn by known chances", wide=226),
        Box(x=310, y=280, says="Monitors, new maps\nis it still true? is another better?", ours=True, wide=240),
        Arrow(path=((140, 60), (168, 60))),
        Arrow(path=((300, 60), (333, 60))),
        Arrow(path=((465, 60), (493, 60))),
        Arrow(path=((565, 87), (565, 142))),
        Arrow(path=((565, 197), (565, 252))),
        Arrow(path=((470, 170), (425, 170))),
        Arrow(path=((310, 206), (310, 252)), says="verdicts", at=(318, 234), anchor="start"),
        Arrow(
            path=((190, 280), (150, 280), (150, 115), (400, 115), (400, 89)),
            says="promoted once\nverdicts prefer it", at=(142, 190), anchor="end",
        ),
    )  # fmt: skip


def main() -> None:
    """Write all of them."""
    for made in (engines, replicas, gateway):
        (FOLDER / f"diagram-{made.__name__}.svg").write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
