"""What each scale that a person may name makes of columns of numbers: its unit and notes, or the whole refusal.

What is expected lies in `expected/named.json`, a name for each column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs.scales import NAMES, units_of
from calibrant.logs.sources import Block, Source

from ..holding import hold, said
from .test_held_cells import COLUMNS

HELD = Path(__file__).parent / "expected/named.json"
TRIED = (
    "fractions", "0 and 1", "three numbers and one slip", "fractions and three slips", "percents",
    "percents with a fraction", "percents with five fractions", "percents and beyond", "percents with one 1",
    "percents and -1", "1 to 5", "0 to 5", "1 to 10", "to 11", "below 0", "hardly above 0", "both sides",
    "-1 for none", "-1 and -2", "999 for none", "per mille", "hundreds", "texts with signs", "levels", "words",
    "nothing",
)  # fmt: skip


def log(held: list[Any], **others: Any) -> Source:
    columns = {"sure": np.array(held or [None], object), **others}

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        yield {name: columns[name] for name in names}

    return Source(name="a log", columns=list(columns), blocks=blocks)


def unit(source: Source, scale: str) -> Any:
    found = said(lambda: units_of(source, "sure", scale=scale))
    if isinstance(found, str):
        head, _, fitting = found.partition(" Those that hold them: ")
        return [head.partition(" numbers ")[0], head.partition(" numbers ")[2].partition(".")[0], fitting]
    return [found.default.to_dict(), *found.notes, *["strays"] * found.strays]


@pytest.mark.parametrize("name", TRIED)
def test_scales_that_are_named(name: str) -> None:
    source = log(COLUMNS[name])
    hold(HELD, name, {scale: unit(source, scale) for scale in NAMES})


def test_what_a_format_knows_and_records_hold() -> None:
    held = np.array([0.5, 0.7, 1.0], object)
    records = log([1], record_id=held, signal=held, score=held, p=held, confidence=held)
    found = {one: said(lambda c=one: units_of(records, c)) for one in ("score", "p", "sure")}
    bare = log([1], record_id=held, signal=held, p=held)
    found["no record"] = said(lambda: units_of(bare, "p", scale="percent"))
    known = Source(name="a log", columns=["sure"], blocks=log([85, 30]).blocks, scales={"sure": "percent"})
    found["known"] = units_of(known, "sure")
    found["known and named"] = units_of(known, "sure", scale="percent")
    fractions = Source(
        name="a log", columns=["sure"], blocks=log([85, 30]).blocks, scales={"sure": "fraction"}
    )
    found["known as fractions"] = units_of(fractions, "sure")
    hold(HELD, "known", found)


PARTS: dict[str, tuple[list[Any], dict[str, list[Any]]]] = {
    "by model": ([0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9, {"model": ["a"] * 27 + ["b"] * 27}),
    "by two": (
        [0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9,
        {"model": ["a", "b"] * 27, "signal": ["s"] * 27 + ["t"] * 27, "task": ["x"] * 27 + ["y"] * 27},
    ),
    "by none": ([0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9, {"model": ["a", "b"] * 27}),
    "one silent": ([0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9 + [1] * 9, {"model": ["a"] * 27 + ["b"] * 27 + ["c"] * 9}),
    "one in doubt": (
        [0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9 + [3, 7, 2] * 9, {"model": ["a"] * 27 + ["b"] * 27 + ["c"] * 27},
    ),
    "one empty": ([0.2, 0.4, 0.9] * 9 + [30, 50, 90] * 9 + [None] * 9, {"model": ["a"] * 27 + ["b"] * 27 + ["c"] * 9}),
    "four ones": ([30, 50, 90] * 9 + [1] * 4, {"model": ["a"] * 27 + ["b"] * 4}),
    "five ones": ([30, 50, 90] * 29 + [1] * 5, {"model": ["a"] * 87 + ["b"] * 5}),
    "five zeros": ([30, 50, 90] * 29 + [0] * 5, {"model": ["a"] * 87 + ["b"] * 5}),
    "five ones among fractions": ([0.3, 0.5, 7] * 2 + [0.9] * 50 + [1] * 5, {"model": ["a"] * 56 + ["b"] * 5}),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_units_of_parts(name: str) -> None:
    held, others = PARTS[name]
    source = log(held, **{one: np.array(values, object) for one, values in others.items()})
    by = next(iter(others))
    hold(HELD, f"parts, {name}", {
        "whole": said(lambda: units_of(source, "sure")),
        "by": said(lambda: units_of(source, "sure", [by])),
        "by, named": said(lambda: units_of(source, "sure", [by], "percent")),
    })  # fmt: skip
