"""A support desk that is made up: answers over some weeks with a change of the model behind its name, and reviewers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibrant.types import (
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Event,
    Fact,
    Fingerprint,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)

DAY = 86_400.0
START = 1_789_344_000.0
"""14 September 2026, 00:00 UTC."""


THRESHOLDS = {Action.ANSWER: 0.85, Action.DISCLAIM: 0.6, Action.REVIEW: 0.4}


def _action(p: float) -> Action:
    return next((action for action, least in THRESHOLDS.items() if p > least), Action.HAND_OFF)


def answers(
    task: str | None,
    rng: np.random.Generator,
    *,
    n: int,
    days: float = 70.0,
    shift: float = 0.0,
    change: float | None = None,
    domains: tuple[str, ...] = ("billing", "returns"),
    audit: float = 0.1,
    unmapped: bool = False,
    held: bool = False,
    policy: str = "Bands(answer=0.85, disclaim=0.6, review=0.4, use='auto')",
) -> Iterator[Fact]:
    """Records of a task with the verdicts on them; from the day `change` on another model is served, and claims
    are `shift` too high."""
    times = np.sort(rng.random(n)) * days * DAY + START
    claimed = np.clip(rng.beta(6, 1.2, n), 0.02, 0.98)
    for i, (time, p) in enumerate(zip(times, claimed, strict=True)):
        late = change is not None and time > START + change * DAY
        truth = p - (shift if late or change is None else 0.0)
        domain = domains[i % len(domains)] if domains else None
        served = "m-2026-10" if late else "m-2026-08"
        question = Question(
            id=f"{task}-q{i}",
            messages=(Message("user", f"Question {i} about {domain}?"),),
            task=task,
            domain=domain,
        )
        completion = Completion(
            text=f"Answer {i}.", model="m-latest", system_fingerprint=served, cost=0.004, latency=1.2
        )
        mark = Fingerprint(model="m-latest", signal="verbalized", task=task)
        confidence = (
            Confidence(p=None, reason="no map")
            if unmapped
            else Confidence(
                p=Probability(float(p)), low=float(max(p - 0.06, 0.01)), high=float(min(p + 0.05, 0.99)),
                map_id="5e02aa91c0de5e02", fingerprint=mark, verdicts=412,
            )
        )  # fmt: skip
        action = Action.HAND_OFF if unmapped else _action(float(p))
        record = Record(
            id=f"{task}-{i}", time=float(time), question=question, completion=completion,
            readings=(Reading(signal="verbalized", score=Score(float(p))),), confidence=confidence,
            decision=Decision(
                action=action, threshold=THRESHOLDS.get(action),
                why=f"The calibrated probability of being right, {p:.2f}, decides: {action}.",
            ),
            policy=policy, release="9f2d41c07be35a18",
            held=held and action is Action.REVIEW,
        )  # fmt: skip
        yield record
        if rng.random() < audit:
            right = rng.random() < truth
            asked = Assignment(
                id=f"a-{record.id}", record_id=record.id, propensity=audit, reason="audit", time=float(time)
            )
            yield asked
            delay = rng.gamma(2.0, 0.5 * DAY)
            if time + delay < START + days * DAY:
                yield Verdict(
                    id=f"v-{record.id}", record_id=record.id, grade=float(right), judge=f"r{i % 3}",
                    time=float(time + delay), assignment=asked.id,
                )  # fmt: skip


PRICED = "ExpectedCost(wrong=9.0, review=1.9, hand_off=None, reviewer_error=0.0)"


def decided(facts: list[Fact], until: float) -> Iterator[Event]:
    """That the answers which were held before were released, each within the hour."""
    for fact in facts:
        if isinstance(fact, Record) and fact.held and fact.time < until:
            told = {"outcome": "corrected" if len(fact.id) % 3 else "released", "judge": "r1"}
            yield Event(
                id=f"reviewed-{fact.id}", kind="reviewed", time=fact.time + 1_500, about=fact.id, data=told
            )


def desk(n: int = 3_000, days: float = 70.0, audit: float = 0.25, *, priced: bool = False) -> list[Fact]:
    """Four tasks: one whose model was changed, one that holds, one with few labels, one without a map; and what
    happened. With `priced` a policy knows prices, and what was held before the last hours was decided."""
    rng = np.random.default_rng(7)
    facts = [
        *answers("support-eu", rng, n=n, days=days, shift=0.13, change=days * 0.6, audit=audit, held=True),
        *answers("invoice fields", rng, n=n // 2, days=days, audit=audit, domains=("invoices", "orders"),
                 policy=PRICED if priced else "Bands(answer=0.85)"),
        *answers("triage", rng, n=n // 6, days=days, domains=("notes",), audit=0.04),
        *answers("contracts", rng, n=n // 10, days=days, unmapped=True, domains=("law",)),
        Event(
            id="p1", kind="promotion", time=START + 1.0, about="9f2d41c07be35a18",
            data={"note": "maps of September", "before": None},
        ),
    ]  # fmt: skip
    alarm = START + (days - 5) * DAY
    facts.append(
        Event(
            id="alarm-1", kind="alarm", time=alarm, about="support-eu",
            data={"by": {"task": "support-eu"}, "kind": "concept", "log10_evidence": 2.1},
        )
    )  # fmt: skip
    if priced:
        facts += decided(facts, START + days * DAY - 9 * 3_600)
    return sorted(facts, key=lambda fact: (fact.time, not isinstance(fact, Record)))
