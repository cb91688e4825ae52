"""Terminal, Markdown, page and JSON say the same of a group, in numbers and in words, whatever the log holds."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.auditing import Audit
from calibrant.cli.tables.measured import print_audit
from calibrant.phrasing.findings import cells
from calibrant.phrasing.numbers import fixed, percent
from calibrant.report import html, markdown


def frame(n: int, groups: int = 1, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(n + groups)
    claimed = rng.beta(6, 1.6, n).round(3)
    made = pd.DataFrame(
        {
            "confidence": claimed,
            "correct": rng.random(n) < claimed - 0.1,
            "task": [f"t{i % groups}" for i in range(n)],
        }
    )
    return made.assign(**columns)


LOGS = {
    "eight rows": frame(8, correct=[1, 1, 1, 1, 1, 1, 0, 0], confidence=[0.9] * 6 + [0.1] * 2),
    "one class": frame(60, correct=True),
    "one value": frame(60, confidence=0.8),
    "thirty groups": frame(1_000, 30),
    "five groups": frame(400, 5),
    "some groups small": pd.concat([frame(400, 2), frame(9).assign(task="small")]),
    "a group without verdicts": pd.concat([frame(90), frame(9, correct=None).assign(task="none")]),
    "grades": frame(80, correct=[0.0, 0.5, 1.0, 1.0] * 20),
    "halves": frame(200, confidence=0.778, correct=[True] * 121 + [False] * 79),
}  # fmt: skip


@pytest.fixture(scope="module", params=LOGS, ids=str)
def found(request: pytest.FixtureRequest) -> Audit:
    return calibrant.audit(LOGS[request.param], by=["task"])


def line(text: str) -> str:
    """Text without markup and with single spaces."""
    return " ".join(unescape(re.sub(r"<(title|desc|style)\b.*?</\1>|<[^>]+>", " ", text, flags=re.S)).split())


def test_every_sentence_and_number_is_the_same_everywhere(
    found: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.report.page.DETAILED", 1)  # charts take their time
    print_audit(found)
    terminal, page, text = capsys.readouterr().out, html(found), markdown(found)
    words = line(page)
    if found.many:
        assert found.many_told in terminal and found.many_told in words and found.many_told in unescape(text)
        assert found.to_dict()["many"] == found.many
    assert bool(found.many) == (sum(not group.too_few for group in found.groups) >= 4)
    plain = unescape(text).replace("\\", "")
    table = {row.split()[0]: row for row in terminal.split("group ")[-1].splitlines()[1:]}
    of_page = {
        line(row).split()[0]: line(row)
        for row in re.findall(r"<tr>.*?</tr>", page.split('id="segments"')[1], re.S)
    }
    of_text = {
        row.split("|")[1].strip(): row
        for row in plain.split("## Segments")[1].splitlines()
        if row.startswith("|")
    }
    for group in found.groups:
        name = str(group.by["task"])
        assert group.sentence in terminal and group.sentence in plain
        parts = filter(None, (group.told.found, group.told.why, group.told.ranking))
        assert all(part in words for part in parts)
        said = cells(group.finding)
        for cell in ("accuracy", "confidence", "ece", "floor", "brier", "auroc"):
            if said:
                assert (
                    said[cell] in table[name] and said[cell] in of_page[name] and said[cell] in of_text[name]
                )
        if not said:
            assert "0." not in table[name] + of_page[name].replace("30 needed", "") + of_text[name]


def test_what_is_said_is_what_json_holds(found: Audit) -> None:
    for group, told in zip(found.groups, found.to_dict()["groups"], strict=True):
        said = cells(group.finding)
        if not said:
            assert told["verdict"] in ("too few rows", "no usable rows")
            continue
        assert said["accuracy"] == percent(told["accuracy"], 1)
        assert said["confidence"] == percent(told["mean_confidence"], 1)
        assert said["ece"] == fixed(told["ece"]["value"]) and said["floor"] == fixed(
            told["ece"]["noise_floor"]
        )
        assert said["brier"] == fixed(told["brier"])
        assert said["auroc"] == ("one class only" if told["auroc"] is None else fixed(told["auroc"]))


def test_the_numbers_of_a_sentence_add_up(found: Audit) -> None:
    for group in found.groups:
        said = re.search(
            r"claims ([\d.]+) of 100, is right ([\d.]+) of 100 \(gap (-?[\d.]+) point", group.sentence
        )
        if said:
            claimed, right, gap = map(float, said.groups())
            assert claimed - right == pytest.approx(gap, abs=1e-6)


def test_halves_are_rounded_up() -> None:
    said = calibrant.audit(LOGS["halves"]).groups[0].sentence
    assert "claims 78 of 100, is right 61 of 100 (gap 17 points" in said
