"""Confidences that no column holds: what answers state in their own text, and how likely their tokens were.

A raw reply, a list of messages, an answer in JSON or in prose, and a list of log-probabilities: of each the confidence
is a column made while the log is read, called after the one that it is made from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from math import exp, fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formats.chat.replies import text_from
from ..formats.logprobs import LEAST_LOGPROB, tokens_from
from ..types import Token
from .compared import ANSWERS, PREDICTIONS, with_columns
from .foreign import cell
from .keys import absent
from .roles import CONVENTIONS, matched
from .sources import Block, Source
from .spellings import spelling
from .sureness import HOW, Sure, stated_in, sure_of

__all__ = ["told_by_answers", "with_told"]

REPLIES = (
    *ANSWERS, *PREDICTIONS, "reply", "raw_response", "raw_output", "raw_answer", "llm_response", "llm_output",
    "generation", "generated_text", "assistant", "messages", "conversation", "conversations", "dialogue", "outputs",
    "responses", "response_text", "output_text", "text", "content", "body",
)  # fmt: skip
"""Names of what a model said, alone or with what came before."""
LOGPROBS = (
    "logprobs", "log_probs", "token_logprobs", "token_log_probs", "tokens_logprobs", "output_logprobs",
    "answer_logprobs", "response_logprobs", "output_token_logprobs", "logprob_list", "completion_logprobs",
    "logprobs_list",
)  # fmt: skip
"""Names of the log-probabilities of an answer's tokens."""
SPEAKERS = ("assistant", "gpt", "model", "ai", "bot", "chatbot")
MADE = re.compile(r"(stated) in (.+)|(tokens|letter) of (.+)")
LOOK = 1000
"""Rows by which it is decided for the whole log."""


def with_told(source: Source, name: Any) -> Source:
    """The source with the column `stated in COLUMN`, `tokens of COLUMN` or `letter of COLUMN`, where that is named."""
    found = MADE.fullmatch(name) if isinstance(name, str) and name not in source.columns else None
    if found is None:
        return source
    way, column = (found[1] or found[3]), (found[2] or found[4])
    if column not in source.columns:
        return source

    def made(block: Block) -> NDArray[Any]:
        values = block[column].tolist()
        return np.fromiter((getattr(_sure(value), way) for value in values), object, len(values))

    return with_columns(source, {name: ((column,), made)})


def told_by_answers(
    source: Source, named: Mapping[str, Any], needed: Collection[str]
) -> tuple[Source, dict[str, Any], list[str]]:
    """The source with the confidence that answers tell, where no column holds one; what was named; what is to be said.

    What most answers state in their text comes first, then the letter of a choice, then the tokens.
    """
    told = dict(named)
    if told.get("confidence") is not None or "confidence" not in needed or _has_one(source, told):
        return source, told, []
    seen = {
        name: [_sure(v) for v in source.first(name)[:LOOK].tolist() if not absent(v)]
        for name in _held(source)
    }
    for way in Sure._fields:
        for name, sures in seen.items():
            if sures and 2 * sum(getattr(one, way) is not None for one in sures) >= len(sures):
                made = f"{way} in {name}" if way == "stated" else f"{way} of {name}"
                note = f"{HOW[way]} It is read from {name!r}, for no column holds a confidence."
                return with_told(source, made), {**told, "confidence": made}, [note]
    return source, told, []


def _has_one(source: Source, told: Mapping[str, Any]) -> bool:
    if source.roles.get("confidence") or source.choices.get("confidence") or source.beside:
        return True
    taken = {name for name in told.values() if isinstance(name, str)}
    free = [name for name in source.columns if name not in taken]
    usual = {} if "confidence" in source.lacking else CONVENTIONS
    ends = [name.rpartition(".")[2] for name in free if name in source.inside]
    return "confidence" in matched([*free, *ends], usual, {}) if usual else False


def _held(source: Source) -> list[str]:
    """The columns that may hold what a model said, or its tokens' log-probabilities."""
    ways = {name: {spelling(name), spelling(name.rpartition(".")[2])} for name in source.columns}
    found = [source.roles["answer"]] if source.roles.get("answer") in source.columns else []
    for usual in (REPLIES, LOGPROBS):
        found += [name for one in usual for name, spelt in ways.items() if one in spelt]
    return list(dict.fromkeys(found))


def _sure(value: Any) -> Sure:
    """What a cell tells of how sure the answer in it is."""
    said = cell(value)
    if isinstance(said, str):
        return Sure(stated_in(said))
    if isinstance(said, Mapping):
        return _of_object(said)
    if not isinstance(said, list) or not said:
        return Sure()
    if (spoken := _last(said)) is not None:
        return Sure(stated_in(spoken))
    return _of_tokens(said)


def _of_object(said: Mapping[str, Any]) -> Sure:
    """Of a reply of a model, of its log-probabilities, of one message, or of an answer in JSON."""
    choices = said.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message, likely = choices[0].get("message"), choices[0].get("logprobs")
        text = (
            _text(message.get("content")) if isinstance(message, Mapping) else _text(choices[0].get("text"))
        )
        tokens = _of_object(likely) if isinstance(likely, Mapping) else Sure()
        return tokens._replace(stated=stated_in(text))
    for key in ("content", "token_logprobs"):
        if isinstance(said.get(key), list) and (found := _of_tokens(said[key])) != Sure():
            return found
    if (spoken := _last([said])) is not None:
        return Sure(stated_in(spoken))
    return Sure(stated_in(dict(said)))


def _last(said: Sequence[Any]) -> str | None:
    """What the model said last in a list of messages; None where it is none."""
    spoken = None
    for one in said:
        if not isinstance(one, Mapping) or not isinstance(who := one.get("role", one.get("from")), str):
            return None
        if who.lower() in SPEAKERS:
            spoken = _text(one.get("content", one.get("value")))
    return spoken


def _text(content: Any) -> str:
    listed = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else content
    return text_from(listed) if listed is None or isinstance(listed, str | list) else str(listed)


def _of_tokens(said: Sequence[Any]) -> Sure:
    """Of numbers, or of tokens with their log-probabilities; the first of a prompt has none."""
    if all(isinstance(one, Mapping) and "token" in one and "logprob" in one for one in said):
        tokens: tuple[Token, ...] = tokens_from(dict(one) for one in said)
        return sure_of("", tokens)._replace(stated=None)
    likely = [one.get("logprob") if isinstance(one, Mapping) else one for one in said]
    numbers = [one for one in likely if isinstance(one, int | float) and not isinstance(one, bool)]
    if (
        not numbers
        or len(numbers) + likely.count(None) < len(likely)
        or not all(one <= 1e-6 for one in numbers)
    ):
        return Sure()
    return Sure(tokens=exp(fsum(max(LEAST_LOGPROB, min(0.0, one)) for one in numbers) / len(numbers)))
