"""How sure an answer sounds: the hedges in its own words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibrant.answers.values import concluded
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.likelihoods import PHRASES
from calibrant.errors import NoScore
from calibrant.types import Completion, Question, Reading, digest, scored

__all__ = ["Hedging", "hedges", "sentence_of_the_answer"]

UNHEDGED = 0.88
"""What a plain statement is taken to mean."""
IGNORANCE = 0.3
"""Up to here a hedge says that the answer is not known, whatever else is denied beside it."""

HEDGES = {
    0.05: "i don't know, i do not know, i have no idea, i cannot say, i can't say, i couldn't say, no idea",
    0.3: "hard to say, i'm not sure, i am not sure, not sure, unsure, i'm unsure, i am unsure",
    0.35: "i'm guessing, i am guessing, not very sure, not really sure, i'm not certain, i am not certain, "
    "i'm uncertain, i am uncertain",
    0.4: "my guess, not so sure, not too sure, not quite sure, i can't be sure, i cannot be sure",
    0.45: "my best guess, i guess, i'd guess, i would guess, not entirely sure, not completely sure, not "
    "fully sure, not entirely certain, don't quote me",
    0.5: "not 100% sure, i could be wrong, i may be wrong, i might be wrong, maybe, perhaps, possibly, "
    "might",
    0.55: "may, could be, could have been, it could, supposedly, i suppose",
    0.6: "could well be, i assume",
    0.65: "seems, seem to, i suspect, i don't think, i do not think, i don't believe, if i recall, if i "
    "remember",
    0.68: "appears to, apparently, presumably",
    0.7: "i think, we think, i'd say, i would say",
    0.72: "i believe, we believe, as far as i can tell",
    0.75: "as far as i know, to my knowledge, to the best of my knowledge",
    0.8: "i'm fairly sure, i'm pretty sure, i am fairly sure, i am pretty sure, fairly confident, pretty "
    "confident",
}  # fmt: skip
"""Hedges that lie outside `PHRASES`, by what they mean. The numbers order them; they are readings, not measurements."""

BOOSTERS = {
    0.9: "surely",
    0.92: "i'm confident, i am confident",
    0.93: "i'm sure, i am sure",
    0.95: "i'm certain, i am certain, no doubt, undoubtedly, definitely, certainly",
    0.96: "i'm absolutely sure, without a doubt, without doubt",
    0.98: "100% sure, 100% certain",
}  # fmt: skip

LEFT_OUT = frozenset({"certain", "possible", "impossible", "not possible", "fifty-fifty", "toss-up", "even odds",
                      "even chance", "about even", "no chance"})  # fmt: skip
"""Phrases that in an answer mostly speak of the world: "a certain man", "it is impossible to divide by 0"."""

LIKELIEST = 0.85
"""The most that a phrase such as "very likely" is taken to mean: whoever is surer says it plainly."""


def _in_an_answer(phrase: str, number: float) -> float | None:
    """What a phrase of likelihood says of an answer; None where it says that something is not the case."""
    if number < 0.4:
        return None
    return number if "certain" in phrase else min(number, LIKELIEST)


LEXICON: dict[str, float | None] = {
    phrase: _in_an_answer(phrase, number) for phrase, number in PHRASES.items() if phrase not in LEFT_OUT
}
LEXICON |= {phrase: p for p, phrases in (HEDGES | BOOSTERS).items() for phrase in phrases.split(", ")}
LEXICON["i doubt"] = None

PHRASE = re.compile(
    r"(?<![\w'-])(?:"
    + "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in sorted(LEXICON, key=len, reverse=True))
    + r")(?![\w-])",
    re.IGNORECASE,
)
SAID_BY_OTHERS = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|“[^“”]*”|«[^«»]*»|(?<!\w)\"[^\"\n]*\"(?!\w)|(?<!\w)'[^'\n]*'(?!\w)"
    r"|^[ \t]*>[^\n]*",
    re.DOTALL | re.MULTILINE,
)
"""Code and quotations: what stands there is not the answer's own voice."""
SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|\Z)[^.!?\n]*)*[.!?]*")
NEGATED = re.compile(
    r"(?:\b(?:not|never|hardly|scarcely)|n't)\s+(?:(?:be|very|quite|that|all\s+that)\s+)*\Z", re.I
)
COMPARED = re.compile(r"\b(?:less|more|as|how)\s+\Z", re.IGNORECASE)
OWNED = re.compile(r"\b(?:the|his|her|its|their|our|my|your|of|with|military|naval)\s+\Z", re.IGNORECASE)
MODAL = frozenset({"may", "might"})
NO_VERB = re.compile(
    r"(?!,?\s+[a-z]{2})|\s+(?:and|of|had|in|on|or|the|was|were|(?!always|perhaps|sometimes|thus)[a-z]*[^su\W]s)\b"
)
"""What no modal verb has behind it: no small letter ("May 5"), or a verb with an ending ("May begins")."""

WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+(?:['’][^\W\d_]+)?")
ENGLISH = re.compile(
    r"\b(?:the|of|to|is|are|were|been|it|its|it's|this|that|these|those|and|but|not|for|with|from|have|does|did"
    r"|would|could|should|might|must|you|she|they|your|his|their|our|there|here|what|which|who|when|where|why|how"
    r"|if|than|then|yes|i'm|don't|perhaps|maybe|probably|likely|think|believe|know|guess|sure)\b",
    re.IGNORECASE,
)
"""Words of English that German, French, Spanish and Italian hardly share, as they share "in" and "a"."""
SHORT = 5
"""Words, or signs of a script that parts no words, up to which a text without a word of English is a name."""
WHOLE = 40
"""Words up to which a text is one answer, whose every sentence speaks of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hedging(Fingerprinted):
    """The confidence that an answer's own words express: its strongest hedge.

    Costs no further call. English only: a longer text without a known function word of English has no
    score. Up to 40 words the whole text counts; beyond it, the sentence that marks its answer ("the answer
    is ..."), or else the first. In there the lowest hedge decides ("perhaps", "I think", "I don't know");
    without one the strongest booster ("definitely"), and a plain statement is 0.88. Quotations and code
    do not count, nor do namesakes such as the month of May.

    Where all that is said is that something is "unlikely", the score is None: that may deny the answer or
    be it. The numbers of `stated.PHRASES` are medians of surveys, but for "very likely" and the like, which
    stay below a plain statement; those of other hedges are an order only. Most models rarely hedge, so
    expect many ties at 0.88.

    >>> question = Question(id="q", messages=())
    >>> reading = Hedging().read(question, Completion(text="I think it is Paris.", model="m"))
    >>> reading.score, reading.detail["phrase"]
    (0.7, 'I think')
    """

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt, of which there is none, and of the lexicon."""
        return digest([]), digest([LEXICON, UNHEDGED, IGNORANCE, SHORT, WHOLE])

    def read(self, question: Question, completion: Completion) -> Reading:
        own = SAID_BY_OTHERS.sub(" ", words_in(completion).replace("\u2019", "'"))
        if len(WORD.findall(own)) > SHORT and not ENGLISH.search(own):
            raise NoScore("The answer has no known word of English, and hedges are known in English only.")
        found = hedges(sentence_of_the_answer(own))
        stated = {phrase: number for phrase, number in found if number is not None}
        low = {phrase: number for phrase, number in stated.items() if number < UNHEDGED}
        denied = next((phrase for phrase, number in found if number is None), None)
        if denied is not None and min(low.values(), default=1.0) > IGNORANCE:
            raise NoScore(f"{denied!r} may deny the answer or be the answer itself.")
        if not stated:
            return scored(UNHEDGED, phrase=None)
        phrase = min(low, key=low.__getitem__) if low else max(stated, key=stated.__getitem__)
        return scored(stated[phrase], phrase=phrase)


def sentence_of_the_answer(text: str) -> str:
    """The part of a text whose hedges are hedges on its answer.

    >>> sentence_of_the_answer("Perhaps. I think so.")
    'Perhaps. I think so.'
    >>> sentence_of_the_answer("It may rain. " * 20 + "So the answer is 42. Bye.")
    'So the answer is 42.'
    """
    if len(WORD.findall(text)) <= WHOLE:
        return text
    sentences = [found[0].strip() for found in SENTENCE.finditer(text) if found[0].strip()]
    marked = [one for one in sentences if concluded(one) is not None]
    return marked[-1] if marked else next(iter(sentences), text)


def hedges(text: str) -> list[tuple[str, float | None]]:
    """Hedges and boosters in a text, as they are written, with their numbers; None where one denies.

    >>> hedges("It may be Lyon, perhaps."), hedges("On 5 May, with all their might, Will may have won.")
    ([('may', 0.55), ('perhaps', 0.5)], [('may', 0.55)])
    """
    found = []
    for match in PHRASE.finditer(text):
        phrase, before = match[0], text[max(0, match.start() - 40) : match.start()]
        known = " ".join(phrase.casefold().split())
        if _is_name(phrase, before) or COMPARED.search(before):
            continue
        if known in MODAL and (OWNED.search(before) or NO_VERB.match(text, match.end())):
            continue
        found.append((phrase, None if NEGATED.search(before) else LEXICON[known]))
    return found


def _is_name(phrase: str, before: str) -> bool:
    """Whether one word has a capital within a sentence, such as the month of May has."""
    lead = before.rstrip()
    begins = not lead or lead[-1] in ".!?:;*-(" or "\n" in before[len(lead) :]
    return phrase.istitle() and phrase.isalpha() and not begins
