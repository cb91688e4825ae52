"""What results show of themselves: short, escaped, and the same numbers as elsewhere."""

import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import calibrant
from calibrant.comparing.logs import compare
from calibrant.comparing.signals import compare_signals
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.planning.costs import plan_costs
from calibrant.planning.pareto import pareto
from calibrant.planning.thresholds import plan_thresholds
from calibrant.policies.expected_cost import ExpectedCost
from calibrant.shown import Shown

NASTY = "maths <script>alert('x')</script>\n\"&"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    c = np.round(rng.uniform(0.3, 1, 1200), 2)
    return pd.DataFrame(
        {"confidence": c, "correct": rng.random(1200) < 0.8 * c, "task": rng.choice(["law", NASTY], 1200)}
    )


@pytest.fixture(scope="module")
def results(frame: pd.DataFrame) -> list[Shown]:
    audit, maps = calibrant.audit(frame, by="task"), fit_log(frame, "task").maps
    plan = plan_thresholds(frame, max_error=0.3, delta=0.1, by="task")
    fitted = calibrant.fit(frame, by="task")
    costs = plan_costs(frame, "task", policy=ExpectedCost(wrong=10.0, review=1.0))
    return [
        audit, audit.groups[0], audit.groups[0].tally, maps, maps.groups[0][1], plan, plan.certificates,
        plan.certificates.certificates[0], costs, pareto(frame, "task", resamples=20), compare_signals(frame),
        compare(frame, frame.assign(correct=True), by="task"), calibrant.Tally.of([], []), fitted, fitted.groups[0],
    ]  # fmt: skip


class Tags(HTMLParser):
    """The tags that are open at the end, and all that came."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))


def test_a_result_is_a_few_lines(results: list[Shown]) -> None:
    for one in results:
        assert len(repr(one)) < 1200, type(one)
        assert "array(" not in repr(one) and NASTY not in repr(one)
    assert "claims" in repr(results[0]) and repr(results[2]).startswith("<Tally: ")


def test_an_audit_of_many_groups_is_short_too(frame: pd.DataFrame) -> None:
    many = calibrant.audit(frame.assign(group=np.arange(len(frame)) % 40), by="group")
    assert len(repr(many)) < 2500 and "more lines" in repr(many)
    assert len(many.to_frame()) == 40 and "28 more rows" in many._repr_html_()


def test_notes_come_before_numbers() -> None:
    log = pd.DataFrame({"confidence": [0.9] * 60, "correct": [1, 0] * 30, "weight": [1.0] * 60})
    told = repr(calibrant.audit(log))
    assert 0 < told.index("Note: Rows are weighted") < told.index("claims")
    cell = calibrant.audit(log)._repr_html_()
    assert 0 < cell.index("Note: Rows are weighted") < cell.index("<table")


def test_a_cell_is_whole_markup_without_anything_from_elsewhere(results: list[Shown]) -> None:
    for one in results:
        cell = one._repr_html_()
        tags = Tags(cell)
        assert not tags.open
        assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.seen}
        assert "http" not in cell and "url(" not in cell
        assert not [name for _, held in tags.seen for name in held if name.startswith("on") or name == "href"]
        assert len(cell) < 20_000


def test_a_cell_says_the_numbers_of_the_audit(results: list[Shown]) -> None:
    audit = results[0]
    assert isinstance(audit, calibrant.Audit)
    for group in audit.groups:
        assert group.finding is not None
        assert (
            f"{100 * group.finding.gap.value:+.1f} ({100 * group.finding.gap.low:+.1f}" in audit._repr_html_()
        )


def test_frames_are_of_the_kind_that_is_asked_for(results: list[Shown]) -> None:
    for one in results:
        frames = [one.to_frame(kind) for kind in ("pandas", "polars", "pyarrow")]
        assert [type(f) for f in frames] == [pd.DataFrame, pl.DataFrame, pa.Table]
        assert len({f.shape for f in frames}) == 1
    with pytest.raises(UnusableInput, match="pandas, polars, pyarrow"):
        results[0].to_frame("excel")
    table = results[0].to_frame("pandas")
    assert set(table["task"]) == {"law", NASTY}
    assert (table["gap_low"] < table["gap"]).all() and (table["gap"] < table["gap_high"]).all()


def test_charts_and_pages(results: list[Shown]) -> None:
    without = {"CertificateSet", "Certificate"}
    for one in results:
        empty = isinstance(one, calibrant.Tally) and not one.rows
        if type(one).__name__ in without or empty:
            with pytest.raises(UnusableInput, match=r"to_frame|nothing to draw"):
                one.plot()
        else:
            json.dumps(one.plot().to_dict())
    for one in (results[0], results[2], results[4], results[7]):
        page = one.to_html()
        assert page.startswith("<!doctype html>") and "<script" not in page


def test_one_column_by_its_name_is_a_list_of_one(frame: pd.DataFrame) -> None:
    assert repr(calibrant.audit(frame, by="task")) == repr(calibrant.audit(frame, by=["task"]))
    assert fit_log(frame, "task").maps.by == ("task",)
    assert plan_thresholds(frame, max_error=0.3, delta=0.1, by="task").certificates.by == ("task",)
    assert compare_signals(frame, "task", scores="confidence").by == ("task",)
