"""Do ways of aggregating recorded answers show what the literature says of them?

    CALIBRANT_DATA=... python benchmarks/replays.py [RESAMPLES] [--quick]        # 500 resamples by default

The logs hold votes of judges (llmbar_judges: 16 to 21 prompts on each pair), answers of several models to the same
items (linwei_mmlu_pro, lifeeval) and whole distributions over options (lifeeval). The signals' own
arithmetic is run on them. Intervals are 95 % cluster bootstraps over items; a direction is reproduced where the
interval of the difference lies on the side that the literature states, and unclear where it holds 0.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from calibrant import Tally
from calibrant.dialogue.samples import Pool
from calibrant.metrics import auroc, ece
from calibrant.signals.cisc import weighted_shares
from made import recorded

Rows = dict[str, np.ndarray]
Figure = Callable[[Rows], float]


def area(name: str, right: str = "right") -> Figure:
    return lambda rows: auroc(Tally.of(rows[name], rows[right])) or np.nan


def error(name: str, right: str = "right") -> Figure:
    return lambda rows: float(ece(Tally.of(rows[name], rows[right]), 10))


def mean(name: str) -> Figure:
    return lambda rows: float(np.mean(rows[name]))


def line(claim: str, data: str, rows: Rows, a: Figure, b: Figure, *, sign: int, resamples: int) -> None:
    """One row of the table: the figures, B - A with its interval, and whether it has the sign stated."""
    rng = np.random.default_rng(20240601)
    _, item = np.unique(rows["item"], return_inverse=True)
    order = np.argsort(item, kind="stable")
    ends = np.searchsorted(item[order], np.arange(item.max() + 2))
    members = [order[ends[i] : ends[i + 1]] for i in range(item.max() + 1)]
    differences = []
    for _ in range(resamples):
        drawn = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        some = {name: values[drawn] for name, values in rows.items()}
        differences.append(b(some) - a(some))
    low, high = np.nanquantile(differences, [0.025, 0.975])
    said = (
        "yes" if min(sign * low, sign * high) > 0 else "no" if max(sign * low, sign * high) < 0 else "unclear"
    )
    x, y = a(rows), b(rows)
    print(
        f"| {claim} | {data} | {len(order):,} | {x:.3f} | {y:.3f} | {y - x:+.3f} [{low:+.3f}, {high:+.3f}] | {said} |",
        flush=True,
    )


def table(folder: Path, query: str) -> list[tuple]:
    name, _, rest = query.partition(" ")
    path = folder / "logs" / f"{name}.parquet"
    return duckdb.sql(f"select {rest.replace('FROM', f'from {str(path)!r}')}").fetchall()


def columns(rows: list[dict]) -> Rows:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def pool(answer: str, texts: list[str]) -> Pool:
    """The texts in groups that are the same to the letter, together with the answer."""
    number = {text: at for at, text in enumerate(dict.fromkeys([answer, *texts]))}
    groups = tuple(number[text] for text in texts)
    return Pool(answer=answer, texts=tuple(texts), groups=groups, own=0, kept=tuple(range(len(texts))))


def share(answer: str, others: list[str]) -> float:
    """The share of the other answers that are the same text."""
    return pool(answer, others).agreeing / len(others)


def judges(folder: Path, resamples: int) -> None:
    """Votes: one prompt against all, and more prompts against fewer."""
    found = table(folder, "llmbar_judges task, model, item_id, gold, samples FROM order by all")
    rng = np.random.default_rng(1)
    rows = []
    for task, model, item, gold, votes in found:
        drawn = [votes[i] for i in rng.permutation(len(votes))]
        answer, others = drawn[0], drawn[1:]
        row = {"item": f"{task}{item}", "model": model, "right": answer == gold, "one": float(answer == gold)}
        for n in (1, 3, 7, 15):
            row[f"s{n}"] = share(answer, others[:n])
        made = pool(answer, drawn[:15])
        top = max(made.shares().items(), key=lambda pair: pair[1])[0]
        row["vote"] = float(made.speaker(top) == gold)
        rows.append(row)
    good = columns(rows)
    strong = {name: values[np.isin(good["model"], ["GPT-4", "PaLM2"])] for name, values in good.items()}
    for data, some in (("llmbar, 6 judges", good), ("llmbar, GPT-4 and PaLM2", strong)):
        for low, high in ((1, 3), (3, 7), (7, 15)):
            claim = f"{high} samples rank better than {low} (AUROC)"
            line(claim, data, some, area(f"s{low}"), area(f"s{high}"), sign=1, resamples=resamples)
        line(
            "vote of 15 beats one answer (accuracy)",
            data,
            some,
            mean("one"),
            mean("vote"),
            sign=1,
            resamples=resamples,
        )


def panel(found: list[tuple]) -> list[list[tuple[str, str, float, bool, str]]]:
    """(model, answer, confidence, right, item) by item, only items that most models answered."""
    items: dict[str, list[tuple[str, str, float, bool, str]]] = {}
    for item, model, answer, sure, right, gold in found:
        if answer is not None and sure is not None:
            items.setdefault(item, []).append((model, str(answer).strip(), sure, bool(right), str(gold)))
    return [
        [(m, a, c, r, item) for m, a, c, r, _ in one] for item, one in sorted(items.items()) if len(one) > 2
    ]


def models(folder: Path, source: str, query: str, resamples: int) -> None:
    """Several models on the same items: agreement, votes, and votes weighed by stated confidence."""
    rng = np.random.default_rng(2)
    rows, votes = [], []
    for answers in panel(table(folder, query)):
        drawn = [answers[i] for i in rng.permutation(len(answers))]
        model, answer, sure, right, item = drawn[0]
        others = [said for _, said, *_ in drawn[1:]]
        rows.append(
            {
                "item": item,
                "right": right,
                "stated": float(sure),
                "model": model,
                "peer": share(answer, others[:1]),
                "peers3": share(answer, others[:3]),
                "share": share(answer, others),
            }
        )
        votes.append(_votes(item, drawn))
    some, cast = columns(rows), columns(votes)
    say = {"resamples": resamples}
    line(
        "one peer's agreement ranks better than own stated confidence (AUROC)",
        source,
        some,
        area("stated"),
        area("peer"),
        sign=1,
        **say,
    )
    line(
        "share of all other models ranks better than stated (AUROC)",
        source,
        some,
        area("stated"),
        area("share"),
        sign=1,
        **say,
    )
    line(
        "share of all other models is better calibrated than stated (ECE)",
        source,
        some,
        error("stated"),
        error("share"),
        sign=-1,
        **say,
    )
    line(
        "three peers rank better than one (AUROC)", source, some, area("peer"), area("peers3"), sign=1, **say
    )
    line(
        "vote weighed by confidence beats plain vote of 5 (accuracy)",
        source,
        cast,
        mean("plain5"),
        mean("soft5"),
        sign=1,
        **say,
    )
    line(
        "weighed vote of 5 reaches a plain vote of 7 (accuracy)",
        source,
        cast,
        mean("plain7"),
        mean("soft5"),
        sign=1,
        **say,
    )
    line(
        "within a question, right answers are stated surer (share of pairs; A: 0.5)",
        source,
        cast,
        mean("half"),
        _within,
        sign=1,
        **say,
    )


def _votes(item: str, drawn: list[tuple[str, str, float, bool, str]]) -> dict[str, object]:
    row: dict[str, object] = {"item": item, "half": 0.5}
    for n in (5, 7):
        some = drawn[:n]
        made = pool(some[0][1], [said for _, said, *_ in some])
        truth = {group: right for group, (*_, right, _) in zip(made.groups, some, strict=True)}
        soft = weighted_shares(made.groups, [float(sure) for _, _, sure, *_ in some], 0.1)
        row |= {f"plain{n}": _won(made.shares(), truth), f"soft{n}": _won(soft, truth)}
    pairs = [(a[2] > b[2]) + (a[2] == b[2]) / 2 for a in drawn if a[3] for b in drawn if not b[3]]
    return row | {"pairs": float(len(pairs)), "wins": float(sum(pairs))}


def _won(shares: dict[int, float], truth: dict[int, bool]) -> float:
    """The chance that the winner is right; equal winners are drawn among."""
    most = max(shares.values())
    return float(np.mean([truth[group] for group, part in shares.items() if part > most - 1e-12]))


def _within(rows: Rows) -> float:
    return float(rows["wins"].sum() / rows["pairs"].sum())


def distributions(folder: Path, resamples: int) -> None:
    """A distribution over all options against the number stated for the answer alone."""
    query = (
        "lifeeval item_id, model, answer, confidence, correct, meta FROM "
        "where meta is not null and signal = 'verbalized'"
    )
    rows = []
    for item, _, answer, sure, right, meta in table(folder, query):
        try:
            weights = {name: float(value) for name, value in json.loads(meta).items()}
        except (TypeError, ValueError):
            continue
        if sure is None or not sum(weights.values()) > 0 or answer not in weights:
            continue
        normal = weights[answer] / sum(weights.values())
        ahead = sorted(weights.values())[-2:]
        rows.append(
            {
                "item": item,
                "right": bool(right),
                "stated": float(sure),
                "normal": min(1.0, normal),
                "margin": max(0.0, min(1.0, (ahead[1] - ahead[0]) / sum(weights.values()))),
            }
        )
    some = columns(rows)
    say = {"resamples": resamples}
    data = "lifeeval sciq, 11 models"
    line(
        "normalised distribution is better calibrated than its top number (ECE)",
        data,
        some,
        error("stated"),
        error("normal"),
        sign=-1,
        **say,
    )
    line(
        "lead over the second option ranks better than the top number (AUROC)",
        data,
        some,
        area("stated"),
        area("margin"),
        sign=1,
        **say,
    )


def weights(folder: Path, resamples: int) -> None:
    """Own log-probability and own stated confidence of the same answers."""
    query = (
        "linwei_mmlu_pro item_id, model, any_value(correct), max(confidence) filter (signal = 'verbalized'), "
        "max(confidence) filter (signal = 'logprob') FROM where model not like 'deepseek%' and hash(item_id) % 6 = 0 "
        "group by all order by all"
    )
    kept = [row for row in table(folder, query) if row[3] is not None and row[4] is not None]
    some = columns(
        [{"item": i, "right": bool(r), "stated": float(v), "logprob": float(p)} for i, _, r, v, p in kept]
    )
    for claim, figure, sign in (("ranks better (AUROC)", area, 1), ("is better calibrated (ECE)", error, -1)):
        line(
            f"mean_logprob {claim} than stated",
            "linwei mmlu_pro",
            some,
            figure("stated"),
            figure("logprob"),
            sign=sign,
            resamples=resamples,
        )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("resamples", nargs="?", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="five resamples of made-up logs")
    return parser


def main() -> None:
    given = options().parse_args()
    resamples, base = 5 if given.quick else given.resamples, recorded(given.quick)
    print(
        "| claim (B against A) | data | rows | A | B | B - A [95 %] | reproduced |\n|---|---|---|---|---|---|---|"
    )
    judges(base, resamples)
    asked = "item_id, model, answer, confidence, correct, gold FROM where signal = 'verbalized' and"
    models(
        base,
        "linwei mmlu_pro, 14 models",
        f"linwei_mmlu_pro {asked} hash(item_id) % 4 = 0 order by all",
        resamples,
    )
    models(base, "lifeeval sciq, 11 models", f"lifeeval {asked} task = 'sciq_test' order by all", resamples)
    models(
        base, "lifeeval boolq, 11 models", f"lifeeval {asked} task = 'boolq_valid' order by all", resamples
    )
    distributions(base, resamples)
    weights(base, resamples)


if __name__ == "__main__":
    main()
