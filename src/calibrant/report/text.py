"""The report as Markdown: the answer lines, what was read, and the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from ..logs.keys import group_name
from ..phrasing.findings import cells, floor_told
from . import wording
from .charts import ACTIONS
from .judgings import judge_lines, judge_tables, people_asked
from .sheet import Sheet, Tabled
from .wording import Bands, ReportGroup

if TYPE_CHECKING:
    from ..auditing import Audit
    from ..looking.asked import Step

__all__ = ["markdown", "sheet_markdown"]

_COLUMNS = {
    "n_eff": "n_eff", "accuracy": "right", "confidence": "claimed", "gap": "gap, points", "ece": "ECE",
    "floor": "its floor", "smooth": "smooth ECE", "brier": "Brier", "parts": "= MCB − DSC + UNC", "auroc": "AUROC",
    "aurc": "AURC",
}  # fmt: skip


def markdown(
    audit: Audit,
    *,
    after: Audit | None = None,
    actions: Bands | None = None,
    steps: Sequence[Step] = (),
    made: date | None = None,
) -> str:
    """The report of an audit as Markdown; the parameters are those of `html`.

    Names come from the log, so they are escaped: they cannot open a tag, a link or a table cell.
    """
    groups = wording.worst_first(audit, after)
    blocks = [
        "# Calibration audit",
        wording.made_line(made),
        _bullets(audit.notes),
        _bullets([f"{what}: {n}" for what, n in wording.read_lines(audit)]),
        _plain(wording.counted(groups)),
        _plain(audit.many_told),
        "\n".join(f"- {_answer(one)}" for one in groups) if groups else "No groups: nothing was measured.",
        _next(steps),
        _actions(groups, actions),
        _said(groups),
        _judge(audit),
        "## Segments\n\n" + _segments(groups) if groups else "",
        "## How to read this\n\n" + _bullets([f"{name}: {text}" for name, text in wording.MEASURES[:9]]),
        "## What the numbers assume\n\n" + _bullets(wording.ASSUMPTIONS),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def sheet_markdown(sheet: Sheet, *, steps: Sequence[Step] = (), made: date | None = None) -> str:
    """A report of sentences, charts and tables as Markdown, without the charts; what came from a log is escaped."""
    blocks = [
        f"# {_plain(sheet.title)}",
        wording.made_line(made),
        _bullets(sheet.notes),
        _bullets([f"{what}: {told}" for what, told in sheet.read.items()]),
        f"## {sheet.heading}",
        _bullets(sheet.lines),
        _next(steps),
        *(_tabled(one) for one in sheet.tables),
        "## How to read this" if sheet.reading else "",
        _bullets([f"{name}: {text}" for name, text in sheet.reading]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _tabled(one: Tabled) -> str:
    parts = (
        f"## {_plain(one.title)}",
        _table([head.lstrip(">") for head in one.heads], one.rows),
        _plain(one.told),
    )
    return "\n\n".join(part for part in parts if part)


def _judge(audit: Audit) -> str:
    asked = people_asked(audit)
    lines = judge_lines(asked)
    tables = [_tabled(one) for one in judge_tables(asked)]
    return "\n\n".join(["## The judge's word against people's", _bullets(lines), *tables]) if lines else ""


def _next(steps: Sequence[Step]) -> str:
    """The commands that come next, each with why."""
    each = [f"{step.why[:1].upper()}{step.why[1:]}:\n\n    {step.command}" for step in steps]
    return "## What to do next\n\n" + "\n\n".join(each) if steps else ""


def _answer(one: ReportGroup) -> str:
    lines, finding = [one.group.sentence], one.group.finding
    if finding is not None and not finding.too_few:
        lines += [floor_told(finding), *([one.change] if one.change else [])]
    return "\n  - ".join(_plain(line) for line in lines)


def _segments(groups: Sequence[ReportGroup]) -> str:
    compared = ["confidence"] if groups[0].compared else []
    rows = []
    for stage, group in (stage for one in groups for stage in one.stages):
        numbers = cells(group.finding)
        middle = [numbers.get(name, "") for name in _COLUMNS]
        rows.append([
            group_name(group.by), *([stage] if compared else []), f"{group.tally.rows:,}", *middle, group.verdict,
        ])  # fmt: skip
    return _table(["group", *compared, "n", *_COLUMNS.values(), "verdict"], rows)


def _actions(groups: Sequence[ReportGroup], actions: Bands | None) -> str:
    named = wording.band_groups(groups, actions)
    if not named:
        return ""
    heads = ["group", *(words for words, _, _ in ACTIONS.values())]
    rows = [[name, *(f"{now} ({was})" for now, was in bands)] for name, bands in wording.band_rows(named)]
    return "## What the bands do\n\n" + _table(heads, rows)


def _said(groups: Sequence[ReportGroup]) -> str:
    told = wording.said(groups)
    if told is None:
        return ""
    heads = ["given", "said as", "answers", "right", "95 % interval"]
    title = f"## What people are told, and how often it was right: {_plain(told['name'])}"
    return f"{title}\n\n{_table(heads, told['rows'])}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(text + ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in rows])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~])|(?<!\w)_|_(?!\w)", lambda m: "\\" + m.group(), text)
