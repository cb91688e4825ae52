"""Answers said in a sentence: "The capital of Japan is Tokyo." for "Tokyo"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..types import Question
from .plain import THOUSANDS, normalise, plain

__all__ = ["NOTHING", "Said", "asked_of", "said_in"]

COPULA = re.compile(r"\b(is|are|was|were)\b|:")
COPULAS = frozenset({"is", "are", "was", "were"})
WEIGHED = r"or|and|either|neither|nor|if|whether"
DENIED = r"not|no|never|cannot|hardly|doubt|doubtful|unlikely|wrong|incorrect|false|untrue"
DOUBT = re.compile(rf"\b(?:{WEIGHED}|{DENIED})\b|n['’]t\b|[,;/?\n]")
"""Signs that a sentence weighs several candidates, denies one, or asks."""
DOUBTS = frozenset(f"{WEIGHED}|{DENIED}".split("|"))
DENIAL = re.compile(
    rf"\b(?:{DENIED}|(?:is|are|was|were|do|does|did|ca|could|wo|would|has|have|had|should)nt)\b"
)
"""A denial in a normalised text."""
HEADED = re.compile(r"(?P<head>yes|no)\s*[,.;:!–—-]+\s+(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
PRONOUNS = frozenset({"it", "they", "he", "she", "there"})
LISTED = re.compile(r"[:;/?\n]|,(?!\d{3})")
"""What stands between the members of a list."""
ANOTHER = re.compile(r"\w{3}[.!?]\s")
"""The end of a sentence that another one follows."""
POSSESSIVE = re.compile(r"['’]s\b")
LONGEST = 400
"""Characters of a plain sentence that is read word by word."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a sentence may be taken to name, in the form of `plain`.

    `names` may hold more than one: compare them with an answer that stands alone. `core` is the one name that
    the question's own words, `echo`, leave; it is empty where they leave none. Two sentences say the same where
    both leave the same and one repeats no more of the question than the other: "Paris is larger" and "Rome is
    larger" do not.
    """

    names: frozenset[str] = frozenset()
    core: str = ""
    echo: frozenset[str] = frozenset()

    def same(self, other: Said) -> bool:
        """Whether two sentences leave the same of the question."""
        return (
            bool(self.core)
            and self.core == other.core
            and (self.echo <= other.echo or other.echo <= self.echo)
        )


NOTHING = Said()


def asked_of(question: Question) -> str:
    """The question's own text, without retrieved text in view.

    >>> from calibrant.types import Message
    >>> asked = (Message("user", "Context:\\nIt is Ada.\\n\\nWho?"),)
    >>> asked_of(Question(id="q", messages=asked, metadata={"context": "It is Ada."})).split()
    ['Context:', 'Who?']
    """
    text = question.text
    context = question.metadata.get("context") or ()
    for passage in (context,) if isinstance(context, str) else context:
        text = text.replace(str(passage), " ")
    return text


def said_in(sentence: str, asked: str) -> Said:
    """What one plain sentence names as the answer to the question `asked`; nothing where it is anything else.

    Read are "... is Paris"; "Paris is ..." with nothing but the question's words behind it; "Achilles killed
    Hector", of which the question says two or more words in a row; and a yes or no before the question's words.
    What stands there weighs no candidates and denies none, unless the question does so in the same words ("The
    capital of Bosnia and Herzegovina is Sarajevo.").

    >>> sorted(said_in("The capital of France is Paris.", "What is the capital of France?").names)
    ['paris']
    >>> said_in("Achilles killed Hector.", "Who killed Hector?").core
    'achilles'
    >>> said_in("It is Paris or Lyon.", "Which city?").names & {"paris", "lyon"}, said_in("Paris", "Which city?").names
    (frozenset(), frozenset())
    """
    text = sentence.strip().rstrip(".!")
    if " " not in text and ":" not in text:
        return NOTHING
    known = _known(asked)
    if (headed := HEADED.fullmatch(text)) and _only_echoes(headed, known):
        head = headed["head"].casefold()
        return Said(frozenset({head}), head)
    if ANOTHER.search(text):
        return NOTHING
    names: set[str] = set()
    core, echo = _left(text, known) if len(text) <= LONGEST else ("", frozenset[str]())
    parts = COPULA.split(text)
    if len(parts) == 3:
        subject, verb, rest = parts[0], parts[1] or ":", parts[2]
        before, behind = _words(subject), _words(rest)
        if not DOUBT.search(subject.casefold()) or _in_a_row(before, known.row):
            names.add(plain(rest))
            if not core and before and known.words.issuperset(before):
                core, echo = plain(rest), frozenset(before)
        denied = known.denies or DENIAL.search(" ".join(behind))
        if known.words.issuperset(behind) and (not denied or _in_a_row([verb, *behind], known.row)):
            names.add(plain(subject))
    return Said(frozenset((names | {core}) - {""}), core, echo)


@dataclass(frozen=True, slots=True)
class _Known:
    """The question's words: as a set, and in a row between spaces, forwards and backwards."""

    words: frozenset[str]
    row: str
    back: str
    denies: bool


@lru_cache(256)
def _known(asked: str) -> _Known:
    words = _words(asked)
    row = f" {' '.join(words)} "
    return _Known(frozenset(words), row, f" {' '.join(words[::-1])} ", bool(DENIAL.search(row)))


def _only_echoes(headed: re.Match[str], known: _Known) -> bool:
    """Whether nothing but the question's words stands behind a yes or no; denied, too, behind a no."""
    rest = normalise(headed["rest"])
    if headed["head"].casefold() == "no":
        rest = DENIAL.sub(" ", rest)
    return (known.words | PRONOUNS).issuperset(_words(rest))


def _left(text: str, known: _Known) -> tuple[str, frozenset[str]]:
    """What is left of a sentence without the words at one end that the question has in a row, and those words."""
    words, members = _words(text), [_words(member) for member in LISTED.split(text)]
    if _in_a_row(words, known.row):
        return "", frozenset()
    head, tail = _run(members[0], known.row), _run(members[-1][::-1], known.back)
    if not head and not tail:
        return "", frozenset()
    if head >= tail:
        run, left = words[:head], words[head:]
        left = left[1:] if left and left[0] in COPULAS else left
    else:
        run, left = words[-tail:], words[:-tail]
        left = left[:-1] if left and left[-1] in COPULAS else left
    return plain(" ".join(left)), frozenset(run) - COPULAS


def _run(words: list[str], row: str) -> int:
    """How many of the first words the question has in a row: none, or two at the least, and not all.

    With one, "South Africa" would be "Africa" where the question has "south".
    """
    size = 0
    while size + 1 < len(words) and _in_a_row(words[: size + 1], row):
        size += 1
    while size and words[size - 1] in DOUBTS:  # "Paris and Rome", where the question has "Paris and Lyon"
        size -= 1
    return size if size > 1 else 0


def _words(text: str) -> list[str]:
    return normalise(THOUSANDS.sub("", POSSESSIVE.sub("", text))).split()


def _in_a_row(words: Sequence[str], row: str) -> bool:
    return f" {' '.join(words)} " in row
