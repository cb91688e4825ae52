"""A sentence under an answer that says how sure it is, where that can break nothing. No I/O."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace

from calibrant.dialogue.forms import shaped
from calibrant.phrasing.english import ENGLISH
from calibrant.phrasing.phrases import Phrasebook
from calibrant.types import Action, Ask, Completion, Message, Question, Record

__all__ = ["TALKS", "disclaimer", "is_prose", "undisclaimed"]

TALKS = frozenset({"/v1/chat/completions", "/v1/responses", "/v1/messages"})
"""Formats in which somebody talks; in others an answer goes on with a text, or is a value."""

SENTENCE = ENGLISH.actions[Action.DISCLAIM]
FENCED = re.compile(r"(`{3,}|~{3,}).*?\1", re.DOTALL)
PAIR = re.compile(r"[\w\"'. -]{1,60}:(\s|$)")


def disclaimer(record: Record, ask: Ask, book: Phrasebook) -> str:
    """What is put under an answer whose action is to disclaim; nothing where a program is to read it.

    That is with tools or a response format, stops or log-probabilities, a kind or form of answer that was asked for,
    the beginning of an answer given, and where the answer is cut off or is data or code.
    """
    done, decision = record.completion, record.decision
    if (
        done is None
        or decision is None
        or decision.action is not Action.DISCLAIM
        or record.confidence is None
    ):
        return ""
    if not (_is_whole(done) and _is_free(record.question) and _is_talk(ask) and is_prose(done.text)):
        return ""
    return f"\n\n{book.phrase(record.confidence, decision).chat}"


def _is_whole(done: Completion) -> bool:
    return done.finish_reason == "stop" and not done.tool_calls and not done.refusal


def _is_free(question: Question) -> bool:
    return question.format in (None, "free") and question.metadata.get("kind", "text") == "text"


def _is_talk(ask: Ask) -> bool:
    begun = bool(ask.messages) and ask.messages[-1].role == "assistant"
    return not (ask.logprobs or ask.stop or begun or shaped(ask.extra))


def is_prose(text: str) -> bool:
    """Whether a text is for people: no JSON, markup, table, number or single word, and not code alone.

    >>> [is_prose(text) for text in ("Paris, I think.", '{"a": 1}', "42", "<p>Paris</p>", "a: 1\\nb: 2")]
    [True, False, False, False, False]
    """
    bare = text.strip()
    if not re.search(r"\s", bare) or bare.startswith("{") or (bare.startswith("<") and bare.endswith(">")):
        return False
    with suppress(ValueError, RecursionError):
        json.loads(bare)
        return False
    rest = FENCED.sub("", bare).strip()
    if not rest or "```" in rest or "~~~" in rest or rest.endswith((";", "}")):
        return False
    lines = [line for line in rest.splitlines() if line.strip()]
    if len(lines) < 2:
        return True
    commas = {line.count(",") for line in lines}
    pairs = all(PAIR.match(line.strip().removeprefix("- ")) for line in lines)
    return not pairs and not (len(commas) == 1 and commas != {0} and not rest.endswith("."))


def undisclaimed(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """A conversation without these sentences, which clients send back; a model would learn to write them.

    >>> said = Message("assistant", f"Paris, I think.{2 * chr(10)}I'm not sure: about even. {SENTENCE}")
    >>> undisclaimed((said,))[0].content
    'Paris, I think.'
    """
    if not any([one.role == "assistant" and one.content.endswith(SENTENCE) for one in messages]):
        return messages
    return tuple([_without(one) for one in messages])


def _without(message: Message) -> Message:
    text = message.content
    if message.role != "assistant" or message.parts is not None or not text.endswith(SENTENCE):
        return message
    before, gap, last = text.rpartition("\n\n")
    return replace(message, content=before) if gap and "\n" not in last else message
