"""Blends against the best single signal, an equal pool and a plain logistic regression.

    [CALIBRANT_DATA=...] python benchmarks/blend.py [REPETITIONS] [--quick]

First on simulated worlds of which the truth is known: three signals that complement each other, that are copies of one
another, or of which one tells and two are noise, each missing in 10, 20 and 40 % of the answers. Printed is the mean
squared distance from the true probability (the Brier score above that of the truth), in units of 0.001. "best single"
knows from 20,000 answers which signal is best. Then, with CALIBRANT_DATA, on recorded logs with several signals on the
same answers: 100 and 1,000 labels, 50 splits a model, measured on all other answers; "chosen single" is the signal
that is best on the labels, "best single" the one that is best on the other answers.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.calibrators.blend import Blend
from calibrant.fits.crossfit import cross_fit, folds
from made import recorded_or_none

Scores = Mapping[str, np.ndarray]
LACKS = (0.1, 0.2, 0.4)
WORLDS = ("complementary", "copies", "one and noise")
SIZES = (30, 100, 300, 1000)


def world(kind: str, n: int, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores of three signals, NaN where missing, and the true log-odds."""
    parts = rng.normal(size=(3, n))
    truth = {
        "complementary": 0.5 + 0.9 * parts.sum(axis=0),
        "copies": 0.5 + 1.5 * parts[0],
        "one and noise": 0.5 + 1.5 * parts[0],
    }[kind]
    seen = np.stack([parts[0] + 0.3 * e for e in rng.normal(size=(3, n))]) if kind == "copies" else parts
    scores = expit(1.0 + 1.4 * seen)
    scores[rng.random((3, n)) < np.array(LACKS)[:, None]] = np.nan
    return dict(zip("abc", scores, strict=True)), truth


def single(scores: np.ndarray, right: np.ndarray, new: np.ndarray, calibrator: str = "auto") -> np.ndarray:
    """One signal's own map; its missing scores get the mean grade of the missing, drawn to that of all."""
    seen, there = ~np.isnan(scores), ~np.isnan(new)
    p = np.full(len(new), (right[~seen].sum() + 10 * right.mean()) / ((~seen).sum() + 10))
    if seen.any():
        p[there] = calibrant.fit(scores[seen], right[seen], calibrator)(new[there])
    return p


def equal_pool(scores: Scores, right: np.ndarray, new: Scores) -> np.ndarray:
    """Mean log-odds of the signals' own maps."""
    p = np.stack([single(scores[n], right, new[n], "platt") for n in scores])
    return expit(logit(np.clip(p, 1e-9, 1 - 1e-9)).mean(axis=0))


def plain(scores: Scores, right: np.ndarray, new: Scores) -> np.ndarray:
    """Unpenalised logistic regression on log-odds and missing marks, no sign held."""
    if right.min() == right.max():
        return np.full(len(next(iter(new.values()))), right.mean())

    def columns(s: Scores) -> np.ndarray:
        odds = [np.nan_to_num(logit(np.clip(v, 1e-3, 1 - 1e-3))) for v in s.values()]
        return np.stack([*odds, *(np.isnan(v).astype(float) for v in s.values())])

    x = np.vstack([np.ones(len(right)), columns(scores)])
    theta = np.zeros(len(x))
    for _ in range(30):
        p = expit(theta @ x)
        theta += np.linalg.solve((x * (p * (1 - p))) @ x.T + 1e-6 * np.eye(len(x)), x @ (right - p))
        theta = np.clip(theta, -30, 30)
    return expit(theta @ np.vstack([np.ones(len(columns(new).T)), columns(new)]))


def chosen(scores: Scores, right: np.ndarray) -> str:
    """The signal whose cross-fitted Brier score on the labels is least."""

    def loss(name: str) -> float:
        seen = ~np.isnan(scores[name])
        rest = (right[~seen] - right.mean()) ** 2
        if not seen.any() or not 0 < right[seen].mean() < 1:
            return np.inf
        from calibrant.plugins import find

        parts = cross_fit(find("calibrators", "platt")(), folds(Tally.of(scores[name][seen], right[seen])))
        return float(sum(part.residual2.sum() for part in parts) + rest.sum())

    return min(scores, key=loss)


def answers(scores: Scores, right: np.ndarray, new: Scores, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Probabilities of the new answers by each method."""
    made = {f"only {n}": single(scores[n], right, new[n]) for n in names}
    return made | {
        "chosen single": made[f"only {chosen(scores, right)}"],
        "equal pool": equal_pool(scores, right, new),
        "plain logistic": plain(scores, right, new),
        "blend": Blend().fit_rows(scores, right)(new),
    }


def simulate(repetitions: int, sizes: Sequence[int]) -> None:
    """Print the table of the simulated worlds."""
    print(f"Mean squared distance from the truth x 1000, {repetitions} repetitions")
    print(f"{'world':15s} {'n':>5s} {'best single':>12s} {'chosen single':>14s} {'equal pool':>11s}"
          f" {'plain logistic':>15s}"
          f" {'blend':>7s}   blend - best single (95 %)")  # fmt: skip
    for kind in WORLDS:
        for n in sizes:
            losses: dict[str, list[float]] = defaultdict(list)
            for seed in range(repetitions):
                rng = np.random.default_rng(seed)
                scores, odds = world(kind, n, rng)
                right = (rng.random(n) < expit(odds)).astype(float)
                new, new_odds = world(kind, 4000, rng)
                some = ~np.all([np.isnan(v) for v in new.values()], axis=0)
                for name, p in answers(scores, right, new, ("a", "b", "c")).items():
                    losses[name].append(1000 * float(((p - expit(new_odds))[some] ** 2).mean()))
            best = min((f"only {c}" for c in "abc"), key=lambda c: np.mean(losses[c]))
            gap = np.array(losses["blend"]) - losses[best]
            cells = [
                np.mean(losses[m]) for m in (best, "chosen single", "equal pool", "plain logistic", "blend")
            ]
            print(f"{kind:15s} {n:5d} {cells[0]:12.1f} {cells[1]:14.1f} {cells[2]:11.1f} {cells[3]:15.1f}"
                  f" {cells[4]:7.1f}   {_interval(gap)}", flush=True)  # fmt: skip


def _interval(gap: np.ndarray) -> str:
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    return f"{gap.mean():+.2f} ({gap.mean() - half:+.2f} to {gap.mean() + half:+.2f})"


def recorded(folder: Path, splits: int, labels: Sequence[int], logs: int | None = None) -> None:
    """Print the table of the recorded logs."""
    import duckdb

    for log in ("linwei_mmlu_pro", "lifeeval"):
        path = folder / "logs" / f"{log}.parquet"
        frame = duckdb.sql(
            f"SELECT task || '/' || model AS grp, item_id, domain, signal, confidence, correct FROM '{path}' "
            "WHERE correct IS NOT NULL AND signal IN ('verbalized', 'logprob', 'linguistic')"
        ).df()
        for n in labels:
            gaps: dict[str, list[float]] = defaultdict(list)
            for _, part in list(frame.groupby("grp"))[:logs]:
                table = part.pivot_table(
                    index=["domain", "item_id", "correct"], columns="signal", values="confidence"
                )
                if table.shape[1] < 2 or len(table) < 2 * n:
                    continue
                y = table.index.get_level_values("correct").to_numpy(float)
                columns = {c: table[c].to_numpy(float) for c in table.columns}
                for seed in range(splits):
                    _split(columns, y, n, np.random.default_rng(seed), gaps)
            print(
                f"\n{log}, {n} labels, {len(gaps['best single'])} splits; "
                f"Brier score of the blend minus that of ... x 1000"
            )
            for name in ("best single", "chosen single", "equal pool", "plain logistic"):
                gap = np.array(gaps[name])
                worse = np.mean(gap > 1.96 * np.array(gaps[f"noise {name}"]))
                print(
                    f"  {name:15s} {_interval(gap)}; worse by more than noise in {worse:.1%} of splits",
                    flush=True,
                )


def _split(
    columns: Scores, y: np.ndarray, n: int, rng: np.random.Generator, gaps: dict[str, list[float]]
) -> None:
    order = rng.permutation(len(y))
    fit, rest = order[:n], order[n:]
    made = answers(
        {c: v[fit] for c, v in columns.items()},
        y[fit],
        {c: v[rest] for c, v in columns.items()},
        tuple(columns),
    )
    loss = {name: 1000 * (p - y[rest]) ** 2 for name, p in made.items()}
    loss["best single"] = min((loss[f"only {c}"] for c in columns), key=np.mean)
    for name in ("best single", "chosen single", "equal pool", "plain logistic"):
        gap = loss["blend"] - loss[name]
        gaps[name].append(float(gap.mean()))
        gaps[f"noise {name}"].append(float(gap.std() / np.sqrt(len(gap))))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="two repetitions of one size, and made-up logs")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 2 if given.quick else given.repetitions
    simulate(repetitions, SIZES[:1] if given.quick else SIZES)
    if data := recorded_or_none(given.quick):
        recorded(
            data, min(repetitions, 50), (60,) if given.quick else (100, 1000), 2 if given.quick else None
        )
    else:
        print("\nSet CALIBRANT_DATA to the folder of the recorded logs to measure on these too.")


if __name__ == "__main__":
    main()
