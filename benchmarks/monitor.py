"""The calibration monitor on streams of known truth, beside the rules that people use, at its promise and at its delay.

    python benchmarks/monitor.py [STREAMS] [--quick]

Null streams of 20,000 labels, looked at after every one (rules with a window: after every 100): alone, in clusters of 2
and of 20 whose verdicts are the same, and with verdicts of wrong answers that come 4 times later or earlier. Then
streams that change: the share of alarms, and the median of the labels from the change to the alarm. Confidence is
Beta(5, 1.3), the truth sigmoid(logit(confidence) + shift). No more than alpha = 5 % of the null streams may alarm.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from calibrant.monitors.calibration import Monitor
from calibrant.watching.log import watch

Array = NDArray[np.float64]
Stream = tuple[Array, Array]


def drawn(rng: np.random.Generator, rows: int, shift: float = 0.0, change: int = 0) -> Stream:
    p = np.clip(rng.beta(5, 1.3, rows), 1e-6, 1 - 1e-6)
    moved = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))
    truth = np.where(np.arange(rows) < change, p, moved)
    return p, (rng.random(rows) < truth).astype(float)


def monitored(stream: Stream, tolerance: float, size: int = 1) -> float:
    monitor, (p, y) = Monitor(tolerance=tolerance), stream
    for at, (claim, right) in enumerate(zip(p.tolist(), y.tolist(), strict=True)):
        monitor.update(claim, right, None if size == 1 else at // size)
        if monitor.alarm:
            return float(monitor.alarm_at or 0)
    return math.inf


def windows(stream: Stream, alarm: Callable[[Array, Array], bool], length: int = 1000) -> float:
    p, y = stream
    for end in range(length, len(p) + 1, 100):
        if alarm(p[end - length : end], y[end - length : end]):
            return float(end)
    return math.inf


def ece(p: Array, y: Array) -> bool:
    bins = np.minimum((p * 15).astype(int), 14)
    return float(np.abs(np.bincount(bins, p - y, 15)).sum()) / len(p) > 0.03


def spiegelhalter(p: Array, y: Array) -> bool:
    z = ((y - p) * (1 - 2 * p)).sum() / math.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    return bool(2 * norm.sf(abs(z)) < 0.05)


def hosmer_lemeshow(p: Array, y: Array) -> bool:
    parts = np.array_split(np.argsort(p), 10)
    terms = [(y[at].sum() - p[at].sum()) ** 2 / (p[at] * (1 - p[at])).sum() for at in parts]
    return bool(chi2.sf(sum(terms), 10) < 0.05)


def cumulative(stream: Stream) -> float:
    p, y = stream
    z = np.cumsum(y - p) / np.sqrt(np.cumsum(p * (1 - p)))
    for end in range(100, len(p) + 1, 100):
        if abs(z[end - 1]) > norm.isf(0.025):
            return float(end)
    return math.inf


RULES: dict[str, Callable[[Stream], float]] = {
    "ECE above .03, last 1,000": lambda s: windows(s, ece),
    "Spiegelhalter p < .05, last 1,000": lambda s: windows(s, spiegelhalter),
    "Hosmer-Lemeshow p < .05, last 1,000": lambda s: windows(s, hosmer_lemeshow),
    "mean from the start, p < .05": cumulative,
    "monitor, tolerance 0": lambda s: monitored(s, 0.0),
    "monitor, tolerance .02": lambda s: monitored(s, 0.02),
}


def late(rng: np.random.Generator, rows: int, ratio: float) -> bool:
    """Whether a calibrated log raises an alarm whose wrong answers are judged `ratio` times as late."""
    p, y = drawn(rng, rows)
    time_of = np.arange(rows, dtype=float)
    judged = time_of + rng.exponential(np.where(y == 1, 300.0, 300.0 * ratio))
    there = judged < rows
    names = ("time", "judged_at", "confidence", "correct")
    import pandas as pd

    columns = (values[there] for values in (time_of, judged, p, y))
    return watch(pd.DataFrame(dict(zip(names, columns, strict=True))), tolerance=0.0).groups[0].alarm


def main() -> None:
    quick = "--quick" in sys.argv
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    streams, rows = (numbers[0] if numbers else 1000), 20_000
    if quick:
        streams, rows = 4, 3000
    start = time.process_time()
    print(f"False alarms in {streams} calibrated streams of {rows:,} labels")
    for name, rule in RULES.items():
        alarms = sum(rule(drawn(np.random.default_rng(seed), rows)) < math.inf for seed in range(streams))
        print(f"  {name:36} {alarms / streams:.3f}", flush=True)
    for size in (2, 20):
        alarms = 0
        for seed in range(streams):
            p, y = drawn(np.random.default_rng(seed), rows // size)
            alarms += monitored((np.repeat(p, size), np.repeat(y, size)), 0.0, size) < math.inf
        print(f"  {f'monitor, clusters of {size}':36} {alarms / streams:.3f}", flush=True)
    for ratio in (4.0, 0.25):
        some = max(streams // 10, 2)
        alarms = sum(late(np.random.default_rng(seed), rows, ratio) for seed in range(some))
        told = f"watch, verdicts of wrong answers {ratio:g} x as late"
        print(f"  {told:48} {alarms / some:.3f} ({some} streams)", flush=True)
    for change in (0, 5000):
        for shift, gap in ((-0.85, 0.141), (-0.335, 0.053)):
            runs = 4 if quick else 100
            print(
                f"Gap {gap} from label {change:,} on: alarms before it, median labels to the alarm after it"
            )
            for name, rule in RULES.items():
                found = [
                    rule(drawn(np.random.default_rng(s), change + 6000, shift, change)) for s in range(runs)
                ]
                after = [at - change for at in found if at > change]
                early = 1 - len(after) / runs
                median = f"{np.median(after):5.0f}" if after and np.isfinite(np.median(after)) else "    -"
                print(f"  {name:36} {early:.2f}  {median}", flush=True)
    print(f"{time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
