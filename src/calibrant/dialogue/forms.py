"""In which form an answer is asked for, so that it can be read: a line by its kind, put below the question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from string import ascii_uppercase

from ..answers.kinds import kind_of, options_of
from ..errors import UnusableInput
from ..types import Message, Question, digest

__all__ = [
    "BY_KIND",
    "FORMATS",
    "FREE",
    "LINES",
    "form_of",
    "formed",
    "line_of",
    "lined",
    "mark_of",
    "shaped",
    "shows_letters",
]

BY_KIND = "by_kind"
"""The format that suits the question's kind."""
FREE = "free"
"""The format that is none."""

LINES = {
    "letter": "Reply with the letter of the right option alone.",
    "option": "Reply with the right option alone{options}.",
    "number": "End with a last line that holds the number alone.",
    "date": "Reply with the date alone, as YYYY-MM-DD.",
    "short": "Reply with the answer alone, in a few words.",
    "json": "Reply with one JSON object alone{fields}.",
}
"""The forms and the line that asks for each. A new one is a line here; it is a format by its name at once."""

FORMATS = (BY_KIND, FREE, *LINES)
"""What `Question.format` may be."""

MARK = f"+format:{digest(LINES)[:8]}"
"""What the fingerprint of a score has where one of these lines was put, whichever it was."""

LISTED = 60
"""Characters that the options may have to be repeated in the line."""

STATED = re.compile(
    r"\b(?:answer|reply|respond|output|return)(?:\W+\w+){0,4}?\W+(?:with|in|using|as|by|only|just)\b[^.?!\n]{0,60}?"
    r"\b(?:alone|only|nothing else|letters?|words?|numbers?|digits?|sentences?|paragraphs?|json|xml|yaml|lists?|"
    r"options?|format|form|lines?|steps?|yes|no|true|false|yyyy)\b"
    r"|\b(?:answer|reply|respond)\W+(?:yes|no|true|false)\b"
    r"|\bin (?:exactly |at most )?(?:one|two|three|\d+) (?:words?|sentences?|paragraphs?|lines?)\b"
    r"|\bstep[ -]by[ -]step\b|\bas json\b|\bin json\b|\bjson object\b|\\boxed",
    re.I,
)
"""What plainly asks for a form: "Answer with the letter only", "Reply with one word", "in two sentences"."""

NEAR = 600
"""Characters at the end of a question, or the begin of a system message, that say how it is to be answered; what stands
before them may be a document."""

LABEL = re.compile(r"[:：]\s*$")
"""A text that ends in "A:" or "The answer:" leaves the place where the answer goes on."""

AT_LENGTH = re.compile(
    r"\s*(?:please\W+|can you\W+|could you\W+)?(?:explain|describe|discuss|summari[sz]e|write|compose|draft|outline|"
    r"compare|elaborate|translate|rewrite|paraphrase|tell me a)\b",
    re.I,
)
"""What asks for more than a few words, in a question that states no kind."""


SHAPING = frozenset(
    {"response_format", "tools", "functions", "grammar", "json_schema", "text", "output_config"}
)
"""Fields of a request that say what an answer has to be like."""


def formed(question: Question, format: str | None) -> Question:
    """The question, to be answered in that format unless it states one itself; the same where None is asked.

    Raises `UnusableInput` for a format that there is none of.

    >>> formed(Question(id="q", messages=()), "by_kind").format
    'by_kind'
    >>> formed(Question(id="q", messages=(), format="free"), "by_kind").format
    'free'
    """
    if format is None or question.format is not None:
        return question
    return replace(question, format=_known(format))


def form_of(question: Question) -> str | None:
    """The form that the question's answer is asked for in, of `LINES`; None for none.

    By kind a choice wants a letter where the question shows letters, else an option in its own words; text wants a
    few words, and a long answer nothing. Nothing is asked of a question that plainly states a form itself, shows by
    turns of an assistant how it is answered, asks for an explanation, or comes with a form of the server's
    (`response_format`, tools). A number, a date and JSON (where a reference is an object) are asked for as such.

    >>> asked = Question(id="q", messages=(Message("user", "Hot or cold?"),), format="by_kind")
    >>> form_of(asked), form_of(replace(asked, metadata={"kind": "number"})), form_of(replace(asked, format=None))
    ('short', 'number', None)
    >>> form_of(replace(asked, messages=(Message("user", "Hot or cold? Answer with one word."),))) is None
    True
    """
    wanted = question.format
    if wanted is None or wanted == FREE:
        return None
    if wanted != BY_KIND:
        return _known(wanted)
    if not question.text.strip() or _has_its_own(question):
        return None
    kind = kind_of(question)
    if kind == "text" and _fields(question.references) is not None:
        return "json"
    if kind == "text":
        at_length = "kind" not in question.metadata and AT_LENGTH.match(question.text)
        return None if at_length else "short"
    if kind == "choice":
        return "letter" if shows_letters(question.text, len(options_of(question))) else "option"
    return None if kind == "long" else kind


def line_of(question: Question) -> str | None:
    """The line that asks for the form; None where none is asked for.

    >>> line_of(Question(id="q", messages=(), format="option", metadata={"options": ["yes", "no"]}))
    'Reply with the right option alone: yes or no.'
    """
    form = form_of(question)
    if form is None:
        return None
    return LINES[form].format(options=_listed(options_of(question)), fields=_named(question.references))


def lined(question: Question, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Messages that put the question, with its line below the last user turn unless it stands there already.

    >>> asked = Question(id="q", messages=(Message("user", "2 + 2?"),), format="short")
    >>> lined(asked, asked.messages)[0].content
    '2 + 2?\\n\\nReply with the answer alone, in a few words.'
    """
    line, turns = line_of(question), [i for i, one in enumerate(messages) if one.role == "user"]
    if line is None or not turns or messages[turns[-1]].content.endswith(f"\n\n{line}"):
        return tuple(messages)
    put = list(messages)
    put[turns[-1]] = put[turns[-1]].saying(f"{put[turns[-1]].content}\n\n{line}")
    return tuple(put)


def mark_of(question: Question) -> str:
    """What a score's fingerprint has where a line was put, and nothing where none was.

    It is the same for all forms, so that one map can be for questions of several kinds, and another where a line
    is worded otherwise.
    """
    return MARK if form_of(question) is not None else ""


def shows_letters(text: str, options: int) -> bool:
    """Whether a text has so many options behind letters: "A) ...", "B. ...".

    >>> shows_letters("Which?\\nA) Paris\\nB) Lyon", 2), shows_letters("Paris or Lyon?", 2)
    (True, False)
    """
    letters = ascii_uppercase[:options]
    return 0 < options <= len(letters) and all(re.search(rf"\b{one}[).:]", text) for one in letters)


def shaped(extra: str | None) -> bool:
    """Whether further fields of a request hold the server to a form: tools, a schema, a grammar.

    >>> shaped('{"response_format":{"type":"json_object"}}'), shaped('{"top_p":0.9}')
    (True, False)
    """
    return extra is not None and any(
        name in SHAPING or name.startswith("guided_") for name in json.loads(extra)
    )


def _known(format: str) -> str:
    if format not in FORMATS:
        raise UnusableInput(f"Expected a format among {', '.join(FORMATS)}; got {format!r}.")
    return format


def _has_its_own(question: Question) -> bool:
    """Whether something in the question plainly says already how it is to be answered."""
    if shaped(question.settings.extra) or any(message.role == "assistant" for message in question.messages):
        return True
    said = [one.content[:NEAR] for one in question.messages if one.role != "user"]
    return bool(LABEL.search(question.text)) or any(map(STATED.search, [*said, question.text[-NEAR:]]))


def _listed(options: Sequence[str]) -> str:
    """The options behind a colon, where they are short."""
    shown = f": {', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else ""
    return shown if len(shown) <= LISTED else ""


def _fields(references: Iterable[str]) -> list[str] | None:
    """The fields of the first reference that is a JSON object."""
    for one in references:
        try:
            found = json.loads(one) if one.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and found:
            return list(found)
    return None


def _named(references: Iterable[str]) -> str:
    fields = _fields(references)
    return f" with the fields {', '.join(fields)}" if fields else ""
