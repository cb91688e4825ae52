"""The chart of a red team."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calibrant.errors import UnusableInput
from calibrant.report.drawing import to_svg
from calibrant.report.redteams import attack_chart


def _finding(attack: str, after: float, defence: str = "none", **more: Any) -> dict[str, Any]:
    share = {"value": after, "low": max(0.0, after - 0.1), "high": min(1.0, after + 0.1)}
    clean = {"value": 0.1, "low": 0.0, "high": 0.2}
    told = {
        "signal": "in_line", "attack": attack, "direction": "inflate", "kind": "fixed", "defence": defence,
        "paired": 30, "success_clean": clean, "success_attacked": share, "held_back_clean": clean,
        "held_back_attacked": share,
    }  # fmt: skip
    return told | more


def test_attacks_stand_by_the_harm_they_do_and_what_cannot_be_compared_is_left_out() -> None:
    findings = [
        _finding("typos", 0.2, direction="either"),
        _finding("inflate_turn", 0.9),
        _finding("inflate_turn", 0.4, "map"),
        _finding("inflate_turn", 0.4, "agreement"),
        _finding("word_search", 0.5, kind="chance"),
        _finding("format_coercion", 0.8, paired=0),
    ]
    drawn = attack_chart({"findings": findings})
    left, right = drawn.to_dict()["vconcat"][0]["hconcat"]
    rows = json.loads(left["data"]["values"])
    assert left["layer"][0]["encoding"]["y"]["sort"] == ["inflate_turn", "word_search by chance", "typos"]
    assert {row["state"] for row in rows} == {"without the attack", "with it", "with it, behind the map"}
    assert right["layer"][0]["encoding"]["y"]["sort"] == ["typos"]
    svg = to_svg(drawn, title="Attacks")
    assert "inflate_turn" in svg
    assert "format_coercion" not in svg


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(UnusableInput, match="nothing to draw"):
        attack_chart({"findings": [_finding("typos", 0.5, paired=0)]})
