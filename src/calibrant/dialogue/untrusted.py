"""Where text that nobody vouches for stands in a conversation: put there, rewritten, and taken away again."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from ..types import Message, Question
from .asks import last_turn

__all__ = [
    "context_of", "replaced", "reworded", "shown", "with_context", "with_system", "with_turns", "without_context",
]  # fmt: skip

OPTION = re.compile(r"^\s*[(\[]?[A-Z][)\].:]\s")
LEAD = "Context:\n"
END = "\n\n"


def context_of(question: Question) -> str:
    """The retrieved text in `metadata["context"]`, a text or a list of passages; empty where there is none."""
    context = question.metadata.get("context") or ""
    return context if isinstance(context, str) else END.join(str(passage) for passage in context)


def shown(question: Question) -> Question:
    """The question with its retrieved text in view: in front of the last user turn, unless it is there already.

    >>> asked = Question(id="q", messages=(Message("user", "Who?"),), metadata={"context": "It was Ada."})
    >>> shown(asked).text
    'Context:\\nIt was Ada.\\n\\nWho?'
    >>> shown(shown(asked)) == shown(asked)
    True
    """
    context = context_of(question)
    if not context or any(context in message.content for message in question.messages):
        return question
    return last_turn(question, lambda text: f"{LEAD}{context}{END}{text}")


def with_context(question: Question, context: str) -> Question:
    """The question with another retrieved text, in view where the old one was.

    >>> asked = Question(id="q", messages=(Message("user", "Who?"),))
    >>> with_context(with_context(asked, "It was Ada."), "It was Bob.").text
    'Context:\\nIt was Bob.\\n\\nWho?'
    """
    old, metadata = context_of(shown(question)), {**question.metadata, "context": context}
    if not old:
        return shown(replace(question, metadata=metadata))
    messages = tuple(m.saying(m.content.replace(old, context)) for m in shown(question).messages)
    return replace(question, messages=messages, metadata=metadata)


def without_context(question: Question) -> Question:
    """The question without its retrieved text.

    >>> asked = Question(id="q", messages=(Message("user", "Who?"),))
    >>> without_context(with_context(asked, "It was Ada.")) == asked
    True
    """
    context = context_of(question)
    if not context:
        return question
    messages = tuple(m.saying(_cut(m.content, context)) for m in question.messages)
    metadata = {name: value for name, value in question.metadata.items() if name != "context"}
    return replace(question, messages=messages, metadata=metadata)


def with_turns(question: Question, *turns: Message) -> Question:
    """The question with further turns right before its last user turn."""
    users = [i for i, message in enumerate(question.messages) if message.role == "user"]
    place = users[-1] if users else len(question.messages)
    return replace(question, messages=(*question.messages[:place], *turns, *question.messages[place:]))


def with_system(question: Question, text: str) -> Question:
    """The question with a text at the end of its system message, or as one.

    >>> with_system(Question(id="q", messages=(Message("user", "Who?"),)), "Be brief.").messages[0].content
    'Be brief.'
    """
    first, *rest = question.messages or (Message("user", ""),)
    if first.role == "system":
        return replace(question, messages=(first.saying(f"{first.content} {text}"), *rest))
    return replace(question, messages=(Message("system", text), *question.messages))


def reworded(question: Question, change: Callable[[str], str]) -> Question:
    """The question with its last user turn changed, but for the retrieved text in it.

    >>> asked = with_context(Question(id="q", messages=(Message("user", "who?"),)), "It was Ada.")
    >>> reworded(asked, str.upper).text
    'Context:\\nIt was Ada.\\n\\nWHO?'
    """
    context = context_of(question)

    def outside(text: str) -> str:
        if not context or context not in text:
            return change(text)
        before, _, after = text.partition(context)
        keep = before if before == LEAD else change(before)
        gap = END if after.startswith(END) else ""
        return f"{keep}{context}{gap}{change(after.removeprefix(gap))}"

    return last_turn(question, outside)


def replaced(
    text: str,
    words: re.Pattern[str],
    other: Callable[[str, random.Random], str],
    rate: float,
    rng: random.Random,
) -> str:
    """The text with words replaced, each with probability `rate` and one at least; lettered options stay.

    >>> replaced("Who is it?\\nA) it", re.compile("it"), lambda word, rng: word.upper(), 0.0, random.Random(0))
    'Who is IT?\\nA) it'
    """
    lines = text.split("\n")
    places = [
        (i, found.span())
        for i, line in enumerate(lines)
        if not OPTION.match(line)
        for found in words.finditer(line)
    ]
    hit = [place for place in places if rng.random() < rate]
    if places and not hit:
        hit = [rng.choice(places)]
    for i, (start, end) in reversed(hit):
        lines[i] = lines[i][:start] + other(lines[i][start:end], rng) + lines[i][end:]
    return "\n".join(lines)


def _cut(text: str, context: str) -> str:
    if context not in text:
        return text
    before, _, after = text.partition(context)
    return before.removesuffix(LEAD) + after.removeprefix(END)
