"""What a reply comes to: its conclusion, whether it refuses, and whether it says yes or no."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .letters import vocabulary
from .values import KEPT, SENTENCE, concluded
from .words import EMPTY, NEGATORS, Word, stem, words_in

__all__ = [
    "Asked",
    "asks",
    "asks_back",
    "asks_last",
    "cleaned",
    "denies",
    "end_of",
    "head_of",
    "polarity",
    "refuses",
    "turned",
]

THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.S | re.I)
MARKUP = re.compile(r"\*\*|__|`+|<\|[\w-]+\|>|^#{1,6}\s|^>\s(?=\w)|^[-*•]\s+(?=\w)|\\[()\[\]]", re.M)
REFUSAL = re.compile(
    r"^\W*(?:(?:well|hmm|unfortunately|i['’]?m\s+sorry|i\s+am\s+sorry|sorry|i\s+apologi[sz]e|as\s+an?\s+ai\b[^,.]*)\b[\s,.;:!-]*(?:but\s+)?)*"
    r"(?:(?:i|we)\s+(?:do\s*n['’]?o?t|can\s*n?['’]?o?t|could\s*n['’]?o?t|am\s+(?:not\s+able|unable)|have\s+no|was\s+unable)\s+"
    r"(?:to\s+)?(?:know|answer|provide|help|assist|determine|tell|say|idea|information|find|have|comment|recall|be\s+sure)"
    r"|i['’]?m\s+(?:not\s+(?:able|sure|certain)|unable)\b"
    r"|(?:i['’]?m\s+sorry|i\s+am\s+sorry|sorry|unknown|no\s+idea|no\s+comment|not\s+sure|cannot\s+be\s+determined|it\s+is\s+unknown)\b"
    r"|i\s+need\s+more\s+(?:information|context)|(?:ich\s+wei(?:ß|ss)\s+(?:es\s+)?nicht|je\s+ne\s+sais\s+pas|no\s+(?:lo\s+)?se\b|nao\s+sei|non\s+lo\s+so))",
    re.I,
)
DECLINES = re.compile(
    r"\bi\s+(?:can\s*not|can['’]t|am\s+(?:unable|not\s+able)\s+to|won['’]t|will\s+not)\s+"
    r"(?:discuss|provide|assist|help|answer|engage|comment|fulfil|complete)",
    re.I,
)
ANSWERS_YET = re.compile(r"\b(?:but|however|think|believe|guess|probably|likely|would\s+say)\b", re.I)

YES = vocabulary("yes")
NO = vocabulary("no")
MAYBE = vocabulary("maybe")
TRUTH = re.compile(
    r"\b(?:it\s+is|it['’]s|that\s+is|that['’]s|this\s+is|the\s+(?:statement|claim|assertion)\s+(?:that\s+.{1,200}?\s+)?is|"
    r"the\s+statement\s+is)\s+(?P<deny>not\s+)?(?:entirely\s+|absolutely\s+|completely\s+)?"
    r"(?P<value>true|false|correct|incorrect|right|wrong|untrue)\b",
    re.I,
)
SO_YES = re.compile(
    r"\b(?:so|therefore|thus|hence|then|probably|likely),?\s+(yes|no)\b(?!\s+\w+\s+(?:is|are|was|can))", re.I
)
CJK_YES, CJK_NO = (
    re.compile(r"\W*(?:はい|ええ|是的?[。，,\s]|是的?$|对|對|네|예)"),
    re.compile(r"\W*(?:いいえ|違い?ます|不是|不对|否|아니)"),
)
BRIEF = re.compile(
    r"\W*(?:(?:(?:absolutely|definitely|certainly|probably|of\s+course|most\s+likely|likely|surely)\s+)?(?P<no>not(?:\s+at\s+all|\s+really)?"
    r"|i\s+do(?:\s+not|n['’]t)\s+(?:think|believe)\s+so|i\s+doubt\s+it|(?:it|that|this|he|she|they|you)\s+(?:is|are|was|were|does|do|did|can|could|"
    r"will|would|has|have|should)\s*(?:not|n['’]t)|(?:it|that|he|she|they|you)\s+(?:isn|aren|wasn|doesn|don|didn|can|won)['’]t)"
    r"|probably|likely|most\s+likely|i\s+(?:think|believe|suppose|guess)\s+so"
    r"|(?:it|that|this|he|she|they|you)\s+(?:is|are|was|were|does|do|did|can|could|will|would|has|have|should))\W*",
    re.I,
)
"""A yes or a no in a few words and nothing else."""
OPEN = re.compile(
    r"^\W*(?:it|that|this)\s+(?:all\s+|really\s+)?(?:depends|varies|is\s+(?:unclear|uncertain|not\s+clear))\b",
    re.I,
)
POSSIBLE = re.compile(
    r"^\W*it\s+(?:is|would\s+be)\s+(?P<deny>not\s+|im)?(?P<value>possible|likely|unlikely)\b", re.I
)


@lru_cache(KEPT)
def cleaned(text: str) -> str:
    """The text without a model's thoughts, marks of emphasis and of its chat template.

    >>> cleaned("<think>Hm.</think>**Paris**<|im_end|>")
    'Paris'
    """
    text = THOUGHT.sub("", text) if "<think" in text.casefold() else text
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    if (next_one := RUN_ON.search(text)) and text[: next_one.start()].strip():
        text = text[: next_one.start()]
    if "\\" in text or "$" in text:
        text = SUBSCRIPT.sub(r"\1", NAMED.sub(r"\1", text))
    return LABEL.sub("", MARKUP.sub("", text).strip())


RUN_ON = re.compile(r"\n\s*(?:question|user|human|instruction|q)\s*\d*\s*:", re.I)
"""Where a model goes on with another question of its own."""
NAMED = re.compile(r"\\(?:text|mathrm|mathbf|textbf|textit)\{([^{}]*)\}")
SUBSCRIPT = re.compile(r"(?<=[A-Za-z}])_\{?(\d+)\}?")


LONGEST = 8000
"""Characters of a reply that are read; of a longer one the first and the last."""
LABEL = re.compile(r"^(?:a|assistant|response|reply)\s*:\s+(?=\S)", re.I)
"""What a model writes before its answer as in a list of questions and answers."""


@lru_cache(KEPT)
def end_of(text: str) -> str | None:
    """What a cleaned reply marks as its answer, or the last of several sentences where that draws a conclusion.

    >>> end_of("Whales are big. So they are mammals."), end_of("Paris")
    ('they are mammals.', None)
    """
    if (marked := concluded(text)) is not None:
        return marked
    parts = [one for one in SENTENCE.split(text) if one.strip()]
    if len(parts) > 1 and (found := CONCLUDES.match(parts[-1].strip())):
        return parts[-1].strip()[found.end() :]
    return None


CONCLUDES = re.compile(
    r"^(?:so|thus|therefore|hence|consequently|in\s+conclusion|in\s+summary|overall|finally)\b[\s,:]*", re.I
)


def refuses(text: str) -> bool:
    """Whether a cleaned reply gives no answer: it is empty, or says that it does not know or will not say.

    >>> refuses("I'm sorry, but I can't help with that."), refuses("I'm not sure, but I think it is Paris.")
    (True, False)
    """
    if not re.search(r"[^\W_]", text):
        return not text.strip()
    if asks_back(text):
        return True
    if DECLINES.search(text[:120]):
        return True
    found = REFUSAL.match(text)
    return found is not None and not ANSWERS_YET.search(text[found.end() :])


def asks_back(text: str) -> bool:
    """Whether a cleaned reply is nothing but questions.

    >>> asks_back("Is it Paris?"), asks_back("Is it Paris? It is.")
    (True, False)
    """
    parts = [part for part in SENTENCE.split(text) if part.strip()]
    return bool(parts) and all(part.rstrip("\"'”’*) ").endswith(("?", "？")) for part in parts)


class Asked(NamedTuple):
    """A question's words, as stems.

    `known` are those that a reply may say again without answering; `candidates` those that it puts to the choice ("A or
    B") and which are not among the known; `denied` those behind its own denial ("not a mammal").
    """

    known: frozenset[str]
    candidates: frozenset[str]
    denied: frozenset[str]


@lru_cache(KEPT)
def asks(question: str) -> Asked:
    """What a question says.

    >>> sorted(asks("Which animal is not a mammal?").denied), sorted(asks("Who is older, Ann or Bob Smith?").candidates)
    (['mammal'], ['ann', 'bob', 'smith'])
    """
    words = words_in(question)
    denied: set[str] = set()
    for i, word in enumerate(words):
        if word.plain in NEGATORS and word.plain not in {"no", "without"}:
            behind = [one for one in words[i + 1 :] if one.clause == word.clause]
            denied |= {one.stem for one in behind if one.plain not in EMPTY}
    candidates = frozenset(word.stem for word in _weighed(words_in(asks_last(question)))) - EMPTY
    return Asked(frozenset(word.stem for word in words) - candidates, candidates, frozenset(denied))


def _weighed(words: tuple[Word, ...]) -> Iterator[Word]:
    """What stands on both sides of an "or", and before that in a list with commas."""
    for i, word in enumerate(words):
        if word.plain not in ("or", "oder", "ou") or i == 0 or i + 1 == len(words):
            continue
        for step, at in ((1, i + 1), (-1, i - 1)):
            while 0 <= at < len(words) and words[at].plain in ("a", "an", "the"):
                at += step
            first = words[at] if 0 <= at < len(words) else None
            while (
                first is not None
                and 0 <= at < len(words)
                and (words[at] is first or (words[at].name and first.name))
            ):
                if words[at].clause != first.clause or words[at].opens:
                    break
                yield words[at]
                at += step
        left = i - 1
        while (
            left > 0 and words[left].clause > words[left - 1].clause and words[left - 1].plain not in EMPTY
            and sum(one.clause == words[left - 1].clause for one in words) <= 2
        ):  # fmt: skip
            yield words[left - 1]
            left -= 1


@lru_cache(KEPT)
def polarity(text: str, question: str = "") -> str | None:
    """Whether a cleaned reply says "yes", "no" or "maybe" to a question; None where that cannot be told.

    By its first word, by what it calls true or false, or by saying again what the question asks, with a denial or
    without.

    >>> polarity("No, it sinks."), polarity("A pear would not sink in water.", "Would a pear sink in water?")
    ('no', 'no')
    >>> polarity("That is true."), polarity("Yes and no."), polarity("Pears are green.", "Would a pear sink in water?")
    ('yes', None, None)
    """
    words = words_in(text)
    if not words:
        return None
    if so := SO_YES.search(text):
        return so[1].casefold()
    for value, form in (("yes", CJK_YES), ("no", CJK_NO)):
        if form.match(text):
            return value
    if brief := BRIEF.fullmatch(text):
        return "no" if brief["no"] else "yes"
    if (end := end_of(text)) is not None and end != text:
        said = _headed(words_in(end)) or _called(end) or _restated(words_in(end), question)
        if said is not None:
            return said
    said = _headed(words)
    if said in ("yes", "no") and _restated(words, question, 0.9) not in (None, said):
        return None  # "No, birds can fly."
    return said or _called(text) or _restated(words, question)


def head_of(text: str) -> str | None:
    """The yes, no or maybe that a cleaned reply opens with.

    >>> head_of("Non, merci."), head_of("True"), head_of("Paris")
    ('no', 'yes', None)
    """
    if brief := BRIEF.fullmatch(text):
        return "no" if brief["no"] else "yes"
    return "yes" if CJK_YES.match(text) else "no" if CJK_NO.match(text) else _headed(words_in(text))


def _headed(words: tuple[Word, ...]) -> str | None:
    if not words:
        return None
    first = words[0].plain
    if first == "of" and len(words) > 1 and words[1].plain == "course":
        return "no" if len(words) > 2 and words[2].plain == "not" else "yes"
    if first == "not" and sum(word.clause == words[0].clause for word in words) <= 3:
        return "no"  # "Not typically."
    said = "yes" if first in YES else "no" if first in NO else "maybe" if first in MAYBE else None
    if said is None:
        return None
    rest = words[1:4]
    if any(
        word.plain in ("and", "or") and words[min(i + 2, len(words) - 1)].plain in YES | NO
        for i, word in enumerate(rest)
    ):
        return None
    joined = len(words) > 2 and words[1].clause == words[0].clause
    if joined and first in BEFORE_NOUNS:
        return None  # "No planet is larger", "Right angles are equal": it belongs to what follows
    return said


BEFORE_NOUNS = frozenset({"no", "right", "true", "false", "negative", "correct"})


def _called(text: str) -> str | None:
    found = TRUTH.search(text)
    if found is not None and found.start() < 200:
        good = found["value"].casefold() in ("true", "correct", "right")
        return "yes" if good != bool(found["deny"]) else "no"
    if OPEN.match(text):
        return "maybe"
    if found := POSSIBLE.match(text):
        good = found["value"].casefold() != "unlikely"
        return "yes" if good != bool(found["deny"]) else "no"
    return None


def _restated(words: tuple[Word, ...], question: str, least: float = 0.7) -> str | None:
    """By a sentence that holds nearly all of the question's words, first sentences first."""
    question = asks_last(question)
    asked = {
        word.stem for word in words_in(question) if word.plain not in EMPTY and word.plain not in NEGATORS
    }
    if not asked:
        return None
    least = 0.9 if any(word.plain == "than" for word in words_in(question)) else least
    for number in range(words[-1].sentence + 1):
        sentence = _main([word for word in words if word.sentence == number])
        if sentence and sentence[0].plain in YES | NO:
            sentence = sentence[1:]
        held = {word.stem for word in sentence} & asked
        if len(held) >= max(2, least * len(asked)) or held == asked:
            return "no" if denies(sentence) != denies(words_in(question)) else "yes"
    return None


def _main(sentence: list[Word]) -> list[Word]:
    """A sentence up to the words that give a reason or a condition."""
    for i in range(3, len(sentence)):
        word = sentence[i]
        if word.plain in REASONS or (word.plain in AFTER_COMMA and word.clause > sentence[i - 1].clause):
            return sentence[:i]
    return sentence


REASONS = vocabulary("reasons")
AFTER_COMMA = frozenset(["as", "since", "while", "for", "which"])
"""Words that give a reason where a comma stands before them."""


@lru_cache(KEPT)
def asks_last(asked: str) -> str:
    """The last sentence that asks, without what follows it on how to answer, and without "True or false?".

    >>> asks_last("It is cold. Is it safe? True or false? Be brief.")
    'Is it safe?'
    """
    parts = [part.strip() for part in re.split(r"(?<=[.!?？])\s+|\n+", asked) if part.strip()]
    questions = [part for part in parts if part.endswith(("?", "？")) and not CHOOSE.match(part)]
    return (questions or parts or [""])[-1]


CHOOSE = re.compile(r"^(?:true|yes|right)\s+or\s+(?:false|no|wrong)\W*$", re.I)


def denies(words: list[Word] | tuple[Word, ...]) -> bool:
    """Whether a sentence holds an odd number of denials.

    >>> denies(words_in("It can't fly.")), denies(words_in("It is not only big."))
    (True, False)
    """
    count = 0
    for i, word in enumerate(words):
        if word.plain in NEGATORS and word.plain not in ("false", "wrong", "incorrect"):
            following = words[i + 1].plain if i + 1 < len(words) else ""
            before = words[i - 1].plain if i else ""
            count += following not in ("only", "just", "merely", "doubt") and before not in ("no", "without")
    return count % 2 == 1


WHO = re.compile(
    r"^\W*(?:who|what|which(?:\s+\w+)?)\s+(?!is\b|are\b|was\b|were\b|did\b|does\b|do\b|has\b|can\b)(\w+)",
    re.I,
)


def turned(words: Sequence[Word], name: Word, asked: str) -> bool:
    """Whether who did it is asked, and the reply gives a name as that of whom it was done to.

    >>> said = words_in("Hector killed Achilles.")
    >>> turned(said, said[2], "Who killed Hector?"), turned(said, said[0], "Who killed Achilles?")
    (True, False)
    """
    found = WHO.match(asks_last(asked))
    if found is None:
        return False
    ahead = [word for word in words if word.start < name.start and word.sentence == name.sentence]
    deed = next((i for i, word in enumerate(ahead) if word.stem == stem(found[1].casefold())), None)
    if deed is None or {"by", "was", "were", "is", "are"} & {word.plain for word in ahead}:
        return False
    patients = {word.stem for word in words_in(asked) if word.name and not word.opens}
    return any(word.stem in patients for word in ahead[:deed])
