"""What is known of an answer before a larger model is asked, and its columns for a regression."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from ..answers.same import normalise, same
from ..errors import UnusableInput
from ..tally import Floats

__all__ = ["Cases", "Encoder", "peer_agreement"]

_EDGE = 0.003
_TOP = 0.999
_CLASS_ROWS = 10
_CLASSES = 12
_CROSSED = 48
"""Columns of a signal within a domain, at the most: beyond that each would rest on too few rows."""
Texts = Sequence[str | None] | NDArray[Any]
_NOTHING = "(nothing)"
_OTHER = "(other)"


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Answers of one model, each with what a live system knows of it too.

    Attributes
    ----------
    task, domain, answer : object, shape (n,)
        Text, or None where it is not known. An answer that is None or blank said nothing.
    scores : by signal, float64, shape (n,)
        In [0, 1], NaN where missing. May be empty.
    agreement : by peer, float64, shape (n,)
        1 where the peer's answer says the same, 0 where not, NaN where there is none.
    against : float64, shape (n,)
        The largest share of the peers that agree on one other answer.
    lengths : "question" and "answer", float64, shape (n,)
        Characters, NaN where not known. May be empty.
    """

    task: NDArray[Any]
    domain: NDArray[Any]
    answer: NDArray[Any]
    scores: Mapping[str, Floats] = field(default_factory=dict)
    agreement: Mapping[str, Floats] = field(default_factory=dict)
    against: Floats
    lengths: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        n: int,
        *,
        task: Texts | None = None,
        domain: Texts | None = None,
        answer: Texts | None = None,
        scores: Mapping[str, ArrayLike] | None = None,
        agreement: Mapping[str, ArrayLike] | None = None,
        against: ArrayLike | None = None,
        lengths: Mapping[str, ArrayLike] | None = None,
    ) -> Cases:
        """Cases from what is at hand; raises `UnusableInput` for wrong lengths and scores outside [0, 1].

        >>> Cases.of(2, domain=["law", None], scores={"tokens": [0.9, np.nan]}).domain.tolist()
        ['law', None]
        """
        return cls(
            task=_texts("task", task, n), domain=_texts("domain", domain, n), answer=_texts("answer", answer, n),
            scores={name: _shares(name, v, n) for name, v in (scores or {}).items()},
            agreement={name: _shares(name, v, n) for name, v in (agreement or {}).items()},
            against=_shares("against", np.full(n, np.nan) if against is None else against, n),
            lengths={name: _floats(name, v, n) for name, v in (lengths or {}).items()},
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.task)

    def at(self, where: NDArray[Any]) -> Cases:
        """The cases at these indices, or where true."""
        return replace(
            self, task=self.task[where], domain=self.domain[where], answer=self.answer[where],
            against=self.against[where],
            scores={name: v[where] for name, v in self.scores.items()},
            agreement={name: v[where] for name, v in self.agreement.items()},
            lengths={name: v[where] for name, v in self.lengths.items()},
        )  # fmt: skip


def _texts(name: str, values: Texts | None, n: int) -> NDArray[Any]:
    made = np.full(n, None, dtype=object)
    if values is not None:
        given = list(values)
        if len(given) != n:
            raise UnusableInput(f"{name} must have {n} values, one for each answer; got {len(given)}.")
        made[:] = [None if v is None or v != v else str(v) for v in given]
    return made


def _floats(name: str, values: ArrayLike, n: int) -> Floats:
    made = np.asarray(values, dtype=np.float64)
    if made.shape != (n,):
        raise UnusableInput(f"{name} must have {n} values, NaN where missing; got shape {made.shape}.")
    return made


def _shares(name: str, values: ArrayLike, n: int) -> Floats:
    made = _floats(name, values, n)
    if ((made < 0) | (made > 1)).any():
        raise UnusableInput(
            f"{name} must lie in [0, 1], NaN where missing; got {np.nanmin(made):g} to {np.nanmax(made):g}."
        )
    return made


def peer_agreement(
    answer: NDArray[Any],
    peers: Mapping[str, NDArray[Any]],
    alike: Callable[[str, str], bool] = same,
) -> tuple[dict[str, Floats], Floats]:
    """Whether each peer says the same, and the largest share of the peers that agree on one other answer.

    NaN where a peer has no answer; an answer that says nothing agrees with none. Pairs that recur are compared once.

    >>> texts = lambda *t: np.array(t, dtype=object)
    >>> agreed, against = peer_agreement(texts("4", "5"), {"a": texts("4", "6"), "b": texts("7", "6")})
    >>> agreed["a"].tolist(), against.tolist()
    ([1.0, 0.0], [0.5, 1.0])
    """
    compare = lru_cache(maxsize=100_000)(alike)

    def agrees(one: str | None, other: str | None) -> float:
        if other is None or not other.strip():
            return np.nan
        return float(bool(one and one.strip()) and (one == other or compare(str(one), other)))

    agreed = {
        name: np.array([agrees(a, b) for a, b in zip(answer, said, strict=True)], dtype=np.float64)
        for name, said in peers.items()
    }
    against = np.full(len(answer), np.nan)
    names = list(peers)
    for i in range(len(answer)):
        there = [name for name in names if not np.isnan(agreed[name][i])]
        others = [peers[name][i] for name in there if agreed[name][i] == 0]
        if there:
            most = max((sum(agrees(a, b) == 1 for b in others) for a in others), default=0)
            against[i] = most / len(there)
    return agreed, against


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

    @classmethod
    def fit(cls, cases: Cases) -> Encoder:
        """The columns that these cases give reason for."""
        task = np.array([str(t) for t in cases.task], dtype=object)
        domain = np.array([str(d) for d in cases.domain], dtype=object)
        pairs = sorted({(str(t), str(d)) for t, d in zip(task, domain, strict=True)})
        within = Counter(t for t, _ in pairs)
        made = cls(
            tasks=tuple(sorted(set(task))) if len(set(task)) > 1 else (),
            domains=tuple((t, d) for t, d in pairs if within[t] > 1),
            words=_words(tuple({d for _, d in pairs})),
            answers=_classes(task, cases.answer),
            signals={n: _scale(_odds(s)) for n, s in sorted(cases.scores.items()) if not np.isnan(s).all()},
            peers=tuple(n for n, v in sorted(cases.agreement.items()) if not np.isnan(v).all()),
            lengths={
                n: _scale(np.log1p(v)) for n, v in sorted(cases.lengths.items()) if not np.isnan(v).all()
            },
        )
        varying = {n: b for n, (b, v) in made.columns(cases).items() if len(v) and v.min() != v.max()}
        return replace(made, kept=tuple(varying.items()))

    def matrix(self, cases: Cases) -> Floats:
        """One row for each column, the constant first; shape (1 + columns, n)."""
        made = self.columns(cases)
        return np.vstack([np.ones(len(cases)), *(made[name][1] for name, _ in self.kept)])

    @property
    def blocks(self) -> tuple[str, ...]:
        """The block of each row of the matrix."""
        return ("constant", *(block for _, block in self.kept))

    def unseen(self, cases: Cases) -> dict[str, NDArray[np.bool_]]:
        """Where the task, or the domain within a task, was not among the rows of the fit."""
        task = np.array([bool(self.tasks) and str(t) not in self.tasks for t in cases.task], dtype=bool)
        known = set(self.domains)
        pairs = zip(cases.task, cases.domain, strict=True)
        domain = np.array([bool(known) and (str(t), str(d)) not in known for t, d in pairs], dtype=bool)
        undivided = set(self.tasks) - {t for t, _ in known}
        return {
            "task": task,
            "domain": domain & np.array([str(t) not in undivided for t in cases.task], bool),
        }

    def columns(self, cases: Cases) -> Columns:
        """Every column by its name."""
        made: Columns = {}
        groups: dict[str, Floats] = {}
        within: dict[str, Floats] = {}
        task = np.array([str(t) for t in cases.task], dtype=object)
        for t in self.tasks:
            groups[t] = (task == t).astype(np.float64)
            made[f"task {t}"] = ("task", groups[t])
        for t, d in self.domains:
            there = (task == t) & np.array([str(v) == d for v in cases.domain], dtype=bool)
            within[f"{t}/{d}"] = there.astype(np.float64)
            made[f"domain {t}/{d}"] = ("domain", within[f"{t}/{d}"])
        for word in self.words:
            has = {d: float(word in _split(str(d))) for d in set(cases.domain)}
            made[f"word {word}"] = ("word", np.array([has[d] for d in cases.domain], dtype=np.float64))
        classes = self._answered(task, cases.answer)
        for key, there in classes.items():
            made[f"answer {key}"] = ("answer", there)
        for name, values in self._scores(cases):
            made[f"score {name}"] = ("missing" if name.endswith(" missing") else "score", values)
            if name in self.signals:
                for t, at in groups.items():
                    made[f"score {name} x {t}"] = ("score x task", at * values)
                for key, at in classes.items():
                    made[f"score {name} x {key}"] = ("score x answer", at * values)
                for key, at in within.items() if len(within) * len(self.signals) <= _CROSSED else ():
                    made[f"score {name} x {key}"] = ("score x domain", at * values)
        return made | self._agreement(cases) | self._lengths(cases)

    def _answered(self, task: NDArray[Any], answer: NDArray[Any]) -> dict[str, Floats]:
        if not self.answers:
            return {}
        known = set(self.answers)
        parted = {t for t, _ in known}
        said = [(t, _class(a)) for t, a in zip(task, answer, strict=True)]
        said = [key if key in known else (key[0], _OTHER) for key in said]
        keys = [*self.answers, *((t, _OTHER) for t in sorted(parted))]
        return {
            f"{t}/{a}": np.array([key == (t, a) for key in said], dtype=np.float64) for t, a in keys
        }  # fmt: skip

    def _scores(self, cases: Cases) -> Iterator[tuple[str, Floats]]:
        for name, (centre, spread) in self.signals.items():
            s = cases.scores.get(name, np.full(len(cases), np.nan))
            missing = np.isnan(s)
            z = np.where(missing, 0.0, (_odds(s) - centre) / spread)
            yield name, z
            yield f"{name} squared", np.where(missing, 0.0, z**2 - 1) / 2
            yield f"{name} full", (np.nan_to_num(s) >= _TOP).astype(np.float64)
            yield f"{name} missing", missing.astype(np.float64)

    def _agreement(self, cases: Cases) -> Columns:
        made: Columns = {}
        if not self.peers:
            return made
        every = [cases.agreement.get(name, np.full(len(cases), np.nan)) for name in self.peers]
        for name, values in zip(self.peers, every, strict=True):
            made[f"peer {name}"] = ("agreement", np.where(np.isnan(values), 0.0, 2 * values - 1))
            made[f"peer {name} missing"] = ("missing", np.isnan(values).astype(np.float64))
        table = np.stack(every)
        seen = (~np.isnan(table)).sum(axis=0)
        agreed = np.nansum(table, axis=0)
        if len(self.peers) > 1:
            made["peers all"] = ("agreement", ((agreed == seen) & (seen > 0)).astype(np.float64))
            made["peers none"] = ("agreement", ((agreed == 0) & (seen > 0)).astype(np.float64))
            made["peers against"] = ("agreement", np.nan_to_num(cases.against))
        for name, values in self._scores(cases):
            if name in self.signals:
                share = np.where(seen > 0, 2 * agreed / np.maximum(seen, 1) - 1, 0.0)
                made[f"score {name} x peers"] = ("score x peers", share * values)
        return made

    def _lengths(self, cases: Cases) -> Columns:
        made: Columns = {}
        for name, (centre, spread) in self.lengths.items():
            v = cases.lengths.get(name, np.full(len(cases), np.nan))
            z = (np.log1p(v) - centre) / spread
            made[f"length of {name}"] = ("length", np.where(np.isnan(v), 0.0, np.clip(z, -4, 4)))
        return made

    def to_dict(self) -> dict[str, Any]:
        """All texts and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Encoder:
        """The encoder that `to_dict` wrote."""
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


def _odds(s: Floats) -> Floats:
    return np.asarray(logit(np.clip(s, _EDGE, 1 - _EDGE)))


def _scale(values: Floats) -> tuple[float, float]:
    return float(np.nanmean(values)), float(np.nanstd(values)) or 1.0


def _split(domain: str) -> list[str]:
    return [w for w in re.split(r"[\W_]+", domain.casefold()) if w]


def _words(domains: tuple[str, ...]) -> tuple[str, ...]:
    """Words that several domains share in their names, such as "college": kin that borrow from each other."""
    seen = Counter(word for domain in domains for word in set(_split(domain)))
    return tuple(sorted(word for word, n in seen.items() if 2 <= n < len(domains)))


def _class(answer: str | None) -> str:
    return (normalise(answer) if answer else "") or _NOTHING


def _classes(task: NDArray[Any], answer: NDArray[Any]) -> tuple[tuple[str, str], ...]:
    """Answers that recur, of tasks of which most answers do: choices, yes and no, but no free text."""
    found: list[tuple[str, str]] = []
    if all(a is None for a in answer):
        return ()
    for t in sorted(set(task)):
        said = Counter(_class(a) for a in answer[task == t])
        often = [(a, n) for a, n in said.most_common(_CLASSES) if n >= _CLASS_ROWS]
        if sum(n for _, n in often) >= 0.5 * said.total() and not set(said) <= {_NOTHING}:
            found += [(t, a) for a, _ in often]
        elif said[_NOTHING] >= _CLASS_ROWS:
            found.append((t, _NOTHING))
    return tuple(sorted(found))
