"""Certificates from few labels next to other procedures, and what is promised of answers that come in clusters.

python benchmarks/certificates.py [DRAWS] [PART] [--quick]
    # default 1000 draws of both parts: few, clusters. --quick: 4 draws, two worlds

*few*: mean coverage, over 30 worlds of known truth, of thresholds that promise at most `max_error` wrong (delta
0.1), and the largest share of draws in any world whose threshold has a true risk above it. Beside `certify`:

- fixed sequence: from the fewest answers that could pass, down, at the whole delta, until one fails
- multi-start: the same from each of five depths (a fifth, two fifths ... of the answers), at delta / 5 each
- Bonferroni: twenty depths at delta / 20 each, exact binomial (Clopper and Pearson); the deepest that passes
- SGR: binary search of depths, at delta / ceil(log2 n) each (Geifman and El-Yaniv 2017)
- split: the depth that looks best on one half of the labels, lowered until it looks safe, tested on the other
- Massart: joint risk and coverage bounded at all thresholds at once, as in selective conformal risk control, form I

and one that promises something else: *SCoRE*, whose share wrong among what is sent is at most `max_error` on average
over draws, on a large batch; how often one draw's threshold is worse than that is shown too.

*clusters*: draws in which a promise over answers, and one over clusters, is broken; and one over clusters, read as if
it were over answers.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import bdtr, expit, ndtr

from calibrant import certify
from calibrant.guarantees.walking import fewest, walk
from risk_control import World, logistic

DELTA = 0.1
Cuts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Distinct scores from the surest down, the answers that reach each, and the wrong ones of them."""


def at_target(
    beta: tuple[float, float], slope: float, oracle: float, max_error: float, verbal: bool
) -> World:
    """A logistic world shifted until the share `oracle` of its answers can be sent."""
    low, high, shape = -5.0, 5.0, {"verbal": verbal, "a": beta[0], "b": beta[1]}
    for _ in range(25):
        middle = (low + high) / 2
        enough = logistic(slope, middle, **shape).oracle(max_error) >= oracle  # type: ignore[arg-type]
        low, high = (low, middle) if enough else (middle, high)
    return logistic(slope, high, **shape)  # type: ignore[arg-type]


def worlds(quick: bool) -> list[tuple[World, float]]:
    """Thirty: fine scores and twenty values, three promises, and five shares that could be sent. Two if `quick`."""
    if quick:
        return [(at_target((4.0, 1.0), 0.8, 0.75, 0.2, verbal), 0.2) for verbal in (False, True)]
    shapes = [((5.0, 1.3), 1.0, 0.15), ((5.0, 1.3), 1.0, 0.35), ((2.0, 2.0), 1.5, 0.5), ((4.0, 1.0), 0.8, 0.75),
              ((5.0, 1.3), 1.2, 0.95)]  # fmt: skip
    return [
        (at_target(beta, slope, oracle, max_error, verbal), max_error)
        for verbal in (False, True) for max_error in (0.05, 0.1, 0.2) for beta, slope, oracle in shapes
    ]  # fmt: skip


@cache
def allowed(max_error: float, level: float, n: int) -> np.ndarray:
    """Of 0, 1 ... n answers, how many may be wrong for the exact test to pass; -1 where none may."""
    most = np.full(n + 1, -1)
    for k in range(1, n + 1):
        most[k] = most[k - 1] + (bdtr(float(most[k - 1] + 1), k, max_error) <= level)
    return most


def passing(cuts: Cuts, max_error: float, level: float) -> np.ndarray:
    return cuts[2] <= allowed(max_error, level, int(cuts[1][-1]))[cuts[1]]


def down_from(cuts: Cuts, depth: int, max_error: float, level: float) -> int | None:
    first, good = int(np.searchsorted(cuts[1], depth)), passing(cuts, max_error, level)
    bad = np.flatnonzero(~good[first:])
    last = first + (int(bad[0]) if len(bad) else len(good) - first) - 1
    return last if first <= last else None


def ours(cuts: Cuts, max_error: float, rng: np.random.Generator) -> int | None:
    score, rows, wrong = cuts
    each = np.repeat(score, np.diff(np.r_[0, rows]))
    bad = np.zeros(len(each), bool)
    for end, count, more in zip(rows, np.diff(np.r_[0, rows]), np.diff(np.r_[0, wrong]), strict=True):
        bad[end - count : end - count + more] = True
    found = walk(each, bad, rng.random(len(each)), max_error=max_error, level=DELTA)
    return None if found.threshold is None else int(np.searchsorted(-score, -found.threshold))


def fixed_sequence(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    return down_from(cuts, fewest(max_error, DELTA), max_error, DELTA)


def multi_start(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    n = int(cuts[1][-1])
    each = [down_from(cuts, math.ceil(n * k / 5), max_error, DELTA / 5) for k in range(1, 6)]
    return max((one for one in each if one is not None), default=None)


def bonferroni(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    depths = np.unique(np.searchsorted(cuts[1], np.ceil(cuts[1][-1] * np.arange(1, 21) / 20 - 1e-9)))
    good = depths[passing(cuts, max_error, DELTA / 20)[depths]]
    return int(good[-1]) if len(good) else None


def sgr(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    good = passing(cuts, max_error, DELTA / math.ceil(math.log2(int(cuts[1][-1]))))
    low, high, best = 0, len(good) - 1, None
    while low <= high:
        middle = (low + high) // 2
        low, high, best = (middle + 1, high, middle) if good[middle] else (low, middle - 1, best)
    return best


def split(cuts: Cuts, max_error: float, rng: np.random.Generator) -> int | None:
    count, more = np.diff(np.r_[0, cuts[1]]), np.diff(np.r_[0, cuts[2]])
    rows = rng.binomial(count, 0.5)
    wrong = rng.hypergeometric(more, count - more, rows)
    one = (cuts[0], np.cumsum(rows), np.cumsum(wrong))
    other = (cuts[0], np.cumsum(count - rows), np.cumsum(more - wrong))
    n = np.maximum(one[1], 1)
    r = one[2] / n
    safe = np.flatnonzero(r + np.sqrt(np.maximum(r, 1 / n) * (1 - r) / n) <= max_error)
    if not len(safe) or not other[1][-1]:
        return None
    at = int(safe[-1])
    return at if other[1][at] and bdtr(float(other[2][at]), int(other[1][at]), max_error) <= DELTA else None


def massart(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    n = int(cuts[1][-1])
    far = math.sqrt(math.log(2 / DELTA) / (2 * n))
    good = np.flatnonzero(cuts[2] / n + far <= max_error * (cuts[1] / n - far))
    return int(good[-1]) if len(good) else None


def score(cuts: Cuts, max_error: float, _: np.random.Generator) -> int | None:
    n = int(cuts[1][-1])
    good = np.flatnonzero((cuts[2] + 1) / (n + 1) <= max_error * cuts[1] / n)
    return int(good[-1]) if len(good) else None


Rule = Callable[[Cuts, float, np.random.Generator], int | None]
RULES: dict[str, Rule] = {
    "certify": ours, "fixed sequence": fixed_sequence, "multi-start": multi_start, "Bonferroni": bonferroni, "SGR": sgr,
    "split": split, "Massart": massart, "SCoRE": score,
}  # fmt: skip


def few(draws: int, *, quick: bool) -> None:
    all_worlds = worlds(quick)
    print(
        f"Mean coverage / largest share of draws broken in any of {len(all_worlds)} worlds, {draws} draws each\n"
    )
    print("| n | " + " | ".join(RULES) + " |")
    print("|" + "---|" * (len(RULES) + 1))
    for n in (40, 100) if quick else (30, 40, 60, 100, 200, 500, 1000):
        covered, broken = ({name: np.zeros(len(all_worlds)) for name in RULES} for _ in range(2))
        for i, (world, max_error) in enumerate(all_worlds):
            rng, (risk, share) = np.random.default_rng([n, i]), world.curve()
            up_to = np.cumsum(world.mass)
            for _ in range(draws):
                at = np.minimum(np.searchsorted(up_to, rng.random(n)), len(up_to) - 1)
                wrong = rng.random(n) >= world.right[at]
                order = np.argsort(-at, kind="stable")
                last = np.flatnonzero(np.r_[np.diff(at[order]) != 0, True])
                where = at[order][last]
                cuts = (world.score[where], last + 1, np.cumsum(wrong[order])[last])
                for name, rule in RULES.items():
                    if (found := rule(cuts, max_error, rng)) is not None:
                        covered[name][i] += share[where[found]] / draws
                        broken[name][i] += (risk[where[found]] > max_error + 1e-12) / draws
        cells = " | ".join(f"{covered[name].mean():.3f} / {broken[name].max():.3f}" for name in RULES)
        print(f"| {n} | {cells} |", flush=True)


SIZES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "all of 5": lambda rng, n: rng.integers(5, 6, n),
    "1 to 30": lambda rng, n: rng.integers(1, 31, n),
    "geometric, mean 3": lambda rng, n: np.minimum(rng.geometric(1 / 3, n), 20),
    "1, or 30 in a twentieth": lambda rng, n: np.where(rng.random(n) < 0.05, 30, 1),
}


def clustered(
    rng: np.random.Generator, sizes: str, clusters: int, harder: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, verdicts, clusters and sizes; half of what decides score and verdict is shared within a cluster."""
    size = SIZES[sizes](rng, clusters)
    code = np.repeat(np.arange(clusters), size)

    def normal() -> np.ndarray:
        return math.sqrt(0.5) * (rng.normal(size=clusters)[code] + rng.normal(size=len(code)))

    s = expit(1.8 + 1.3 * normal())
    return s, ndtr(normal()) < s ** (1 + harder * size[code] / 30), code, size[code]


def clusters(draws: int) -> None:
    print(
        f"\nClusters: mean coverage / share of {draws} draws broken, 300 clusters, max error 0.2 (delta 0.1)\n"
    )
    print("| sizes | large ones harder | over answers | over clusters | the same, read as over answers |")
    print("|" + "---|" * 5)
    for sizes in SIZES:
        for harder in (0.0, 1.5):
            rng = np.random.default_rng(0)
            s, y, _, size = clustered(rng, sizes, 100_000, harder)
            order = np.argsort(-s)
            s, y, size = s[order], y[order], size[order]
            of_answers = np.cumsum(~y) / np.arange(1, len(s) + 1)
            of_clusters = np.cumsum(~y / size) / np.cumsum(1 / size)
            got = {name: [0.0, 0.0] for name in ("answers", "clusters", "read")}
            for _ in range(draws):
                one = clustered(rng, sizes, 300, harder)
                for over in ("answers", "clusters"):
                    t = certify(
                        one[0], one[1], max_error=0.2, delta=DELTA, cluster=one[2], over=over
                    ).threshold  # type: ignore[arg-type]
                    if t is None:
                        continue
                    at = int(np.searchsorted(-s, -t, side="right")) - 1
                    kinds = [("answers", of_answers)] if over == "answers" else [
                        ("clusters", of_clusters), ("read", of_answers)]  # fmt: skip
                    for name, risk in kinds:
                        got[name][0] += (at + 1) / len(s) / draws
                        got[name][1] += (risk[at] > 0.2) / draws
            cells = " | ".join(f"{c:.3f} / {b:.3f}" for c, b in got.values())
            print(f"| {sizes} | {'yes' if harder else 'no'} | {cells} |", flush=True)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("draws", nargs="?", type=int, default=1000)
    parser.add_argument("part", nargs="?", default="", choices=("", "few", "clusters"))
    parser.add_argument("--quick", action="store_true", help="four draws, two worlds")
    return parser


def main() -> None:
    given = options().parse_args()
    draws = 4 if given.quick else given.draws
    if given.part in ("", "few"):
        few(draws, quick=given.quick)
    if given.part in ("", "clusters"):
        clusters(draws)


if __name__ == "__main__":
    main()
