"""Thresholds with a promise: how often it is broken, and how many answers are sent, next to other rules.

    [CALIBRANT_DATA=...] python benchmarks/risk_control.py [DRAWS [PART]] [--quick]
    # default 1000 draws of all parts: synthetic, against (these need no data), agreement, logs

Each line is DRAWS random calibrations of n labels, drawn with replacement from a world whose true risk at every
threshold is known (a recorded log taken as the whole population, or a formula). "broken" is the share of draws
whose threshold has a true risk above the promised one: at most delta = 0.1 plus Monte Carlo error is wanted.
Rules beside `certify`: "plug-in" takes the lowest threshold whose observed risk is at most max_error; "CP" the
lowest at which the exact binomial test passes, wherever that is, without correction for having looked everywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import bdtr, expit, logit
from scipy.stats import beta

from calibrant import Tally, certify, fit, metrics
from calibrant.guarantees.walking import walk
from calibrant.maps.calibration import CalibrationMap
from made import recorded_or_none

DELTA = 0.1
Rule = Callable[[np.ndarray, np.ndarray, float], float | None]


@dataclass(frozen=True)
class World:
    """Scores, ascending, each with its probability of being drawn and of being right."""

    name: str
    score: np.ndarray
    mass: np.ndarray
    right: np.ndarray
    prior: CalibrationMap | None = None

    @classmethod
    def of(
        cls, name: str, scores: np.ndarray, right: np.ndarray, prior: CalibrationMap | None = None
    ) -> World:
        t = Tally.of(scores, right)
        return cls(name, t.score, t.weight / t.total, t.rate, prior)

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        share = np.cumsum(self.mass[::-1])[::-1]
        return np.cumsum((self.mass * (1 - self.right))[::-1])[::-1] / share, share

    def oracle(self, max_error: float) -> float:
        risk, share = self.curve()
        return float(share[risk <= max_error].max(initial=0.0))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        at = rng.choice(len(self.score), n, p=self.mass)
        return self.score[at], rng.random(n) < self.right[at]


def cuts(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    return scores[order][last], last + 1, np.cumsum(~right[order])[last]


def plug_in(scores: np.ndarray, right: np.ndarray, max_error: float) -> float | None:
    value, rows, wrong = cuts(scores, right)
    good = wrong / rows <= max_error
    return float(value[good][-1]) if good.any() else None


def pointwise(scores: np.ndarray, right: np.ndarray, max_error: float) -> float | None:
    value, rows, wrong = cuts(scores, right)
    good = bdtr(wrong.astype(float), rows, max_error) <= DELTA
    return float(value[good][-1]) if good.any() else None


def strictest(scores: np.ndarray, right: np.ndarray, max_error: float) -> float | None:
    value, rows, wrong = cuts(scores, right)
    good = bdtr(wrong.astype(float), rows, max_error) <= DELTA
    count = len(good) if good.all() else int(good.argmin())
    return float(value[count - 1]) if count else None


def ours(scores: np.ndarray, right: np.ndarray, max_error: float) -> float | None:
    return walked(scores, right, max_error, ordered=True)


def unassuming(scores: np.ndarray, right: np.ndarray, max_error: float) -> float | None:
    return walked(scores, right, max_error, ordered=False)


def walked(scores: np.ndarray, right: np.ndarray, max_error: float, *, ordered: bool) -> float | None:
    """What `certify` walks, without what it says of labels that are lacking, which takes most of its time."""
    tie = np.random.default_rng([len(scores), int(right.sum())]).random(len(scores))
    return walk(scores, ~right, tie, max_error=max_error, level=DELTA, ordered=ordered).threshold


def with_prior(prior: CalibrationMap) -> Rule:
    return lambda scores, right, max_error: (
        certify(scores, right, max_error=max_error, delta=DELTA, prior_map=prior).threshold
    )


def measured(world: World, rule: Rule, n: int, max_error: float, draws: int) -> tuple[float, float]:
    """Share of draws that break the promise, and mean coverage."""
    rng, (risk, share) = np.random.default_rng(20240601), world.curve()
    broken = covered = 0.0
    for _ in range(draws):
        threshold = rule(*world.draw(n, rng), max_error)
        if threshold is not None:
            at = int(np.searchsorted(world.score, threshold))
            broken += at < len(share) and risk[at] > max_error + 1e-12
            covered += share[at] if at < len(share) else 0.0
    return broken / draws, covered / draws


def logistic(slope: float, shift: float, verbal: bool = False, a: float = 5.0, b: float = 1.3) -> World:
    """Beta scores whose truth is sigma(slope logit c + shift); `verbal` rounds them to multiples of 0.05."""
    c = beta.ppf((np.arange(20_000) + 0.5) / 20_000, a, b)
    c = np.clip(np.round(c * 20) / 20, 0.05, 1.0) if verbal else c
    p = expit(slope * logit(np.clip(c, 1e-4, 0.98 if verbal else 1 - 1e-4)) + shift)
    return World.of("", c, p)


def shifted(name: str, slope: float, oracle: float, max_error: float, **shape: object) -> World:
    """A logistic world whose oracle coverage at `max_error` is about `oracle`; its prior map saw 2,000 labels."""
    low, high = -4.0, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if logistic(slope, middle, **shape).oracle(max_error) < oracle else (low, middle)
        )  # type: ignore[arg-type]
    made = logistic(slope, high, **shape)  # type: ignore[arg-type]
    seen = made.draw(2000, np.random.default_rng(7))
    return World(name, made.score, made.mass, made.right, fit(*seen))


def agreement(data: Path, peers: tuple[str, ...], own: bool) -> World:
    """Share of the peers that give Llama-3.1-70B's answer; with `own`, calibrated with its own log-probability."""
    log = pd.read_parquet(data / "logs/linwei_mmlu_pro.parquet")
    model = "Meta-Llama-3.1-70B-Instruct-Turbo"
    one = log.drop_duplicates(["model", "item_id"])
    answer = one.pivot(index="item_id", columns="model", values="answer")
    right = one[one.model == model].set_index("item_id").correct.reindex(answer.index).to_numpy() > 0
    share = sum((answer[p] == answer[model]).to_numpy(float) for p in peers) / len(peers)
    order = np.random.default_rng(0).permutation(len(right))
    most = min(2000, len(order) // 2)
    earlier, rest = order[:most], order[most:]
    if not own:
        return World.of("share of 3 peers", share[rest], right[rest], fit(share[earlier], right[earlier]))
    sure = log[(log.model == model) & (log.signal == "logprob")].set_index("item_id").confidence
    x = np.stack(
        [share, logit(np.clip(sure.reindex(answer.index).fillna(0), 1e-3, 1 - 1e-3)), np.ones(len(share))]
    )
    theta = np.zeros(3)
    for _ in range(30):
        p = expit(theta @ x[:, earlier])
        theta += np.linalg.solve(
            (x[:, earlier] * p * (1 - p)) @ x[:, earlier].T, x[:, earlier] @ (right[earlier] - p)
        )
    score = expit(theta @ x)
    return World.of(
        "share of 3 peers + own log-probability",
        score[rest],
        right[rest],
        fit(score[earlier], right[earlier]),
    )


def recorded(data: Path, source: str, signal: str, most: int) -> Iterator[World]:
    """The largest logs of a source, split in two: the map is fitted on a tenth, the rest is the population."""
    log = pd.read_parquet(
        data / f"logs/{source}.parquet", columns=["log_id", "signal", "confidence", "correct"]
    )
    log = log[(log.signal == signal) & log.confidence.notna() & log.correct.notna()]
    for name in sorted(log.log_id.unique())[:: max(1, log.log_id.nunique() // most)][:most]:
        rows = log[log.log_id == name]
        order = np.random.default_rng(0).permutation(len(rows))
        c, y = rows.confidence.to_numpy()[order], rows.correct.to_numpy()[order] > 0
        k = len(c) // 10
        yield World.of(name.split("/", 1)[1], c[k:], y[k:], fit(c[:k], y[:k]))


def lines(world: World, settings: list[tuple[int, float]], draws: int) -> None:
    whole = Tally.from_sums(
        world.score, world.mass, world.mass * world.right, world.mass * world.right, world.mass, 10**6
    )
    rules: dict[str, Rule] = {
        "plug-in": plug_in, "CP": pointwise, "strictest": strictest, "certify": ours, "assuming nothing": unassuming,
    }  # fmt: skip
    if world.prior is not None:
        rules["with prior map"] = with_prior(world.prior)
    for n, max_error in settings:
        got = [measured(world, rule, n, max_error, draws) for rule in rules.values()]
        cells = " | ".join(f"{covered:.3f} / {broken:.3f}" for broken, covered in got)
        cells += "" if world.prior is not None else " | "
        print(
            f"| {world.name} | {metrics.auroc(whole):.3f} | {n} | {max_error:g} | {world.oracle(max_error):.3f} "
            f"| {cells} |",
            flush=True,
        )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("draws", nargs="?", type=int, default=1000)
    parser.add_argument(
        "part", nargs="?", default="", choices=("", "synthetic", "against", "agreement", "logs")
    )
    parser.add_argument("--quick", action="store_true", help="five draws, and made-up logs")
    return parser


def main() -> None:
    given = options().parse_args()
    draws, part = 5 if given.quick else given.draws, given.part
    print("Mean coverage / share of draws that break the promise (delta 0.1), of", draws, "draws\n")
    print(
        "| world | AUROC | n | max error | oracle | plug-in | CP | strictest | certify | assuming nothing "
        "| with prior map |"
    )
    print("|" + "---|" * 11)
    if part in ("", "synthetic"):
        synthetic(draws, given.quick)
    if part in ("", "against"):
        against(draws)
    data = recorded_or_none(given.quick)
    if data is None:
        print("\nNo recorded logs: set CALIBRANT_DATA.")
        return
    peers = ("claude-3-haiku-20240307", "gemini-1.5-flash-8b", "gpt-4o-mini-2024-07-18")
    if part in ("", "agreement"):
        asked = [(300, 0.2), (1000, 0.2), (3000, 0.2), (1000, 0.1), (3000, 0.1)]
        for own in (True,) if given.quick else (True, False):
            lines(agreement(data, peers, own=own), asked[: 1 if given.quick else 5 if own else 3], draws)
    if part in ("", "logs"):
        for source, signal in (("linwei_mmlu_pro", "logprob"), ("linwei_mmlu_pro", "verbalized"),
                               ("lifeeval", "verbalized"), ("bplaut_mcq", "logprob")):  # fmt: skip
            for world in recorded(data, source, signal, 1 if given.quick else 3):
                lines(world, [(500, 0.2), (1000, 0.1)][: 1 if given.quick else 2], draws)


def synthetic(draws: int, quick: bool) -> None:
    lines(shifted("logistic, slope 1", 1.0, 0.317, 0.1), [(200, 0.1), (500, 0.1), (2000, 0.1)], draws)
    if quick:
        return
    lines(shifted("logistic, slope 0.8", 0.8, 0.317, 0.1), [(500, 0.1), (2000, 0.1)], draws)
    lines(shifted("logistic, oracle .436", 1.0, 0.436, 0.1), [(500, 0.1), (1000, 0.1), (5000, 0.1)], draws)
    verbal = shifted("20 values, slope 1", 1.0, 0.782, 0.2, verbal=True, a=4.0, b=1.0)
    lines(verbal, [(500, 0.2), (1000, 0.2)], draws)


def against(draws: int) -> None:
    """Worlds built against the supposition of Theorem 2: the top value is bad, the next one heals almost enough."""
    worst = {True: 0.0, False: 0.0}
    for top in (0.25, 0.3, 0.4, 0.6):
        for mass in (0.09, 0.098, 0.11):
            for better in (0.0, 0.1, 0.15):
                more = mass * (top - 0.203) / (0.203 - better)
                if mass + more > 1:
                    continue
                share = np.array([1 - mass - more, more, mass])
                world = World("", np.array([0.5, 0.9, 1.0]), share, 1 - np.array([0.6, better, top]))
                for ordered, rule in ((True, ours), (False, unassuming)):
                    worst[ordered] = max(worst[ordered], measured(world, rule, 1000, 0.2, draws)[0])
    print(f"\nBuilt against the supposition, n = 1000, max error 0.2: broken at most {worst[True]:.3f} with it, "
          f"{worst[False]:.3f} assuming nothing\n", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
