"""The calibration monitor on streams of known truth, beside the rules that people use, at its promise and at its delay.

    [CALIBRANT_DATA=...] python benchmarks/monitor.py [STREAMS] [PART ...] [--quick]

PART is one or more of:

null    calibrated streams of 20,000 labels, the monitor looked at after every one, rules with a window after every 100;
        in clusters of 2 and of 20 whose verdicts are the same; with verdicts of wrong answers that come 4 times later
        or earlier. No more than alpha = 5 % of the streams may alarm
change  streams whose claims cease to be true: alarms before that, median labels from it to the alarm
equal   the same where each rule's limit is set so that as many null streams alarm as with the monitor
logs    recorded answers of two models behind one another, or of one with other questions, under the map of the first
        (CALIBRANT_DATA): alarm, change point, kind of shift, and delay at equal false alarms

Confidence is Beta(5, 1.3), the truth sigmoid(logit(confidence) + shift).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

import calibrant
from calibrant.monitors.calibration import BLOCK, GRID, Monitor, _bets
from calibrant.watching.log import _maturity, watch
from made import recorded_or_none

Array = NDArray[np.float64]
Stream = tuple[Array, Array]
ROWS, WINDOW, EVERY = 20_000, 1000, 100
SHORT = 200
"""The window where a stream has fewer than 2,000 rows."""

GAPS = ((-0.85, 0.141), (-0.335, 0.053))


def drawn(rng: np.random.Generator, rows: int, shift: float = 0.0, change: int = 0) -> Stream:
    p = np.clip(rng.beta(5, 1.3, rows), 1e-6, 1 - 1e-6)
    moved = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))
    truth = np.where(np.arange(rows) < change, p, moved)
    return p, (rng.random(rows) < truth).astype(float)


# A rule is a path: when it looked, and how much speaks against the claims then.
Path_ = tuple[NDArray[np.int64], Array]


def looks(rows: int) -> NDArray[np.int64]:
    return np.arange(WINDOW if rows >= 2000 else SHORT, rows + 1, EVERY)


def windows(stream: Stream, statistic: Callable[[Array, Array], float]) -> Path_:
    (p, y), at = stream, looks(len(stream[0]))
    length = int(at[0])
    return at, np.array([statistic(p[end - length : end], y[end - length : end]) for end in at])


def ece(p: Array, y: Array) -> float:
    bins = np.minimum((p * 15).astype(int), 14)
    return float(np.abs(np.bincount(bins, p - y, 15)).sum()) / len(p)


def spiegelhalter(p: Array, y: Array) -> float:
    variance = ((1 - 2 * p) ** 2 * p * (1 - p)).sum()
    return abs(float(((y - p) * (1 - 2 * p)).sum()) / math.sqrt(max(variance, 1e-12)))


def hosmer_lemeshow(p: Array, y: Array) -> float:
    order = np.argsort(p, kind="stable")
    ends = np.linspace(0, len(p), 11).astype(int)[:-1]
    gaps, spread = np.add.reduceat((y - p)[order], ends), np.add.reduceat((p * (1 - p))[order], ends)
    return float((gaps**2 / np.maximum(spread, 1e-9)).sum())


def cumulative(stream: Stream) -> Path_:
    p, y = stream
    z = np.abs(np.cumsum(y - p)) / np.sqrt(np.maximum(np.cumsum(p * (1 - p)), 1e-12))
    at = np.arange(EVERY, len(p) + 1, EVERY)
    return at, z[at - 1]


def monitored(stream: Stream, tolerance: float) -> Path_:
    """The wealth after every label."""
    monitor, (p, y) = Monitor(alpha=1e-9, tolerance=tolerance), stream
    path = np.empty(len(p))
    for at, (claim, right) in enumerate(zip(p.tolist(), y.tolist(), strict=True)):
        monitor.update(claim, right)
        path[at] = monitor.log10_evidence
    return np.arange(1, len(p) + 1), path


def together(streams: Sequence[Stream], tolerance: float) -> list[Path_]:
    """The same for many streams at once, of any lengths; `check` holds the two against each other."""
    longest = max(len(p) for p, _ in streams)
    p, y = (np.full((longest, len(streams)), np.nan) for _ in range(2))
    for at, (claims, grades) in enumerate(streams):
        p[: len(claims), at], y[: len(grades), at] = claims, grades
    bets = _bets(tolerance)
    on, scale = np.zeros((len(streams), bets.right.shape[1])), np.zeros(len(streams))
    path = np.empty(p.shape)
    for at in range(longest):
        there = np.isfinite(p[at])
        place = (np.where(there, p[at], 0.5) * GRID).astype(int)
        gain = np.where((y[at] == 1)[:, None], bets.right[place], bets.wrong[place])
        block, within = divmod(at, BLOCK)
        on += (np.exp(-scale) / (BLOCK * (block + 1) * (block + 2)))[:, None]
        on *= gain
        if (large := on.sum(axis=1) > 1e200).any():
            on[large] /= 1e200
            scale[large] += math.log(1e200)
        kept = (1 - (within + 1) / (BLOCK * (block + 2))) / (block + 1)
        wealth = (np.log(on.mean(axis=1) + kept * np.exp(-scale)) + scale) / math.log(10)
        path[at] = np.where(there, wealth, -np.inf)
    return [(np.arange(1, longest + 1), path[:, at]) for at in range(len(streams))]


def check() -> None:
    """Both ways give the same wealth."""
    streams = [drawn(np.random.default_rng(seed), rows, -0.5, 2000) for seed, rows in enumerate((3000, 2500))]
    for tolerance in (0.0, 0.02):
        for (_, found), stream in zip(together(streams, tolerance), streams, strict=True):
            assert np.allclose(found[: len(stream[0])], monitored(stream, tolerance)[1], atol=1e-8)


def paths(name: str, streams: Sequence[Stream]) -> Iterator[Path_]:
    """That of a rule on each stream."""
    if name in TOLERANCES:
        for first in range(0, len(streams), 250):
            yield from together(streams[first : first + 250], TOLERANCES[name])
    else:
        yield from (RULES[name][0](stream) for stream in streams)


RULES: dict[str, tuple[Callable[[Stream], Path_], float]] = {
    "ECE of the last 1,000, .03": (lambda s: windows(s, ece), 0.03),
    "Spiegelhalter, last 1,000, p < .05": (lambda s: windows(s, spiegelhalter), 1.96),
    "Hosmer-Lemeshow, last 1,000, p < .05": (
        lambda s: windows(s, hosmer_lemeshow), float(chi2.isf(0.05, 10)),
    ),
    "mean gap from the start, p < .05": (cumulative, 1.96),
    "monitor, tolerance 0": (lambda s: monitored(s, 0.0), math.log10(20)),
    "monitor, tolerance .02": (lambda s: monitored(s, 0.02), math.log10(20)),
}  # fmt: skip
TOLERANCES = {"monitor, tolerance 0": 0.0, "monitor, tolerance .02": 0.02}


def crossed(path: Path_, limit: float) -> float:
    at, value = path
    above = np.flatnonzero(value >= limit)
    return float(at[above[0]]) if len(above) else math.inf


def late(seed: int, rows: int, ratio: float) -> pd.DataFrame:
    """A calibrated log whose wrong answers are judged `ratio` times as late, the last verdicts still to come."""
    rng = np.random.default_rng(seed)
    p, y = drawn(rng, rows)
    asked = np.arange(rows, dtype=float)
    judged = asked + rng.exponential(np.where(y == 1, 300.0, 300.0 * ratio))
    columns = {"time": asked, "judged_at": judged, "confidence": p, "correct": y}
    return pd.DataFrame({name: values[judged < rows] for name, values in columns.items()})


def ripe(log: pd.DataFrame) -> Stream:
    """Those of its rows that `watch` takes."""
    asked, judged, p, y = (log[name].to_numpy() for name in ("time", "judged_at", "confidence", "correct"))
    early = asked <= np.median(asked)
    there = asked <= judged.max() - _maturity((judged - asked)[early], y[early])
    return p[there], y[there]


def null(streams: int, rows: int) -> None:
    check()
    print(f"False alarms in {streams} calibrated streams of {rows:,} labels")
    each = [drawn(np.random.default_rng(seed), rows) for seed in range(streams)]
    for name, (_, limit) in RULES.items():
        told(name, np.mean([crossed(path, limit) < math.inf for path in paths(name, each)]))
    zero, limit = "monitor, tolerance 0", math.log10(20)
    for size in (2, 20):  # whose verdicts are the same: the mean of their bets is the bet of one
        some = [(p[: rows // size], y[: rows // size]) for p, y in each]
        told(
            f"monitor, clusters of {size}",
            np.mean([crossed(one, limit) < math.inf for one in paths(zero, some)]),
        )
    for ratio in (4.0, 0.25):
        logs = [late(seed, rows, ratio) for seed in range(streams)]
        found = [crossed(one, limit) < math.inf for one in paths(zero, [ripe(log) for log in logs])]
        told(f"watch, wrong ones {ratio:g} x as late", np.mean(found))
        few = logs[: max(streams // 50, 2)]
        said = [watch(log, tolerance=0.0).groups[0].alarm for log in few]
        assert said == found[: len(few)], "the command says what the arithmetic above does"


def told(name: str, *values: float) -> None:
    print(f"  {name:38} " + "  ".join(f"{value:8.3f}" for value in values), flush=True)


def delays(limits: dict[str, float], runs: int, change: int, rows: int = 6000) -> None:
    for shift, gap in GAPS:
        print(f"Gap {gap} from label {change:,} on: alarms before it, median labels to the alarm after it")
        for name, limit in limits.items():
            streams = [
                drawn(np.random.default_rng(50_000 + s), change + rows, shift, change) for s in range(runs)
            ]
            found = [crossed(path, limit) for path in paths(name, streams)]
            after = [at - change for at in found if at > change]
            told(name, 1 - len(after) / runs, float(np.median(after)) if after else math.nan)


def equal(streams: int, rows: int, runs: int, change: int = 5000, more: int = 6000) -> None:
    """Every limit at the 95 % quantile of the largest value on null streams; the monitor's as shipped, and so."""
    limits = {}
    print(f"Limits at which 5 % of {streams} null streams of {rows:,} labels alarm")
    each = [drawn(np.random.default_rng(100_000 + seed), rows) for seed in range(streams)]
    for name in RULES:
        most = [float(path.max()) for _, path in paths(name, each)]
        limits[name] = float(np.quantile(most, 0.95))
        told(name, limits[name])
    delays(limits, runs, change, more)


# Recorded answers


def pairs(folder: Path) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Two models' answers to the same questions, with a confidence each."""
    mmlu = pd.read_parquet(folder / "logs/linwei_mmlu_pro.parquet")
    choice = pd.read_parquet(folder / "logs/bplaut_mcq.parquet")
    for log, signal, task in (
        (mmlu, "verbalized", "mmlu_pro"), (mmlu, "logprob", "mmlu_pro"), (choice, "logprob", "mmlu"),
    ):  # fmt: skip
        some = log[(log.signal == signal) & (log.task == task) & log.confidence.notna()]
        models = [name for name, rows in some.groupby("model") if rows.confidence.nunique() > 5]
        for first in models:
            for second in models:
                if first != second:
                    yield f"{task} {signal}", some[some.model == first], some[some.model == second]


def snapshots(folder: Path) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """March and June 2023: no confidence, so that the rate of right answers is what is claimed."""
    log = pd.read_parquet(folder / "logs/llmdrift_2023.parquet").assign(confidence=0.5)
    for march, june in (("gpt-4-0314", "gpt-4-0613"), ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613")):
        yield "llmdrift_2023", log[log.model == march], log[log.model == june]


def mapped(first: pd.DataFrame, rng: np.random.Generator) -> tuple[Callable[[Array], Array], set[str]]:
    """A map of half of the questions of the first model, and those questions."""
    items = rng.permutation(np.sort(first.item_id.astype(str).unique()))
    fitted_on = set(items[: len(items) // 2])
    half = first[first.item_id.astype(str).isin(fitted_on)]
    if half.confidence.nunique() == 1:
        rate = float(half.correct.mean())
        return (lambda scores: np.full(len(scores), rate)), fitted_on
    fitted = calibrant.fit(half.confidence.to_numpy(float), half.correct.to_numpy(float), "auto")
    return (lambda scores: np.asarray(fitted.map(scores), float)), fitted_on


def spliced(
    first: pd.DataFrame, second: pd.DataFrame, rng: np.random.Generator, change: int
) -> tuple[Stream, Stream, int]:
    """A stream that changes and one that does not, of claims of the first model's map: no question comes twice."""
    claim, fitted_on = mapped(first, rng)
    held = first[~first.item_id.astype(str).isin(fitted_on)].sample(frac=1, random_state=rng.integers(2**32))
    change = min(change, len(held) // 2 if len(held) > 1000 else len(held))
    before, asked = held.iloc[:change], set(held.item_id.iloc[:change].astype(str))
    after = second[~second.item_id.astype(str).isin(asked)].sample(frac=1, random_state=rng.integers(2**32))
    changed = pd.concat([before, after.iloc[:3000]])
    return _claims(changed, claim), _claims(held, claim), change


def _claims(rows: pd.DataFrame, claim: Callable[[Array], Array]) -> Stream:
    return claim(rows.confidence.to_numpy(float)), rows.correct.to_numpy(float)


def told_apart(stream: Stream) -> tuple[float, float, str]:
    (found,) = watch(pd.DataFrame({"confidence": stream[0], "correct": stream[1]})).groups
    return (
        (found.alarm_at or math.inf),
        (math.nan if found.change_point is None else found.change_point),
        found.kind,
    )


def logs(folder: Path, quick: bool) -> None:
    kinds: dict[str, list[tuple[Stream, Stream, int]]] = {}
    rng = np.random.default_rng(0)
    some = [*snapshots(folder), *pairs(folder)]
    for name, first, second in some[::60] if quick else some:
        for _ in range(10 if name == "llmdrift_2023" and not quick else 1):
            kinds.setdefault(name, []).append(spliced(first, second, rng, 2000))
    for name, streams in kinds.items():
        judge_apart(name, streams)
    other_questions(folder, rng, quick)


def judge_apart(name: str, streams: list[tuple[Stream, Stream, int]]) -> None:
    """What watch says of each spliced stream, then who is first at equal false alarms on those that do not change."""
    gaps = [abs(float((s[0][at:] - s[1][at:]).mean())) for s, _, at in streams]
    wide = [one for one, gap in zip(streams, gaps, strict=True) if gap > 0.05]
    print(f"{name}: {len(streams)} streams, {len(wide)} with a gap above .05 after the change")
    if not wide:
        return
    said = [told_apart(stream) for stream, _, _ in wide]
    hits = [at > change and at < math.inf for (at, _, _), (*_, change) in zip(said, wide, strict=True)]
    off = [
        abs(point - change) for (_, point, _), (*_, change), hit in zip(said, wide, hits, strict=True) if hit
    ]
    told("alarm after the change, not before", np.mean(hits))
    if off:
        told("change point: median, 90 % within", np.median(off), np.quantile(off, 0.9))
    told(
        "kind concept, of those with alarm",
        np.mean([k == "concept" for (*_, k), hit in zip(said, hits, strict=True) if hit]),
    )
    told(
        "alarms where nothing changes", np.mean([told_apart(still)[0] < math.inf for _, still, _ in streams])
    )
    for rule in RULES:
        limit = float(
            np.quantile([path.max() for _, path in paths(rule, [still for _, still, _ in streams])], 0.95)
        )
        changed = paths(rule, [stream for stream, *_ in wide])
        found = [(crossed(path, limit), change) for path, (*_, change) in zip(changed, wide, strict=True)]
        after = [at - change if at > change else math.nan for at, change in found]
        told(
            f"delay: {rule.split(',')[0]}, {rule.split()[-1]}",
            np.nanmedian(after),
            np.mean([a <= c for a, c in found]),
        )


def other_questions(folder: Path, rng: np.random.Generator, quick: bool) -> None:
    """One model, first with mostly high confidence, then with mostly low: each confidence means what it meant."""
    log = pd.read_parquet(folder / "logs/linwei_mmlu_pro.parquet")
    log = log[(log.signal == "logprob") & log.confidence.notna()]
    kinds, alarms = [], 0
    for _, rows in list(log.groupby("model"))[: 3 if quick else None]:
        if rows.confidence.nunique() < 6:
            continue
        claim, fitted_on = mapped(rows, rng)
        held = rows[~rows.item_id.astype(str).isin(fitted_on)].sample(frac=1, random_state=1)
        high = rng.random(len(held)) < np.where(held.confidence.rank(pct=True) > 0.5, 0.8, 0.2)
        at, _, kind = told_apart(_claims(pd.concat([held[high], held[~high]]), claim))
        alarms += at < math.inf
        kinds.append(kind)
    print(f"Other questions, same model: {len(kinds)} streams")
    told("kind covariate", np.mean([kind == "covariate" for kind in kinds]))
    told("alarms (held-out rows, tolerance .02)", alarms / len(kinds))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="STREAMS or PART",
        help="how many streams, and which parts; 1000 and all by default",
    )
    parser.add_argument("--quick", action="store_true", help="four short streams, and made-up logs")
    return parser


def main() -> None:
    parser = options()
    given = parser.parse_args()
    quick, numbers = given.quick, [int(one) for one in given.what if one.isdigit()]
    wanted = [one for one in given.what if not one.isdigit()]
    if unknown := set(wanted) - {"null", "change", "equal", "logs"}:
        parser.error(f"expected null, change, equal or logs, got {', '.join(sorted(unknown))}")
    streams, rows, runs = (numbers[0] if numbers else 1000), ROWS, 100
    if quick:
        streams, rows, runs = 3, 2500, 2
    start = time.process_time()
    if not wanted or "null" in wanted:
        null(streams, rows)
    if not wanted or "change" in wanted:
        for change in (0, 500 if quick else 5000):
            delays({name: limit for name, (_, limit) in RULES.items()}, runs, change, 1000 if quick else 6000)
    if not wanted or "equal" in wanted:
        equal(streams, rows, runs, *((500, 1000) if quick else ()))
    data = recorded_or_none(quick)
    if (not wanted or "logs" in wanted) and data:
        logs(data, quick)
    elif not data:
        print("Set CALIBRANT_DATA to the folder of the recorded logs to measure on these too.")
    print(f"{time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
