"""Answers said in a sentence: "The capital of Japan is Tokyo." for "Tokyo"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..types import Question
from .plain import LEAD, THOUSANDS, plain, words_of

__all__ = ["NOTHING", "Said", "asked_of", "said_in"]

COPULA = re.compile(r"\b(is|are|was|were)\b|:")
COPULAS = frozenset({"is", "are", "was", "were"})
OTHER_COPULAS = COPULAS - {"is"}
WEIGHED = r"or|and|either|neither|nor|if|whether"
DENIED = r"not|no|never|cannot|hardly|doubt|doubtful|unlikely|wrong|incorrect|false|untrue"
DOUBT = re.compile(rf"\b(?:{WEIGHED}|{DENIED})\b|n['’]t\b|[,;/?\n]")
"""Signs that a sentence weighs several candidates, denies one, or asks."""
DOUBTS = frozenset(f"{WEIGHED}|{DENIED}".split("|"))
DENIALS = f"{DENIED}|isnt|arent|wasnt|werent|dont|doesnt|didnt|cant|couldnt|wont|wouldnt|hasnt|havent|hadnt|shouldnt"
DENIAL = re.compile(rf"\b(?:{DENIALS})\b")
"""A denial in a normalised text."""
DENIED_WORDS = frozenset(DENIALS.split("|"))
HEADED = re.compile(r"(?P<head>yes|no)\s*[,.;:!–—-]+\s+(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
PRONOUNS = frozenset({"it", "they", "he", "she", "there"})
EITHER = re.compile(r"\b(?:yes|true) (?:or )?(?:no|false)\b")
"""How a question asks for a yes or no: it weighs and denies nothing itself."""
LITTLE = COPULAS | PRONOUNS | {
    "of", "in", "on", "at", "to", "for", "by", "with", "from", "this", "that", "what", "which", "who",
}  # fmt: skip
"""Words that say nothing of what a sentence is about."""
NEUTRAL = LITTLE | {"answer", "correct", "right", "final", "result", "solution", "name"}
"""Words that may stand before "is" without a question holding them."""
ANOTHER_ONE = re.compile(
    r"\d|(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|next|previous|former|current|old|older|new"
    r"|newer|other|another|more|most|less|least|same|similar|opposite|north|south|east|west|northern|southern|eastern"
    r"|western|ex|vice|half|twice|double|\w+est)$"
)
"""Words that make a thing another than the question asks for, where it does not hold them."""
LISTED = re.compile(r"[:;/?\n]|,(?!\d{3})")
"""What stands between the members of a list."""
ANOTHER = re.compile(r"[.!?](?<=\w{3}.)\s")
"""The end of a sentence that another one follows."""
SENTENCES = re.compile(r"(?<=\w{3})[.!?]\s|\n")
POSSESSIVE = re.compile(r"['’]s\b")
NO_WORDS = frozenset[str]()
LONGEST = 400
"""Characters of a plain sentence; a longer text is none."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a sentence may be taken to name, in the form of `plain`.

    `names` may hold more than one: compare them with an answer that stands alone. `core` is the one name that
    the question's own words, `echo`, leave; it is empty where they leave none. Two sentences say the same where
    both leave the same and one repeats no more of the question than the other, and no denial more: "Paris is
    larger" and "Rome is larger" do not.
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
            and not _denies(self.echo ^ other.echo)
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

    Read are "The capital is Paris", of which the question says a word or more before "is" ("The currency of
    Mexico is the peso", where the money used in Mexico is asked for), or a pronoun or "the answer" stands there,
    but not "The second president is Adams" where the first is asked for; "Paris is ..." with nothing but the
    question's words behind it; "Achilles killed Hector", of which the question says two or more words in a row;
    and a yes or no before the question's words, denied behind a no. What stands there weighs no candidates and
    denies none, unless the question does so in the same words ("The capital of Bosnia and Herzegovina is
    Sarajevo."). Nothing is read of a sentence that the question
    states itself ("x is 3", where x is 3 and y is wanted), nor, where a sentence of the question denies
    something, of one about the same that does not.

    >>> sorted(said_in("The capital of France is Paris.", "What is the capital of France?").names)
    ['paris']
    >>> said_in("Achilles killed Hector.", "Who killed Hector?").core
    'achilles'
    >>> said_in("It is Paris or Lyon.", "Which city?").names & {"paris", "lyon"}, said_in("Paris", "Which city?").names
    (frozenset(), frozenset())
    """
    text = sentence.strip().rstrip(".!")
    if (" " not in text and ":" not in text) or len(text) > LONGEST:
        return NOTHING
    known = _known(asked)
    marked = not text.replace(" ", "").isalnum()  # else there is nothing that most patterns look for
    if marked and (headed := HEADED.fullmatch(text)):
        head = headed["head"].casefold()
        return Said(frozenset({head}), head) if _only_echoes(head, headed["rest"], known) else NOTHING
    words = _words(text)
    if (known.words.isdisjoint(words) and NEUTRAL.isdisjoint(words)) or (marked and ANOTHER.search(text)):
        return NOTHING
    about = not known.denied.isdisjoint(words)
    if about and not _denies(words):
        return NOTHING
    names: set[str] = set()
    several = marked and LISTED.search(text)
    members = [_words(member) for member in LISTED.split(text)] if several else [words]
    core, echo = _left(members, words, known)
    parts = COPULA.split(text)
    if len(parts) == 3:
        subject, verb, rest = parts[0], parts[1] or ":", parts[2]
        before, behind = _around(verb, words) or (_words(subject), _words(rest))
        if _in_a_row(_one_copula([*before, "is", *behind]), known.stated):
            return NOTHING
        if _is_about(before, known) and (
            _in_a_row(before, known.row) or not DOUBT.search(subject.casefold())
        ):
            name = _name(rest, behind)
            names.add(name)
            if not core and before and known.words.issuperset(before):
                core, echo = name, frozenset(before)
        if known.words.issuperset(behind) and (
            not (about or _denies(behind)) or _in_a_row([verb, *behind], known.row)
        ):
            names.add(_name(subject, before))
    return Said(frozenset((names | {core}) - {""}), core, echo)


class _Known(NamedTuple):
    """The question's words: as a set, and in a row between spaces.

    `stated` is the row with every copula as "is". `denied` and `weighed` are the words of those of its sentences that
    deny something, and that do so or weigh candidates.
    """

    words: frozenset[str]
    row: str
    stated: str
    denied: frozenset[str]
    weighed: frozenset[str]


@lru_cache(256)
def _known(asked: str) -> _Known:
    words = _words(asked)
    known, row = frozenset(words), f" {' '.join(words)} "
    stated = row if known.isdisjoint(OTHER_COPULAS) else f" {' '.join(_one_copula(words))} "
    if known.isdisjoint(DOUBTS) and not _denies(words):  # as most questions are
        return _Known(known, row, stated, NO_WORDS, NO_WORDS)
    denied, weighed = set[str](), set[str]()
    for sentence in SENTENCES.split(asked):
        said = EITHER.sub(" ", " ".join(_words(sentence)))
        about = set(said.split())
        if DENIAL.search(said):
            denied |= about
        if DENIAL.search(said) or about & DOUBTS:
            weighed |= about
    return _Known(known, row, stated, frozenset(denied - LITTLE), frozenset(weighed - LITTLE))


def _denies(words: Collection[str]) -> bool:
    """Whether there is a denial among normalised words, or within one that holds marks, such as "not-5"."""
    if not DENIED_WORDS.isdisjoint(words):
        return True
    return not "".join(words).isalnum() and DENIAL.search(" ".join(words)) is not None


def _around(verb: str, words: list[str]) -> tuple[list[str], list[str]] | None:
    """The words on both sides of the one copula, or None where they are not to be had from a whole sentence."""
    if words.count(verb) != 1 or words[0] == verb or words[-1] == verb:
        return None
    at = words.index(verb)
    return words[:at], words[at + 1 :]


def _is_about(before: list[str], known: _Known) -> bool:
    """Whether what stands before "is" may be what the question asks for."""
    foreign = [word for word in before if word not in known.words and word not in NEUTRAL]
    if not foreign:
        return True
    shared = not known.words.isdisjoint(set(before) - NEUTRAL)
    return shared and not any(ANOTHER_ONE.match(word) for word in foreign)


def _name(text: str, words: Sequence[str]) -> str:
    """The part of a sentence in the form of `plain`, which its words are where it holds no marks."""
    return " ".join(words) if text.replace(" ", "").isalnum() else plain(text)


def _one_copula(words: Sequence[str]) -> list[str]:
    return ["is" if word in COPULAS else word for word in words]


def _only_echoes(head: str, rest: str, known: _Known) -> bool:
    """Whether nothing but the question's words stands behind a yes or no; denied behind a no."""
    words = _words(rest)
    if not known.weighed.isdisjoint(words):
        return False
    if head == "no":
        said = " ".join(words)
        words = DENIAL.sub(" ", said).split()
        if not DENIAL.search(said):
            return False
    return (known.words | PRONOUNS).issuperset(words)


def _left(members: list[list[str]], words: list[str], known: _Known) -> tuple[str, frozenset[str]]:
    """What is left of a sentence without the words at one end that the question has in a row, and those words."""
    if _in_a_row(words, known.row):
        return "", frozenset()
    head, tail = _run(members[0], known.row), _run(members[-1], known.row, last=True)
    if not head and not tail:
        return "", frozenset()
    if head >= tail:
        run, left = words[:head], words[head:]
        left = left[1:] if left and left[0] in COPULAS else left
    else:
        run, left = words[-tail:], words[:-tail]
        left = left[:-1] if left and left[-1] in COPULAS else left
    return LEAD.sub("", " ".join(left)), frozenset(run) - COPULAS


def _run(words: list[str], row: str, *, last: bool = False) -> int:
    """How many of the first words, or the last, the question has in a row: none, or two at the least, and not all.

    With one, "South Africa" would be "Africa" where the question has "south".
    """
    size = 0
    while size + 1 < len(words) and _in_a_row(words[-size - 1 :] if last else words[: size + 1], row):
        size += 1
    while (
        size and words[-size if last else size - 1] in DOUBTS
    ):  # "Paris and Rome", asked of "Paris and Lyon"
        size -= 1
    return size if size > 1 else 0


def _words(text: str) -> list[str]:
    if "'" in text or "’" in text:
        text = POSSESSIVE.sub("", text)
    return words_of(THOUSANDS.sub("", text) if "," in text else text)


def _in_a_row(words: Sequence[str], row: str) -> bool:
    return f" {' '.join(words)} " in row
