"""A run from its examples to its card: what was tuned on what, and what it is worth on answers it had not seen."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from sys import stderr
from typing import Any

from .. import __version__
from ..errors import Misuse, UnusableInput
from ..files.writing import write
from ..fitting import fit
from ..metrics import brier, ece, noise_floor
from ..metrics.paired import mean_difference
from ..metrics.ranking import ranking
from ..tally import Floats, Tally
from ..types import digest
from .examples import Choice, Judged, choices, held_out, judged
from .fine_tuning import FineTuning, Told, Tuned
from .regimes import Held, Regime, regime
from .settings import Method, Settings
from .tasks import Choosing, Confiding
from .weights import adapted, loaded, needed, processes

__all__ = ["ADAPTER", "CARD", "SAID", "Asked", "Run", "train"]

CARD = "card.json"
"""The file in a run's folder that says what was tuned, on what, and to what gain."""
ADAPTER = "adapter"
"""The folder in a run's folder that holds the tuned weights."""
IDENTITY = "run.json"
SAID = "said.jsonl"
"""The log in a run's folder of how sure the model was of each held-out answer, before and after."""
UNHARMED = 0.95
"""Share of the tokens of its answers that a tuned model must leave as they were to be one that answers."""
FEW = 30
"""Held-out answers below which a run says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a run is asked for.

    Parameters
    ----------
    model : a folder, a GGUF file, or a name on the hub
    log, elsewhere : judged answers, or questions with options; of the second, nothing is trained on
    held_out : share of the questions that are kept to measure by; half as many are kept to choose the weights by
    scale, soft : of conftuner: the tokens, and spread targets in place of the Brier score
    weight : of rcft: that of the binned distance
    """

    method: Method
    model: str
    log: str
    settings: Settings
    elsewhere: str | None = None
    held_out: float = 0.2
    scale: str | None = None
    soft: bool = False
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """The card of a run, as JSON, and its sentences."""

    card: dict[str, Any]

    @property
    def sentences(self) -> list[str]:
        """What was found, a line each."""
        told = []
        for name, found in self.card["measured"].items():
            where = "held-out questions" if name == "held" else "the task that was not trained on"
            told.append(f"On {found['before']['n']:,} answers to {where}:")
            for stage in ("before", "after"):
                told += [f"  {stage:<6} {way:<12} {_line(of)}" for way, of in found[stage]["ways"].items()]
            gain = found["gain"]
            better = f"{gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
            told.append(f"  Brier score better by {better}, raw; {self._accuracy(found)}.")
        if (unmoved := self.card.get("answers_kept")) is not None:
            told.append(
                f"Of the tokens of its held-out answers {unmoved:.1%} are what it would say as it came."
            )
        return [*told, *self.card["notes"]]

    def _accuracy(self, found: dict[str, Any]) -> str:
        """Of a choice it is the model's own, and changes; answers were judged beforehand."""
        before, after = (found[stage]["accuracy"] for stage in ("before", "after"))
        if self.card.get("answers_kept") is not None:
            return f"{before:.1%} of them are right"
        return f"accuracy {before:.3f} before, {after:.3f} after"


def _line(of: dict[str, Any]) -> str:
    ranked = (
        "-" if of["auroc"] is None else f"{of['auroc']:.3f} ({of['auroc_low']:.3f} to {of['auroc_high']:.3f})"
    )
    return (
        f"ECE {of['ece']:.3f} (calibrated models: {of['floor']:.3f}), AUROC {ranked}, Brier {of['brier']:.4f}"
    )


def train(
    asked: Asked,
    out: str | Path,
    told: Told | None = None,
    clock: Callable[[], float] = time.time,
    below: dict[int, Any] | None = None,
) -> Run:
    """Tune a model and write its adapter, its curve and its card into a folder; go on where an earlier try stopped.

    Beside them goes `said.jsonl`, a log of what was held out: how sure the model was `before` and `after`.

    Parameters
    ----------
    out : a folder, empty or of the same run
    told : is told of each step, and of each look
    below : what comes into the tuned layers, filled: for more runs of the same model, logs and `settings.top`

    Raises
    ------
    UnusableInput
        The model, the log or its texts cannot be used; too few examples.
    Misuse
        The folder holds another run.
    MissingExtra
        Without the extra `training`.
    """
    folder = Path(out)
    needed("peft")
    examples, elsewhere, left = _examples(asked)
    sides = held_out([one.family for one in examples], asked.held_out, asked.settings.seed)
    if len(sides.held) < FEW:
        raise UnusableInput(
            f"{len(sides.held)} examples would be held out, and at least {FEW} are needed to say anything. Take a "
            "longer log."
        )
    identity = _identity(asked, examples, elsewhere)
    with processes().main_process_first():  # of several, the others find what it wrote
        _claim(folder, identity)
    if (folder / CARD).exists():
        return Run(json.loads((folder / CARD).read_text()))
    with redirect_stdout(stderr):  # what other packages print is no result
        base, tokenizer = loaded(asked.model)
        task = _task(asked, [*examples, *elsewhere], tokenizer)
        settings = asked.settings
        needed("torch").manual_seed(settings.seed)  # of the first LoRA weights
        model = adapted(
            base, rank=settings.rank, alpha=settings.alpha, dropout=settings.dropout, layers=settings.layers,
            top=settings.top,
        )  # fmt: skip
        sets: dict[str, Sequence[int]] = {"train": sides.train, "choose": sides.choose, "held": sides.held}
        if elsewhere:
            sets["elsewhere"] = range(len(examples), len(examples) + len(elsewhere))
        began = clock()
        rows = sets | {"train": [*sides.train, *task.beside(sides.train)]}
        loop = FineTuning(task, rows, model, settings, folder, below)
        tuned = loop.run(told)
        unmoved = loop.unmoved(sides.held, task) if isinstance(task, Confiding) else None
        if loop.leads:
            loop.plain.save_pretrained(folder / ADAPTER)
            tokenizer.save_pretrained(folder / ADAPTER)
    card = _card(asked, identity, task, sets, tuned, unmoved) | {
        "left": dict(left),
        "seconds": round(clock() - began, 1),
    }
    if loop.leads:
        said = _said(task, sets, tuned, [*examples, *elsewhere])
        write(folder / SAID, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in said))
        write(folder / CARD, json.dumps(card, ensure_ascii=False, indent=1))
        loop.forget()
    return Run(card)


def _said(
    task: Confiding | Choosing, sets: dict[str, Sequence[int]], tuned: Tuned, examples: Sequence[Any]
) -> Iterator[dict[str, Any]]:
    """Of each held-out answer how sure the model was; of a choice it is its own, and may be another afterwards."""
    for name, before in tuned.before.items():
        stages = [task.said(read, sets[name]) for read in (before, tuned.after[name])]
        for k, place in enumerate(sets[name]):
            one = examples[place]
            if isinstance(one, Judged):
                text = {"question": one.question, "answer": one.answer}
            else:
                text = {"question": one.messages[-1].content}
            (was, right_then), (now, right) = [(float(p[k]), float(y[k])) for p, y in stages]
            yield {
                "set": name,
                **text,
                "before": was,
                "after": now,
                "correct_before": right_then,
                "correct": right,
            }


def _examples(asked: Asked) -> tuple[list[Any], list[Any], dict[str, int]]:
    read: Callable[[Any], Any] = judged if asked.method == "conftuner" else choices
    examples, left = read(asked.log)
    elsewhere = read(asked.elsewhere)[0] if asked.elsewhere else []
    return examples, elsewhere, dict(left)


def _task(asked: Asked, examples: list[Any], tokenizer: Any) -> Confiding | Choosing:
    if asked.method == "conftuner":
        return Confiding.of(examples, tokenizer, scale=asked.scale, soft=asked.soft)
    return Choosing.of(examples, tokenizer, method=asked.method, weight=asked.weight)


def _identity(asked: Asked, examples: list[Judged] | list[Choice], elsewhere: list[Any]) -> dict[str, Any]:
    said = [[repr(one) for one in some] for some in (examples, elsewhere)]
    return {
        "method": asked.method, "model": asked.model, "examples": digest(said), "held_out": asked.held_out,
        "scale": asked.scale, "soft": asked.soft, "weight": asked.weight, "settings": asked.settings.to_dict(),
    }  # fmt: skip


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """The folder is this run's from now on."""
    file = folder / IDENTITY
    if file.exists():
        there = json.loads(file.read_text())
        if differs := [name for name in identity if there.get(name) != identity[name]]:
            raise Misuse(
                f"{folder} holds a run with another {', '.join(differs)}. Name another folder: -o FOLDER."
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise Misuse(
            f"Expected {folder} to be empty, or to hold this run; it holds other files. Name another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write(file, json.dumps(identity, indent=1))


def _card(
    asked: Asked,
    identity: dict[str, Any],
    task: Confiding | Choosing,
    sets: dict[str, Sequence[int]],
    tuned: Tuned,
    unmoved: float | None,
) -> dict[str, Any]:
    measured = {
        name: _measured(task, sets[name], tuned.before[name], tuned.after[name]) for name in tuned.before
    }
    packages = ("torch", "transformers", "peft", "accelerate")
    card = {
        "format": "calibrant.training/1", "calibrant": __version__, **identity,
        "log": asked.log, "elsewhere": asked.elsewhere,
        "trained_on": len(sets["train"]), "chosen_by": len(sets["choose"]),
        "scale": task.scale.name if isinstance(task, Confiding) else None,
        "answers_kept": unmoved,
        "best_step": tuned.best, "steps": tuned.curve[-1]["step"], "curve": tuned.curve, "measured": measured,
        "packages": {name: version(name) for name in packages}, "machine": platform.machine(),
    }  # fmt: skip
    if isinstance(task, Choosing):
        card["regime"] = asdict(_regime(tuned))
    return card | {"notes": [*_notes(task, tuned), *_harm(unmoved)]}


def _regime(tuned: Tuned) -> Regime:
    return regime([
        Held(accuracy=one["accuracy"], ece=one["ece"], floor=one["floor"]) for one in tuned.curve
    ])  # fmt: skip


def _harm(unmoved: float | None) -> list[str]:
    if unmoved is None or unmoved >= UNHARMED:
        return []
    return [
        f"It would answer otherwise than before: of {1 - unmoved:.0%} of the tokens of its held-out answers another is "
        "likeliest now. Let the model as it came answer, and ask this one how sure it is, as the surrogate; or tune "
        "with a lower --learning-rate."
    ]


def _notes(task: Confiding | Choosing, tuned: Tuned) -> list[str]:
    best = next(point for point in tuned.curve if point["step"] == tuned.best)
    notes = []
    if tuned.best == 0:
        notes.append(
            "No step was better on the questions it is chosen by than the model as it came: its weights are unchanged."
        )
    if isinstance(task, Choosing):
        found = _regime(tuned)
        reached = (
            "no point is calibrated"
            if found.critical is None
            else f"calibrated up to accuracy {found.critical:.3f}"
        )
        notes.append(
            f"Regime: {found.side} as it ends; on this curve {reached}."
            + (
                ""
                if found.side == "calibratable" or task.weight
                else " Try rcft, which trades for calibration."
            )
        )
        return notes
    if best["collapsed"]:
        notes.append(
            f"Collapsed: nearly all answers get one confidence ({best['different']:.1f} different ones by perplexity), "
            "which tells nothing of any of them. Take more answers, or a lower --learning-rate."
        )
    if best["mass"] < 0.5:
        notes.append(
            f"The model says a token of the scale with a probability of {best['mass']:.2f} alone: what is served "
            "reads few of them. Train longer."
        )
    return notes


def _measured(
    task: Confiding | Choosing, which: Sequence[int], before: Floats, after: Floats
) -> dict[str, Any]:
    stages, losses = {}, {}
    for stage, read in (("before", before), ("after", after)):
        said, right = task.said(read, which)
        ways = {"raw": _worth(Tally.of(said, right))}
        if (mapped := fit(said, right, "platt").groups[0].after) is not None:
            ways["platt"] = _worth(mapped)
        if isinstance(task, Choosing):
            ways["raw"]["ece_classes"] = task.classes(read, which)
            cooled = task.scaled(read, which)
            of = _worth(Tally.of(*task.said(cooled, which)))
            ways["temperature"] = of | {"ece_classes": task.classes(cooled, which)}
        stages[stage] = {"n": len(said), "accuracy": float(right.mean()), "ways": ways}
        losses[stage] = (said - right) ** 2
    gain = mean_difference(losses["before"] - losses["after"])
    return {**stages, "gain": {"value": gain.value, "low": gain.low, "high": gain.high}}


def _worth(tally: Tally) -> dict[str, float | None]:
    ranked = ranking(tally)
    interval = ranked.interval() if ranked is not None and ranked.enough else None
    return {
        "ece": ece(tally, 10), "ece15": ece(tally, 15), "floor": noise_floor(tally, 10), "brier": brier(tally),
        "confidence": tally.mean_confidence,
        "auroc": None if interval is None else interval.value,
        "auroc_low": None if interval is None else interval.low,
        "auroc_high": None if interval is None else interval.high,
    }  # fmt: skip
