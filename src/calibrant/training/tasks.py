"""What each way of fine-tuning reads off a model, makes small, and is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

from ..calibrators.temperature import Temperature
from ..dialogue.scales import TokenScale
from ..metrics import auroc, brier, classwise_ece, ece, noise_floor
from ..tally import Floats, Tally
from ..types import Message
from .examples import Choice, Judged
from .losses.binned import Targets, binned, targets
from .losses.kept import kept
from .losses.language import language
from .losses.outside import outside
from .losses.spread import spread
from .losses.tokenized_brier import soft_targets, tokenized_brier
from .rendering import rendered
from .vocabulary import chosen_scale, single_tokens

__all__ = ["Choosing", "Confiding", "Task"]

Tensor = Any
OUTSIDE = 0.1
"""Weight of the mass outside of the set of tokens, in a loss between 0 and 1."""
SPREAD = 0.02
"""Weight of the entropy that is taken off: tokens about what is right keep weight, with a standard deviation of .1."""
ANSWERED, EACH = 64, 4
"""Tokens of an answer, the first of them, that are held to what the model said before, and one answer in so many."""
COLLAPSED = 1.5
"""Fewer different confidences than these, by their perplexity, tell nothing of the answers."""


class Task(Protocol):
    """A way of fine-tuning. Its examples are rows of tokens; the last `behind` of each follow the place that counts."""

    rows: list[list[int]]
    behind: int

    def keep(self, which: Sequence[int]) -> int:
        """The last positions of these rows whose logits are needed; 0 for all."""

    def beside(self, which: Sequence[int]) -> list[int]:
        """The places of rows that are trained on for the sake of some examples, beside their own."""

    def held(self, which: Sequence[int]) -> list[int]:
        """Of some rows, by their number among them, those whose losses need what the model said untuned."""

    @property
    def expects(self) -> bool:
        """Whether it has an E-step."""

    def losses(self, torch: Any, logits: Tensor, batch: dict[str, Tensor], which: Sequence[int]) -> Tensor:
        """The loss of each example, shape (n,), of logits (n, kept positions, vocabulary).

        `batch` has the tokens, and as `before` the logits of the rows that are `held`, from the model untuned.
        """

    def read(self, logits: Tensor) -> Floats:
        """What counts of the logits (n, vocabulary) at the place, as numbers."""

    def expect(self, read: Floats, which: Sequence[int]) -> None:
        """The E-step, where there is one: `read` of all the examples that are trained on."""

    def measured(self, read: Floats, which: Sequence[int]) -> dict[str, float | None]:
        """Measures of held-out examples; `loss` is what the best point has least of."""

    def said(self, read: Floats, which: Sequence[int]) -> tuple[Floats, Floats]:
        """How sure the model is of each answer, and whether it is right, shape (n,) each."""

    def memory(self) -> Any:
        """What the last E-step found, as JSON, so that a run goes on as if it had not been stopped."""

    def remember(self, memory: Any) -> None:
        """Take back what `memory` gave."""


@dataclass(kw_only=True)
class Confiding:
    """ConfTuner: one confidence token for an answer that was judged, and the answer held to what it was.

    Behind the rows in which the confidence is asked for stand as many in which the questions are answered.
    """

    scale: TokenScale
    tokens: list[int]
    rows: list[list[int]]
    right: Floats
    soft: bool = False
    behind: int = 0
    answered: list[int] = field(default_factory=list)

    @classmethod
    def of(
        cls, examples: Sequence[Judged], tokenizer: Any, *, scale: str | None = None, soft: bool = False
    ) -> Confiding:
        """With the finest scale that the tokenizer has, or the one that is named."""
        probe = rendered(tokenizer, examples[0].messages(""))
        of, tokens = chosen_scale(tokenizer, probe, scale)
        texts = [rendered(tokenizer, one.messages(of.instruction)) for one in examples]
        put = [rendered(tokenizer, (Message("user", one.question),)) for one in examples]
        ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        encode = partial(tokenizer.encode, add_special_tokens=False)
        answers = [(encode(one.answer) + ends)[:ANSWERED] for one in examples]
        return cls(
            scale=of, tokens=tokens, right=np.array([one.right for one in examples]), soft=soft,
            rows=[encode(text) for text in texts] + [encode(q) + a for q, a in zip(put, answers, strict=True)],
            answered=[len(one) for one in answers],
        )  # fmt: skip

    def keep(self, which: Sequence[int]) -> int:
        """The longest answer and the place before it."""
        return 1 + max((self.answered[i - len(self.right)] for i in which if i >= len(self.right)), default=0)

    def beside(self, which: Sequence[int]) -> list[int]:
        """Where a part of the same questions are answered, each of which counts for those that are left out."""
        return [i + len(self.right) for i in which[::EACH]] if self.answered else []

    def held(self, which: Sequence[int]) -> list[int]:
        """Answers."""
        return [k for k, i in enumerate(which) if i >= len(self.right)]

    def losses(self, torch: Any, logits: Tensor, batch: dict[str, Tensor], which: Sequence[int]) -> Tensor:
        """`tokenized_brier`, with a tenth of the mass outside of the scale and held wide, or `soft_targets`.

        Of an answer, `kept`.
        """
        answers = self.held(which)
        before: Tensor = batch.get("before", logits)
        length = min(self.keep(which), logits.shape[1], before.shape[1])
        logits, before = logits[:, -length:], before[:, -length:]
        asked = [k for k in range(len(which)) if k not in answers]
        made = []
        if asked:
            made.append(self._confidence(torch, logits[asked, -1].float(), [which[k] for k in asked]))
        if answers:
            counted = self._counted(torch, logits[answers], [which[k] for k in answers])
            made.append(EACH * kept(logits[answers].float(), before.float(), counted))
        back = torch.tensor(np.argsort([*asked, *answers]), device=logits.device)
        return torch.cat(made)[back]

    def _confidence(self, torch: Any, last: Tensor, which: Sequence[int]) -> Tensor:
        tokens = torch.tensor(self.tokens, device=last.device)
        values = torch.tensor(self.scale.values, device=last.device, dtype=last.dtype)
        right = torch.tensor(self.right[list(which)], device=last.device, dtype=last.dtype)
        if self.soft:
            return soft_targets(last, right, tokens, values)
        narrow = OUTSIDE * outside(last, tokens) - SPREAD * spread(last, tokens)
        return tokenized_brier(last, right, tokens, values) + narrow

    def _counted(self, torch: Any, logits: Tensor, which: Sequence[int]) -> Tensor:
        """The positions that predict a token of the answer, with which each of the rows ends."""
        back = torch.arange(
            logits.shape[1], 0, -1, device=logits.device
        )  # 1 is the last, which predicts none
        length = [self.answered[i - len(self.right)] for i in which]
        return (back[None] > 1) & (back[None] <= 1 + torch.tensor(length, device=logits.device)[:, None])

    def unmoved(
        self, torch: Any, logits: Tensor, before: Tensor, which: Sequence[int]
    ) -> list[tuple[int, int]]:
        """Of each answer the tokens whose likeliest is what it was untuned, and all of its tokens."""
        counted = self._counted(torch, logits, which)
        same = (logits.argmax(-1) == before.argmax(-1)) & counted
        return list(zip(same.sum(-1).tolist(), counted.sum(-1).tolist(), strict=True))

    def read(self, logits: Tensor) -> Floats:
        """The shares of the tokens, and behind them their mass in the vocabulary; shape (n, tokens + 1)."""
        whole = logits.float().log_softmax(-1)[:, self.tokens].exp().double().cpu().numpy()
        mass = whole.sum(axis=1, keepdims=True)
        return np.hstack([whole / np.maximum(mass, 1e-12), mass])

    @property
    def expects(self) -> bool:
        """The target is the verdict."""
        return False

    def expect(self, read: Floats, which: Sequence[int]) -> None:
        """There is no E-step."""

    def memory(self) -> Any:
        """Nothing."""

    def remember(self, memory: Any) -> None:
        """Nothing to take back."""

    def said(self, read: Floats, which: Sequence[int]) -> tuple[Floats, Floats]:
        """By the expected value of what is said."""
        return np.clip(read[:, :-1] @ np.array(self.scale.values), 0.0, 1.0), self.right[list(which)]

    def measured(self, read: Floats, which: Sequence[int]) -> dict[str, float | None]:
        """Brier score, ECE, AUROC; `mass` on the scale; how many different confidences are said, by perplexity."""
        q, tally = read[:, :-1], Tally.of(*self.said(read, which))
        spread = -(q * np.log(np.maximum(q, 1e-12))).sum(axis=1).mean()
        said = np.bincount(q.argmax(axis=1), minlength=q.shape[1]) / len(q)
        different = float(np.exp(-(said * np.log(np.maximum(said, 1e-12))).sum()))
        return {
            **_sureness(tally), "loss": brier(tally), "entropy": float(spread), "different": different,
            "mass": float(read[:, -1].mean()), "collapsed": float(different < COLLAPSED),
        }  # fmt: skip


@dataclass(kw_only=True)
class Choosing:
    """CFT and RCFT: the right letter, by itself or with the binned distance that pulls confidence to accuracy."""

    tokens: list[int]
    rows: list[list[int]]
    right: np.ndarray[Any, np.dtype[np.intp]]
    options: np.ndarray[Any, np.dtype[np.intp]]
    weight: float = 0.0
    behind: int = 1
    goal: dict[int, tuple[Floats, float]] = field(default_factory=dict)
    bins: int = 10

    def keep(self, which: Sequence[int]) -> int:
        """Letter and the place before it, or the whole question."""
        del which
        return 0 if self.weight else 2

    def beside(self, which: Sequence[int]) -> list[int]:
        """None."""
        del which
        return []

    def held(self, which: Sequence[int]) -> list[int]:
        """None."""
        del which
        return []

    @classmethod
    def of(
        cls,
        examples: Sequence[Choice],
        tokenizer: Any,
        *,
        method: Literal["cft", "rcft"],
        weight: float = 1.0,
    ) -> Choosing:
        """`weight` is that of the binned distance (lambda of the paper, 1 there)."""
        texts = [rendered(tokenizer, one.messages) for one in examples]
        letters = max((one.letters for one in examples), key=len)
        tokens = single_tokens(tokenizer, letters, texts[0])
        right = np.array([one.right for one in examples])
        rows = [
            [*tokenizer.encode(text, add_special_tokens=False), tokens[i]]
            for text, i in zip(texts, right, strict=True)
        ]
        options = np.array([len(one.letters) for one in examples])
        regular = method == "rcft"
        return cls(
            tokens=tokens,
            rows=rows,
            right=right,
            options=options,
            weight=weight * regular,
        )

    def losses(self, torch: Any, logits: Tensor, batch: dict[str, Tensor], which: Sequence[int]) -> Tensor:
        """Cross-entropy of the letter; of RCFT of question and letter, and the binned distance."""
        ids = batch["input_ids"]
        if not self.weight:
            counted = torch.zeros_like(ids[:, -2:], dtype=torch.bool)
            counted[:, -1] = True
            return language(logits[:, -2:].float(), ids[:, -2:], counted)
        places = torch.arange(ids.shape[1], device=ids.device)
        first = batch["attention_mask"].argmax(-1, keepdim=True)  # nothing predicts the first real token
        whole = language(logits.float(), ids, places[None, :] > first)
        goal = torch.tensor(
            np.array([self.goal[i][0] for i in which]), device=ids.device, dtype=torch.float32
        )
        weight = torch.tensor([self.goal[i][1] for i in which], device=ids.device, dtype=torch.float32)
        last = self._masked(torch, logits[:, -2].float(), which)
        letters = torch.tensor(self.tokens, device=ids.device)
        return whole + self.weight * binned(last, goal, weight, letters)

    def _masked(self, torch: Any, logits: Tensor, which: Sequence[int]) -> Tensor:
        """With no probability for letters that a question has no option for."""
        for place, token in enumerate(self.tokens):
            lacking = torch.tensor(self.options[list(which)] <= place, device=logits.device)
            column = torch.where(lacking, torch.full_like(logits[:, token], -1e4), logits[:, token])
            logits = logits.index_copy(1, torch.tensor([token], device=logits.device), column[:, None])
        return logits

    def read(self, logits: Tensor) -> Floats:
        """The logits of the letters, shape (n, letters)."""
        made: Floats = logits.float()[:, self.tokens].double().cpu().numpy()
        return made

    def probabilities(self, read: Floats, which: Sequence[int]) -> Floats:
        """Of the options of each question, shape (n, letters); 0 for letters without one."""
        shown = np.arange(read.shape[1]) < self.options[list(which)][:, None]
        z = np.where(shown, read - read.max(axis=1, keepdims=True), -np.inf)
        e = np.exp(z)
        made: Floats = e / e.sum(axis=1, keepdims=True)
        return made

    @property
    def expects(self) -> bool:
        """Of RCFT."""
        return self.weight > 0

    def expect(self, read: Floats, which: Sequence[int]) -> None:
        """Bins all that is trained on by how sure the model is now, and sets what it should be."""
        p = self.probabilities(read, which)
        found: Targets = targets(p, (p.argmax(axis=1) == self.right[list(which)]) * 1.0, self.bins)
        self.goal = {i: (found.probability[k], float(found.weight[k])) for k, i in enumerate(which)}

    def memory(self) -> Any:
        """The targets of each example."""
        return [[i, list(goal), weight] for i, (goal, weight) in self.goal.items()]

    def remember(self, memory: Any) -> None:
        """The targets of each example."""
        self.goal = {i: (np.array(goal), weight) for i, goal, weight in memory}

    def said(self, read: Floats, which: Sequence[int]) -> tuple[Floats, Floats]:
        """By the probability of the likeliest option."""
        p = self.probabilities(read, which)
        return np.minimum(p.max(axis=1), 1.0), (p.argmax(axis=1) == self.right[list(which)]) * 1.0

    def measured(self, read: Floats, which: Sequence[int]) -> dict[str, float | None]:
        """Accuracy, the ECE of the likeliest option and class by class, and the Brier score of all options."""
        p, right = self.probabilities(read, which), self.right[list(which)]
        square = float(((p - np.eye(p.shape[1])[right]) ** 2).sum(axis=1).mean())
        return {
            **_sureness(Tally.of(*self.said(read, which))),
            "loss": square,
            "ece_classes": self.classes(read, which),
        }

    def classes(self, read: Floats, which: Sequence[int]) -> float:
        """The ECE class by class, in 10 bins."""
        return classwise_ece(self.probabilities(read, which), self.right[list(which)], 10)

    def scaled(self, read: Floats, which: Sequence[int]) -> Floats:
        """The logits divided by a temperature: each half by the one that is fitted on the other."""
        z = np.log(np.maximum(self.probabilities(read, which), 1e-30))
        places = np.array(which)
        divided = np.empty_like(z)
        for here, there in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
            divided[here] = (
                z[here] / Temperature().fit_logits(z[there], self.right[places[there]]).temperature
            )
        return divided


def _sureness(tally: Tally) -> dict[str, float | None]:
    return {
        "accuracy": tally.accuracy, "confidence": tally.mean_confidence, "ece": ece(tally, 10),
        "floor": noise_floor(tally, 10), "brier": brier(tally), "auroc": auroc(tally),
    }  # fmt: skip
