"""A prompt around a question: what is put before and after it, and where the answer stands in the reply."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from ..answers.kinds import inert
from ..types import Ask, Completion, Message, Question, digest
from .asks import last_turn
from .forms import FREE
from .untrusted import context_of

__all__ = ["NO_LAST_LINE", "SEED", "Prompt", "final_answer"]

Origin = Literal["seed", "template", "mutation", "rewrite", "file"]
LAST_LINE = 64
"""Tokens that a last line with the answer may take."""
NO_LAST_LINE = "The reply has no line that begins with 'Answer:'."
ANSWER = re.compile(r"(?im)^[ \t*]*answer[ \t*]*:[ \t*]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A way of putting a question: a system message, a text after it, its evidence before it.

    `reasoning` is how many further tokens the answer may take before a last line "Answer: ...", which then is
    the answer; 0 where the whole reply is. It widens the limits that a question's settings state,
    for a stop at the first line end would cut the reasoning off.
    """

    name: str
    system: str | None = None
    suffix: str | None = None
    with_evidence: bool = False
    reasoning: int = 0
    origin: Origin = "template"

    @property
    def digest(self) -> str:
        """Content address: equal for prompts that ask in the same way."""
        return digest([self.system, self.suffix, self.with_evidence, self.reasoning])

    def asks(self, question: Question, ask: Ask) -> tuple[Question, Ask]:
        """The question as this prompt puts it, and a call that asks it so.

        >>> asked = Question(id="q", messages=(Message("user", "2 + 2?"),))
        >>> Prompt(name="plain", system="Be brief.").asks(asked, Ask(messages=asked.messages))[1].messages[0].content
        'Be brief.'
        """
        around = self.around(replace(question, messages=ask.messages))
        return self.around(question), replace(ask, messages=around.messages)

    @property
    def shown(self) -> str:
        """How it puts a question, for people to read: each turn with its role, and places for what changes.

        >>> print(Prompt(name="p", system="Be brief.", with_evidence=True, suffix="Why?").shown)
        system: Be brief.
        user: <evidence>{context}</evidence>
        <BLANKLINE>
        {question}
        <BLANKLINE>
        Why?
        """
        parts = ["<evidence>{context}</evidence>"] if self.with_evidence else []
        parts += ["{question}", *([self.suffix] if self.suffix else [])]
        system = "" if self.system is None else f"system: {self.system}\n"
        return system + "user: " + "\n\n".join(parts)

    def around(self, question: Question) -> Question:
        """The question as this prompt puts it; its id and references stay, and its limits unless it reasons.

        >>> asked = Question(id="q", messages=(Message("user", "2 + 2?"),))
        >>> Prompt(name="plain", suffix="Be brief.").around(asked).text
        '2 + 2?\\n\\nBe brief.'
        """
        messages = list(last_turn(question, lambda text: self._turn(question, text)).messages)
        if self.system is not None:
            if messages and messages[0].role == "system":
                messages[0] = messages[0].saying(f"{messages[0].content}\n{self.system}")
            else:
                messages.insert(0, Message("system", self.system))
        settings = question.settings
        if self.reasoning:
            longest = max(settings.max_tokens or 0, self.reasoning + LAST_LINE)
            settings = replace(settings, max_tokens=longest, stop=())
        form = FREE if self.reasoning else question.format  # its last line is asked for by the prompt itself
        put_by = question.put_by if self.digest == SEED.digest else self.digest
        return replace(question, messages=tuple(messages), settings=settings, format=form, put_by=put_by)

    def _turn(self, question: Question, text: str) -> str:
        context = context_of(question).strip()
        if self.with_evidence and context:
            text = f"<evidence>{inert(context)}</evidence>\n\n{text}"
        return f"{text}\n\n{self.suffix}" if self.suffix else text


SEED = Prompt(name="seed", origin="seed")
"""The question as it is."""


def final_answer(prompt: Prompt, completion: Completion) -> Completion | None:
    """The answer within a reply: all of it, or the last "Answer:" line of one that reasons; None without one.

    The tokens are those of the answer, so that their log-probabilities are not those of the reasoning.

    >>> reply = Completion(text="Two and two.\\nAnswer: 4", model="m")
    >>> found = final_answer(Prompt(name="p", reasoning=64), reply)
    >>> found.text, final_answer(SEED, reply) is reply
    ('4', True)
    """
    if not prompt.reasoning:
        return completion
    marks = list(ANSWER.finditer(completion.text))
    if not marks:
        return None
    begin = marks[-1].end()
    end = completion.text.find("\n", begin)
    end = len(completion.text) if end < 0 else end
    text = completion.text[begin:end].strip().strip("*").strip()
    if not text:
        return None
    tokens, at = [], 0
    for token in completion.tokens or ():
        if at + len(token.text) > begin and at < end:
            tokens.append(token)
        at += len(token.text)
    return replace(completion, text=text, tokens=None if completion.tokens is None else tuple(tokens))
