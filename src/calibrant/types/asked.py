"""How an answer was asked for, beside the question: one text for fingerprints and logs, and how two of them differ.

The text holds parts, each a name and a value, such as ``system none; turns none; form none; temperature 0; sampling
none; max_tokens 64; tokens 4``. Long values are digests. What a map was fitted on may hold several values of a part
("64|128"), or more than can be told ("several"). `calibrant.dialogue.asked` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

__all__ = ["cautions", "merged", "parts_of", "refusals"]

TEXT = re.compile(r"system \S+(?:; [a-z_]+ \S+)*")
NONE, SEVERAL, SERVER = "none", "several", "server"
OF_ANSWERS = ("tokens", "cut_at")
"""Parts that an answer has and a map does not: up to how many tokens it has, or where it was cut off."""
MOST = 8
"""Different values of a part that are told one by one; a map fitted on more of them takes any other too."""

BOUND = {
    "system": ("a system prompt", "another system prompt"),
    "turns": ("earlier turns", "other earlier turns"),
    "form": ("tools or a response format", "other tools or another response format"),
}
"""Parts that change what a model does: what is said of one that the map's answers did not have, and of another."""


def parts_of(text: str | None) -> dict[str, str]:
    """The parts by name; none of a text that does not tell how an answer was asked for.

    >>> parts_of("system none; max_tokens 64")
    {'system': 'none', 'max_tokens': '64'}
    """
    return {} if text is None else dict(_parts(text))


@lru_cache(1024)
def _parts(text: str) -> dict[str, str]:
    """Few are told, and each of them for every answer."""
    return dict([part.split(" ") for part in text.split("; ")]) if TEXT.fullmatch(text) else {}


def merged(texts: Iterable[str | None]) -> str | None:
    """How all of these were asked for; None where that is not known of one.

    >>> merged(["system none; max_tokens 64; tokens 4", "system none; max_tokens 16; cut_at 16"])
    'system none; max_tokens 16|64'
    """
    known = [parts_of(text) for text in set(texts)]
    if not known or not all(known):
        return None
    names = [name for name in known[0] if name not in OF_ANSWERS and all(name in one for one in known)]
    return "; ".join(f"{name} {_joined(one[name] for one in known)}" for name in names)


def _joined(values: Iterable[str]) -> str:
    each = {value for some in values for value in some.split("|")}
    return SEVERAL if SEVERAL in each or len(each) > MOST else "|".join(sorted(each))


def refusals(fitted: str | None, asked: str | None) -> list[str]:
    """In what an answer was asked for so otherwise than those of a map that the map is not for it.

    A map of answers to several system prompts refuses no further one (see `cautions`); one of answers to questions
    alone refuses no later turn of a conversation. Where either is not known nothing is refused.

    >>> refusals("system none; max_tokens 64", "system 1f2e3d4c; max_tokens 64; tokens 4")
    ['asked with a system prompt, its answers without']
    >>> refusals("system none; max_tokens 64", "system none; max_tokens 3; cut_at 3")
    ['cut off at its limit of 3 tokens, that of its answers was 64']
    >>> refusals("system none; max_tokens 64", "system none; max_tokens 500; tokens 4")
    []
    """
    mine, theirs = parts_of(fitted), parts_of(asked)
    said = [_bound(name, mine[name], theirs[name]) for name in BOUND if _is_bound(name, mine, theirs)]
    if _cut_elsewhere(mine, theirs):
        said.append(
            f"cut off at {_limit(theirs['cut_at'])}, that of its answers was {_listed(mine['max_tokens'])}"
        )
    return said


def cautions(fitted: str | None, asked: str | None) -> list[str]:
    """What is to be known where a map is used for an answer all the same, as parts of a sentence.

    >>> cautions("system none; temperature 0; max_tokens 64", "system none; temperature 1; max_tokens 64; cut_at 64")
    ['the temperature was 1, that of its answers 0', 'the answer was cut off at its limit of 64 tokens']
    >>> cautions(None, "system none; max_tokens 64; tokens 4")
    ['it does not say how its answers were asked for']
    """
    mine, theirs = parts_of(fitted), parts_of(asked)
    if not theirs:
        return []
    said = [] if mine else ["it does not say how its answers were asked for"]
    said += [_bound(name, mine[name], theirs[name]) for name in BOUND if _other(name, mine, theirs)]
    if _other("temperature", mine, theirs):
        told = [_listed(one["temperature"]).replace(SERVER, "the server's own") for one in (theirs, mine)]
        said.append(f"the temperature was {told[0]}, that of its answers {told[1]}")
    if _other("sampling", mine, theirs):
        said.append("stops or other settings of sampling were not those of its answers")
    return said + _about_length(mine, theirs)


def _about_length(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Of an answer that was cut off, or may be longer than any that the map was fitted on."""
    if "cut_at" in theirs:
        return [f"the answer was cut off at {_limit(theirs['cut_at'])}"]
    longest = mine.get("max_tokens", SEVERAL).split("|")
    if "tokens" not in theirs or not all(one.isdigit() for one in longest):
        return []
    most = max(map(int, longest))
    if int(theirs["tokens"]) <= most:
        return []
    return [f"the answer has up to {theirs['tokens']} tokens, and its answers end at {most}"]


def _other(name: str, mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Whether a part that both tell is none that the map was fitted on."""
    if name not in mine or name not in theirs or mine[name] == SEVERAL:
        return False
    return not set(theirs[name].split("|")) <= set(mine[name].split("|"))


def _is_bound(name: str, mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    alone = _other(name, mine, theirs) and "|" not in mine[name]
    return alone and not (name == "turns" and mine[name] == NONE)


def _bound(name: str, mine: str, theirs: str) -> str:
    one, another = BOUND[name]
    if theirs == NONE:
        return f"asked without {one}, its answers with"
    return f"asked with {one}, its answers without" if mine == NONE else f"asked with {another}"


def _cut_elsewhere(mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    known = mine.get("max_tokens", SEVERAL)
    return "cut_at" in theirs and known != SEVERAL and theirs["cut_at"] not in known.split("|")


def _limit(tokens: str) -> str:
    if tokens == SERVER:
        return "the server's own limit"
    return f"its limit of {tokens} token{'' if tokens == '1' else 's'}"


def _listed(values: str) -> str:
    return values.replace("|", " or ")
