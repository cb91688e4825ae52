"""What is kept as JSON is refused where it is another thing, is damaged, or cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.plans.documents import Addend, DocumentMap

MADE = DocumentMap(
    intercept=0.5, parts=(Addend(feature="sure", weight=2.0, centre=0.5, missing=0.0),), rows=40,
    covariance=((0.1, 0.0), (0.0, 0.2)),
)  # fmt: skip


def test_a_file_gives_an_equal_value(tmp_path: Path) -> None:
    MADE.save(tmp_path / "map.json")
    again = DocumentMap.load(tmp_path / "map.json")
    assert again == MADE
    assert hash(again) == hash(MADE)
    assert DocumentMap.from_json(MADE.to_dict()) == MADE
    assert again != DocumentMap(intercept=0.5, parts=(), rows=40, covariance=())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "calibrant/cascade"}, "Expected a map of document features .*got format 'calibrant/cascade'"),
        ({"version": 2}, "version 2"),
        ({"parts": None}, "cannot be read as a map of document features"),
        ({"parts": [{"feature": "sure"}]}, "cannot be read as a map of document features"),
        ({"rows": 41}, "was edited or damaged"),
        ({"rows": float("nan")}, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_says_so_and_how_to_make_one(change: dict[str, object], said: str) -> None:
    with pytest.raises(UnusableInput, match=f"{said}.*Fit one with"):
        DocumentMap.from_json(json.dumps(MADE.to_dict() | change))


@pytest.mark.parametrize("text", ["", "[1]", "7", "not json"])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(UnusableInput, match=r"other\.json cannot be read as a map of document features"):
        DocumentMap.load(tmp_path / "other.json")
    with pytest.raises(UnusableInput, match=r"gone\.json cannot be read"):
        DocumentMap.load(tmp_path / "gone.json")
