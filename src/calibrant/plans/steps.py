"""What the steps of a trajectory tell of its end: four families of features, and the plain combinations.

After Zhang, Xiong and Wu 2026 (Holistic Trajectory Calibration, arXiv:2601.15778): cross-step dynamics, stability
within steps, position, structure. Theirs come from token log-probabilities; here any step confidence will do, and
tool errors, retries and agreement join. The fit is in `calibrant.routing.trajectories`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import logit

from ..errors import UnusableInput
from ..tally import Floats

__all__ = [
    "BASELINES",
    "FEATURES",
    "INGREDIENTS",
    "Feature",
    "StepSeen",
    "Trajectory",
    "features_of",
    "known",
]

_EDGE = 1e-3
_FLOOR = -12.0

INGREDIENTS = ("confidence", "logprobs", "tokens", "tool_error", "retry", "agreement")
"""What may be known of a step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSeen:
    """What is known of one step; None where it is not.

    `confidence` and `agreement` (the share of resamples that say the same) lie in [0, 1], `tokens` counts what
    was written, `logprobs` are those of its tokens in nats, `tool_error` says whether a tool failed and `retry`
    whether the step repeats an earlier one. Without a confidence, that of a step with log-probabilities is
    their geometric mean.
    """

    confidence: float | None = None
    logprobs: tuple[float, ...] | None = None
    tokens: float | None = None
    tool_error: bool | None = None
    retry: bool | None = None
    agreement: float | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "agreement"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:  # also for NaN
                raise UnusableInput(f"A step's {name} lies in [0, 1], or is None; got {value!r}.")
        if self.tokens is not None and not 0 <= self.tokens < np.inf:
            raise UnusableInput(f"A step's tokens are a count, or None; got {self.tokens!r}.")
        if self.logprobs is not None and not all(v <= 1e-6 for v in self.logprobs):
            raise UnusableInput("Log-probabilities are at most 0, in nats; got one above, or NaN.")

    @property
    def sure(self) -> float | None:
        """The confidence, or what the tokens say in its place."""
        if self.confidence is not None or not self.logprobs:
            return self.confidence
        return math.exp(math.fsum(self.logprobs) / len(self.logprobs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectory:
    """Steps in their order and, where it is known, how it ended: `correct` in [0, 1].

    Equal `cluster`: not independent, such as repeated trials of one task. `weight` is 1 / the probability of
    having been labelled.
    """

    steps: tuple[StepSeen, ...]
    id: str = ""
    correct: float | None = None
    cluster: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.steps:
            raise UnusableInput(f"Trajectory {self.id!r} has no steps. Leave it out, or add what it did.")
        if self.correct is not None and not 0.0 <= self.correct <= 1.0:
            raise UnusableInput(f"A grade lies in [0, 1] (0 wrong, 1 right); got {self.correct!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """A number of a trajectory. `sign` is +1 or -1 where more of it cannot mean less or more likely right."""

    name: str
    family: str
    sign: int
    needs: str
    of: Callable[[Told], float]


def known(steps: Sequence[StepSeen], ingredient: str) -> bool:
    """Whether any step tells of it.

    >>> known([StepSeen(logprobs=(-0.1,))], "confidence"), known([StepSeen(tokens=3)], "retry")
    (True, False)
    """
    if ingredient == "confidence":
        return any(step.sure is not None for step in steps)
    return any(getattr(step, ingredient) is not None for step in steps)


def _confidences(steps: Sequence[StepSeen]) -> Floats:
    return np.array([sure for step in steps if (sure := step.sure) is not None])


class Told:
    """What the features are computed from: each kind of value of all steps that tell it, in their order."""

    __slots__ = ("agreement", "c", "changes", "count", "logprobs", "retry", "tokens", "tool_error", "z")

    def __init__(self, steps: Sequence[StepSeen]) -> None:
        self.count = len(steps)
        self.c = _confidences(steps)
        self.z: Floats = logit(np.clip(self.c, _EDGE, 1 - _EDGE))
        self.changes = np.diff(self.z)
        self.logprobs = [np.maximum(np.array(step.logprobs), _FLOOR) for step in steps if step.logprobs]
        self.tokens = _each(steps, "tokens")
        self.tool_error = _each(steps, "tool_error")
        self.retry = _each(steps, "retry")
        self.agreement: Floats = logit(np.clip(_each(steps, "agreement"), 0.02, 0.98))


def _each(steps: Sequence[StepSeen], name: str) -> Floats:
    return np.array([value for step in steps if (value := getattr(step, name)) is not None], dtype=float)


def _log_odds(combined: float) -> float:
    return float(logit(min(max(combined, _EDGE), 1 - _EDGE)))


def _trend(s: Told) -> float:
    """Least-squares change of the log-odds from the first step to the last."""
    if len(s.z) < 2:
        return 0.0
    at = np.linspace(-0.5, 0.5, len(s.z))
    return float(at @ s.z / (at @ at))


def _drop(s: Told) -> float:
    return float(np.maximum(-s.changes, 0.0).max(initial=0.0))


def _volatility(s: Told) -> float:
    return float(np.abs(s.changes).mean()) if len(s.changes) else 0.0


def _reversals(s: Told) -> float:
    turn = np.sign(s.changes)
    return float((turn[1:] * turn[:-1] < 0).mean()) if len(turn) > 1 else 0.0


def _skew(logprobs: Floats) -> float:
    spread = logprobs.std()
    return float((((logprobs - logprobs.mean()) / spread) ** 3).mean()) if spread > 1e-9 else 0.0


def _rows() -> tuple[tuple[str, str, int, str, Callable[[Told], float]], ...]:
    c, t = "confidence", "logprobs"
    return (
        ("trend", "dynamics", 0, c, _trend),
        ("largest_drop", "dynamics", -1, c, _drop),
        ("volatility", "dynamics", 0, c, _volatility),
        ("reversals", "dynamics", 0, c, _reversals),
        ("token_mean", "stability", 1, t, lambda s: float(np.mean([v.mean() for v in s.logprobs]))),
        ("token_weakest", "stability", 1, t, lambda s: float(min(v.min() for v in s.logprobs))),
        ("token_spread", "stability", -1, t, lambda s: float(np.mean([v.std() for v in s.logprobs]))),
        ("token_skew", "stability", 0, t, lambda s: float(np.mean([_skew(v) for v in s.logprobs]))),
        ("first", "position", 1, c, lambda s: float(s.z[0])),
        ("last", "position", 1, c, lambda s: float(s.z[-1])),
        ("lowest", "position", 1, c, lambda s: float(s.z.min())),
        ("mean", "position", 1, c, lambda s: float(s.z.mean())),
        ("product", "position", 1, c, lambda s: _log_odds(float(np.prod(s.c)))),
        ("geometric", "position", 1, c, lambda s: _log_odds(BASELINES["geometric_mean"](s.c))),
        ("rms_doubt", "position", 1, c, lambda s: _log_odds(rms_doubt(s.c))),
        ("steps", "structure", 0, "", lambda s: math.log(s.count)),
        ("unread", "structure", 0, c, lambda s: 1 - len(s.c) / s.count),
        ("tokens_a_step", "structure", 0, "tokens", lambda s: math.log1p(s.tokens.mean())),
        ("longest_step", "structure", 0, "tokens", lambda s: math.log1p(s.tokens.max())),
        ("tool_errors", "structure", -1, "tool_error", lambda s: math.log1p(s.tool_error.sum())),
        ("error_share", "structure", -1, "tool_error", lambda s: float(s.tool_error.mean())),
        ("error_last", "structure", -1, "tool_error", lambda s: float(s.tool_error[-1])),
        ("retries", "structure", -1, "retry", lambda s: math.log1p(s.retry.sum())),
        ("agreement", "structure", 1, "agreement", lambda s: float(s.agreement.mean())),
        ("least_agreement", "structure", 1, "agreement", lambda s: float(s.agreement.min())),
    )  # fmt: skip


def rms_doubt(c: Floats) -> float:
    """One minus the root mean square of the doubts 1 - c (SAUP, arXiv:2412.01033, with equal weights)."""
    return 1.0 - float(np.sqrt(np.mean((1.0 - c) ** 2)))


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {n: Feature(name=n, family=f, sign=s, needs=i, of=of) for n, f, s, i, of in _rows()}
)
"""Every feature by its name. Confidences enter as log-odds, counts as log(1 + count)."""

BASELINES: Mapping[str, Callable[[Floats], float]] = MappingProxyType(
    {
        "product": lambda c: float(np.prod(c)),
        "minimum": lambda c: float(np.min(c)),
        "mean": lambda c: float(np.mean(c)),
        "geometric_mean": lambda c: float(np.exp(np.log(np.maximum(c, 1e-300)).mean())),
        "rms": lambda c: float(np.sqrt(np.mean(c**2))),
        "rms_doubt": rms_doubt,
    }
)
"""Plain combinations of step confidences, shape (steps,), to one score in [0, 1].

`rms` is the root mean square of the confidences, `rms_doubt` one minus that of the doubts.

>>> {name: round(of(np.array([0.9, 0.5])), 4) for name, of in BASELINES.items()}
{'product': 0.45, 'minimum': 0.5, 'mean': 0.7, 'geometric_mean': 0.6708, 'rms': 0.728, 'rms_doubt': 0.6394}
"""


def features_of(steps: Sequence[StepSeen]) -> dict[str, float]:
    """Every feature of a trajectory; NaN where what it needs is not known. O(steps).

    >>> found = features_of([StepSeen(confidence=0.9, tool_error=False), StepSeen(confidence=0.5, tool_error=True)])
    >>> round(found["largest_drop"], 3), round(found["tool_errors"], 3), found["token_mean"]
    (2.197, 0.693, nan)
    """
    has, told = {name: known(steps, name) for name in INGREDIENTS} | {"": True}, Told(steps)
    return {name: one.of(told) if has[one.needs] else float("nan") for name, one in FEATURES.items()}


def baseline(name: str, trajectories: Sequence[Trajectory]) -> Floats:
    """A plain combination of each trajectory's known confidences; NaN where none is known."""
    found = [_confidences(one.steps) for one in trajectories]
    return np.array([BASELINES[name](c) if len(c) else np.nan for c in found])
