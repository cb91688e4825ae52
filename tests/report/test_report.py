"""The audit report: what it says, what it must never do, and that strange logs cannot break it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import date
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant import Tally
from calibrant.auditing import Audit, Group
from calibrant.errors import MissingExtra
from calibrant.looking.asked import Step
from calibrant.metrics.findings import Finding
from calibrant.report import charts, drawing, gaps, group_key, html, markdown

VOID = {"meta", "path", "rect", "circle", "line", "br", "image", "use", "stop"}
ATTACK = '<script>alert("x")</script> | [a](http://b) & </svg>'


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag
        assert tag is not None

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "title", "desc"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def log(rng: np.random.Generator, name: str, n: int, shift: float = 0.1) -> pd.DataFrame:
    claimed = rng.beta(6, 1.6, n).round(3)
    return pd.DataFrame(
        {"model": name, "confidence": claimed, "correct": rng.random(n) < np.clip(claimed - shift, 0, 1)}
    )


def audited(*groups: tuple[str, int, float], **options: Any) -> Audit:
    rng = np.random.default_rng(4)
    return calibrant.audit(pd.concat([log(rng, *g) for g in groups]), by=["model"], **options)


def group(tally: Tally, name: str = "m") -> Group:
    """A group without the reading of a log."""
    return Group(by={"model": name}, tally=tally, finding=Finding.of(tally))


def of(*groups: Group, rows: int = 100) -> Audit:
    return Audit(
        source="log.csv", rows=rows, used=rows, unusable={}, read_as={"number": rows}, groups=groups, bins=15,
        columns={"confidence": "confidence"}, notes=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def three() -> Audit:
    return audited(("fine", 900, 0.0), ("bold", 600, 0.2), ("tiny", 12, 0.0))


@pytest.fixture(scope="module")
def three_page(three: Audit) -> str:
    return html(three)


# What the page says


def test_the_worst_group_comes_first_and_every_group_is_named(three: Audit, three_page: str) -> None:
    text = Page(three_page).text
    answers = text[text.index("The answers, worst first") : text.index("Group by group")]
    assert answers.index("bold") < answers.index("fine") < answers.index("tiny")
    assert "claims 79 of 100" in answers and "Over-confident." in answers
    assert [g.by["model"] for g in three.groups] != []


def test_the_answer_comes_before_any_table(three_page: str) -> None:
    assert three_page.index("Over-confident.") < three_page.index("<table")


def test_what_was_read_is_shown_with_reasons_and_counts() -> None:
    frame = log(np.random.default_rng(0), "m", 200)
    frame.loc[:39, "confidence"] = None
    audit = calibrant.audit(frame)
    text = Page(html(audit)).text
    assert "rows read 200" in text and "rows used 160 (80 %)" in text
    assert re.search(r"unusable: .{3,60} 40 \(20 %\)", text)
    assert re.search(r"unusable: .{3,60}: 40 \(20 %\)", markdown(audit))


def test_the_floor_is_said_in_words_and_marked_beside_the_error(three: Audit, three_page: str) -> None:
    bold = next(g for g in three.groups if g.by["model"] == "bold")
    floor = f"a perfect model would show {bold.measures['ece']['noise_floor']:.3f} at this n"
    assert floor in Page(three_page).text
    assert floor in markdown(three)
    assert three_page.count('viewBox="0 0 80 14"') == 4  # two groups, in detail and in the table


def test_too_few_rows_give_no_number(three: Audit, three_page: str) -> None:
    tiny = next(g for g in three.groups if g.by["model"] == "tiny")
    assert (
        "12 rows (12 effective) are too few for a verdict; label 30 or more. Too few rows."
        in Page(three_page).text
    )
    assert f"{tiny.measures['brier']:.3f}" not in markdown(three).split("## Segments")[1].split("tiny")[1]
    assert "Reliability: tiny" not in three_page


def test_no_certainty_in_prose() -> None:
    sure = Tally.of([0.999] * 300, [True] * 300)
    page = html(of(group(sure)), after=of(group(sure)))
    assert not re.search(r"(?<![\d.])(0|100) %", Page(page).text)
    assert "over 99 of 100 (right: over 99)" in page


def test_definitions_and_assumptions_are_there(three_page: str) -> None:
    for words in (
        "How to read this",
        "What the numbers assume",
        "not a conformity assessment",
        "MCB",
        "n_eff",
    ):
        assert words in three_page


# Before and after


def test_calibration_is_shown_side_by_side(three: Audit) -> None:
    after = audited(("fine", 900, 0.0), ("bold", 600, 0.01), ("tiny", 12, 0.0))
    page = html(three, after=after)
    text = Page(page).text
    assert "Before: raw confidence" in text and "After: calibrated" in text
    moved = r"moved the mean confidence from 7[89][.\d]* to [.\d]+ of 100 .* gap from \+[.\d]+ points to"
    assert re.search(moved, text)
    assert page.count("<title id=") == 2 * 3
    assert "| bold | raw |" in markdown(three, after=after)


def test_a_calibration_that_does_not_help_is_called_so(three: Audit) -> None:
    worse = audited(("fine", 900, 0.3), ("bold", 600, 0.4), ("tiny", 12, 0.0))
    assert "did not improve the Brier score" in html(three, after=worse)


def test_a_group_missing_afterwards_is_shown_as_it_was(three: Audit) -> None:
    page = html(three, after=audited(("fine", 900, 0.0)))
    assert "Too few held-out rows to say what calibration changed." in page


def test_bands_are_drawn_and_tabled(three: Audit) -> None:
    bands = [
        {"action": "answer", "n": 300, "accuracy": 0.96, "was": 500},
        {"action": "review", "n": 280, "accuracy": 0.7, "was": 100},
        {"action": "hand_off", "n": 20, "accuracy": 0.1, "was": 0},
    ]
    page = html(three, actions={group_key({"model": "bold"}): bands})
    assert "What the bands do" in page and ">96 % right<" in page
    assert "300, 96 % right" in page and "raw: 500" in page
    assert "20, too few to say" in page
    assert "20, 10 % right" not in page
    assert "| bold | 300, 96 % right (raw: 500) | none" in markdown(
        three, actions={'{"model":"bold"}': bands}
    )


def test_no_two_groups_share_a_key() -> None:
    assert group_key({"model": "m", "domain": "law"}) == group_key({"domain": "law", "model": "m"})
    assert group_key({"a": "1, b=2", "b": "3"}) != group_key({"a": "1", "b": "2, b=3"})


# What the page must never do


def test_nothing_is_loaded_from_anywhere(three_page: str) -> None:
    page = Page(three_page)
    assert "http:" not in three_page and "https:" not in three_page
    assert not re.search(r"@import|url\((?!#)", three_page)
    for tag in ("script", "link", "img", "iframe", "image", "object", "embed"):
        assert not page.all(tag)
    assert all(str(a["href"]).startswith("#") for a in page.all("a"))
    assert any("default-src 'none'" in str(m.get("content")) for m in page.all("meta"))


def test_links_lead_somewhere_and_ids_are_unique(three_page: str) -> None:
    page = Page(three_page)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for a in page.all("a")} <= set(ids)
    assert set(re.findall(r"url\(#([\w-]+)\)", three_page)) <= set(ids)
    assert not page.open


def test_names_from_the_log_are_data() -> None:
    audit = audited((ATTACK, 300, 0.1), ("x" * 300, 300, 0.1))
    bands = [{"action": "answer", "n": 300, "accuracy": 0.9, "was": 10}]
    keys = {group_key(g.by): bands for g in audit.groups}
    page = html(audit, after=audit, actions=keys, title=ATTACK)
    assert "<script" not in page and "alert(&#34;x" in page
    assert not Page(page).all("script")
    text = markdown(audit, after=audit, actions=keys)
    assert "<script" not in text and "[a](" not in text
    rows = [line for line in text.splitlines() if line.startswith("| &lt;script")]
    assert rows and len({len(re.findall(r"(?<!\\)\|", line)) for line in rows[1:]}) == 1


def test_pictures_have_a_title_a_description_and_a_table(three_page: str) -> None:
    page = Page(three_page)
    pictures = [a for a in page.all("svg") if a.get("role") == "img"]
    ids = {attrs.get("id") for _, attrs in page.tags}
    assert len(pictures) == 4
    assert all(set(str(a["aria-labelledby"]).split()) <= ids for a in pictures)
    assert three_page.count("<summary>The numbers behind this chart</summary>") == len(pictures)
    assert all(a.get("aria-hidden") == "true" for a in page.all("svg") if a.get("role") != "img")


# Strange logs


@pytest.mark.parametrize(
    ("scores", "grades"),
    [
        ([0.9] * 50, [True] * 50),
        ([0.9] * 50, [False] * 50),
        ([1.0] * 80, [True, False] * 40),
        ([0.0] * 80, [True, False] * 40),
        ([0.8] * 100, [0.25, 0.75, 1.0, 0.5] * 25),
        (list(np.linspace(0, 1, 40)), [False] * 20 + [True] * 20),
    ],
    ids=["all right", "all wrong", "always sure", "never sure", "grades", "perfect ranking"],
)
def test_degenerate_tallies_are_reported(scores: list[float], grades: list[Any]) -> None:
    audit = of(group(Tally.of(scores, grades)))
    page, text = html(audit, after=audit), markdown(audit)
    assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", Page(page).text + text)
    if len(set(grades)) == 1:
        assert "one class only" in page and "one class only" in text


def test_grades_are_not_called_right() -> None:
    tally = Tally.of([0.8] * 100, [0.25, 0.75, 1.0, 0.5] * 25)
    assert "mean grade" in drawing.to_svg(charts.reliability(tally))


def test_no_groups_and_an_empty_group() -> None:
    empty = Group(by={"model": "none"}, tally=Tally.of([], []), finding=None, unusable={"no verdict": 3})
    assert "nothing was measured" in html(of()) and "nothing was measured" in markdown(of())
    for page in (Page(html(of(empty))).text, markdown(of(empty))):
        assert "none of its 3 rows can be used (3 x no verdict)." in page and "no usable rows" in page


def test_sixty_groups_stay_small_and_are_all_named() -> None:
    audit = audited(*[(f"model {i:02}", 60, 0.01 * i) for i in range(60)])
    page = html(audit)
    text = Page(page).text
    assert len(page.encode()) < 1_000_000
    assert page.count('class="card section"') == 12
    assert all(text.count(f"model {i:02}") >= 2 for i in range(60))


def test_many_groups_are_counted_drawn_together_and_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.report.page.DETAILED", 1)
    page = html(audited(*[(f"model {i:02}", 60 if i < 30 else 10, 0.01 * i) for i in range(40)]))
    text = Page(page).text
    assert "Of 40 groups: " in text and "10 too few rows" in text
    assert "The gaps of all groups" in page
    assert "18 more groups, with less evidence of a gap" in text
    assert "10 groups with too few rows for a number, 100 rows in all" in text
    assert "Groups 11 to 40 of 40" in text


def test_date_version_unit_and_commands_are_there(three: Audit) -> None:
    steps = [Step("calibrant fit 'my log.csv' -o maps.json", "fit maps")]
    day = date(2026, 3, 1)
    for text in (Page(html(three, steps=steps, made=day)).text, markdown(three, steps=steps, made=day)):
        assert f"Made on 2026-03-01 by calibrant {calibrant.__version__}." in text
        assert "a fraction from 0 to 1" in text and "column 'confidence'" in text
        assert "What to do next" in text and "Fit maps: " in text.replace("\n\n", " ")
        assert "calibrant fit 'my log.csv' -o maps.json" in text


def test_the_ends_of_the_bars_are_said(three: Audit, three_page: str) -> None:
    widest = max(
        abs(100 * e)
        for g in three.groups
        if g.finding and not g.too_few
        for e in (g.finding.gap.low, g.finding.gap.high)
    )
    end = int(re.findall(r">−(\d+)</text>", three_page)[0])
    assert widest <= end <= 2 * widest


def test_every_colour_of_a_chart_has_a_dark_one_or_is_made_for_both(three: Audit) -> None:
    bands = [{"action": name, "n": 300, "accuracy": 0.96, "was": 50} for name in charts.ACTIONS]
    tally = three.groups[0].tally
    both = {drawing.ORANGE, drawing.ON_BRIGHT, "none", "transparent"}
    for chart in (
        charts.reliability(tally), charts.risk_coverage({"raw": tally, "calibrated": tally}),
        charts.actions([("m", bands)]), gaps.spread_chart(three.groups),
    ):  # fmt: skip
        used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawing.to_svg(chart, styled=False)))
        assert used <= {*drawing.DARK, *both}


def test_equal_input_gives_equal_pages(three: Audit, three_page: str) -> None:
    assert html(three) == three_page


# Charts


def test_svg_is_well_formed_and_its_text_is_escaped() -> None:
    svg = drawing.to_svg(
        charts.actions([(ATTACK, [{"action": "answer", "n": 40, "accuracy": 0.9, "was": 40}])]), title=ATTACK
    )
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert "script>" not in svg.replace("&lt;script&gt;", "").replace("&lt;/script&gt;", "")


def test_the_diagram_is_square_and_its_marks_are_where_the_numbers_are() -> None:
    tally = Tally.of([0.2, 0.2, 0.8, 0.8] * 50, [False, False, True, False] * 50)
    spec = charts.reliability(tally, bins=10).to_dict()
    upper = spec["vconcat"][0]
    assert upper["width"] == upper["height"] >= 400
    rows = "".join(str(layer["data"]["values"]) for layer in upper["layer"])
    assert '"x": 0.8, "y": 0.5' in rows and '"x": 0.2, "y": 0.0' in rows
    assert "monotone" not in str(spec) and "basis" not in str(spec)


def test_the_curve_keeps_only_its_corners_but_passes_through_the_fit() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    tally = Tally.of(scores, rng.random(20_000) < scores**2)
    assert len(drawing.to_svg(charts.reliability(tally))) < 60_000


def test_the_risk_curve_starts_where_there_are_rows_enough() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(300)
    tally = Tally.of(scores, rng.random(300) < scores)
    values = charts.risk_coverage({"raw": tally}).to_dict()["layer"][0]["data"]["values"]
    coverage = [row["coverage"] for row in json.loads(values)]
    assert coverage[0] == pytest.approx(0.1) and coverage[-1] == 1.0
    page = html(of(group(tally)))
    assert "<td>10 %</td><td>" in page and "<td>10 %</td><td>too few" not in page
    assert "<td>10 %</td><td>too few" in html(of(group(Tally.of(scores[:200], scores[:200] > 0.5))))


def test_png_is_a_picture() -> None:
    tally = Tally.of([0.5, 0.9] * 40, [True, False] * 40)
    assert drawing.to_png(charts.risk_coverage({"raw": tally}), scale=1).startswith(b"\x89PNG")


def test_wilson_interval_has_the_textbook_value() -> None:
    """Newcombe (1998), Statistics in Medicine 17:857, table I, method 3: 81 of 263 gives 0.2553 to 0.3662."""
    low, high = charts.wilson(np.array([81 / 263]), np.array([263.0]))
    assert low[0] == pytest.approx(0.2553, abs=5e-5)
    assert high[0] == pytest.approx(0.3662, abs=5e-5)


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    with pytest.raises(MissingExtra, match=r"pip install 'calibrant\[report\]'"):
        charts.reliability(Tally.of([0.5, 0.9], [True, False]))
