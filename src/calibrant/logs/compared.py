"""Who is the verdict of a log: a column that says so, or two that hold answers and right answers, compared.

`target`, `label`, `y_true` and their like mostly hold the right ANSWER. Such a column is read as a verdict only where
nothing beside it says otherwise; beside a column of predictions the two are compared, and where that is in doubt a
person must say which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..answers.plain import normalise
from ..errors import UnusableInput
from .keys import absent, distinct, key_text
from .replied import SAYS, graded
from .roles import CONVENTIONS
from .sources import Block, Source
from .spellings import by_spelling
from .vocabulary import Named, reading_of, spelt

__all__ = ["GOLD", "METRICS", "PREDICTIONS", "REFERENCES", "alike", "compared", "settled", "with_columns"]

GOLD = ("label", "outcome", "target", "y_true", "y")
"""Names under which a verdict, or the right answer, may stand."""
REFERENCES = (
    "gold", "gold_answer", "gold_label", "reference", "reference_answer", "ground_truth", "groundtruth", "true_label",
    "expected", "expected_answer", "expected_output", "correct_answer", "answer_key", "right_answer", "true_answer",
    "truth", "label_true", "true",
)  # fmt: skip
"""Names under which only right answers stand."""
PREDICTIONS = (
    "y_pred", "prediction", "pred", "predicted", "y_hat", "yhat", "predicted_label", "pred_label", "label_pred",
    "predicted_class", "pred_class", "predicted_answer", "model_answer", "pred_answer", "predictions", "preds",
    "top_label",
)  # fmt: skip
"""Names of what a model chose."""
ANSWERS = (
    "answer", "response", "output", "completion", "choice", "model_output", "model_response", "extracted_answer",
    "parsed_answer", "final_answer", "actual_output", "filtered_answer",
)  # fmt: skip
"""Names of what a model said, which may be more than its answer."""
METRICS = (
    "acc",
    "accuracy",
    "acc_norm",
    "exact_match",
    "quasi_exact_match",
    "em",
    "success",
    "is_match",
    "match",
)
"""Names of measures that are verdicts, where no column has a plainer name."""
NAMED = re.compile(r"\s*(.+?)\s*==\s*(.+?)\s*")
CHOSEN = re.compile(
    r"\W*(?:(?:the |my )?(?:correct |final |right )?(?:answer|option|choice)(?: is)?)?\W*([a-z])\W*", re.I
)
"""An answer that says no more than the letter of an option."""
LOOKED_AT, SHORT, MANY = 100, 1000, 0.05
"""Rows by which it is told whether answers are sentences, characters of the longest, and the share that says more."""
FEW = 20
"""Different values that a column of classes may have, and a column of free answers exceeds."""


def settled(
    source: Source, named: Mapping[str, Any], needed: Collection[str]
) -> tuple[Source, dict[str, Any], list[str]]:
    """The source, with a column of comparisons where that is the verdict; the named columns; and what is to be said.

    Raises `UnusableInput` where several columns may be the verdict, with the options that settle it.
    """
    told = dict(named)
    if "correct" not in needed:
        return source, told, []
    if (name := named.get("correct")) is not None:
        both = None if name in source.columns else NAMED.fullmatch(name) or SAYS.fullmatch(name)
        if both is None or not {both[1], both[2]} <= set(source.columns):
            return source, told, []
        if both.re is SAYS:
            columns, of_texts, note = graded(source, both[1], both[2])
            name = f"{both[1]} says {both[2]}"
            return with_columns(source, {name: (columns, of_texts)}), {**told, "correct": name}, [note]
        made, name = compared(source, both[1], both[2])
        note = f"Right is where {both[1]!r} equals {both[2]!r}."
        return made, {**told, "correct": name}, [note, *_in_sentences(source, both[1], both[2])]
    if "correct" in source.roles or source.choices.get("correct"):
        return source, told, []
    return _guessed(source, told)


def _guessed(source: Source, told: dict[str, Any]) -> tuple[Source, dict[str, Any], list[str]]:
    lower = by_spelling(source.columns)
    played = {told.get(part) for part in ("confidence", "weight", "cluster")}
    held: Callable[[Sequence[str]], list[str]] = lambda names: [  # noqa: E731
        lower[name] for name in names if name in lower and lower[name] not in played
    ]
    if plain := held([name for name in CONVENTIONS["correct"] if name not in GOLD]):
        lonely = not held(GOLD) and not held(REFERENCES)
        return source, told, _answers_too(source, plain[0], held([*PREDICTIONS, *ANSWERS])) if lonely else []
    if metrics := held(METRICS) or _within(source, played):
        if len(metrics) > 1:
            raise _torn(source, metrics, [quote(name) for name in metrics[:3]])
        note = f"The column {metrics[0]!r} was read as the verdict, found by its name."
        return source, {**told, "correct": metrics[0]}, [note]
    golds, references = held(GOLD), held(REFERENCES)
    if not golds and not references:
        return source, told, []
    gold = (golds + references)[0]
    strong, weak = held(PREDICTIONS), held(ANSWERS)
    beside = strong or weak
    options = [
        *(quote(f"{one} {'says' if _says(source, one, gold) else '=='} {gold}") for one in beside[:2]),
        *(quote(one) for one in golds[:2]),
    ]
    if len(golds) + len(references) > 1 or len(strong) > 1:
        raise _torn(source, [*golds, *references, *beside], options)
    if not beside:
        return (source, {**told, "correct": gold}, [_read_as(gold)]) if golds else (source, told, [])
    kind = _kind(
        source,
        beside,
        gold,
        sure=bool(strong),
        reference=not golds or gold.lower() not in ("label", "outcome"),
    )
    if kind is None:
        raise _torn(source, [*beside, gold], options)
    if kind == "verdict":
        return (source, {**told, "correct": gold}, [_read_as(gold)]) if golds else (source, told, [])
    made, name = compared(source, kind, gold)
    return made, {**told, "correct": name}, [
        f"Right is where {kind!r} equals {gold!r}, found by their names; --correct {quote(gold)} would read that as "
        "the verdict.",
        *_in_sentences(source, kind, gold),
    ]  # fmt: skip


def _says(source: Source, answer: str, gold: str) -> int:
    """How many of the first answers say the right one and do not equal it; 0 where they are few, or no short texts."""
    first = [source.first(name)[:LOOKED_AT].tolist() for name in (answer, gold)]
    texts = [[one for one in values if isinstance(one, str)] for values in first]
    if not all(texts) or max(map(len, texts[0])) > SHORT:
        return 0
    both, name = compared(source, answer, gold)
    columns, of_texts, _ = graded(source, answer, gold)
    block = {key: values[:LOOKED_AT] for key, values in next(both.blocks([*columns, name])).items()}
    said = sum(right == 1.0 and not same for right, same in zip(of_texts(block), block[name], strict=True))
    return said if said >= MANY * len(block[name]) else 0


def _in_sentences(source: Source, answer: str, gold: str) -> list[str]:
    """A note where answers that are not equal to the right ones say them."""
    if not (several := _says(source, answer, gold)):
        return []
    those = (
        "1 answer is counted as wrong that says"
        if several == 1
        else f"{several} answers are counted as wrong that say"
    )
    return [
        f"At least {those} the right one in other words: --correct "
        f"{quote(f'{answer} says {gold}')} reads what they say."
    ]


def _answers_too(source: Source, name: str, beside: Sequence[str]) -> list[str]:
    """A doubt, where a column called as verdicts are has the values of what a model chose: it may hold right answers.

    Raises `UnusableInput` where they are no verdicts.
    """
    right = {alike(v) for v in distinct(source.first(name))} - {None}
    words = {spelt(v): 1 for v in right}
    reading = reading_of(words, Named())
    readable = all(reading.grade(word) is not None for word in words)
    for one in beside:
        given = {alike(v) for v in distinct(source.first(one))} - {None}
        if not given or 2 * len(given & right) < min(len(given), len(right)):
            continue
        option = f"--correct {quote(f'{one} == {name}')}"
        if not readable:
            raise UnusableInput(
                f"{name!r} of {source.name} holds no verdicts but values of {one!r}: right answers, it seems. Compare "
                f"the two: {option}. Where its words are verdicts, say what they mean: --right WORDS --wrong WORDS."
            )
        if len(given) <= 3:
            return [
                f"The column {name!r} was read as the verdict, and {one!r} has the same values: where {name!r} holds "
                f"right answers, compare the two: {option}."
            ]
    return []


def _within(source: Source, played: Collection[Any]) -> list[str]:
    """The columns whose dotted name ends in that of a measure, as `metrics.accuracy` does."""
    dotted = [name for name in source.columns if "." in name and name not in played]
    return [name for name in dotted if name.rpartition(".")[2].lower() in METRICS]


def _read_as(name: str) -> str:
    return (
        f"The column {name!r} was read as the verdict, found by its name. Where it holds right answers, compare: "
        f"--correct 'ANSWER == {name}'."
    )


def _torn(source: Source, columns: Sequence[str], options: Sequence[str]) -> UnusableInput:
    shown = " or ".join(f"--correct {one}" for one in dict.fromkeys(options))
    more = ", and says reads what the first one says" if " says " in shown else ""
    return UnusableInput(
        f"Of {', '.join(columns)} in {source.name}, several may hold the verdict, or the right answers it is made "
        f"from. Say which: {shown}; == compares two columns{more}."
    )


def _kind(source: Source, beside: Sequence[str], gold: str, *, sure: bool, reference: bool) -> str | None:
    """The column to compare with `gold`, "verdict" where it is one itself, None where that cannot be told."""
    right = {alike(v) for v in distinct(source.first(gold))} - {None}
    words = {spelt(v): 1 for v in right}
    reading = reading_of(words, Named())
    readable = len(words) <= 3 and all(reading.grade(word) is not None for word in words)
    for name in beside:
        values = source.first(name)
        given = {alike(v) for v in distinct(values)} - {None}
        if not given:
            continue
        shared = len(given & right)
        close = 2 * shared >= min(len(given), len(right)) or (
            sure and _integers(given) and _integers(right) and len(given) <= FEW
        )
        free = len(given) > FEW and 3 * len(given) > len(right) and 10 * shared < len(given)
        if readable and (free or (not shared and len(given) > 2)):
            continue
        if close and (sure or reference or not readable):
            return name
        if not readable and shared and 5 * shared >= min(len(given), len(right)):
            return name
        return None
    return "verdict" if readable else None


def _integers(values: Collection[Any]) -> bool:
    return all(re.fullmatch(r"-?\d{1,6}", str(v)) for v in values)


def alike(value: Any) -> str | None:
    """What is compared of an answer: numbers and truth values in one spelling, texts without what does not matter."""
    if absent(value):
        return None
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    text = key_text(value) or ""
    try:
        number = float(text)
    except ValueError:
        bare = normalise(text) or text.strip()
        return {"true": "1", "false": "0"}.get(bare, bare)
    return text.strip() if number != number or abs(number) > 1e15 else f"{number:.15g}"


def compared(source: Source, answer: str, gold: str) -> tuple[Source, str]:
    """The source with a column that is true where both are equal, and its name."""
    name = f"{answer} == {gold}"

    right = distinct(source.first(gold)) - {None}
    letters = all(re.fullmatch(r"[A-Za-z]", str(one).strip()) for one in right)

    def said(value: Any) -> str | None:
        chosen = CHOSEN.fullmatch(value) if letters and isinstance(value, str) else None
        return alike(chosen[1] if chosen else value)

    def made(block: Block) -> NDArray[Any]:
        pairs = zip(map(said, block[answer].tolist()), map(alike, block[gold].tolist()), strict=True)
        return np.fromiter((None if None in (a, b) else a == b for a, b in pairs), object, len(block[answer]))

    return with_columns(source, {name: ((answer, gold), made)}), name


def with_columns(
    source: Source, added: Mapping[str, tuple[Sequence[str], Callable[[Block], NDArray[Any]]]]
) -> Source:
    """The source with further columns, each made of blocks of the columns that it needs."""

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        wanted = [n for name in names for n in (added[name][0] if name in added else (name,))]
        for block in source.blocks(list(dict.fromkeys(wanted))):
            yield {name: added[name][1](block) if name in added else block[name] for name in names}

    columns = [*source.columns, *(name for name in added if name not in source.columns)]
    return replace(source, columns=columns, blocks=blocks, table=None)
