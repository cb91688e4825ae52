"""How often the verdicts of `calibrant signals LOG` are wrong, what they find, and what its intervals hold.

python benchmarks/which_signal.py [--quick] [--tables N]

Worlds with a known truth, a table of signals by groups from each draw, read and judged as a log is:

- nothing: no signal tells anything, the free one neither
- free alone: the free one tells, no other does
- equals: all tell as much as the free one, each with noise of its own
- copies: the others are the free one, bent
- words: as equals, but stated in steps of ten per cent, and every third answer cannot be read
- items: as equals, every item answered four times
- better, in one group, turned: one signal tells more than the free one; does so in one group alone; ranks one group the
  wrong way round
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from calibrant.comparing.gains import Rows, dealt, difference, out_of_fold
from calibrant.comparing.signals import SignalTable, compare_signals
from calibrant.metrics.ranking import auroc, ranking, ranking_effect
from calibrant.tally import Tally

NOISE = 0.9
FREE = "mean_logprob"


@dataclass(frozen=True)
class World:
    """A kind of log; `better` is the noise of the one signal that is another than the rest."""

    name: str
    free: float = NOISE
    others: float = NOISE
    better: float | None = None
    where: str = "all"
    times: int = 1

    def table(self, n: int, signals: int, groups: int, rng: np.random.Generator) -> pd.DataFrame:
        items = n // self.times
        odds = np.repeat(rng.normal(size=items), self.times)
        group = np.repeat(rng.integers(0, groups, items), self.times)
        right = rng.random(len(odds)) < expit(0.4 + 1.3 * odds)
        if self.times > 1:  # answers to one item are alike
            again = np.repeat(rng.random(items) < 0.6, self.times)
            right = np.where(again, np.repeat(right[:: self.times], self.times), right)
        columns = {FREE: self._score(odds, self.free, rng)}
        for k in range(signals):
            columns[f"s{k}"] = self._score(odds, self.others, rng, columns[FREE])
        if self.better is not None:
            one = self._score(odds, self.better, rng)
            here = np.ones(len(odds), bool) if self.where == "all" else group == 0
            turned = 1 - self._score(odds, self.free, rng) if self.where == "turned" else one
            columns["s0"] = np.where(here, turned, columns["s0"])
        frame = pd.DataFrame({**columns, "correct": right, "group": [f"g{k}" for k in group]})
        frame["item_id"] = np.repeat(np.arange(items), self.times)
        return frame

    def _score(
        self, odds: np.ndarray, noise: float, rng: np.random.Generator, free: np.ndarray | None = None
    ) -> np.ndarray:
        if noise == np.inf:
            return rng.random(len(odds))
        if self.name == "copies" and free is not None:
            return free ** rng.uniform(0.3, 3)
        made = expit(odds + noise * rng.normal(size=len(odds)))
        if self.name == "words" and free is not None:
            made = np.round(made, 1)
            made[rng.random(len(made)) < 1 / 3] = np.nan
        return made


NULLS = (
    World("nothing", free=np.inf, others=np.inf),
    World("free alone", others=np.inf),
    World("equals"),
    World("copies"),
    World("words"),
    World("items", times=4),
)
FINDS = (
    World("better", free=1.8, others=1.8, better=0.3),
    World("in one group", free=1.8, others=1.8, better=0.3, where="one"),
    World("turned", better=0.9, where="turned"),
)


def tables(world: World, count: int, n: int, signals: int, groups: int) -> Iterator[SignalTable]:
    """Tables of a world, each of fresh answers."""
    rng = np.random.default_rng(len(world.name) * 1000 + n)
    names = [FREE, *(f"s{k}" for k in range(signals))]
    for _ in range(count):
        yield compare_signals(world.table(n, signals, groups, rng), ["group"], scores=names)


def nulls(count: int, sizes: list[int], signals: int, groups: int) -> None:
    """How many tables of nothing say that something helps, or is reversed."""
    print(
        f"\nTables with a false verdict, {signals} signals in {groups} groups and on the whole ({count} tables each)\n"
    )
    print(
        '| world | answers | false "helps" | false "reversed" | unadjusted, "helps" |\n|---|---|---|---|---|'
    )
    for world in NULLS:
        for n in sizes:
            helps = turned = plain = 0
            for found in tables(world, count, n, signals, groups):
                others = [one for one in found.signals if not one.free]
                helps += any(one.verdict == "helps" for one in others)
                turned += any(one.verdict == "reversed" for one in found.signals)
                plain += any(one.gain is not None and one.gain.low > 0 for one in others)
            print(
                f"| {world.name} | {n:,} | {_rate(helps, count)} | {_rate(turned, count)} | {_rate(plain, count)} |",
                flush=True,
            )


def finds(count: int, sizes: list[int], signals: int, groups: int) -> None:
    """How often what is there is found, on the whole log and in the group where it is."""
    print(f"\nWhat is there and found, {signals} signals in {groups} groups ({count} tables each)\n")
    print("| world | answers | on the whole | in its group | elsewhere, false |\n|---|---|---|---|---|")
    for world in FINDS:
        verdict = "reversed" if world.where == "turned" else "helps"
        for n in sizes:
            whole = part = wrong = 0
            for found in tables(world, count, n, signals, groups):
                said = [one for one in found.signals if one.verdict == verdict and not one.free]
                whole += any(one.signal == "s0" and not one.by for one in said)
                part += any(one.signal == "s0" and one.by.get("group") == "g0" for one in said)
                wrong += any(one.signal != "s0" for one in said)
            print(
                f"| {world.name} | {n:,} | {_rate(whole, count)} | {_rate(part, count)} | {_rate(wrong, count)} |",
                flush=True,
            )


def intervals(count: int, sizes: list[int]) -> None:
    """How often the 95 % intervals hold the truth: AUROC and gain of a large sample of the same world."""
    print(f"\nIntervals that hold the truth, of 95 % ({count} draws each)\n")
    print(
        "| signal | answers | AUROC | its interval | gain in Brier | its interval |\n|---|---|---|---|---|---|"
    )
    for name, noise, digits, times in (
        ("noisy", 1.8, None, 1), ("good", 0.3, None, 1), ("in steps", 0.3, 1, 1), ("items four times", 0.3, None, 4),
    ):  # fmt: skip
        world = World(name, free=NOISE, others=noise, times=times)
        true_auroc, true_gain = _truth(world, digits)
        for n in sizes:
            rng, held = np.random.default_rng(n), np.zeros(2)
            for _ in range(count):
                ranked, gained = _measured(world, n, digits, rng)
                held += (ranked.low <= true_auroc <= ranked.high, gained.low <= true_gain <= gained.high)
            rates = [_rate(int(h), count) for h in held]
            print(
                f"| {name} | {n:,} | {true_auroc:.3f} | {rates[0]} | {true_gain:+.4f} | {rates[1]} |",
                flush=True,
            )


def _measured(world: World, n: int, digits: int | None, rng: np.random.Generator):
    frame = world.table(n, 1, 1, rng)
    score = frame.s0.to_numpy() if digits is None else frame.s0.round(digits).to_numpy()
    items = frame.item_id.to_numpy()
    rows = Rows(frame.correct.to_numpy(float), np.ones(n), items, dealt(items))
    cluster = None if world.times == 1 else items
    effect = None if cluster is None else ranking_effect(score, rows.grade, None, items)
    ranked = ranking(Tally.of(score, rows.grade, None, cluster), effect)
    gain = difference(out_of_fold(score, rows), out_of_fold(frame[FREE].to_numpy(), rows), rows)
    return ranked.interval(), gain.interval()


def _truth(world: World, digits: int | None) -> tuple[float, float]:
    frame = world.table(400_000, 1, 1, np.random.default_rng(0))
    score = frame.s0.to_numpy() if digits is None else frame.s0.round(digits).to_numpy()
    items = frame.item_id.to_numpy()
    rows = Rows(frame.correct.to_numpy(float), np.ones(len(frame)), items, dealt(items))
    p, q = (out_of_fold(one, rows) for one in (score, frame[FREE].to_numpy()))
    return float(auroc(Tally.of(score, rows.grade)) or 0), difference(p, q, rows).value


def _rate(hits: int, count: int) -> str:
    return f"{100 * hits / count:.1f} %"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="few draws")
    return parser


def main() -> None:
    """Print the tables."""
    given = options().parse_args()
    began = time.time()
    if given.quick:
        nulls(1, [200], 2, 2)
        finds(1, [200], 2, 2)
        intervals(2, [100])
    else:
        nulls(given.tables, [300, 1500], 5, 4)
        finds(max(given.tables // 4, 10), [600, 2400, 9600], 5, 4)
        intervals(4 * given.tables, [60, 300, 1500])
    print(f"\n{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
