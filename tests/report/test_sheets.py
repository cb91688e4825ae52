"""The reports of a comparison and of a judge: the page, the Markdown and the terminal say the same."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.cli.tables.comparisons import print_comparison
from calibrant.comparing.logs import Comparison, compare
from calibrant.judging import Judging, judge
from calibrant.report import comparison_sheet, html, judging_sheet, markdown, sheet_html, sheet_markdown
from calibrant.report.comparisons import comparison_chart, comparison_rows
from calibrant.report.drawing import to_svg

ATTACK = "<script>x</script>|[a](http://b)"


def words(page: str) -> str:
    text = re.sub(r"<(title|desc|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S)
    return " ".join(unescape(text).split())


def plain(text: str) -> str:
    return unescape(text).replace("\\", "")


def log(n: int = 240, shift: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    claimed = rng.beta(6, 1.6, n).round(2)
    return pd.DataFrame({
        "id": range(n), "task": ["law" if i % 2 else ATTACK for i in range(n)], "confidence": claimed,
        "correct": rng.random(n) < claimed - shift,
    })  # fmt: skip


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(log(), log(shift=0.3), by=["task"])


@pytest.fixture(scope="module")
def judging() -> Judging:
    frame = log().assign(length=np.arange(240) % 90, model=["m", "n"] * 120)
    return judge(
        frame.assign(person=frame["correct"].where(frame.index < 90)), "person", by="task", width=0.1
    )


def test_a_comparison_is_the_same_on_page_in_markdown_and_in_the_terminal(
    compared: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    print_comparison(compared)
    terminal = capsys.readouterr().out
    sheet = comparison_sheet(compared)
    page, text = words(sheet_html(sheet)), plain(sheet_markdown(sheet))
    for line in (*(one.sentence for one in compared.contrasts), *compared.notes):
        assert line in terminal and line in page and line in text
    _, rows = comparison_rows(compared)
    assert len(rows) >= 12
    assert all(cell in terminal and cell in page and cell in text for row in rows for cell in row)


def test_the_chart_of_a_comparison_has_a_panel_for_each_measure(compared: Comparison) -> None:
    svg = to_svg(comparison_chart(compared))
    for title in ("Share right, points", "Gap, points", "Brier score", "AUROC"):
        assert title in svg
    assert "All answers" in svg and "law" in svg


def test_a_comparison_of_too_few_items_has_a_report_without_a_chart() -> None:
    page = sheet_html(comparison_sheet(compare(log(20), log(20))))
    assert "too few" in page and "<figure" not in page


def test_a_judge_is_told_with_its_numbers(judging: Judging) -> None:
    sheet = judging_sheet(judging)
    page, text = words(sheet_html(sheet)), plain(sheet_markdown(sheet))
    for line in judging.sentences():
        assert line in page and line in text
    assert all(cell in page and cell in text for t in sheet.tables for row in t.rows for cell in row)


def test_each_line_about_a_judge_says_of_which_group(judging: Judging) -> None:
    assert all(line.startswith(("law: ", f"{ATTACK}: ")) for line in judging.sentences())


def test_an_audit_with_people_has_the_judge_in_its_report() -> None:
    frame = log()
    found = calibrant.audit(frame.assign(person=frame["correct"].where(frame.index < 90)), human="person")
    for text in (words(html(found)), plain(markdown(found))):
        assert "The judge's word against people's" in text and "The judge says" in text
        assert "90 of 240" in text


def test_names_from_the_logs_are_data(compared: Comparison, judging: Judging) -> None:
    for sheet in (comparison_sheet(compared), judging_sheet(judging)):
        assert "<script" not in sheet_html(sheet)
        text = sheet_markdown(sheet)
        assert "<script" not in text and "[a](" not in text
