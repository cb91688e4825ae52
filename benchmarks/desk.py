"""A year of one support desk: calibrant's own loop beside calibrating once, refitting monthly, and no calibration.

    python benchmarks/desk.py [RUNS] [--quick] [--keep FILE.json] [--chart FILE.svg]

14,600 answers a year. The model behind the name gets worse on day 90, a new domain comes on day 150, another prompt on
day 210 makes the model surer of itself, and a better model comes on day 285. Verdicts take 3 days in the mean where the
answer is wrong, 18 hours where it is right. All four begin with 500 verdicts, and all but the last have 12 a day:

calibrant   drawn by chances that are known, a fifth of them from all answers alike; alarms, refits and promotions
once        the first map, for ever
monthly     of the answers that its map doubts (p < .8) 12 a day are reviewed; every 28 days a map for each domain on
            all reviewed answers
none        the model's confidence is taken for a probability

An answer goes out by itself at p >= .8. Calibration error is the mean, over 10 bins of p in a month and domain, of
|p - true probability|, which is known here; errors sent are the wrong ones among a thousand answers that went out.
Runs that are kept in a file are not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from calibrant.calibrators.platt import Platt
from calibrant.demo.desk import TASK, desk_year, first_release
from calibrant.demo.world import DAY, DOMAINS, HAPPENINGS, START, Desk
from calibrant.stores.sql import SqlStore
from calibrant.tally import Tally

Array = NDArray[np.float64]
SENT, PER_DAY, MONTH = 0.8, 12, 28
METHODS = ("calibrant", "once", "monthly", "none")


def first_maps(world: Desk) -> list[object]:
    maps = first_release(world).default.maps
    return [maps.match({"task": TASK, "domain": domain}).found for domain in DOMAINS]


def once(world: Desk) -> Array:
    maps, p = first_maps(world), np.empty(len(world.score))
    for domain, made in enumerate(maps):
        here = world.domain == domain
        p[here] = made(world.score[here])  # type: ignore[operator]
    return p


def monthly(world: Desk, seed: int) -> Array:
    """What most do: doubtful answers are reviewed, and all that was reviewed is fitted on, each counting one."""
    rng, maps, p = np.random.default_rng(seed), first_maps(world), np.full(len(world.score), np.nan)
    reviewed = np.zeros(len(p), bool)
    reviewed[: world.learnt] = True
    known = np.where(reviewed, -np.inf, np.inf)
    for day in range(int(world.day.max()) + 1):
        if day and day % MONTH == 0:
            for domain in range(len(DOMAINS)):
                here = reviewed & (world.domain == domain) & (known < START + day * DAY)
                if here.sum() >= 50:
                    maps[domain] = Platt().fit(Tally.of(world.score[here], world.right[here]))
        today = np.flatnonzero(world.day == day)
        for domain in range(len(DOMAINS)):
            here = today[world.domain[today] == domain]
            if len(here):
                p[here] = maps[domain](world.score[here])  # type: ignore[operator]
        doubtful = today[p[today] < SENT]
        asked = rng.permutation(doubtful)[:PER_DAY]
        reviewed[asked] = True
        known[asked] = START + (day + 1) * DAY + world.delay[asked]
    return p


def calibrant_loop(seed: int, days: int) -> tuple[Desk, Array, int, list[tuple[int, str]]]:
    with TemporaryDirectory() as folder:
        store = SqlStore(f"{folder}/desk.db")
        year = desk_year(store, seed=seed, days=days, hold=False)
        store.close()
    return year.world, year.p, year.labels, year.happened


def measured(world: Desk, p: Array) -> Array:
    """Calibration error, automatic share and errors sent in a thousand, for each month: shape (3, months)."""
    year = world.day >= 0
    out = []
    for month in range((int(world.day.max()) + 1) // MONTH):
        here = year & (world.day // MONTH == month)
        off = total = 0.0
        for domain in range(len(DOMAINS)):
            some = np.flatnonzero(here & (world.domain == domain) & np.isfinite(p))
            for part in np.array_split(some[np.argsort(p[some])], 10):
                if len(part):
                    off += abs(float((p[part] - world.truth[part]).mean())) * len(part)
                    total += len(part)
        sent = here & (p >= SENT)
        wrong = 1000 * float((1 - world.truth[sent]).mean()) if sent.any() else 0.0
        out.append((off / max(total, 1), float(sent.sum() / here.sum()), wrong))
    return np.array(out).T


def of_year(world: Desk, p: Array) -> tuple[float, float, float, float]:
    """The year's calibration error, automatic share, errors sent in a thousand that went out, and their number."""
    months, year = measured(world, p), world.day >= 0
    sent = year & (p >= SENT)
    wrong = float((1 - world.truth[sent]).sum())
    return float(months[0].mean()), float(sent.sum() / year.sum()), 1000 * wrong / max(sent.sum(), 1), wrong


def chart(lines: dict[str, Array], target: Path) -> None:
    import altair as alt
    import pandas as pd

    from calibrant.report.drawing import dressed, save

    rows = [
        {"day": month * MONTH + MONTH / 2, "what": what, "value": value, "by": name}
        for name, months in lines.items()
        for what, values in zip(
            ("calibration error", "automatic share", "errors in 1,000 sent"), months, strict=True
        )
        for month, value in enumerate(values)
    ]
    marks = alt.Chart(pd.DataFrame([{"day": day, "says": says} for day, says in HAPPENINGS.items()]))
    base = alt.Chart(pd.DataFrame(rows)).mark_line(point=True).encode(
        x=alt.X(
            "day:Q", title="day of the year", scale=alt.Scale(domain=[0, 365], nice=False),
            axis=alt.Axis(values=[0, *HAPPENINGS, 365]),
        ), y=alt.Y("value:Q", title=None),
        color=alt.Color("by:N", title=None, sort=list(METHODS), legend=alt.Legend(orient="top")),
        strokeDash=alt.StrokeDash("by:N", legend=None, sort=list(METHODS)),
    )  # fmt: skip
    panels = [
        alt.layer(
            base.transform_filter(alt.datum.what == what),
            marks.mark_rule(strokeDash=[2, 3], color="#888").encode(x="day:Q", tooltip="says:N"),
        ).properties(width=620, height=150, title=what)
        for what in ("calibration error", "automatic share", "errors in 1,000 sent")
    ]
    save(
        dressed(alt.vconcat(*panels), "The year of a desk, by four ways, in 28 days each"),
        target,
        title="A desk's year",
    )


def table(kept: dict[str, dict[str, dict[str, list[float]]]]) -> None:
    """Means over the runs, with standard deviations."""
    print(
        f"\n{'':12}calibration error   automatic   wrong of 1,000 sent   wrong sent in the year ({len(kept)} runs)"
    )
    for name in METHODS:
        found = np.array([run[name]["year"] for run in kept.values()])
        mean, spread = found.mean(axis=0), found.std(axis=0)
        print(
            f"{name:12}{mean[0]:.3f} +- {spread[0]:.3f}      {mean[1]:.3f}       {mean[2]:5.0f} +- {spread[2]:.0f}"
            f"           {mean[3]:6.0f} +- {spread[3]:.0f}"
        )


def one_run(seed: int, days: int) -> dict[str, dict[str, list[float]]]:
    world, told, labels, happened = calibrant_loop(seed, days)
    said = "; ".join(f"{day} {what}" for day, what in happened if day not in HAPPENINGS)
    print(f"seed {seed}: {labels} labels; {said}", flush=True)
    ways = {"calibrant": told, "once": once(world), "monthly": monthly(world, seed), "none": world.score}
    return {
        name: {"year": list(of_year(world, p)), "months": measured(world, p).tolist()}
        for name, p in ways.items()
    }


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=20)
    parser.add_argument("--keep", type=Path, metavar="FILE.json")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg")
    parser.add_argument("--quick", action="store_true", help="one run of two months")
    return parser


def main() -> None:
    given, start = options().parse_args(), time.process_time()
    runs, days = (1, 60) if given.quick else (given.runs, 365)
    keep, target = given.keep, given.chart
    kept = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    for seed in range(runs):
        if str(seed) not in kept:
            kept[str(seed)] = one_run(seed, days)
            if keep is not None:
                keep.write_text(json.dumps(kept))
    table(kept)
    if target is not None:
        chart(
            {name: np.mean([run[name]["months"] for run in kept.values()], axis=0) for name in METHODS},
            target,
        )
    print(f"{time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
