"""What is known of a first answer before a larger model is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..answers.short import equal
from ..errors import UnusableInput
from ..tally import Floats

__all__ = ["FirstAnswers", "peer_agreement"]

Texts = Sequence[str | None] | NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class FirstAnswers:
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
    ) -> FirstAnswers:
        """From what is at hand; raises `UnusableInput` for wrong lengths and scores outside [0, 1].

        >>> FirstAnswers.of(2, domain=["law", None], scores={"tokens": [0.9, np.nan]}).domain.tolist()
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

    def at(self, where: NDArray[Any]) -> FirstAnswers:
        """The answers at these indices, or where true."""
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
    alike: Callable[[str, str], bool] = equal,
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
