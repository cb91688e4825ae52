"""Which columns a regression on first answers is given reason for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans.encoding import NOTHING, Encoder, class_of, odds, words_of
from ..plans.first_answers import FirstAnswers
from ..tally import Floats

__all__ = ["fit_encoder"]

_CLASS_ROWS = 10
_CLASSES = 12


def fit_encoder(answers: FirstAnswers) -> Encoder:
    """The columns that these answers give reason for."""
    task = np.array([str(t) for t in answers.task], dtype=object)
    pairs = sorted({(str(t), str(d)) for t, d in zip(task, answers.domain, strict=True)})
    within = Counter(t for t, _ in pairs)
    made = Encoder(
        tasks=tuple(sorted(set(task))) if len(set(task)) > 1 else (),
        domains=tuple((t, d) for t, d in pairs if within[t] > 1),
        words=_words(tuple({d for _, d in pairs})),
        answers=_classes(task, answers.answer),
        signals={n: _scale(odds(s)) for n, s in sorted(answers.scores.items()) if not np.isnan(s).all()},
        peers=tuple(n for n, v in sorted(answers.agreement.items()) if not np.isnan(v).all()),
        lengths={n: _scale(np.log1p(v)) for n, v in sorted(answers.lengths.items()) if not np.isnan(v).all()},
    )
    varying = {n: b for n, (b, v) in made.columns(answers).items() if len(v) and v.min() != v.max()}
    return replace(made, kept=tuple(varying.items()))


def _scale(values: Floats) -> tuple[float, float]:
    return float(np.nanmean(values)), float(np.nanstd(values)) or 1.0


def _words(domains: tuple[str, ...]) -> tuple[str, ...]:
    """Words that several domains share in their names, such as "college": kin that borrow from each other."""
    seen = Counter(word for domain in domains for word in set(words_of(domain)))
    return tuple(sorted(word for word, n in seen.items() if 2 <= n < len(domains)))


def _classes(task: NDArray[Any], answer: NDArray[Any]) -> tuple[tuple[str, str], ...]:
    """Answers that recur, of tasks of which most answers do: choices, yes and no, but no free text."""
    found: list[tuple[str, str]] = []
    if all(a is None for a in answer):
        return ()
    for t in sorted(set(task)):
        said = Counter(class_of(a) for a in answer[task == t])
        often = [(a, n) for a, n in said.most_common(_CLASSES) if n >= _CLASS_ROWS]
        if sum(n for _, n in often) >= 0.5 * said.total() and not set(said) <= {NOTHING}:
            found += [(t, a) for a, _ in often]
        elif said[NOTHING] >= _CLASS_ROWS:
            found.append((t, NOTHING))
    return tuple(sorted(found))
