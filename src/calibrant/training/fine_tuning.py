"""The loop of fine-tuning: steps, looks at examples, the best of them kept, and going on where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from inspect import signature
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ..tally import Floats
from .below import Below
from .rendering import batched
from .settings import Settings
from .tasks import Confiding, Task
from .weights import needed, processes

__all__ = ["FineTuning", "Tuned"]

OWN = ("train", "choose")
"""What a run has seen: nothing is measured on it."""

Told = Callable[[int, int, "dict[str, Any] | None"], None]
"""Is told the steps done, all of them, and at a look its point of the curve."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The curve of looks, the step whose weights were kept, and what was read before and after, by the set's name."""

    curve: list[dict[str, Any]]
    best: int
    before: dict[str, Floats]
    after: dict[str, Floats]


@dataclass
class _State:
    """Where a run is. All of it is in a checkpoint, beside weights, optimizer and random state."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    best: int = 0
    stale: int = 0
    memory: Any = None
    before: dict[str, Any] = field(default_factory=dict)


class FineTuning:
    """Tunes the LoRA weights of a model on a task.

    A step is the mean loss of `settings.batch` examples, computed `at_once` at a time and shared among processes, so
    that neither changes it but by rounding. A run that is stopped and begun anew in the same folder gives the same
    weights, bit for bit, as one that was not (on the same machine, with as many threads and processes).

    Parameters
    ----------
    task : its examples and losses
    sets : places of examples by name: "train" is tuned on, "choose" chooses the step, others are only measured
    model : as `weights.adapted` makes it
    folder : for checkpoints; what is there of the same run is gone on with
    below : what comes into the tuned layers, where `settings.top` names them: see `Below`
    """

    def __init__(
        self,
        task: Task,
        sets: dict[str, Sequence[int]],
        model: Any,
        settings: Settings,
        folder: Path,
        below: dict[int, Any] | None = None,
    ) -> None:
        self._torch = needed("torch")
        self.task, self.sets, self.settings, self.folder = task, sets, settings, folder
        self._accelerator = processes()
        accepted = signature(model.get_base_model().forward).parameters
        self._keeps, self._places = "logits_to_keep" in accepted, "position_ids" in accepted
        weights = [one for one in model.parameters() if one.requires_grad]
        optimizer = self._torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
        self.model, self._optimizer = self._accelerator.prepare(model, optimizer)
        self._weights = weights
        top = settings.top
        kept = {} if below is None else below
        self._below = None if top is None else Below(self._torch, model, top, self._batch, kept)
        self.per_epoch = -(-len(sets["train"]) // settings.batch)
        self.total = settings.epochs * self.per_epoch
        self._every = max(1, self.per_epoch // settings.looks)
        self._state = _State()
        self._best: dict[str, Any] = {}

    def run(self, told: Told | None = None) -> Tuned:
        """Train to the end, or until looks are no longer better; the best weights are the model's then."""
        state, told = self._state, told or _nobody
        if not self._resumed():
            self._torch.manual_seed(self.settings.seed)  # of dropout
            state.before = {
                name: self.read(which).tolist() for name, which in self.sets.items() if name not in OWN
            }
            told(0, self.total, self._look())
        while state.step < self.total and state.stale < self.settings.patience:
            if state.step % self.per_epoch == 0 and self.task.expects:
                self.task.expect(self.read(self.sets["train"]), self.sets["train"])
            state.losses.append(self._update())
            state.step += 1
            looks = state.step % self._every == 0 or state.step == self.total
            told(state.step, self.total, self._look() if looks else None)
            if looks:
                self._save()
        self._take(self._best)
        before = {name: np.array(read) for name, read in state.before.items()}
        after = {name: self.read(self.sets[name]) for name in before}
        return Tuned(curve=state.curve, best=state.best, before=before, after=after)

    @property
    def leads(self) -> bool:
        """Whether this process writes what all have made."""
        return bool(self._accelerator.is_main_process)

    @property
    def plain(self) -> Any:
        """The model as it was handed in."""
        return self._accelerator.unwrap_model(self.model)

    def forget(self) -> None:
        """Remove the checkpoints, once what came of them is written."""
        for name in ("checkpoint", "checkpoint.old", "checkpoint.part"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def read(self, which: Sequence[int]) -> Floats:
        """What the task reads of some examples, in their order; every process reads all of them."""
        self.model.eval()
        made: dict[int, Floats] = {}
        order = sorted(which, key=lambda i: len(self.task.rows[i]))
        with self._torch.no_grad():
            for rows in _chunks(order, 4 * self.settings.at_once):
                logits = self._logits(rows, self.task.behind + 1)[0][:, -1 - self.task.behind]
                made |= zip(rows, self.task.read(logits), strict=True)
        return np.array([made[i] for i in which])

    def unmoved(self, which: Sequence[int], task: Confiding) -> float:
        """The share of the tokens of their answers whose likeliest is what it was before any tuning."""
        self.model.eval()
        found: list[tuple[int, int]] = []
        with self._torch.no_grad():
            for rows in _chunks(task.beside(which), 4 * self.settings.at_once):
                logits, _ = self._logits(rows, keep := task.keep(rows))
                before = self._before(rows)["before"]
                found += task.unmoved(self._torch, logits[:, -keep:], before, rows)
        same, tokens = map(sum, zip(*found, strict=True))
        return same / tokens

    def _before(self, rows: Sequence[int]) -> dict[str, Any]:
        """What the model said, untuned, of the rows whose losses ask for it."""
        if not (held := [rows[k] for k in self.task.held(rows)]):
            return {}
        training = self.model.training
        self.model.eval()
        with self._torch.no_grad(), self.plain.disable_adapter():
            before, _ = self._logits(held, keep := self.task.keep(held))
        self.model.train(training)
        return {"before": before[:, -keep:]}

    def _logits(self, rows: Sequence[int], keep: int) -> tuple[Any, dict[str, Any]]:
        batch = self._batch(rows)
        more = {"logits_to_keep": keep} if self._keeps and keep else {}
        with self._below.passed(rows, keep) if self._below else nullcontext():
            return self.model(**batch, **more, use_cache=False).logits, batch

    def _batch(self, rows: Sequence[int]) -> dict[str, Any]:
        batch = batched(self._torch, [self.task.rows[i] for i in rows], self._accelerator.device)
        return {name: value for name, value in batch.items() if name != "position_ids" or self._places}

    def _update(self) -> float:
        """One step; the mean loss of its examples."""
        state, settings, accelerator = self._state, self.settings, self._accelerator
        epoch, at = divmod(state.step, self.per_epoch)
        order = np.random.default_rng([settings.seed, epoch]).permutation(np.array(self.sets["train"]))
        rows = sorted(order[at * settings.batch : (at + 1) * settings.batch].tolist())  # those alike together
        parts = list(self._parts(rows))
        self.model.train()
        total = 0.0
        for number, (some, share) in enumerate(parts, start=1):
            waits = accelerator.no_sync(self.model) if number < len(parts) else nullcontext()
            with waits:
                before = self._before(some)
                logits, batch = self._logits(some, self.task.keep(some))
                losses = self.task.losses(self._torch, logits, batch | before, some)
                accelerator.backward(losses.sum() * (share / len(rows)))
                total += float(losses.detach().sum()) * share
        accelerator.clip_grad_norm_(self._weights, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.rate(state.step, self.per_epoch)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return total / len(rows)

    def _parts(self, rows: list[int]) -> Iterator[tuple[list[int], float]]:
        """What this process computes, at once and one after the other, and the weight of each loss in it.

        All processes have as many parts, or they would wait for each other for ever; gradients are their mean.
        """
        every = self._accelerator.num_processes
        mine = rows[self._accelerator.process_index :: every]
        count = ceil(ceil(len(rows) / every) / self.settings.at_once)
        for k in range(count):
            some = mine[k * self.settings.at_once : (k + 1) * self.settings.at_once]
            yield (some, float(every)) if some else (rows[:1], 0.0)

    def _look(self) -> dict[str, Any]:
        """A point of the curve; the weights are kept where it is the best."""
        state = self._state
        since = state.curve[-1]["step"] if state.curve else 0
        measured = self.task.measured(self.read(self.sets["choose"]), self.sets["choose"])
        trained = state.losses[since:]
        point = {"step": state.step, "training": float(np.mean(trained)) if trained else None, **measured}
        if not state.curve or measured["loss"] < state.curve[_at(state.curve, state.best)]["loss"]:
            state.best, state.stale = state.step, 0
            self._best = {name: value.detach().cpu().clone() for name, value in self._named()}
        else:
            state.stale += 1
        state.curve.append(point)
        return point

    def _named(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.plain.named_parameters() if value.requires_grad]

    def _take(self, weights: dict[str, Any]) -> None:
        with self._torch.no_grad():
            for name, value in self._named():
                value.copy_(weights[name])

    def _save(self) -> None:
        """A checkpoint that is there whole or not at all."""
        torch, accelerator = self._torch, self._accelerator
        made, kept = self.folder / "checkpoint.part", self.folder / "checkpoint"
        if accelerator.is_main_process:
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(parents=True)
        accelerator.wait_for_everyone()
        random = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            random["cuda"] = torch.cuda.get_rng_state()
        torch.save(random, made / f"random-{accelerator.process_index}.pt")
        if accelerator.is_main_process:
            now = {name: value.detach().cpu().contiguous() for name, value in self._named()}
            torch.save({"now": now, "best": self._best}, made / "weights.pt")
            torch.save(self._optimizer.state_dict(), made / "optimizer.pt")
            self._state.memory = self.task.memory()
            (made / "state.json").write_text(json.dumps(vars(self._state)))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            old = self.folder / "checkpoint.old"
            shutil.rmtree(old, ignore_errors=True)
            if kept.exists():
                kept.rename(old)
            made.rename(kept)
            shutil.rmtree(old, ignore_errors=True)
        accelerator.wait_for_everyone()

    def _resumed(self) -> bool:
        """Take up the last checkpoint, where there is one."""
        torch = self._torch
        kept = next(
            (one for name in ("checkpoint", "checkpoint.old") if (one := self.folder / name).is_dir()), None
        )
        if kept is None:
            return False
        weights = torch.load(kept / "weights.pt", weights_only=True)
        self._take(weights["now"])
        self._best = weights["best"]
        self._optimizer.load_state_dict(torch.load(kept / "optimizer.pt", weights_only=True))
        random = torch.load(kept / f"random-{self._accelerator.process_index}.pt", weights_only=True)
        torch.set_rng_state(random["cpu"])
        if "cuda" in random and torch.cuda.is_available():
            torch.cuda.set_rng_state(random["cuda"])
        vars(self._state).update(json.loads((kept / "state.json").read_text()))
        if self._state.memory:
            self.task.remember(self._state.memory)
        return True


def _nobody(done: int, total: int, look: dict[str, Any] | None) -> None:
    """Where nobody asks how far it is."""


def _chunks(rows: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])


def _at(curve: list[dict[str, Any]], step: int) -> int:
    return next(i for i, point in enumerate(curve) if point["step"] == step)
