"""The probability that the answering system itself claims for its decision."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.errors import NoScore
from calibrant.types import Completion, Question, Reading, Score, digest, score, scored

__all__ = ["ClaimedProbability"]

NAMES = ("probability", "confidence", "score", "p")
FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)
NUMBER = re.compile(r"(?P<number>\d{1,3}(?:\.\d+)?|\.\d+)(?P<percent>\s*%)?", re.ASCII)

Claim = tuple[str, Any]
"""Where a value stands, as a dotted path, and the value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedProbability(Fingerprinted):
    """The probability that an endpoint of typed decisions states beside or within its answer.

    Costs no further call. It is one more signal, and what its vendor means by it is checked like any other:
    by a map fitted on verdicts, never taken on trust. Searched are what the server sent beyond the chat
    format (`Completion.extra`) and the answer, where all of it is a JSON object, in a code fence or bare.
    `path` names the member, dotted, with numbers for places in a list: "decision.probability",
    "choices.0.p". None takes the nearest to the top of what is called probability, confidence, score or p.

    A claim is a number from 0 to 1, as a number or as text, or text with a percent sign up to "100%"; 85
    without one is no claim, since nobody knows of what it is a part. Two claims of equal depth that differ
    give no score either, nor does an object that states a member twice. Raises `ValueError` for a path
    with an empty step.

    >>> done = Completion(text="approve", model="m", extra='{"decision":{"label":"ok","probability":0.93}}')
    >>> question = Question(id="q", messages=())
    >>> reading = ClaimedProbability().read(question, done)
    >>> reading.score, reading.detail["path"]
    (0.93, 'decision.probability')
    """

    path: str | None = None

    def __post_init__(self) -> None:
        if self.path is not None and not all(self.path.split(".")):
            raise ValueError(f"Expected a dotted path such as 'decision.probability'; got {self.path!r}.")

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt, of which there is none, and of the settings with the usual names."""
        return digest([]), digest([NAMES, asdict(self)])

    def read(self, question: Question, completion: Completion) -> Reading:
        objects = [made for text in _texts(completion) if (made := _object(text)) is not None]
        if not objects:
            raise NoScore("Neither the answer nor what came with it is a JSON object with a probability.")
        claims = _nearest(objects) if self.path is None else _at(objects, self.path)
        if not claims:
            raise NoScore(f"Expected a probability under {self.path or ', '.join(NAMES)}; there is none.")
        read = [(where, value, _probability(value)) for where, value in claims]
        for where, value, stated in read:
            if stated is None:
                raise NoScore(f"Expected a probability from 0 to 1 at {where}; got {repr(value)[:80]}.")
        where, _, first = read[0]
        if first is None or any(stated != first for _, _, stated in read):
            listed = ", ".join(f"{where}: {value!r}" for where, value, _ in read[:4])
            raise NoScore(f"The claims differ ({listed}); state the path of the one that counts.")
        return scored(first, path=where)


def _texts(completion: Completion) -> Iterable[str]:
    """What may be a JSON object: what came beside the answer, and the answer."""
    answer = completion.text.strip()
    fence = FENCE.fullmatch(answer)
    return completion.extra or "", fence[1] if fence else answer


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        made = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a member is stated twice")
    return made


def _nearest(objects: list[dict[str, Any]]) -> list[Claim]:
    """All values under the usual names at the least depth that has one."""
    level: list[Claim] = [("", one) for one in objects]
    while level:
        inner = [(step, value) for one in level for step, value in _members(one)]
        claims = [(where, value) for where, value in inner if _is_claim(where, value)]
        if claims:
            return claims
        level = inner
    return []


def _members(claim: Claim) -> list[Claim]:
    where, value = claim
    lead = f"{where}." if where else ""
    if isinstance(value, dict):
        return [(f"{lead}{name}", inner) for name, inner in value.items()]
    if isinstance(value, list):
        return [(f"{lead}{place}", inner) for place, inner in enumerate(value)]
    return []


def _is_claim(where: str, value: Any) -> bool:
    """Whether a value is called a probability; null claims nothing, and what has members is searched."""
    name = where.rpartition(".")[2].casefold()
    return name in NAMES and value is not None and not isinstance(value, dict | list)


def _at(objects: list[dict[str, Any]], path: str) -> list[Claim]:
    """The value at the path of each object that has one there."""
    level: list[Claim] = [("", one) for one in objects]
    for i in range(1, path.count(".") + 2):
        wanted = ".".join(path.split(".")[:i])
        level = [inner for one in level for inner in _members(one) if inner[0] == wanted]
    return [claim for claim in level if claim[1] is not None]


def _probability(value: Any) -> Score | None:
    """The claim as a score, or None for what is no probability."""
    if isinstance(value, str):
        match = NUMBER.fullmatch(value.strip())
        if match is None:
            return None
        value = float(match["number"]) / (100 if match["percent"] else 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return score(value)
