"""Columns of a regression, made in the same way for the rows of a fit and for one live answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from ..answers.plain import normalise
from ..tally import Floats
from .first_answers import FirstAnswers

__all__ = ["NOTHING", "Encoder", "class_of", "odds", "words_of"]

NOTHING = "(nothing)"
"""The class of an answer that says nothing."""
_OTHER = "(other)"
_EDGE = 0.003
_TOP = 0.999
_CROSSED = 48
"""Columns of a signal within a domain, at the most: beyond that each would rest on too few rows."""

Columns = dict[str, tuple[str, Floats]]
"""By name: the block of the column, and its values."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Columns of a regression, made in the same way for the rows of the fit and for one live answer.

    `tasks`, `domains` and `answers` are the groups that were seen, `words` those that several domains share in their
    names, `signals` centre and spread of the log-odds of each signal, `lengths` those of the logarithms of the lengths,
    `kept` the columns that vary. Groups that were not seen have zero in every column: the mean of those that were.
    """

    tasks: tuple[str, ...]
    domains: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    signals: Mapping[str, tuple[float, float]]
    peers: tuple[str, ...]
    lengths: Mapping[str, tuple[float, float]]
    kept: tuple[tuple[str, str], ...] = ()

    def matrix(self, answers: FirstAnswers) -> Floats:
        """One row for each column, the constant first; shape (1 + columns, n)."""
        made = self.columns(answers)
        return np.vstack([np.ones(len(answers)), *(made[name][1] for name, _ in self.kept)])

    @property
    def blocks(self) -> tuple[str, ...]:
        """The block of each row of the matrix."""
        return ("constant", *(block for _, block in self.kept))

    def unseen(self, answers: FirstAnswers) -> dict[str, NDArray[np.bool_]]:
        """Where the task, or the domain within a task, was not among the rows of the fit."""
        task = np.array([bool(self.tasks) and str(t) not in self.tasks for t in answers.task], dtype=bool)
        known = set(self.domains)
        pairs = zip(answers.task, answers.domain, strict=True)
        domain = np.array([bool(known) and (str(t), str(d)) not in known for t, d in pairs], dtype=bool)
        undivided = set(self.tasks) - {t for t, _ in known}
        return {
            "task": task,
            "domain": domain & np.array([str(t) not in undivided for t in answers.task], bool),
        }

    def columns(self, answers: FirstAnswers) -> Columns:
        """Every column by its name."""
        made: Columns = {}
        groups: dict[str, Floats] = {}
        within: dict[str, Floats] = {}
        task = np.array([str(t) for t in answers.task], dtype=object)
        for t in self.tasks:
            groups[t] = (task == t).astype(np.float64)
            made[f"task {t}"] = ("task", groups[t])
        for t, d in self.domains:
            there = (task == t) & np.array([str(v) == d for v in answers.domain], dtype=bool)
            within[f"{t}/{d}"] = there.astype(np.float64)
            made[f"domain {t}/{d}"] = ("domain", within[f"{t}/{d}"])
        for word in self.words:
            has = {d: float(word in words_of(str(d))) for d in set(answers.domain)}
            made[f"word {word}"] = ("word", np.array([has[d] for d in answers.domain], dtype=np.float64))
        classes = self._answered(task, answers.answer)
        for key, there in classes.items():
            made[f"answer {key}"] = ("answer", there)
        for name, values in self._scores(answers):
            made[f"score {name}"] = ("missing" if name.endswith(" missing") else "score", values)
            if name in self.signals:
                for t, at in groups.items():
                    made[f"score {name} x {t}"] = ("score x task", at * values)
                for key, at in classes.items():
                    made[f"score {name} x {key}"] = ("score x answer", at * values)
                for key, at in within.items() if len(within) * len(self.signals) <= _CROSSED else ():
                    made[f"score {name} x {key}"] = ("score x domain", at * values)
        return made | self._agreement(answers) | self._lengths(answers)

    def _answered(self, task: NDArray[Any], answer: NDArray[Any]) -> dict[str, Floats]:
        if not self.answers:
            return {}
        known = set(self.answers)
        parted = {t for t, _ in known}
        said = [(t, class_of(a)) for t, a in zip(task, answer, strict=True)]
        said = [key if key in known else (key[0], _OTHER) for key in said]
        keys = [*self.answers, *((t, _OTHER) for t in sorted(parted))]
        return {
            f"{t}/{a}": np.array([key == (t, a) for key in said], dtype=np.float64) for t, a in keys
        }  # fmt: skip

    def _scores(self, answers: FirstAnswers) -> Iterator[tuple[str, Floats]]:
        for name, (centre, spread) in self.signals.items():
            s = answers.scores.get(name, np.full(len(answers), np.nan))
            missing = np.isnan(s)
            z = np.where(missing, 0.0, (odds(s) - centre) / spread)
            yield name, z
            yield f"{name} squared", np.where(missing, 0.0, z**2 - 1) / 2
            yield f"{name} full", (np.nan_to_num(s) >= _TOP).astype(np.float64)
            yield f"{name} missing", missing.astype(np.float64)

    def _agreement(self, answers: FirstAnswers) -> Columns:
        made: Columns = {}
        if not self.peers:
            return made
        every = [answers.agreement.get(name, np.full(len(answers), np.nan)) for name in self.peers]
        for name, values in zip(self.peers, every, strict=True):
            made[f"peer {name}"] = ("agreement", np.where(np.isnan(values), 0.0, 2 * values - 1))
            made[f"peer {name} missing"] = ("missing", np.isnan(values).astype(np.float64))
        table = np.stack(every)
        seen = (~np.isnan(table)).sum(axis=0)
        agreed = np.nansum(table, axis=0)
        if len(self.peers) > 1:
            made["peers all"] = ("agreement", ((agreed == seen) & (seen > 0)).astype(np.float64))
            made["peers none"] = ("agreement", ((agreed == 0) & (seen > 0)).astype(np.float64))
            made["peers against"] = ("agreement", np.nan_to_num(answers.against))
        for name, values in self._scores(answers):
            if name in self.signals:
                share = np.where(seen > 0, 2 * agreed / np.maximum(seen, 1) - 1, 0.0)
                made[f"score {name} x peers"] = ("score x peers", share * values)
        return made

    def _lengths(self, answers: FirstAnswers) -> Columns:
        made: Columns = {}
        for name, (centre, spread) in self.lengths.items():
            v = answers.lengths.get(name, np.full(len(answers), np.nan))
            z = (np.log1p(v) - centre) / spread
            made[f"length of {name}"] = ("length", np.where(np.isnan(v), 0.0, np.clip(z, -4, 4)))
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Encoder:
        """Read an encoder from plain values."""
        pairs = {
            name: tuple((str(one), str(other)) for one, other in data[name])
            for name in ("domains", "answers", "kept")
        }
        scales = {
            name: {k: (float(centre), float(spread)) for k, (centre, spread) in data[name].items()}
            for name in ("signals", "lengths")
        }
        return cls(
            tasks=tuple(data["tasks"]), words=tuple(data["words"]), peers=tuple(data["peers"]),
            domains=pairs["domains"], answers=pairs["answers"], kept=pairs["kept"],
            signals=scales["signals"], lengths=scales["lengths"],
        )  # fmt: skip


def odds(scores: Floats) -> Floats:
    """Log-odds of scores, at most 5.8 either way; NaN where the score is."""
    return np.asarray(logit(np.clip(scores, _EDGE, 1 - _EDGE)))


def words_of(domain: str) -> list[str]:
    """The words in a domain's name.

    >>> words_of("college_biology")
    ['college', 'biology']
    """
    return [w for w in re.split(r"[\W_]+", domain.casefold()) if w]


def class_of(answer: str | None) -> str:
    """An answer as it is compared with others.

    >>> class_of("Yes."), class_of(None)
    ('yes', '(nothing)')
    """
    return (normalise(answer) if answer else "") or NOTHING
