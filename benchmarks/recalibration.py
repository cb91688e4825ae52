"""Maps that follow a truth which moves, the test that promotes them, and the certificates that are issued anew.

    python benchmarks/recalibration.py [RUNS] [--quick]

First 12,000 labels in four worlds, each method at the probability that it gave before the label: Brier score and ECE
(15 bins). Confidence is Beta(5, 1.3), the truth sigmoid(a logit(confidence) + b): one (a, b) throughout; another from
label 4,000 on; moving evenly to it; or a wave beside the line. Then the promotion test, looked at after
every label: the share of challengers promoted that are no better on average (at most alpha = .05), alone, with
propensities of .9 where the confidence is below .8 and .1 above, with propensities that have nothing to do with it from
.01 on, and in clusters of 2 and of 20 whose verdicts are the same; and the labels to promote one that is better. Last
certificates (at most 20 % wrong, delta .1) issued on the labels since the challenger was fitted, at the moment of its
promotion: the share that promises too much. And those that are looked at again as labels double, of up to 9,216: the
share of streams of which any look ever promised too much, beside looks at the whole delta at each of the same labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from calibrant.fits.forgetting import ForgettingPlatt
from calibrant.guarantees.certifying import certify, spent
from calibrant.guarantees.walking import fewest
from calibrant.learning.testing import PromotionTest, largest
from calibrant.maps.calibration import CalibrationMap
from calibrant.metrics.ece import ece
from calibrant.plugins import find
from calibrant.tally import Tally

Array = NDArray[np.float64]
ROWS, FIRST, CHANGE = 12_000, 500, 4_000
WORLDS = ("iid", "abrupt", "gradual", "non-logistic")


def world(kind: str, seed: int) -> tuple[Array, Array, Array]:
    """Confidence, verdict, and the chance of being right."""
    rng = np.random.default_rng(seed)
    c = np.clip(rng.beta(5, 1.3, ROWS), 1e-3, 1 - 1e-3)
    t = np.arange(ROWS)
    far = {"iid": 0.0 * t, "abrupt": (t >= CHANGE) * 1.0, "gradual": t / ROWS}.get(kind)
    if far is None:
        truth = np.clip(expit(0.6 * logit(c) - 0.2) + 0.1 * np.sin(12 * c), 0.02, 0.98)
    else:
        truth = expit((0.6 + 0.15 * far) * logit(c) - 0.2 - 0.7 * far)
    return c, (rng.random(ROWS) < truth).astype(float), truth


def static(name: str) -> Callable[[Array, Array], Array]:
    def run(c: Array, y: Array) -> Array:
        return np.asarray(find("calibrators", name)().fit(Tally.of(c[:FIRST], y[:FIRST]))(c))

    return run


def window(c: Array, y: Array, length: int = 1000, every: int = 50) -> Array:
    p = static("platt")(c, y)
    for at in range(FIRST, ROWS, every):
        rows = slice(max(0, at - length), at)
        made = find("calibrators", "platt")().fit(Tally.of(c[rows], y[rows]))
        p[at : at + every] = made(c[at : at + every])
    return p


def forgetting(c: Array, y: Array) -> Array:
    line, p = ForgettingPlatt(), np.empty(ROWS)
    for i, (score, right) in enumerate(zip(c.tolist(), y.tolist(), strict=True)):
        p[i] = line(score)
        line.update(score, right)
    return p


def ops(c: Array, y: Array, gamma: float = 0.1, radius: float = 100.0) -> Array:
    """Online Platt scaling by online Newton steps (Gupta and Ramdas 2023); the ball is never met here."""
    w, a, p = np.array([1.0, 0.0]), np.eye(2) / (gamma * radius) ** 2 * 1e4, np.empty(ROWS)
    for i, (score, right) in enumerate(zip(logit(c).tolist(), y.tolist(), strict=True)):
        x = np.array([score, 1.0])
        p[i] = expit(w @ x)
        g = (p[i] - right) * x
        a += np.outer(g, g)
        w = w - np.linalg.solve(a, g) / gamma
    return p


def calibeaten(p: Array, y: Array, bins: int = 10) -> Array:
    """In place of a probability the mean verdict so far of those in its bin (Foster and Hart 2023)."""
    n, hits, out = np.ones(bins), (np.arange(bins) + 0.5) / bins, np.empty(len(p))
    for i, (at, right) in enumerate(
        zip(np.minimum((p * bins).astype(int), bins - 1).tolist(), y.tolist(), strict=True)
    ):
        out[i] = hits[at] / n[at]
        n[at] += 1
        hits[at] += right
    return out


METHODS: dict[str, Callable[[Array, Array], Array]] = {
    "Platt on the first 500": static("platt"),
    "isotonic on the first 500": static("isotonic"),
    "Platt on the last 1,000": window,
    "online Platt scaling (ONS)": ops,
    "forgetting Platt, .998": forgetting,
    "forgetting and calibeating": lambda c, y: calibeaten(forgetting(c, y), y),
}


def following(runs: int) -> None:
    print(f"Following the truth: mean of {runs} runs, labels {FIRST + 1} to {ROWS}, Brier score / ECE")
    print("| | " + " | ".join(WORLDS) + " |")
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for kind in WORLDS:
        for seed in range(runs):
            c, y, truth = world(kind, seed)
            for name, method in (*METHODS.items(), ("truth", None)):
                p = (truth if method is None else np.clip(method(c, y), 0, 1))[FIRST:]
                found = float(((p - y[FIRST:]) ** 2).mean()), ece(Tally.of(p, y[FIRST:]))
                scores.setdefault((name, kind), []).append(found)
    for name in (*METHODS, "truth"):
        cells = [np.mean(scores[name, kind], axis=0) for kind in WORLDS]
        print(f"| {name} | " + " | ".join(f"{b:.4f}/{e:.3f}" for b, e in cells) + " |")


def stream(
    seed: int, rows: int, shift: float, *, truth: float | None, propensity: str = "all", size: int = 1
) -> Array:
    """Champion, challenger, verdict, propensity, item; the truth half-way between if none is given."""
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(5, 1.3, rows), 1e-3, 1 - 1e-3)
    q = expit(logit(p) - shift)
    t = (p + q) / 2 if truth is None else expit(logit(p) - truth)
    y = (rng.random(rows) < t).astype(float)
    p, q, y, item = (np.repeat(v, size) for v in (p, q, y, np.arange(rows)))
    chances = {
        "all": np.ones(len(p)), "doubt": np.where(p < 0.8, 0.9, 0.1),
        "any": np.clip(0.02 / (rng.random(len(p)) + 0.001), 0.01, 1.0),
    }  # fmt: skip
    pi = chances[propensity]
    kept = rng.random(len(p)) < pi
    return np.stack([p, q, y, pi, item])[:, kept].T


def last(labels: Array, *, before: int = 200) -> PromotionTest:
    """The test after the label that decided it; its bounds are those of labels that the challenger was fitted on."""
    loss, gain = largest(labels[:before, 0], labels[:before, 1], labels[:before, 3])
    test = PromotionTest(loss=loss, gain=gain)
    for p, q, y, pi, item in labels[before:].tolist():
        test.update(p, q, y, pi, item)
        if test.better:
            break
    return test


SHARES = np.array([0.9, 0.6, 0.4, 0.25, 0.15, 0.09, 0.05, 0.03, 0.015, 0.008])


def decided_at(labels: Array, before: int = 200) -> int | None:
    """The same written out at once, which takes a hundredth of the time: the label at which it is found better."""
    if len(labels) <= before:
        return None
    p, q, y, pi, item = labels.T
    sides = np.array([(p - q) * (p + q - 2 * v) / pi for v in (0.0, 1.0)])
    x, loss = (p - q) * (p + q - 2 * y) / pi, np.maximum(-sides.min(axis=0), 0)
    bound = max(float(loss[:before].max()), 1e-9)
    first = np.flatnonzero(np.r_[True, np.diff(item[before:]) != 0])
    size = np.diff(np.r_[first, len(item) - before])
    mean, worst = np.add.reduceat(x[before:], first) / size, np.maximum.reduceat(loss[before:], first)
    bounds = np.maximum(np.r_[bound, np.maximum.accumulate(worst)[:-1]], bound)
    counted = np.where(worst <= bounds, mean, np.maximum(np.minimum(mean, 0), -bounds))
    logs = np.cumsum(np.log1p(SHARES[:, None] * counted / bounds), axis=1)
    top = logs.max(axis=0)
    over = np.flatnonzero(top + np.log(np.exp(logs - top).mean(axis=0)) >= np.log(20))
    # an item is counted once another one comes, which is then the label at which it is seen
    return int(first[over[0]] + size[over[0]]) + 1 if len(over) and over[0] + 1 < len(first) else None


def promoting(runs: int, rows: int) -> None:
    print(f"\nPromotion test: {runs} runs of {rows:,} answers, looked at after every label, alpha .05")
    print("| challenger | promoted | median labels |")
    settings: tuple[tuple[str, float | None, str, int], ...] = (
        ("equal on average", None, "all", 1), ("equal, doubtful ones judged", None, "doubt", 1),
        ("equal, propensities from .01", None, "any", 1), ("equal, clusters of 2", None, "all", 2),
        ("equal, clusters of 20", None, "all", 20), ("worse", 0.2, "all", 1), ("better", 0.7, "all", 1),
        ("better, doubtful ones judged", 0.7, "doubt", 1), ("a little better", 0.45, "all", 1),
    )  # fmt: skip
    for name, truth, propensity, size in settings:
        found = list[int | None]()
        for seed in range(runs):
            labels = stream(seed, rows // size, 0.7, truth=truth, propensity=propensity, size=size)
            found.append(decided_at(labels))
            assert seed >= 3 or last(labels).better_at == found[-1]
        seen = [at for at in found if at is not None]
        when = f"{np.median(seen):,.0f}" if len(seen) > runs / 2 else "-"
        print(f"| {name} | {len(seen) / runs:.3f} | {when} |", flush=True)


def issuing(runs: int) -> None:
    """At the moment of promotion the labels since the fit are few, and how many they are was decided by them."""
    broken = certified = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        c = np.clip(rng.beta(5, 1.3, 6000), 1e-3, 1 - 1e-3)
        up = seed % 2 == 0  # in force is a map that claims too much, or one that claims too little
        truth = expit(logit(c) + (-0.8 if up else 0.8))
        y = (rng.random(6000) < truth).astype(float)
        made = find("calibrators", "platt")().fit(Tally.of(c[:600], y[:600]))
        labels = np.stack([c, made(c), y, np.ones(6000), np.arange(6000)]).T
        at = decided_at(labels, before=600)
        if at is None:
            continue
        since = slice(600, 600 + at)
        found = certify(c[since], y[since], max_error=0.2, delta=0.1, prior_map=made, issue=1)
        if found.threshold is not None:
            certified += 1
            broken += 1 - truth[c >= found.threshold].mean() > 0.2
    print(f"\nCertificates issued at promotion: {certified} of {runs} certified, {broken / runs:.3f} promise too much "
          "(delta .1, of which the first issue spends .061)")  # fmt: skip


def renewing(runs: int) -> None:
    """Looks at doubling numbers of labels, the k-th at 6 / (pi k)^2 of delta, by the schedule of a store."""
    print(
        "\nCertificates as labels double, at most 20 % wrong, delta .1: streams of which a look promised too much,"
    )
    print(
        "  at the whole delta in each look; certified at last, at the median look; sent, of what could be sent"
    )
    for name in (
        "no threshold keeps it",
        "calibrated line",
        "the same, of doubtful answers .9 judged, of others .1",
    ):
        found = [_renewed(name, seed) for seed in range(runs)]
        broken, greedy, first, sent = (np.array(one, float) for one in zip(*found, strict=True))
        print(f"  {name:58s} {broken.mean():.3f}  {greedy.mean():.3f}  {np.isfinite(first).mean():.2f}  "
              f"{np.median(first):6,.0f}  {np.nanmean(sent) if np.isfinite(sent).any() else np.nan:.2f}")  # fmt: skip


def _renewed(name: str, seed: int) -> tuple[bool, bool, float, float]:
    """Whether any look promised too much, the same at the whole delta, the size at the first, and what is sent."""
    rng, flat = np.random.default_rng(seed), name.startswith("no")
    c = np.round(np.clip(rng.beta(5, 1.3, 40_000), 1e-3, 1 - 1e-3), 3)
    truth = np.full(len(c), 0.798) if flat else expit(logit(c) - 0.4)
    chance = np.where(c < 0.8, 0.9, 0.1) if "doubtful" in name else np.ones(len(c))
    y, weight = (rng.random(len(c)) < truth).astype(float), 1 / chance
    made, judged = identity(), np.flatnonzero(rng.random(len(c)) < chance)
    sizes = np.cumsum(weight[judged]) / np.maximum.accumulate(weight[judged])
    best = max(
        (float((c >= t).mean()) for t in np.unique(c) if (1 - truth[c >= t]).mean() <= 0.2), default=np.nan
    )
    broken = greedy = False
    first, sent, issue, size = np.inf, np.nan, 1, 2.0 * fewest(0.2, spent(0.1, 1))
    while len(reached := np.flatnonzero(sizes >= size)) and size < 10_000:
        rows = judged[: reached[0] + 1]
        look = partial(
            certify, c[rows], y[rows], weight=weight[rows], max_error=0.2, delta=0.1, prior_map=made
        )
        for one, spends in ((look(issue=issue), True), (look(), False)):
            if one.threshold is not None:
                over = 1 - truth[c >= one.threshold].mean() > 0.2
                broken, greedy = broken or (over and spends), greedy or (over and not spends)
                if spends:
                    first, sent = min(first, size), float((c >= one.threshold).mean()) / best
        issue, size = issue + 1, 2 * size
    return broken, greedy, first, sent


@cache
def identity() -> CalibrationMap:
    """A map that says what the confidence says."""
    rng = np.random.default_rng(1)
    c = rng.uniform(0.02, 0.98, 20_000)
    return find("calibrators", "platt")().fit(Tally.of(c, (rng.random(len(c)) < c).astype(float)))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    return parser


def main() -> None:
    given = options().parse_args()
    quick, runs = given.quick, 10 if given.quick else given.runs
    following(1 if quick else 20)
    promoting(runs, 1000 if quick else 5000)
    issuing(runs)
    renewing(2 if quick else runs)


if __name__ == "__main__":
    main()
