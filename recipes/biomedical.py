"""Confidence of language models on biomedical tasks: Flex-ECE by task and strategy, and what a few labels mend.

    pip install 'calibrant[cli,files,report]'
    python recipes/biomedical.py --log answers.parquet --log more.parquet --chart curve.svg --out results.json
    python recipes/biomedical.py --quick     # a made-up log, seconds

A log has a row for each answer: task (or domain), model, item_id, answer, correct (right or wrong, or a grade such as
the F1 of entities) and, where the model stated or was read for one, confidence and signal.

Strategies, after the study: *verbal* (the stated confidence), *consistency* (the share of all answers to the item that
are the same: of samples of one model, or as here of several systems that answered the same items) and *hybrid* (the
mean of both). Signals of other names are shown under theirs. Flex-ECE is the ECE with a grade in [0, 1] in place of
right and wrong; it is an error, so lower is better. For each scenario (task x model x strategy) N labelled answers are
drawn, a map is fitted on them, and Flex-ECE is measured on all others; that is done SPLITS times. Flex-ECE is biased
up, so the L2 error, which is debiased, stands beside it. So does what N labels leave open whatever the map: they know
even the mean grade only to within its standard error, which is .035 on average with 100 labels of which three in four
are right. An ECE is no proper score: a map that says the same of every answer has little, and is of no use. So the
Brier score is shown too.

After "Calibration of large language models for biomedical natural language processing" (de Oliveira et al. 2025, JAMIA
Open 8(4), ooaf058).
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import calibrant
from calibrant.metrics import brier, ece, l2

# Settings, and where they are from.
BINS = 10  # the study does not say; usual
LABELS = (30, 100, 1000)  # the study: 1,000, and a learning curve
CALIBRATORS = ("isotonic", "histogram", "platt", "auto")  # the study: the first two; auto is calibrant's own
SPLITS = 10
LEAST = 200  # answers that must be left to measure on
WELL = 0.05  # a Flex-ECE below it is called well calibrated here
NAMES = {"verbalized": "verbal"}  # signals that are a strategy of the study
PUBLISHED = (
    "mean Flex-ECE .239 to .466 by task, .273 self-consistency, .420 verbal, .442 hybrid; 84.3 % of 351 scenarios "
    "overconfident; isotonic and histogram binning take 23.5 points away with 1,000 labels, and three quarters of "
    "that with 100"
)

Scenario = dict[str, Any]
COLUMNS = ("task", "domain", "model", "item_id", "answer", "correct", "confidence", "signal")


def read(path: str, by: str, keep: set[str] | None) -> list[dict[str, Any]]:
    """The rows of a log, with the task that they are shown under."""
    import duckdb

    there = duckdb.query(f"SELECT * FROM '{path}' LIMIT 0").columns
    shown = ", ".join(f'"{name}"' if name in there else f'NULL AS "{name}"' for name in COLUMNS)
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in duckdb.query(f"SELECT {shown} FROM '{path}'").fetchall()
    ]
    for row in rows:
        row["task"] = str(row[by] if row[by] is not None else row["task"])
    return [row for row in rows if row["correct"] is not None and (keep is None or row["task"] in keep)]


def scenarios(rows: list[dict[str, Any]]) -> list[Scenario]:
    """Confidence and grade of each task, model and strategy."""
    answers: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in rows:  # a model counts once, however many signals were read of its answer
        answers[row["task"], row["item_id"]][row["model"]] = str(row["answer"])
    votes = {item: Counter(said.values()) for item, said in answers.items()}
    stated: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = defaultdict(dict)
    for row in rows:
        item, grade = row["item_id"], float(row["correct"])
        said = answers[row["task"], item]
        share = votes[row["task"], item][str(row["answer"])] / len(said)
        if len(said) > 1:
            stated[row["task"], row["model"], "consistency"][item] = share, grade
        if row["confidence"] is not None and row["signal"]:
            name = NAMES.get(row["signal"], row["signal"])
            stated[row["task"], row["model"], name][item] = float(row["confidence"]), grade
            if name == "verbal" and len(said) > 1:
                stated[row["task"], row["model"], "hybrid"][item] = (
                    (float(row["confidence"]) + share) / 2,
                    grade,
                )
    found = []
    for (task, model, strategy), items in sorted(stated.items()):
        if len(items) >= LEAST + min(LABELS):
            score, grade = np.array([items[item] for item in sorted(items)]).T
            found.append({"task": task, "model": model, "strategy": strategy, "score": score, "grade": grade})
    return found


def squared(tally: calibrant.Tally) -> float:
    """The mean squared calibration error, debiased; below zero by chance where there is none."""
    root = l2(tally, BINS).value
    return float(np.sign(root) * root**2)


def studied(one: Scenario, splits: int) -> dict[str, Any]:
    """Raw, and after each calibrator on each number of labels, on answers that were not fitted on."""
    score, grade = one["score"], one["grade"]
    tally = calibrant.Tally.of(score, grade)
    after: dict[str, dict[int, float]] = {name: {} for name in ("raw", *CALIBRATORS)}
    mean2: dict[str, dict[int, float]] = {name: {} for name in after}
    proper: dict[str, dict[int, float]] = {name: {} for name in after}
    for labels in LABELS:
        if len(score) < labels + LEAST:
            continue
        errors: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for split in range(splits):
            order = np.random.default_rng([split, labels]).permutation(len(score))
            fitted, rest = order[:labels], order[labels:]
            for name in after:
                said = score[rest]
                if name != "raw":
                    said = np.asarray(calibrant.fit(score[fitted], grade[fitted], name)(said))
                reached = calibrant.Tally.of(said, grade[rest])
                errors[name].append((ece(reached, BINS), squared(reached), brier(reached)))
        for name, found in errors.items():
            means = (float(value) for value in np.mean(found, axis=0))
            after[name][labels], mean2[name][labels], proper[name][labels] = means
    return {
        **{name: one[name] for name in ("task", "model", "strategy")}, "answers": len(score),
        "accuracy": tally.accuracy, "confidence": tally.mean_confidence, "flex_ece": ece(tally, BINS),
        "level": {n: float(np.sqrt(2 / np.pi / n) * grade.std()) for n in after["raw"]},
        "raw": after.pop("raw"), "after": after, "squared": mean2, "brier": proper,
    }  # fmt: skip


def by(found: list[dict[str, Any]], name: str) -> str:
    """Means over the scenarios of each task or strategy, as Markdown; 100 labels."""
    at = LABELS[1]
    heads = [
        name,
        "scenarios",
        "accuracy",
        "confidence",
        "raw",
        *(f"{c}, {at}" for c in CALIBRATORS),
        "mean grade alone",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for value in sorted({one[name] for one in found}):
        some = [one for one in found if one[name] == value and at in one["raw"]]
        if some:
            means = [np.mean([one["raw"][at] for one in some])]
            means += [np.mean([one["after"][c][at] for one in some]) for c in CALIBRATORS]
            means += [np.mean([one["level"][at] for one in some])]
            about = [np.mean([one[k] for one in some]) for k in ("accuracy", "confidence")]
            lines.append(
                f"| {value} | {len(some)} | " + " | ".join(f"{x:.3f}" for x in (*about, *means)) + " |"
            )
    return "\n".join(lines)


def curve(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each number of labels takes away, with intervals over scenarios drawn again.

    Of the mean Flex-ECE; of the root mean squared error, debiased; and of what the most labels take away of Flex-ECE.
    """
    points = []
    for name in CALIBRATORS:
        for labels in LABELS:
            if some := [one for one in found if labels in one["raw"]]:
                raw, after = of(some, "raw", labels), of(some, "after", name, labels)
                before2, after2 = (of(some, "squared", n, labels) for n in ("raw", name))
                points.append({
                    "calibrator": name, "labels": labels, "scenarios": len(some), "raw": raw[0].mean(),
                    "after": after[0].mean(), "brier": of(some, "brier", name, labels)[0].mean(),
                    "brier_raw": of(some, "brier", "raw", labels)[0].mean(),
                    "share": share(1 - after.mean(axis=1) / raw.mean(axis=1)),
                    "l2": share(1 - np.sqrt(np.maximum(after2.mean(axis=1), 0) / before2.mean(axis=1))),
                })  # fmt: skip
            if most := [one for one in found if max(LABELS) in one["raw"]]:
                raw, after = of(most, "raw", labels), of(most, "after", name, labels)
                gone = of(most, "raw", max(LABELS)) - of(most, "after", name, max(LABELS))
                points[-1]["of_most"] = share((raw - after).mean(axis=1) / gone.mean(axis=1))
    return points


def of(some: list[dict[str, Any]], *keys: str | int) -> np.ndarray:
    """A figure of the scenarios as they are, in the first row, and of such as are drawn again."""
    values = []
    for one in some:
        value: Any = one
        for key in keys:
            value = value[key]
        values.append(value)
    drawn = np.random.default_rng(0).integers(0, len(some), (2000, len(some)))
    return np.array(values)[np.vstack([np.arange(len(some)), drawn])]


def share(shares: np.ndarray) -> tuple[float, float, float]:
    """Of the scenarios as they are, and its 95 % interval."""
    low, high = np.quantile(shares[1:], [0.025, 0.975])
    return float(shares[0]), float(low), float(high)


HEADS = (
    "calibrator", "labels", "scenarios", "raw", "after", "Brier raw", "after", "taken away (95 %)",
    "of the L2 error, debiased", "of what the most labels take",
)  # fmt: skip


def told(found: list[dict[str, Any]], points: list[dict[str, Any]]) -> str:
    over = np.mean([one["confidence"] > one["accuracy"] for one in found])
    well = np.mean([one["flex_ece"] < WELL for one in found])
    lines = [
        f"{len(found)} scenarios: mean Flex-ECE {np.mean([one['flex_ece'] for one in found]):.3f}, "
        f"{over:.0%} overconfident, {well:.0%} below {WELL}.",
        "", by(found, "strategy"), "", by(found, "task"), "",
        f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|",
    ]  # fmt: skip
    for one in points:
        gone = " | ".join(
            "{:.0%} ({:.0%} to {:.0%})".format(*one[name]) if name in one else "-"
            for name in ("share", "l2", "of_most")
        )
        figures = " | ".join(f"{one[name]:.3f}" for name in ("raw", "after", "brier_raw", "brier"))
        lines.append(f"| {one['calibrator']} | {one['labels']:,} | {one['scenarios']} | {figures} | {gone} |")
    return "\n".join([*lines, "", f"Published: {PUBLISHED}."])


def chart(points: list[dict[str, Any]], path: Path) -> None:
    """The learning curve: mean Flex-ECE against labels, one line for each calibrator, and the raw one."""
    import altair as alt

    from calibrant.report.drawing import dressed, save

    rows = [{"labels": one["labels"], "Flex-ECE": one["after"], "map": one["calibrator"]} for one in points]
    rows += [{"labels": one["labels"], "Flex-ECE": one["raw"], "map": "raw"} for one in points]
    drawn = alt.Chart(alt.Data(values=rows)).mark_line(point=True).encode(
        alt.X("labels:Q", scale=alt.Scale(type="log"), title="labelled answers"),
        alt.Y("Flex-ECE:Q", title="mean Flex-ECE on other answers"), alt.Color("map:N", title=None),
    )  # fmt: skip
    made = drawn.properties(width=420, height=260)
    save(
        dressed(made, "Mean Flex-ECE by labelled answers, a line for each map"),
        path,
        title="The learning curve",
    )


def made_up(seed: int = 0) -> list[dict[str, Any]]:
    """Two tasks, three models that state too much, answers among four options."""
    draw = random.Random(seed)
    rows = []
    for task, hard in (("question answering", 0.25), ("relations", 0.5)):
        for item in range(400):
            for model, skill in (("small", 0.0), ("large", 0.2), ("larger", 0.25)):
                sure = draw.betavariate(3, 2)
                right = draw.random() < min(0.98, max(0.02, sure - hard / 2 + skill))
                rows.append({
                    "task": task, "model": model, "item_id": str(item), "answer": "A" if right else draw.choice("BCD"),
                    "correct": float(right), "confidence": round(0.6 + 0.4 * sure, 2), "signal": "verbalized",
                })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--log", action="append", default=[], help="Parquet, CSV or JSONL; may be given again"
    )
    parser.add_argument(
        "--by", choices=("task", "domain"), default="task", help="the column that tells tasks apart"
    )
    parser.add_argument("--tasks", help="only these, with commas")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--chart", type=Path, help="file for the learning curve: .svg or .png")
    parser.add_argument("--out", type=Path, help="JSON file for every number")
    parser.add_argument("--quick", action="store_true", help="a made-up log")
    asked = parser.parse_args()
    if not asked.quick and not asked.log:
        parser.error("name a log: --log FILE; or try --quick")
    keep = set(asked.tasks.split(",")) if asked.tasks else None
    rows = made_up() if asked.quick else [row for path in asked.log for row in read(path, asked.by, keep)]
    given = scenarios(rows)
    if not given:
        raise SystemExit(
            f"No task and model has {LEAST + min(LABELS)} answers with a verdict and a confidence, or several models."
        )
    found = [studied(one, 3 if asked.quick else asked.splits) for one in given]
    points = curve(found)
    print(told(found, points))
    if asked.chart:
        chart(points, asked.chart)
    if asked.out:
        asked.out.write_text(json.dumps({"scenarios": found, "curve": points}, indent=1))


if __name__ == "__main__":
    main()
