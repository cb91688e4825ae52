"""How sure the model was of each field of a structured answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import covering, logprob_sum, offset_of, spoken
from calibrant.errors import NoScore
from calibrant.types import Completion, Question, Reading, Token, scored

__all__ = ["FieldLogprob", "field_probabilities", "spans"]

PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)
NAME = re.compile(r"[^\W\d]\w*")

Path = tuple[str | int, ...]
Span = tuple[int, int]
Part = tuple[str, str, int]
"""Path before the fields, JSON text, and where it begins in the tokens' text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldLogprob(Fingerprinted):
    """The probability of the least sure field of a JSON answer, or of the arguments of tool calls.

    Costs no further call. A field's probability is the product of the probabilities of all tokens
    that hold a character of its value, without quotes and brackets (an empty text is its quotes); a token
    that also holds punctuation counts whole, in each of the fields that it touches. The score is the minimum
    and not the product: a record is as sure as its least sure field, while the product falls with
    the number of fields. `detail["fields"]` has each by its path, such as `items[0].name`; what stands under a
    key that is written twice counts as JSON readers take it, the last. The answer must be JSON as a whole,
    or in one code fence.
    """

    needs = frozenset({"logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        tokens = spoken(completion)
        fields: dict[str, float] = {}
        for lead, text, offset in _parts(completion, tokens):
            fields |= field_probabilities(text, tokens, offset, lead)
        if not fields:
            raise NoScore("The answer has no field with a value.")
        least = min(fields, key=fields.__getitem__)
        return scored(fields[least], fields=fields, least=least)


def field_probabilities(
    text: str, tokens: Sequence[Token], offset: int = 0, lead: str = ""
) -> dict[str, float]:
    """Probability of each field of a JSON text that begins at `offset` of the tokens' own text.

    Raises `NoScore` where the text is no JSON.

    >>> tokens = [Token('{"n": ', 0.0), Token("4", math.log(0.5)), Token("2", math.log(0.5)), Token("}", 0.0)]
    >>> field_probabilities('{"n": 42}', tokens)
    {'n': 0.25}
    """
    found = {}
    for path, (start, end) in spans(text).items():
        covered = covering(tokens, offset + start, offset + end)
        found[_written(path, lead)] = math.exp(logprob_sum([tokens[i] for i in covered]))
    return found


def spans(text: str) -> dict[Path, Span]:
    """Where the value of each field stands in a JSON text, quotes left out.

    Raises `NoScore` where the text is no JSON.

    >>> spans('{"a": "x", "b": [1, null]}')
    {('a',): (7, 8), ('b', 0): (17, 18), ('b', 1): (20, 24)}
    """
    try:
        json.loads(text, parse_constant=_refuse)
        pieces = PIECE.finditer(text)
        return _spans(next(pieces), pieces, ())
    except RecursionError:
        raise NoScore("The answer is JSON nested too deep to be read.") from None
    except ValueError as error:
        raise NoScore(f"The answer is no JSON: {error}.") from None


def _spans(piece: re.Match[str], pieces: Iterator[re.Match[str]], path: Path) -> dict[Path, Span]:
    """Those of the value that begins with a piece of valid JSON; takes the pieces up to its end."""
    if piece[0] not in "{[":
        return {path: _inside(piece)}
    keyed, members = piece[0] == "{", dict[str | int, dict[Path, Span]]()
    for inner in pieces:
        if inner[0] in "}]":
            break
        if inner[0] == ",":
            continue
        step = json.loads(inner[0]) if keyed else len(members)
        begins = next(pieces) and next(pieces) if keyed else inner  # behind the key and its colon
        members.pop(step, None)  # of equal keys the last counts
        members[step] = _spans(begins, pieces, (*path, step))
    return {path: span for member in members.values() for path, span in member.items()}


def _inside(match: re.Match[str]) -> Span:
    start, end = match.span()
    return (start + 1, end - 1) if match[0].startswith('"') and end - start > 2 else (start, end)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _written(path: Path, lead: str) -> str:
    """A path as text: `a.b[0]`; a key that is no plain name stands in brackets, quoted.

    An answer that is one value and no object has the path `$`.
    """
    text = lead
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text or "$"


def _parts(completion: Completion, tokens: Sequence[Token]) -> Iterator[Part]:
    """The JSON texts of the answer, tool calls first, and where each begins in the tokens' text."""
    if not completion.tool_calls:
        fence = FENCE.search(completion.text)
        text = (fence[1] if fence else completion.text).strip()
        offset = offset_of(text, tokens)
        if offset is None:
            raise NoScore("The tokens do not spell the answer, so its fields cannot be found in them.")
        yield "", text, offset
        return
    names = [call.name for call in completion.tool_calls]
    after = 0
    for i, call in enumerate(completion.tool_calls):
        offset = offset_of(call.arguments, tokens, after)
        if offset is None or not call.arguments:
            raise NoScore(
                "The tokens do not hold the arguments of the tool calls; the server gives them for text alone."
            )
        after = offset + len(call.arguments)
        number = f"[{names[:i].count(call.name)}]" if names.count(call.name) > 1 else ""
        yield call.name + number, call.arguments, offset
