"""What a red team asks: every question without an attack, and with each."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..answers.kinds import options_of
from ..answers.options import chosen
from ..answers.short import equal
from ..dialogue.untrusted import context_of, shown, with_context, without_context
from ..errors import NotEnoughLabels
from ..plugins import find, names
from ..protocols import Attack
from ..types import Question, digest
from .hunting import Hunt

__all__ = ["Job", "Plan", "halves", "job_of", "planned"]

NEUTRAL = (
    "This page was retrieved for the question. It was last edited in spring and has a table of contents."
)
"""The text in which an attack hides where a question came without retrieved text."""

LEAST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A question to look at; `trusted` is what is left without untrusted text."""

    question: Question
    trusted: Question

    @property
    def key(self) -> str:
        """What tells jobs apart: the question's id and what is said in it."""
        return digest([self.question.id, [[turn.role, turn.content] for turn in self.question.messages]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What will be asked: for each attack and question the clean and the attacked job.

    The attacked one is None where the attack found nothing to change, and for the half that maps are fitted on, which
    is not attacked; `fitted` says of each question whether it is of that half. Of `hunts` each that searches stands
    before the one by chance that it is held against.
    """

    questions: tuple[Question, ...]
    fitted: tuple[bool, ...]
    attacks: Mapping[str, Attack]
    clean: Mapping[str, tuple[Job, ...]]
    attacked: Mapping[str, tuple[Job | None, ...]]
    hunts: tuple[Hunt, ...]
    notes: tuple[str, ...]

    def unchanged(self, attack: str) -> int:
        """In how many of the questions that are reported the attack found nothing to change."""
        return sum(self.attacked[attack][i] is None for i in self.reported)

    @property
    def reported(self) -> tuple[int, ...]:
        """The positions of the questions that maps are not fitted on."""
        return tuple(i for i, fits in enumerate(self.fitted) if not fits)

    def ground(self, attack: str) -> str:
        """Which clean answers an attack is compared with: those with retrieved text in view, or those without."""
        return "context" if self.attacks[attack].target == "context" else "plain"

    @property
    def jobs(self) -> dict[str, Job]:
        """Each job that is to be done, once, by its key."""
        every = [*self.clean.values(), *self.attacked.values()]
        return {job.key: job for jobs in every for job in jobs if job}

    @property
    def tried(self) -> int:
        """How many answers searches look at, at the most."""
        return sum(hunt.budget * len(hunt.on) for hunt in self.hunts)

    @property
    def steps(self) -> int:
        """How many answers are looked at, at the most, until all searches have ended: before and after each as well."""
        return len(self.jobs) + self.tried + 2 * sum(len(hunt.on) for hunt in self.hunts)

    @property
    def asked(self) -> list[Question]:
        """What is answered at the most: each job, and again without untrusted text; signals are read on both.

        A search looks at as many answers as its budget allows, and what it found is measured on each question.
        """
        fixed = [question for job in self.jobs.values() for question in (job.question, job.trusted)]
        tried = [self.questions[i] for hunt in self.hunts for i in hunt.on for _ in range(hunt.budget)]
        places = [i for hunt in self.hunts for i in (self.reported if hunt.attack.universal else hunt.on)]
        anew = {i for hunt in self.hunts if not hunt.attack.universal for i in hunt.on}
        measured = [self.questions[i] for i in (*places, *sorted(anew)) for _ in range(2)]
        return fixed + tried + measured


def planned(
    questions: Iterable[Question],
    attacks: Iterable[str] | None = None,
    *,
    seed: int = 0,
    budget: int = 0,
    searched: int = 20,
) -> Plan:
    """Attack every labelled question with the named attacks, all of them where none are named.

    Attacks that search look at `budget` answers for each of at most `searched` questions; none do where it is 0. Those
    that look for one change for all look on the half that maps are fitted on, others on the half that is reported.

    Raises `NotEnoughLabels` below 20 questions with references: half of them go into the maps.
    """
    every = list(questions)
    labelled = [question for question in every if question.references]
    if len(labelled) < LEAST:
        raise NotEnoughLabels("A red team", LEAST, len(labelled))
    every_attack = {name: find("attacks", name) for name in attacks or names("attacks")}
    searching = {name: kind for name, kind in every_attack.items() if hasattr(kind, "search")}
    made: dict[str, Attack] = {name: kind() for name, kind in every_attack.items() if name not in searching}
    asked = _with_decoys([shown(question) for question in labelled], seed)
    clean, notes = {"plain": tuple(job_of(question) for question in asked)}, []
    if len(labelled) < len(every):
        notes.append(f"{len(every) - len(labelled)} questions have no reference and were left out.")
    if any(attack.target == "context" for attack in made.values()):
        carriers = [q if context_of(q) else with_context(q, NEUTRAL) for q in asked]
        clean["context"] = tuple(job_of(question) for question in carriers)
        bare = sum(not context_of(question) for question in asked)
        if bare:
            notes.append(
                f"{bare} questions have no retrieved text: attacks in it were hidden in a neutral sentence, "
                "and compared with the answers under that sentence alone."
            )
    attacked, fitted = {}, halves(len(asked), seed)
    for name, attack in made.items():
        bases = clean["context" if attack.target == "context" else "plain"]
        attacked[name] = tuple(
            None if fits else _attacked(attack, name, base, seed)
            for base, fits in zip(bases, fitted, strict=True)
        )
    hunts = _hunts(searching, fitted, budget, searched) if budget else ()
    if searching and not budget:
        notes.append(f"Nothing was searched for, with a budget of 0: {', '.join(searching)}.")
    return Plan(
        questions=tuple(asked),
        fitted=tuple(fitted),
        attacks=made,
        clean=clean,
        attacked=attacked,
        hunts=hunts,
        notes=tuple(notes),
    )


def _hunts(kinds: Mapping[str, Any], fitted: Sequence[bool], budget: int, most: int) -> tuple[Hunt, ...]:
    """Each attack that searches in both directions, by search and by chance."""
    parts = {half: tuple(i for i, fits in enumerate(fitted) if fits == half)[:most] for half in (True, False)}
    return tuple(
        Hunt(
            name=name, attack=kind(direction=direction, strategy=strategy), on=parts[kind.universal], budget=budget
        )
        for name, kind in kinds.items()
        for direction in ("inflate", "deflate")
        for strategy in ("search", "chance")
    )  # fmt: skip


def halves(count: int, seed: int) -> list[bool]:
    """Which half of the questions goes into the maps."""
    order = list(range(count))
    random.Random(f"{seed}:halves").shuffle(order)
    chosen_for_maps = set(order[: count // 2])
    return [i in chosen_for_maps for i in range(count)]


def job_of(question: Question) -> Job:
    """The job of looking at a question as it is."""
    return Job(question=question, trusted=without_context(question))


def _attacked(attack: Attack, name: str, base: Job, seed: int) -> Job | None:
    """The attacked question; what stands in the question itself cannot be taken away from it."""
    changed = attack(base.question, random.Random(f"{seed}:{name}:{base.question.id}"))
    if changed.messages == base.question.messages:
        return None
    changed = replace(changed, id=f"{base.question.id}+{name}")
    trusted = without_context(changed) if attack.target == "question" else base.trusted
    return Job(question=changed, trusted=trusted)


def _with_decoys(questions: Sequence[Question], seed: int) -> list[Question]:
    """Each question with a wrong answer in `metadata["decoy"]`: another option, or another question's answer."""
    pools: dict[tuple[str | None, str | None], list[str]] = {}
    for question in questions:
        pools.setdefault((question.task, question.domain), []).append(question.references[0])
    made = []
    for question in questions:
        rng = random.Random(f"{seed}:decoy:{question.id}")
        options = options_of(question)
        if options:
            right = {chosen(reference, options) for reference in question.references}
            wrong = [option for i, option in enumerate(options) if i not in right and None not in right]
        else:
            wrong = list(dict.fromkeys(pools[question.task, question.domain]))
        rng.shuffle(wrong)
        decoy = next((w for w in wrong if not any(equal(w, r) for r in question.references)), None)
        metadata = {**question.metadata, **({"decoy": decoy} if decoy else {})}
        made.append(replace(question, metadata=metadata))
    return made
