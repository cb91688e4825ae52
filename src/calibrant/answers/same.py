"""Do two answers to a question say the same?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from ..types import Question
from .dates import date, parts_of
from .gist import compared
from .kinds import alias_groups, asked_of, kind_of, options_of
from .mentioned import NOTHING, PARTLY, may_mean
from .options import named
from .places import asks_for
from .reply import cleaned, refuses
from .short import Groups, equal, without_codes
from .units import measured
from .values import KEPT, number, numbers_equal, other_readings, result_of
from .whereabouts import likened

__all__ = ["Alike", "cluster", "sameness"]

Alike = Callable[[str, str], bool | None]
"""Whether two answers say the same; None where that cannot be told."""


def sameness(question: Question) -> Alike:
    """The test of whether two answers to a question say the same, which suits its kind of answer.

    Choices, numbers and dates are read and compared; text is compared by what it says beyond the question's own words,
    so that "Tennessee Williams was born in Mississippi." and "Mississippi" are the same where his birthplace is asked
    for. None is "cannot be told": a model may then be asked (`calibrant.dialogue.entailment`). Two refusals are the
    same; an empty answer is the same as nothing. Raises `UnusableInput` for a kind that is not known.

    >>> ask = Question(id="q", messages=(), metadata={"options": ["Paris", "Lyon"]})
    >>> alike = sameness(ask)
    >>> alike("(a)", "The answer is Paris."), alike("A", "B"), alike("A or B", "A")
    (True, False, None)
    """
    kind, asked, options = kind_of(question), asked_of(question), options_of(question)
    if kind == "text" or kind == "long":
        groups = alias_groups(question)
        return _guarded(lambda a, b: _texts(a, b, asked, groups, long=kind == "long"))
    if kind == "number":
        return _guarded(lambda a, b: _numbers(a, b, asked))
    if kind == "date":
        return _guarded(_dates)
    return _guarded(lambda a, b: _choices(a, b, options, asked))


def _guarded(alike: Alike) -> Alike:
    """The test for answers that are not empty; refusals are the same as each other alone."""

    @lru_cache(KEPT)
    def test(a: str, b: str) -> bool | None:
        a, b = cleaned(a), cleaned(b)
        if not a or not b:
            return False
        if a.split() == b.split():
            return True
        declined = refuses(a), refuses(b)
        if any(declined):
            return all(declined)
        return alike(a, b)

    return test


def _texts(a: str, b: str, asked: str, groups: Groups, *, long: bool) -> bool | None:
    factor = _units(a, b)
    if factor is not None and (x := number(a)) is not None and (y := number(b)) is not None:
        if not factor or not numbers_equal(x * factor, y, 1e-3):
            return _converted(a, b) if not factor else False
        if max(len(a.split()), len(b.split())) <= FEW:
            return True

    def read(one: str, two: str) -> bool | None:
        if equal(one, two, groups):
            return True
        found = compared(one, two, asked, long=long)
        less = without_codes(one), without_codes(two)
        if one != less[0] and two != less[1] and asks_for(asked) != "currency":
            return None if found and less[0] == less[1] else found  # Birmingham (UK) and Birmingham (US)
        again = None if found is True or less == (one, two) else read(*less)
        return found if again is None else again

    return read(a, b) if long else likened(read(a, b), a, b, asked, read)


FEW = 4
"""Words of an answer that is a measure and nothing else."""


def _converted(a: str, b: str) -> bool | None:
    """Temperatures on two scales may be the same; other things that are measured are not."""
    scales = {made[0] for text in (a, b) if (made := measured(text)) is not None}
    return None if scales == {"celsius", "fahrenheit"} else False


def _choices(a: str, b: str, options: Sequence[str], asked: str) -> bool | None:
    """By the options that both choose; one that names none says something else than one that does."""
    (first, why), (second, other) = named(a, options, asked), named(b, options, asked)
    if first is not None and second is not None:
        return first == second
    if first is None and second is None:
        return compared(a, b, asked)
    chosen, (text, reason) = (second, (a, why)) if first is None else (first, (b, other))
    if reason == NOTHING or (reason == PARTLY and chosen not in may_mean(text, options, asked)):
        return False
    return None


def _numbers(a: str, b: str, asked: str) -> bool | None:
    x, y = result_of(a, asked), result_of(b, asked)
    if x is None or y is None:
        return True if equal(a, b) else None
    if numbers_equal(x, y):
        return True if _units(a, b) is None else _units(a, b) == 1.0
    factor = _units(a, b)
    if factor and numbers_equal(x * factor, y, 1e-3):
        return True
    other = any(numbers_equal(one, y) for one in other_readings(a)) or any(
        numbers_equal(x, one) for one in other_readings(b)
    )
    return None if other else False


def _units(a: str, b: str) -> float | None:
    """How many of the second's unit are one of the first's; 0 where they measure other things, None where unknown."""
    first, second = measured(a), measured(b)
    if first is None or second is None:
        return None
    return first[1] / second[1] if first[0] == second[0] else 0.0


def _dates(a: str, b: str) -> bool | None:
    first, second = date(a), date(b)
    if first is None or second is None:
        if equal(a, b):
            return True
        return compared(a, b) if first is second and _figures(a) and _figures(b) else None
    if first == second:
        return True
    short, long = sorted((parts_of(first), parts_of(second)), key=len)
    return None if long[: len(short)] == short else False


def _figures(text: str) -> bool:
    return any(char.isdigit() for char in text)


def cluster(answers: Sequence[str], alike: Alike) -> tuple[int, ...]:
    """A label for each answer, from 0 in order of first appearance; those alike share one.

    Alike is made symmetric (either way round counts) and transitive (what is alike to a third by way of
    the second belongs together), so that the partition does not depend on the order of the answers. What
    cannot be told is not alike. An empty answer is alike to nothing and stands alone. Equal texts are compared
    once, and a pair only when nothing seen before has joined it yet.

    >>> cluster(["Paris", "Lyon", "paris", "", ""], equal)
    (0, 1, 0, 2, 3)
    """
    texts = list(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))
    root = {text: text for text in texts}
    for i, a in enumerate(texts):
        for b in texts[:i]:
            if root[a] != root[b] and (alike(a, b) or alike(b, a)):
                old, new = root[a], root[b]
                root = {text: new if one == old else one for text, one in root.items()}
    labels: dict[object, int] = {}
    return tuple(
        labels.setdefault(root.get(answer.strip(), position), len(labels))
        for position, answer in enumerate(answers)
    )
