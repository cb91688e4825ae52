"""What people read next to an answer: a phrase, a rounded number, a frequency, a track record.

The rules, each with the evidence for it:

- The phrase is the one whose median reading is nearest the calibrated probability, always with the number:
  words alone are read regressively (Budescu et al. 2009, 2012).
- "About 8 in 10 answers like this were right" is the main text: calibrated probabilities in frequency format
  let people adjust their reliance (Cao, Liu and Huang 2024).
- How often such answers were right so far: observed accuracy drives reliance (Yin et al. 2019).
- In a chat the sentence is in the first person, which lowers over-reliance where the impersonal does not (Kim
  et al. 2024), and short: longer explanations raise trust without cause (Steyvers et al. 2025).
- Without a calibrated probability there is no number, and a person is sent for.
- No more precision than the evidence has, never 0 or 100 %, and neither the rounded number nor the phrase lies
  above a threshold of the policy that the probability itself did not pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..maps.track_record import Band, TrackRecord
from ..types import Action, Confidence, Decision
from .english import ENGLISH
from .language import Language, Word
from .numbers import half_up

if TYPE_CHECKING:
    from ..maps.blends import BlendMap
    from ..maps.calibration import CalibrationMap, MapSet

__all__ = ["FINE_EVIDENCE", "Phrase", "Phrasebook", "phrase_of", "rounded", "step_of"]

FINE_EVIDENCE = 1_000.0
"""Above so many effective answers a number is said to one point, else to five."""

WIDTHS = {1: 0.10, 5: 0.25}
"""The widest interval of the probability that a step, in points, may be used for; wider ones take ten points."""

_SNAP = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """A confidence in words.

    `words` is the phrase of likelihood and `reading` how people read it, `percent` the rounded number (1 to 99)
    and `step` its precision in points; all None where no calibrated probability is known. `text` is the phrase
    with its number, `said` the same as a sentence in the first person, `frequency` and `record` sentences or
    None, `band` the numbers behind `record`, `action` a sentence for the action, empty for answering.
    """

    words: str | None
    reading: float | None
    percent: int | None
    step: int | None
    text: str
    said: str
    frequency: str | None = None
    record: str | None = None
    band: Band | None = None
    action: str = ""

    @property
    def chat(self) -> str:
        """What a chat shows under the answer: the sentence in the first person, and what to do."""
        return f"{self.said} {self.action}".strip()


def step_of(evidence: float, low: float | None, high: float | None) -> int:
    """The precision in points, 1, 5 or 10, that so many effective answers and this interval can carry.

    >>> step_of(5_000, 0.71, 0.74), step_of(400, 0.66, 0.78), step_of(25, 0.4, 0.8)
    (1, 5, 10)
    """
    width = 0.0 if low is None or high is None else high - low
    fine = evidence > FINE_EVIDENCE
    allowed = [step for step, widest in WIDTHS.items() if (fine or step > 1) and width <= widest + _SNAP]
    return min(allowed, default=10)


def rounded(p: float, step: int, edges: Sequence[float] = ()) -> tuple[int, bool]:
    """Per cent, a multiple of `step` from `step` to 100 - `step`, and whether p lies under rather than about it.

    The nearest multiple, but never one raised to an edge that p has not passed.

    >>> rounded(0.874, 5), rounded(0.84, 5, [0.85]), rounded(0.999, 5), rounded(0.999, 1), rounded(0.01, 5)
    ((85, False), (80, False), (95, False), (99, False), (5, True))
    """
    points = 100 * p
    up, down = math.floor(points / step + 0.5 - _SNAP) * step, math.floor(points / step + _SNAP) * step
    raised = up > points + _SNAP and any(points <= 100 * e + _SNAP and 100 * e <= up + _SNAP for e in edges)
    nearest = down if raised else up
    return min(max(nearest, step), 100 - step), nearest < step


def _word(p: float, edges: Sequence[float], language: Language) -> Word:
    """The nearest reading; of two as near the lower; none that is read as past an edge which p has not passed."""
    limit = min((e for e in edges if p <= e), default=1.0)
    words = language.spoken
    fitting = [w for w in words if w.reading <= max(limit, p)] or [words[0]]
    return min(fitting, key=lambda w: (round(abs(w.reading - p), 9), w.reading))


def phrase_of(
    confidence: Confidence,
    *,
    action: Action | None = None,
    evidence: float | None = None,
    record: TrackRecord | None = None,
    domain: str | None = None,
    edges: Sequence[float] = (),
    language: Language = ENGLISH,
) -> Phrase:
    """Say a confidence.

    Parameters
    ----------
    confidence : its `p`, interval and `verdicts`; without a `p` no number is said
    action : what is done with the answer
    evidence : effective labelled answers behind the probability; `confidence.verdicts` where None
    record : how often such answers were right; `domain` says where
    edges : the probabilities at which the policy changes its action

    Examples
    --------
    >>> from calibrant.types import Probability
    >>> said = phrase_of(Confidence(p=Probability(0.76), low=0.71, high=0.81, verdicts=400))
    >>> said.text, said.frequency
    ('likely right (about 75 %)', 'About 15 in 20 answers like this were right.')
    >>> said.said
    "I'm fairly confident: likely right (about 75 %)."
    >>> phrase_of(Confidence(p=None, reason="no map")).text
    'no calibrated probability is known; a person should check'
    """
    act = language.actions[action] if action is not None else ""
    p = confidence.p
    if p is None or not 0.0 <= p <= 1.0:
        return Phrase(
            words=None, reading=None, percent=None, step=None, text=language.unknown,
            said=language.unknown_first_person,
        )  # fmt: skip
    behind = float(confidence.verdicts) if evidence is None else evidence
    step = step_of(behind, confidence.low, confidence.high)
    (percent, under), word = rounded(p, step, edges), _word(p, edges, language)
    number = (language.under if under else language.about).format(n=percent)
    band = record.band(p) if record is not None else None
    return Phrase(
        words=word.name, reading=word.reading, percent=percent, step=step,
        text=language.phrase.format(said=word.said, number=number),
        said=language.first_person.format(lead=word.lead, said=word.said, number=number),
        frequency=_frequency(percent, under, step, confidence, language),
        record=None if band is None else _record(band, domain, language), band=band, action=act,
    )  # fmt: skip


def _frequency(percent: int, under: bool, step: int, confidence: Confidence, language: Language) -> str:
    """In 10 where the number is a multiple of ten, in 20 for one of five, else in 100."""
    whole = 10 if percent % 10 == 0 else 20 if percent % 5 == 0 else 100
    k = percent * whole // 100
    if under:
        return language.rare_frequency.format(k=k, all=whole)
    low, high = confidence.low, confidence.high
    if step < 10 or low is None or high is None or whole != 10:
        return language.frequency.format(k=k, all=whole)
    ends = min(max(math.floor(10 * low + _SNAP), 1), k), max(min(math.ceil(10 * high - _SNAP), 9), k)
    return language.wide.format(k=k, all=whole, low=ends[0], high=ends[1])


def _record(band: Band, domain: str | None, language: Language) -> str:
    form = language.weighted_record if band.weighted else language.record
    if band.graded:
        form = language.graded_record
    return form.format(
        answers=f"{half_up(band.effective if band.weighted else band.answers):,.0f}",
        right=f"{half_up(band.right):,.0f}",
        where="" if domain is None else language.in_domain.format(domain=domain),
        band=language.band(band.low, band.high), share=min(max(int(half_up(100 * band.share)), 1), 99),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrasebook:
    """Says the confidences that a set of maps gives. What does not depend on the answer is worked out once.

    `edges` are the probabilities at which the policy changes its action. Saying one takes some microseconds.
    """

    edges: tuple[float, ...] = ()
    language: Language = ENGLISH
    evidence: Mapping[str, float] = field(default_factory=dict)
    records: Mapping[str, TrackRecord] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, maps: MapSet, policy: object = None, language: Language = ENGLISH) -> Phrasebook:
        """For these maps, and a policy that may tell its `edges`."""
        made: list[CalibrationMap | BlendMap] = [one for _, one in maps.groups]
        made += [*(one for _, one in maps.blends), *(one for _, one in maps.fallbacks)]
        read = ((one.map_id, TrackRecord.from_dict(one.statistics.get("track_record"))) for one in made)
        marks = ((one.map_id, one.fingerprint.domain or one.fingerprint.task) for one in made)
        return cls(
            edges=tuple(getattr(policy, "edges", ())), language=language,
            evidence={one.map_id: one.evidence.n_eff for one in made},
            records={map_id: record for map_id, record in read if record is not None},
            domains={map_id: domain for map_id, domain in marks if domain is not None},
        )  # fmt: skip

    def phrase(self, confidence: Confidence, decision: Decision | None = None) -> Phrase:
        """Say a confidence, and what is done with the answer."""
        key = confidence.map_id or ""
        edges = self.edges
        if not edges and decision is not None and decision.threshold is not None:
            edges = (decision.threshold,)
        return phrase_of(
            confidence, action=None if decision is None else decision.action, evidence=self.evidence.get(key),
            record=self.records.get(key), domain=self.domains.get(key), edges=edges, language=self.language,
        )  # fmt: skip
