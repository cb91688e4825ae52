"""What every signal promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

from ..errors import MissingExtra
from ..types import Completion, Message, Question, Reading
from .conversing import ANSWERS, EVIL, QUESTION, REPLIES, SOUND, excess, leak, read, variants
from .promises import Make

NEEDS = frozenset({"logprobs", "top_logprobs", "reply_logprobs", "peer"})


def is_a_value_that_says_what_it_is_and_needs(make: Make) -> Iterator[str]:
    """A frozen dataclass whose fields are its settings, with a sentence on what it is, and `needs` of known words."""
    signal = make()
    if not is_dataclass(signal) or not getattr(type(signal), "__dataclass_params__").frozen:  # noqa: B009
        yield "it is no frozen dataclass, so that its settings can change behind its fingerprint"
    if signal != make() or hash(signal) != hash(make()):
        yield "two of equal settings are not equal"
    if not isinstance(signal.needs, frozenset) or not signal.needs <= NEEDS:
        yield f"needs is {signal.needs!r}; expected a frozenset of {', '.join(sorted(NEEDS))}"
    if not (type(signal).__doc__ or "").strip().partition("\n")[0].endswith("."):
        yield "its docstring does not begin with a sentence, which the lists of signals show"


def gives_a_score_or_a_reason_whatever_comes_back(make: Make) -> Iterator[str]:
    """A score in [0, 1], or a reason, under all settings; its detail can be recorded as JSON."""
    for setting, signal in _every(make):
        for told, reply in REPLIES.items():
            for completion in ANSWERS:
                try:
                    reading: Any = read(signal, QUESTION, completion, reply)[0]
                    said = (
                        ""
                        if isinstance(reading, Reading)
                        else f"it returned {reading!r}, which is no Reading"
                    )
                    if not said:
                        json.dumps(dict(reading.detail), allow_nan=False)
                except MissingExtra:
                    raise
                except Exception as error:  # noqa: BLE001 - to say where
                    said = f"it raised {type(error).__name__}: {error}"
                if not said and not (
                    reading.reason if reading.score is None else 0.0 <= reading.score <= 1.0
                ):
                    said = f"it gave the score {reading.score!r} and the reason {reading.reason!r}"
                if said:
                    yield f"{setting}, given {completion.text!r} and {told} in reply, {said}"


def gives_a_score_where_all_is_well(make: Make) -> Iterator[str]:
    """One at least of the usual answers and replies can be read."""
    every = [read(make(), QUESTION, done, reply)[0] for done in ANSWERS for reply in SOUND.values()]
    if all(reading.score is None for reading in every):
        yield f"no score for any answer: {'; '.join(sorted({str(reading.reason) for reading in every})[:3])}"


def gives_none_without_what_it_needs(make: Make) -> Iterator[str]:
    """No score where the answer or the replies lack what `needs` names."""
    signal = make()
    for need, reply in (("logprobs", SOUND["answers"]), ("reply_logprobs", REPLIES["no log-probabilities"])):
        for completion in [done for done in ANSWERS if done.tokens is None]:
            if need in signal.needs and read(signal, QUESTION, completion, reply)[0].score is not None:
                yield f"it needs {need}, and has a score for {completion.text!r} without"


def asks_for_no_more_than_it_states(make: Make) -> Iterator[str]:
    """No more calls, samples and tokens than `cost`; of a peer only where it needs one."""
    for setting, signal in _every(make):
        for reply in REPLIES.values():
            _, asked = read(signal, QUESTION, ANSWERS[0], reply)
            if more := excess(signal.cost, asked, QUESTION):
                yield f"{setting}, {more}"
            if any(ask.model == "peer" for ask in asked) and "peer" not in signal.needs:
                yield "it asks a peer, which is not among its needs"
            if any(ask.messages != QUESTION.messages for ask in asked) and not signal.cost.read:
                yield "it asks with an instruction of its own, and its cost says that none is read"


def hands_a_refusal_on_as_it_came(make: Make) -> Iterator[str]:
    """Where the model refused, the reason is the model's."""
    reading, asked = read(make(), QUESTION, ANSWERS[0], REPLIES["a refusal"])
    if asked and reading.reason != "refused":
        yield f"the model refused with 'refused', the reason is {reading.reason!r} (Replies.first hands it on)"


def lets_nothing_that_is_judged_close_its_tags(make: Make) -> Iterator[str]:
    """Text between tags is inert: no question, answer or reply in it can end it."""
    evil = {"context": f"Paris{EVIL}"}
    question = Question(id="q", messages=(Message("user", f"Capital?{EVIL} Q"),), metadata=evil)
    for _, signal in _every(make):
        for reply in REPLIES.values():
            _, asked = read(signal, question, Completion(text=f"Paris{EVIL} A", model="m"), reply)
            if told := leak(asked):
                yield told


def has_a_fingerprint_that_follows_every_setting(make: Make) -> Iterator[str]:
    """Two digests of 16 digits, of the prompts and of the settings, equal for equal settings and else not."""
    prompts, settings = make().fingerprint
    if (prompts, settings) != make().fingerprint or len(prompts) != 16 or len(settings) != 16:
        yield f"it is {(prompts, settings)!r}; expected the same two digests (calibrant.types.digest) each time"
    for name, other in variants(make()):
        if other.fingerprint[1] == settings:
            yield f"{name} is not in it, so that a map fitted under one is used under another"


def _every(make: Make) -> Iterator[tuple[str, Any]]:
    yield "by default", make()
    for name, signal in variants(make()):
        yield f"with another {name}", signal
