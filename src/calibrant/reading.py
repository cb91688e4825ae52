"""Two texts in, a verdict out: is this the answer, and do these two say the same? No model is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .answers.same import sameness
from .answers.verdict import verdict
from .types import Message, Question

__all__ = ["grade", "same"]

Aliases = Iterable[str | Sequence[str]]


def grade(
    question: str,
    reply: str,
    reference: str | Sequence[str],
    *,
    kind: str = "text",
    options: Sequence[str] | None = None,
    aliases: Aliases | None = None,
) -> float | None:
    """1.0 where a reply gives the reference, 0.0 where it gives something else, None where that cannot be told.

    The reply may be a word, a letter or ordinary sentences. It is read by what it says: the option that it names and
    does not deny, the number or date that it comes to, the reference or an alias as a whole phrase with no rival beside
    it. A refusal is 0. `calibrant.answers.verdict.verdict` has the reason of a None as well; a model can be asked about
    those (`calibrant elicit --same model`).

    Parameters
    ----------
    question : as it was asked; what is said of it ("Paris is not the capital.") is read with its words in view
    reference : the right answer, or several of which each is right; of a choice the letter or the option's text
    kind : text, number, choice, date or long; with options it is a choice
    aliases : further names of the reference, or groups of names that mean the same

    Raises `UnusableInput` for another kind, and for a choice without options.

    >>> grade("Who wrote Hamlet?", "Hamlet was written by William Shakespeare.", "Shakespeare")
    1.0
    >>> grade("Which one?", "I think it is B, not A.", "B", options=["Lyon", "Paris"])
    1.0
    >>> grade("Who wrote Hamlet?", "Marlowe or Shakespeare", "Shakespeare") is None
    True
    """
    references = (reference,) if isinstance(reference, str) else tuple(reference)
    return verdict(_question(question, references, kind, options, aliases), reply).grade


def same(
    first: str,
    second: str,
    *,
    question: str | None = None,
    kind: str = "text",
    options: Sequence[str] | None = None,
    aliases: Aliases | None = None,
) -> bool | None:
    """Whether two answers say the same, None where that cannot be told; an empty answer is the same as nothing.

    Parameters and errors are those of `grade`. With the question, two sentences are compared by what they say
    beyond its words; without it, by all that they say.

    >>> same("He was born in Mississippi.", "Mississippi", question="Where was Tennessee Williams born?")
    True
    >>> same("B", "Lyon", options=["Paris", "Lyon"]), same("1,000", "a thousand", kind="number")
    (True, True)
    """
    return sameness(_question(question or "", (), kind, options, aliases))(first, second)


def _question(
    text: str, references: tuple[str, ...], kind: str, options: Sequence[str] | None, aliases: Aliases | None
) -> Question:
    metadata: dict[str, Any] = {"kind": kind}
    if options:
        metadata = {"options": list(options)} if kind == "text" else metadata | {"options": list(options)}
    if aliases:
        metadata["aliases"] = [one if isinstance(one, str) else list(one) for one in aliases]
    return Question(id="", messages=(Message("user", text),), references=references, metadata=metadata)
