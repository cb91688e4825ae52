"""ConfTuner, CFT and RCFT over seeds: what fine-tuning makes of a model's confidence, beside what a map does.

    python benchmarks/tuning.py FOLDER --model MODEL --log LOG [--elsewhere LOG] [--questions FILE] [--seeds 1 2 3]
    python benchmarks/tuning.py FOLDER --model MODEL --choices FILE [--seeds 1 2]
    python benchmarks/tuning.py --quick

LOG holds the model's own judged answers, as `calibrant elicit --signals mean_logprob` writes them, and its `score` is
measured beside; `--elsewhere` those to another task. FILE of `--questions` are the questions that were asked: the tuned
model answers the held-out ones again, to see that nothing is lost. FILE of `--choices` are questions with options.
Settings stand below, found on other seeds than those that are told. Runs go on where they stopped; each costs what
`--top` layers cost, those below are computed once for all seeds. `--chart FILE.svg` draws the curves of the log.

Intervals are 95 %, of the mean over the seeds, by a bootstrap over questions that takes all that a question brings in
every seed together; of an ECE, which is too high of redrawn rows, the seeds are told instead. "both" is a logistic
regression on the log-odds of the tuned confidence and of the score of the log. Maps are fitted on four fifths of the
held-out questions for each fifth; on the other task it is the one of the held-out questions, brought along.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from calibrant.asking.questions import read_questions
from calibrant.calibrators.platt import Platt
from calibrant.graders.by_kind import ByKind
from calibrant.metrics import auroc, brier, ece, noise_floor
from calibrant.metrics.recovery import Recovery, apgr
from calibrant.tally import Tally
from calibrant.training.runs import ADAPTER, CARD, SAID, Asked, train
from calibrant.training.settings import DEFAULTS, Settings
from calibrant.types import Completion, Question, digest

Array = np.ndarray[Any, Any]

LAST = {"top": 1, "layers": "gate_proj,up_proj,down_proj", "at_once": 8, "looks": 1}
"""The last layer alone: a linear map of what comes into it already tells right answers from wrong ones."""
CONFIDING = replace(DEFAULTS["conftuner"], learning_rate=2e-3, epochs=4, batch=10, **LAST)
CHOOSING = replace(DEFAULTS["cft"], learning_rate=2e-3, epochs=3, rank=8, alpha=32, batch=8, **LAST)
HELD, HELD_CHOICES = 0.25, 0.35
DRAWS = 300
ASKED_AGAIN = 70
LEAST = 10
"""Answers below which a tenth of the chart is left out."""
SHARES = (0.2, 0.4)
"""Of the answers that a second look is taken at."""


@dataclass(frozen=True)
class Rows:
    """What was said in one run of one set: names of scores, each of shape (n,), and whether each answer is right."""

    item: list[str]
    scores: dict[str, Array]
    right: dict[str, Array]

    def both(self) -> Rows:
        """With what the tuned confidence and the score of the log say together, fitted on other fifths of the rows."""
        if "mean_logprob" not in self.scores:
            return self
        x = np.column_stack([_log_odds(self.scores[name]) for name in ("tuned", "mean_logprob")])
        y, fold, made = self.right["tuned"], self.fold, np.empty(len(x))
        for k in range(5):
            w = _logistic(x[fold != k], y[fold != k])
            made[fold == k] = expit(w[0] + x[fold == k] @ w[1:])
        return Rows(self.item, self.scores | {"both": made}, self.right | {"both": y})

    @property
    def fold(self) -> Array:
        """Of five, the same for all that a question brings."""
        return np.array([int(digest(one)[:6], 16) % 5 for one in self.item])

    def mapped(self, by: Rows | None = None) -> Rows:
        """With Platt scaling: fitted on other fifths of the rows, or on those of `by`."""
        made = dict(self.scores)
        fold = self.fold
        for name, p in self.scores.items():
            q, y = np.empty_like(p), self.right[name]
            for k in range(5):
                there = fold != k
                of = (p[there], y[there]) if by is None else (by.scores[name], by.right[name])
                q[fold == k] = Platt().fit(Tally.of(*of))(p[fold == k])
            made[f"{name} + Platt"] = q
        return Rows(
            self.item, made, self.right | {f"{name} + Platt": self.right[name] for name in self.scores}
        )


def _log_odds(p: Array) -> Array:
    return logit(np.clip(p, 1e-4, 1 - 1e-4))


def _logistic(x: Array, y: Array) -> Array:
    """Intercept and slopes by Newton's steps, with a trace of a ridge."""
    x, w = np.column_stack([np.ones(len(x)), x]), np.zeros(x.shape[1] + 1)
    for _ in range(30):
        p = expit(x @ w)
        bent = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(len(w))
        w += np.linalg.solve(bent, x.T @ (y - p) - 1e-3 * w)
    return w


def rows_of(folder: Path, of: str, scored: dict[tuple[str, str], float]) -> Rows:
    """The rows of a run; `scored` gives the score that the log has for a question and its answer."""
    said = [json.loads(line) for line in (folder / SAID).read_text().splitlines()]
    said = [one for one in said if one["set"] == of]
    scores = {
        name: np.array([one[key] for one in said]) for name, key in (("base", "before"), ("tuned", "after"))
    }
    right = {
        "base": np.array([one["correct_before"] for one in said]),
        "tuned": np.array([one["correct"] for one in said]),
    }
    if scored:
        scores["mean_logprob"] = np.array([scored[one["question"], one["answer"]] for one in said])
        right["mean_logprob"] = right["base"]
    return Rows([one["question"] for one in said], scores, right)


MEASURES: dict[str, Callable[[Tally], float]] = {
    "ECE": lambda tally: ece(tally, 10),
    "AUROC": lambda tally: auroc(tally) or 0.5,
    "Brier": brier,
}


Measure = Callable[[Rows, Array], float]
"""Of the rows at some places of a run."""


def drawn(runs: Sequence[Rows], measure: Measure) -> tuple[float, float, float]:
    """The mean of a measure over the runs and its interval."""
    whole = float(np.mean([measure(one, np.arange(len(one.item))) for one in runs]))
    items = sorted({item for one in runs for item in one.item})
    number = {item: k for k, item in enumerate(items)}
    place = [np.array([number[item] for item in one.item]) for one in runs]
    rng, made = np.random.default_rng(0), []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(0, len(items), len(items)), minlength=len(items))
        made.append(np.mean([
            measure(one, np.repeat(np.arange(len(one.item)), times[at])) for one, at in zip(runs, place, strict=True)
        ]))  # fmt: skip
    low, high = np.quantile(made, [0.025, 0.975])
    return whole, float(low), float(high)


def _of(way: str, name: str, rows: Rows, at: Array) -> float:
    return MEASURES[name](Tally.of(rows.scores[way][at], rows.right[way][at]))


def _less(a: Measure, b: Measure, rows: Rows, at: Array) -> float:
    return a(rows, at) - b(rows, at)


def _area(way: str, rows: Rows, at: Array) -> float:
    y = rows.right[way][at]
    return apgr(Recovery.of(1 - rows.scores[way][at], y, np.ones_like(y))) or 0.0


def _found(way: str, share: float, rows: Rows, at: Array) -> float:
    order = np.argsort(rows.scores[way][at], kind="stable")[: round(share * len(at))]
    wrong = 1 - rows.right[way][at]
    return float(wrong[order].sum() / wrong.sum())


def _shown(found: tuple[float, float, float], digits: str = ".3f") -> str:
    value, low, high = found
    return f"{value:{digits}} ({low:{digits}} to {high:{digits}})"


def table(title: str, runs: Sequence[Rows], ways: Sequence[str]) -> None:
    """Print the measures of each way."""
    print(f"\n### {title}: {len(runs)} seeds, {', '.join(str(len(one.item)) for one in runs)} answers\n")
    print("| | ECE (of each seed) | calibrated models | AUROC | Brier |\n|---|---:|---:|---:|---:|")
    for way in ways:
        tallies = [Tally.of(one.scores[way], one.right[way]) for one in runs]
        floor = np.mean([noise_floor(tally, 10) for tally in tallies])
        told = [_shown(drawn(runs, partial(_of, way, name))) for name in ("AUROC", "Brier")]
        print(
            f"| {way} | {_each([ece(tally, 10) for tally in tallies])} | {floor:.3f} | {' | '.join(told)} |"
        )


def gaps(runs: Sequence[Rows], pairs: Sequence[tuple[str, str]]) -> None:
    """Print the difference of two ways on the same answers."""
    print()
    for one, other in pairs:
        told = [
            f"{name} {_shown(drawn(runs, partial(_less, partial(_of, one, name), partial(_of, other, name))), '+.3f')}"
            for name in MEASURES
        ]
        print(f"{one} less {other}: {', '.join(told)}")


def second_look(runs: Sequence[Rows]) -> None:
    """What a look at the least sure answers finds, by whoever is always right: of each trigger."""
    print("\n### The least sure looked at again, or sent on\n")
    print("| trigger | APGR | " + " | ".join(f"wrong ones found in {x:.0%}" for x in SHARES) + " |")
    print("|---|---:|" + "---:|" * len(SHARES))
    for way in runs[0].scores:
        measures = [partial(_area, way), *(partial(_found, way, share) for share in SHARES)]
        print(f"| {way} | {' | '.join(_shown(drawn(runs, one)) for one in measures)} |")


def again(folder: Path, model: str, questions: dict[str, Question], rows: Rows) -> tuple[Array, Array]:
    """The grades of what the model answers to held-out questions without and with what was learnt, one word at a time.

    Turns that stand before the questions of a kind are read once: what comes of them is kept.
    """
    import peft
    import torch

    from calibrant.training.weights import loaded

    base, tokenizer = loaded(model)
    tuned = peft.PeftModel.from_pretrained(base, folder / ADAPTER).eval()
    known = [questions[text] for text in rows.item if text in questions]
    asked = known[:: max(1, len(known) // ASKED_AGAIN)]  # of all kinds, which stand one after the other
    grades = []
    for adapter in (tuned.disable_adapter(), nullcontext()):
        with adapter:
            answer = _Answering(torch, tuned, tokenizer)
            grades.append([ByKind().grade(one, Completion(text=answer(one), model=model)) for one in asked])
    without, within = (np.array(some, dtype=float) for some in grades)
    graded = np.isfinite(without) & np.isfinite(within)
    return without[graded], within[graded]


class _Answering:
    """Greedy answers of a line."""

    def __init__(self, torch: Any, model: Any, tokenizer: Any) -> None:
        self.torch, self.model, self.tokenizer = torch, model, tokenizer
        self.kept: dict[tuple[str, ...], tuple[list[int], Any]] = {}

    def __call__(self, question: Question, tokens: int = 16) -> str:
        import copy

        turns = [{"role": one.role, "content": one.content} for one in question.messages]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        key = tuple(turn["content"] for turn in turns[:-1])
        with self.torch.no_grad():
            if key not in self.kept:
                head = self.tokenizer.encode(
                    self.tokenizer.apply_chat_template(turns[:-1], tokenize=False) if key else "",
                    add_special_tokens=False,
                )
                head = head if head and ids[: len(head)] == head else ids[:1]
                made = self.model(input_ids=self.torch.tensor([head]), use_cache=True, logits_to_keep=1)
                self.kept[key] = (head, made.past_key_values)
            head, past = self.kept[key]
            if ids[: len(head)] != head:
                head, past = [], None
            past, rest, said = copy.deepcopy(past), ids[len(head) :], []
            for _ in range(tokens):
                made = self.model(
                    input_ids=self.torch.tensor([rest]),
                    past_key_values=past,
                    use_cache=True,
                    logits_to_keep=1,
                )
                past, rest = made.past_key_values, [int(made.logits[0, -1].argmax())]
                if rest[0] == self.tokenizer.eos_token_id or "\n" in self.tokenizer.decode(rest):
                    break
                said += rest
        return str(self.tokenizer.decode(said, skip_special_tokens=True)).strip()


def confiding(given: argparse.Namespace, settings: Settings) -> None:
    """ConfTuner over seeds."""
    scored = {}
    for path in filter(None, (given.log, given.elsewhere)):
        for one in map(json.loads, Path(path).read_text().splitlines()):
            if one.get("score") is not None:
                scored[one["question"], one["answer"]] = float(one["score"])
    below: dict[int, Any] = {}
    folders = [
        tune(given, Asked(
            method="conftuner", model=given.model, log=given.log, elsewhere=given.elsewhere, held_out=HELD,
            soft=given.soft, settings=replace(settings, seed=seed),
        ), below) for seed in given.seeds
    ]  # fmt: skip
    held = [rows_of(folder, "held", scored) for folder in folders]
    ways = [*held[0].scores, *(f"{name} + Platt" for name in held[0].scores)]
    mapped = [rows.mapped().both() for rows in held]
    table("Held-out questions", mapped, [*ways, "both"] if scored else ways)
    pairs = [("tuned", "base"), ("tuned + Platt", "base + Platt")]
    if scored:
        pairs += [("tuned", "mean_logprob"), ("tuned + Platt", "mean_logprob + Platt")]
    gaps(mapped, [*pairs, ("both", "mean_logprob + Platt")] if scored else pairs)
    second_look([rows.both() for rows in held])
    if given.elsewhere:
        there = [
            rows_of(folder, "elsewhere", scored).mapped(by=by)
            for folder, by in zip(folders, held, strict=True)
        ]
        table("The other task", there, ways)
        gaps(there, pairs)
    if given.questions:
        known = {one.text: one for one in read_questions(given.questions)}
        print("\n### Held-out questions, answered again\n")
        for folder, rows in zip(folders, held, strict=True):
            without, within = again(folder, given.model, known, rows)
            gained, lost = ((within > without).sum(), (within < without).sum())
            print(
                f"{folder.name}: {without.mean():.3f} right of {len(without)} without, {within.mean():.3f} with what "
                f"was learnt: {gained} gained, {lost} lost"
            )
    if given.chart:
        chart(mapped, given.chart)


def choosing(given: argparse.Namespace, settings: Settings) -> None:
    """CFT and RCFT over seeds."""
    below: dict[int, Any] = {}
    cards: dict[str, list[dict[str, Any]]] = {"cft": [], "rcft": []}
    for seed in given.seeds:
        for method, found in cards.items():
            asked = Asked(
                method=method, model=given.model, log=given.choices, held_out=HELD_CHOICES,  # type: ignore[arg-type]
                settings=replace(settings, seed=seed),
            )  # fmt: skip
            found.append(json.loads((tune(given, asked, below) / CARD).read_text()))
    print(f"\n### Choices: {len(given.seeds)} seeds\n")
    print("| | accuracy | conf-ECE | calibrated models | cw-ECE | AUROC | Brier | critical accuracy |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, method, stage, way in (
        ("base", "cft", "before", "raw"), ("base + temperature", "cft", "before", "temperature"),
        ("CFT", "cft", "after", "raw"), ("CFT + temperature", "cft", "after", "temperature"),
        ("RCFT", "rcft", "after", "raw"), ("RCFT + temperature", "rcft", "after", "temperature"),
    ):  # fmt: skip
        of = [card["measured"]["held"][stage] for card in cards[method]]
        shown = [_each([one["accuracy"] for one in of])]
        for key in ("ece", "floor", "ece_classes", "auroc", "brier"):
            shown.append(_each([one["ways"][way].get(key) for one in of]))
        critical = _each([card["regime"]["critical"] for card in cards[method]]) if stage == "after" else "-"
        print(f"| {name} | {' | '.join(shown)} | {critical} |")
    for method, found in cards.items():
        for seed, card in zip(given.seeds, found, strict=True):
            points = "; ".join(f"{p['step']}: {p['accuracy']:.3f}, {p['ece']:.3f}" for p in card["curve"])
            print(f"\n{method}, seed {seed}, kept {card['best_step']}; accuracy and ECE by step: {points}")


def _each(values: Sequence[float | None]) -> str:
    """The mean, and what each seed has."""
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f} ({', '.join(f'{value:.3f}' for value in known)})" if known else "-"


def tune(given: argparse.Namespace, asked: Asked, below: dict[int, Any]) -> Path:
    """A run in a folder of its own, told of on stderr."""
    folder = Path(given.folder) / f"{asked.method}-{asked.settings.seed}"

    def told(done: int, total: int, look: dict[str, Any] | None) -> None:
        if look is not None:
            shown = ", ".join(
                f"{name} {look[name]:.3f}" for name in ("loss", "ece", "auroc", "accuracy", "mass", "different")
                if look.get(name) is not None
            )  # fmt: skip
            print(f"{folder.name} {done} of {total}: {shown}", file=sys.stderr, flush=True)

    train(asked, folder, told, below=below if asked.settings.top else None)
    return folder


def chart(runs: Sequence[Rows], path: Path) -> None:
    """How sure the model is against how often it is right, before and after, of all seeds together."""
    import altair as alt
    import pandas as pd

    from calibrant.report.drawing import dressed, save

    rows = []
    for way in ("base", "tuned", "tuned + Platt", "mean_logprob"):
        if way not in runs[0].scores:
            continue
        p = np.concatenate([one.scores[way] for one in runs])
        y = np.concatenate([one.right[way] for one in runs])
        cell = np.minimum((p * 10).astype(int), 9)
        for k in range(10):
            if (there := cell == k).sum() >= LEAST:
                rows.append(
                    {
                        "by": way,
                        "sure": p[there].mean(),
                        "right": y[there].mean(),
                        "answers": int(there.sum()),
                    }
                )
    line = alt.Chart(pd.DataFrame({"sure": [0, 1], "right": [0, 1]})).mark_line(
        color="#999", strokeDash=[4, 4]
    )
    drawn = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("sure:Q", title="how sure, mean of a tenth", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("right:Q", title="how often right", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("by:N", title=None), strokeDash=alt.StrokeDash("by:N", title=None),
    )  # fmt: skip
    layers = (
        line.encode(x="sure:Q", y="right:Q"),
        drawn.mark_line(),
        drawn.mark_point(filled=True).encode(size=alt.Size("answers:Q")),
    )
    made = alt.layer(*layers).properties(width=420, height=420)
    save(
        dressed(made, "How often right by how sure, before and after"),
        path,
        title="How sure and how often right",
    )


def tiny(folder: Path) -> Iterator[list[str]]:
    """The words of the quick runs: a model of a few thousand weights and made-up logs."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.training import tiny as made

    model = made.save(folder / "model")
    yield [str(folder / "sure"), "--model", model, "--log", made.answers(folder / "log.jsonl", 200),
           "--elsewhere", made.answers(folder / "other.jsonl", 60, seed=1), "--seeds", "1"]  # fmt: skip
    yield [str(folder / "chosen"), "--model", model, "--choices", made.questions(folder / "choices.jsonl", 240),
           "--seeds", "1"]  # fmt: skip


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="where the runs are")
    parser.add_argument("--model")
    parser.add_argument("--log")
    parser.add_argument("--elsewhere")
    parser.add_argument("--questions")
    parser.add_argument("--choices")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--chart", type=Path, metavar="FILE.svg")
    parser.add_argument("--soft", action="store_true", help="spread targets in place of the Brier score")
    parser.add_argument(
        "--quick", action="store_true", help="a model of a few thousand weights, on made-up logs"
    )
    return parser


def main() -> None:
    given = options().parse_args()
    if given.quick:
        if lacking := [
            name for name in ("torch", "transformers", "peft", "accelerate") if not find_spec(name)
        ]:
            print(
                f"Nothing is tuned here: {', '.join(lacking)} are lacking. pip install 'calibrant[training]'"
            )
            return
        with tempfile.TemporaryDirectory() as folder:
            small = {"epochs": 1, "rank": 4}
            for words in tiny(Path(folder)):
                _told(options().parse_args(words), small)
        return
    _told(given, {})


def _told(given: argparse.Namespace, small: dict[str, Any]) -> None:
    if not given.folder or not given.model or not (given.log or given.choices):
        options().error("expected FOLDER, --model, and --log or --choices; or --quick")
    if given.log:
        confiding(given, replace(CONFIDING, **small))
    if given.choices:
        choosing(given, replace(CHOOSING, **small))


if __name__ == "__main__":
    main()
