"""A question in the order in which it is read: what was said before, what is asked, what the model was given. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calibrant.types import Message, Question

from .fields import Table, called
from .texts import Block, blocks

__all__ = ["Asked", "Piece", "asked"]

SHORT = 120
"""Words up to which something beside the question is open."""

SHOWN = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
"""Pictures that are in the question itself; those elsewhere are not fetched for whoever looks at the page."""

ROLES = {
    "system": "Instruction",
    "developer": "Instruction",
    "user": "Question",
    "assistant": "Answer",
    "tool": "Result",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One text with its label, the pictures in it (their data, or their address), and the calls that it makes."""

    label: str
    text: str
    blocks: tuple[Block, ...]
    pictures: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    calls: tuple[Table, ...] = ()

    @property
    def words(self) -> int:
        """Of its text."""
        return len(self.text.split())

    @property
    def folded(self) -> bool:
        """Whether it is too long to stand open beside a question."""
        return self.words > SHORT


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was said `before`, the `question`, and what the model was `given` beside it."""

    question: Piece
    before: tuple[Piece, ...]
    given: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All that the answer can rest on."""
        return "\n".join(one.text for one in (*self.before, self.question, *self.given))


def asked(question: Question) -> Asked:
    """That of a question.

    >>> from calibrant.types import Message
    >>> pairs = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "2+2?")]
    >>> messages = tuple(Message(role, text) for role, text in pairs)
    >>> made = asked(Question(id="q", messages=messages, metadata={"context": ["Sums."]}))
    >>> made.question.text, [one.text for one in made.before], [(one.label, one.text) for one in made.given]
    ('2+2?', ['Hi', 'Yes?'], [('Instruction', 'Be brief.'), ('Passage 1', 'Sums.')])
    """
    messages = question.messages
    last = max((at for at, one in enumerate(messages) if one.role == "user"), default=len(messages))
    turns = [(at, _piece(one)) for at, one in enumerate(messages)]
    ruling = [one for at, one in turns if messages[at].role in ("system", "developer")]
    before = [one for at, one in turns if at < last and one not in ruling]
    after = [one for at, one in turns if at > last and one not in ruling]
    own = turns[last][1] if last < len(messages) else Piece(label="Question", text="", blocks=())
    passages = [
        Piece(label=f"Passage {n}", text=text, blocks=blocks(text))
        for n, text in enumerate(_passages(question.metadata), 1)
    ]
    return Asked(question=own, before=tuple(before), given=(*ruling, *passages, *after))


def _passages(metadata: Mapping[str, Any]) -> Iterator[str]:
    for name in ("context", "documents"):
        listed = metadata.get(name) or ()
        for text in (
            (listed,) if isinstance(listed, str) else listed if isinstance(listed, list | tuple) else ()
        ):
            if isinstance(text, str) and text.strip():
                yield text


def _piece(message: Message) -> Piece:
    pictures: list[str] = []
    elsewhere: list[str] = []
    others: list[str] = []
    body = message.body
    for part in body if isinstance(body, list) else ():
        kind = str(part.get("type")) if isinstance(part, dict) else ""
        if kind == "image_url":
            said = part.get("image_url")
            url = str(said.get("url", "") if isinstance(said, dict) else said)
            shown = SHOWN.fullmatch(url) is not None
            (pictures if shown else elsewhere).append(url if shown else url[:200])
        elif kind not in ("", "text"):
            others.append(kind)
    return Piece(
        label=ROLES.get(message.role, message.role), text=message.content, blocks=blocks(message.content),
        pictures=tuple(pictures), elsewhere=tuple(elsewhere), others=tuple(others),
        calls=tuple(called(one.name, one.arguments) for one in message.tool_calls),
    )  # fmt: skip
