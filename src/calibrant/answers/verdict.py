"""Is this the answer? Read from the texts alone: right, wrong, or not to be told, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..types import Question
from .by_itself import by_itself
from .corrected import settled
from .dates import graded_date
from .formulas import other_signs
from .kinds import alias_groups, asked_of, kind_of
from .letters import months, vocabulary
from .mentioned import aside
from .names import GENERIC, Mention, Naming, mentions, naming
from .options import letters_of
from .picked import graded_choice
from .plain import plain, polar_of
from .quantities import BOUNDED, bounded, graded_number, same_amount
from .reply import Asked, asks, asks_back, cleaned, end_of, polarity, refuses, turned
from .short import Groups, equal, shorter
from .statements import RIGHT, WRONG, Found, unnamed
from .values import concluded
from .whereabouts import regraded
from .wording import worded
from .words import ARTICLES, COMPASS, EMPTY, NEGATORS, Word, another, content, negated, words_in

__all__ = ["Found", "verdict"]

BARE = re.compile(r"[-+−]?\s?[$€£]?[\d.,]*\d\s?%?")
FILLED = re.compile(
    r"^(?:actually|well|hm+|um+|so|honestly|in\s+fact|eigentlich|also|en\s+fait|bueno)\b[\s,.…:]+", re.I
)
"""What a reply says before it begins."""
DENIED_AT_END = re.compile(
    r"では?(?:な|ありません)|じゃな|(?:ません|ない)[。\s]*$|不是|没有|沒有|并非|아닙니다|아니다|않"
)
"""How a sentence of Japanese, Chinese or Korean denies."""
YES_NO = frozenset({"yes", "no", "true", "false", "maybe"})


def verdict(question: Question, text: str) -> Found:
    """Whether a reply gives a reference of the question, by its kind of answer.

    >>> from calibrant.types import Message
    >>> asked = Question(id="q", messages=(Message("user", "Who wrote Hamlet?"),), references=("Shakespeare",))
    >>> verdict(asked, "Hamlet was written by William Shakespeare.").grade, verdict(asked, "Marlowe").grade
    (1.0, 0.0)
    >>> verdict(asked, "Shakespeare or Marlowe").reason
    'it names the reference beside another'
    """
    references = [one for one in question.references if one.strip()]
    if not references:
        return Found(None, "there is no reference")
    kind, said, asked = kind_of(question), settled(cleaned(text)), asked_of(question)
    if kind == "choice":
        return graded_choice(question, said, asked, references)
    if kind == "number":
        return graded_number(said, references, asked, text)
    if kind == "date":
        return graded_date(said, references)
    bare = kind == "text" and all(BARE.fullmatch(one.strip()) for one in references)
    if bare:
        found = graded_number(said, references, asked, text)
        if found.grade is not None or found.reason == BOUNDED:
            return found
    found = _text(said, references, alias_groups(question), asked)
    if bare and found == RIGHT and bounded(said, references):
        return Found(None, BOUNDED)
    return RIGHT if found == WRONG and same_amount(said, references, asked, text) else found


def _text(said: str, references: Sequence[str], groups: Groups, asked: str) -> Found:
    def read(text: str, names: Sequence[str]) -> Found:
        return _words(text, names, groups, asked)

    return regraded(read(said, references), said, references, asked, read)


def _words(said: str, references: Sequence[str], groups: Groups, asked: str) -> Found:
    if any(equal(said, one, groups) and not other_signs(said, one) for one in references):
        return RIGHT
    if not said or not any(re.search(r"[^\W_]", one) for one in references):
        return WRONG  # marks alone are said as they are
    if asks_back(said):
        return Found(None, "it asks back")
    polar = {polar_of(one, asked) for one in references}
    if polar <= YES_NO:
        return _polar(said, polar, asked)
    if (sure := by_itself(said, references, asked)) is not None:
        return sure
    if all(LETTER.fullmatch(one.strip()) for one in references) and (found := _lettered(said, references)):
        return found
    names = [
        *references,
        *(more for one in references for more in worded(one)),
        *_aliases(references, groups),
    ]
    if (found := _concluded(said, references, names, groups, asked)) is not None:
        return found
    if (found := _named(said, names, asked)) is not None:
        return found
    return WRONG if refuses(said) else _unnamed(said, references, names, asked)


def _unnamed(said: str, references: Sequence[str], names: Sequence[str], asked: str) -> Found:
    found = unnamed(said, names, asked)
    return Found(None, UNOFFERED) if found == WRONG and _unoffered(said, references, asked) else found


UNOFFERED = "it has none of the words that the question offers, and may mean one"


def _unoffered(said: str, references: Sequence[str], asked: str) -> bool:
    """Whether a question puts words to the choice, no names, and a reply has none of them: "lowers" for "decrease"."""
    offered = asks(asked).candidates
    wanted = [words_in(one) for one in references]
    names = any(word.name or word.plain[:1].isdigit() for words in wanted for word in words)
    ours = any(word.stem in offered for words in wanted for word in words)
    return ours and not names and offered.isdisjoint(word.stem for word in words_in(said))


def _concluded(
    said: str, references: Sequence[str], names: Sequence[str], groups: Groups, asked: str
) -> Found | None:
    """The grade of what a text gives as its conclusion, None where there is none that tells."""
    end = end_of(said)
    if end is None:
        return None
    if any(equal(end, one, groups) for one in references):
        return RIGHT
    if concluded(said) is None:
        return None
    found = _named(end, names, asked)
    if found is not None:
        return found if found.grade is not None else None
    return unnamed(end, names, asked) if _core(words_in(end), asked) else None


LETTER = re.compile(r"[(\[]?[A-Z][)\].]?")


def _lettered(said: str, references: Sequence[str]) -> Found | None:
    """By the letter that a text gives, where the reference is one; None where it gives none."""
    given = letters_of(said)
    if len(given) > 1:
        return Found(None, BESIDE)
    return Found(float(given <= set().union(*map(letters_of, references)))) if given else None


def _aliases(references: Sequence[str], groups: Groups) -> Iterable[str]:
    """The names that mean the same as a reference."""
    own = {plain(one) for one in references} | {short for one in references for short in shorter(one)}
    for group in groups:
        if not own.isdisjoint(map(plain, group)):
            yield from group


def _polar(said: str, wanted: set[str], asked: str) -> Found:
    value = polarity(FILLED.sub("", said), asked)
    if value == "yes" and DENIED_AT_END.search(said) and not DENIED_AT_END.search(asked):
        value = "no"
    if value is None:
        return WRONG if refuses(said) else Found(None, "it says neither yes nor no")
    same = {"yes": {"yes", "true"}, "no": {"no", "false"}, "maybe": {"maybe"}}[value]
    return Found(float(not same.isdisjoint(wanted)))


def _named(said: str, names: Sequence[str], asked: str) -> Found | None:
    """The grade of a text that names a reference; None where it names none."""
    words = words_in(said)
    question = asks(asked)
    known, denied = question.known, question.denied
    best: Found | None = None
    for one in dict.fromkeys(names):
        way = naming(one)
        for mention in mentions(words, way, known, denied):
            found = _standing(words, mention, way, asked)
            if found.grade == 1.0:
                return found
            if best is None or best.grade == 0.0:
                best = found
    return best


BESIDE = "it names the reference beside another"
ASTRAY = "it may speak of another thing than the question"
LATE = "it names the reference, and something else first"


def _standing(words: Sequence[Word], mention: Mention, way: Naming, asked: str) -> Found:
    """What a mention is worth: denied, beside a rival, in doubt, or the answer."""
    question = asks(asked)
    known, own = question.known, frozenset(way.whole[0]) - EMPTY if way.whole else frozenset()
    if mention.denied or (own <= known | question.candidates and aside(words, mention.first)):
        return WRONG
    sentence = [word for word in words if word.sentence == words[mention.first].sentence]
    echoed = own <= known and not _leads(words, mention)
    if echoed and _filled(words, known):
        return WRONG
    reasons = (
        (mention.doubt is not None, mention.doubt),
        (aside(words, mention.first), BESIDE),
        (_overturned(words, mention, way, question), "it takes back or sets another against the reference"),
        (_believed(words, mention), "it gives the reference as what others think"),
        (_listed(words, mention, way) or _others(words, mention, way), BESIDE),
        (echoed, "the question names the reference too"),
        (_late(words, mention, way, known, question.denied), LATE),
        (turned(words, words[mention.first], asked), "it may say it the other way round"),
        (way.figure and _other_figures(words, mention, known), BESIDE),
        (len(known) > 3 and another([one for one in sentence if one.stem not in own], known), ASTRAY),
    )  # fmt: skip
    return next((Found(None, why) for doubtful, why in reasons if doubtful), RIGHT)


def _overturned(words: Sequence[Word], mention: Mention, way: Naming, question: Asked) -> bool:
    """Whether "but", "actually" or a no behind the reference brings another name, or a comparison turns it round."""
    behind = words[mention.last :]
    if behind and behind[0].plain in LOST:
        return True
    clause = words[mention.last - 1].clause
    turn = next(
        (i for i, w in enumerate(behind[:25]) if w.plain in TURNS and (w.opens or w.clause > clause)), None
    )
    if way.name and turn is not None:
        known, rest = question.known.union(*way.whole), behind[turn : turn + 12]
        others = [w for w in content(rest) if w.name and not w.opens and w.stem not in known]
        if others and not any(w.plain in NEGATORS and w.plain != "no" for w in rest):
            return True
    than = next((i for i, word in enumerate(words) if word.plain == "than"), None)
    compared = words[than - 1].stem if than else ""
    return (
        bool(question.candidates)
        and bool(compared)
        and compared.endswith("er")
        and compared not in question.known
    )


TURNS = frozenset({"but", "however", "actually", "no", "wait", "rather", "correction"})
LOST = frozenset({"lost", "loses", "lose"})
BELIEVED = re.compile(
    r"\b(?:(?:many|most|some|several)\s+(?:\w+\s+)?(?:think|believe|say|assume|claim|guess)"
    r"|(?:often|commonly|popularly|widely|mistakenly|sometimes|wrongly)\s+(?:thought|believed|assumed|said|mistaken|confused|called)"
    r"|mis(?:conception|understanding|belief)|(?:might|may|would)\s+(?:think|guess|expect|assume)|contrary\s+to)\b"
)


def _believed(words: Sequence[Word], mention: Mention) -> bool:
    """Whether a name stands behind "many people think" and the like, in its clause."""
    clause = [word.plain for word in words[: mention.first] if word.clause == words[mention.first].clause]
    return BELIEVED.search(" ".join(clause)) is not None


def _others(words: Sequence[Word], mention: Mention, way: Naming) -> bool:
    """Whether other sentences of a short reply are nothing but another name: "It is Paris. It is Lyon."."""
    if any(word.opens and word.plain == "or" for word in words):
        return True
    if not way.name or len(words) > 16:
        return False
    for at in range(words[-1].sentence + 1):
        said = [word for word in content(words) if word.sentence == at]
        own = at == words[mention.first].sentence
        if (
            not own
            and 0 < len(said) <= 2
            and all(word.name for word in said)
            and {word.stem for word in said}.isdisjoint(*way.whole)
        ):
            return True
    return False


def _listed(words: Sequence[Word], mention: Mention, way: Naming) -> bool:
    """Whether the name is one of several that "or", "and" or a comma join."""
    behind = [word for word in words[mention.last : mention.last + 4] if word.plain not in ARTICLES]
    before = [word for word in words[max(0, mention.first - 4) : mention.first] if word.plain not in ARTICLES]
    same = words[mention.first].sentence
    behind = [word for word in behind if word.sentence == same]
    before = [word for word in before if word.sentence == same]
    if len(behind) > 1 and behind[0].plain in ("or", "nor") and _alike(behind[1], way):
        return True
    if len(before) > 1 and before[-1].plain in ("or", "nor") and _alike(before[-2], way):
        return True
    if len(behind) > 1 and behind[0].plain == "and" and _alike(behind[1], way) and way.name:
        return True
    return len(before) > 1 and before[-1].plain == "and" and _alike(before[-2], way) and way.name


def _alike(word: Word, way: Naming) -> bool:
    return word.name if way.name else word.plain not in EMPTY


def _leads(words: Sequence[Word], mention: Mention) -> bool:
    """Whether a name that the question has too is what the reply says first, or stands where an answer does."""
    ahead = any(word.plain not in EMPTY for word in words[: mention.first])
    return not ahead or _in_place(words, mention.first)


def _in_place(words: Sequence[Word], at: int) -> bool:
    """Whether a word stands where an answer does: "is Paris", "is in the city of Paris"."""
    back = [word.plain for word in words[:at] if word.sentence == words[at].sentence]
    while back and back[-1] in BETWEEN:
        back.pop()
    return bool(back) and back[-1] in IS


def _filled(words: Sequence[Word], known: frozenset[str]) -> bool:
    """Whether a name that the question does not have stands where an answer does, or before "is" at the head."""
    names = (i for i, word in enumerate(words) if word.name and word.stem not in known | EMPTY)
    heads = [words[i].opens and words[i + 1].plain in IS for i in range(len(words) - 1)]
    return any(_in_place(words, i) or any(heads[i : i + 1]) for i in names)


IS = frozenset(
    ["is", "are", "was", "were", "be", "by", "called", "named", "answer", "located", "situated", "lies"]
)
BETWEEN = ARTICLES | COMPASS | {"in", "on", "at", "city", "of", "town", "itself"}


def _late(
    words: Sequence[Word], mention: Mention, way: Naming, known: frozenset[str], denied: frozenset[str]
) -> bool:
    """Whether the reply names something else before it names the reference."""
    sentence = words[mention.first].sentence
    ahead = [
        i for i, word in enumerate(words[: mention.first])
        if word.name and word.stem not in known and word.plain not in EMPTY and len(word.plain) > 1
        and (not word.opens or _opens_with_name(words, i)) and not negated(words, i, i + 1, known, denied)
    ]  # fmt: skip
    ahead = [
        i for i in ahead if words[i].plain not in GENERIC or words[i + 1].plain != "of"
    ]  # the Kingdom of Spain
    if way.figure:
        return False
    run = mention.first - 1
    while run in ahead and words[run].sentence == sentence and words[run + 1].start - words[run].end <= 2:
        ahead.remove(run)  # names in a row are one name
        run -= 1
    if sentence == 0:
        return way.name and bool(ahead) and not _in_slot(words, mention.first, ahead)
    first = [word for word in words if word.sentence == 0]
    if way.name:
        return any(words[i].sentence < sentence for i in ahead)
    said = [word for word in content(first) if word.stem not in known]
    return bool(said) and len(first) > 2


def _opens_with_name(words: Sequence[Word], at: int) -> bool:
    """Whether the capital at the head of a sentence is that of a name: a comma or another name stands behind it."""
    word, behind = words[at], words[at + 1] if at + 1 < len(words) else None
    if behind is None or word.plain in OPENERS or word.plain.endswith("ly"):
        return False
    return behind.clause != word.clause or (behind.name and behind.start - word.end == 1)


def _in_slot(words: Sequence[Word], at: int, ahead: Sequence[int]) -> bool:
    """Whether a name stands where an answer does: soon behind "is", "by", "in", or in one name with others."""
    back = at - 1
    while back >= 0 and words[back].clause == words[at].clause and at - back <= 6:
        if words[back].plain in SLOT:
            return True
        if not (back in ahead or words[back].plain in PARTICLES or at - back <= 2):
            return False
        back -= 1
    return back < 0 or (words[at - 1].start < words[at].start and at - 1 in ahead)


OPENERS, PARTICLES, SLOT = vocabulary("openers"), vocabulary("particles"), vocabulary("slot")


def _other_figures(words: Sequence[Word], mention: Mention, known: frozenset[str]) -> bool:
    """Whether a figure that the question does not have, and is no day of a month, stands in the sentence too."""
    own = words[mention.first]
    beside = [
        word.stem for i, word in enumerate(words)
        if word.sentence == own.sentence and not mention.first <= i < mention.last and word.stem[:1].isdigit()
    ]  # fmt: skip
    dated = any(word.plain in months() for word in words if word.sentence == own.sentence)
    return any(one not in known and one != own.stem and not (dated and len(one) <= 2) for one in beside)


def _core(words: Sequence[Word], asked: str) -> list[Word]:
    known = asks(asked).known
    return [word for word in content(words) if word.stem not in known]
