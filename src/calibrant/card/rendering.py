"""A card as a page, as Markdown and as JSON; each holds the twin, and is read back for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UnusableInput
from ..overview.telling import minute, name_of
from ..plugins import require
from ..report.drawing import to_svg
from ..report.standings import reliability_chart
from .conclusions import conclusion, headline
from .numbers import FORMAT, VERSION
from .sections import NATURE, Section, Table, sections

__all__ = ["RENDERED", "html", "is_card", "json_text", "markdown", "twin_in"]

Twin = Mapping[str, Any]

_SQLITE = b"SQLite format 3\x00"
_IN_PAGE = re.compile(r'<script type="application/json" id="twin">(.*?)</script>', re.S)
_IN_MARKDOWN = re.compile(r"^```json twin\n(.*?)\n```$", re.S | re.M)


def html(twin: Twin) -> str:
    """One page that loads nothing and prints on A4."""
    results = twin["results"]
    chart = "" if results is None else to_svg(
        reliability_chart(results["reliability"], width=330), title="Reliability: right against claimed"
    )  # fmt: skip
    claims, limits = conclusion(twin)
    markup: Any = require("markupsafe", "A card as a page", extra="report").Markup
    page: str = _template().render(
        name=name_of(twin["task"]), nature=NATURE, made=_made(twin), headline=headline(twin), claims=claims,
        limits=limits, sections=sections(twin), chart=markup(chart),
        twin=markup(_json(twin).replace("<", "\\u003c")),
    )  # fmt: skip
    return page


def markdown(twin: Twin) -> str:
    """The same without the chart, whose numbers are in a table."""
    claims, limits = conclusion(twin)
    parts = [f"# {_plain(headline(twin))}", f"{NATURE} {_made(twin)}"]
    parts += [
        f"**{name}**\n\n{_list(lines)}"
        for name, lines in (("What is claimed", claims), ("What limits it", limits))
    ]
    parts += [part for one in sections(twin) for part in _section(one)]
    return "\n\n".join([*parts, f"```json twin\n{_json(twin)}\n```"]) + "\n"


def json_text(twin: Twin) -> str:
    """The twin by itself."""
    return json.dumps(twin, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


RENDERED: Mapping[str, Callable[[Twin], str]] = {
    ".html": html, ".htm": html, ".md": markdown, ".markdown": markdown, ".json": json_text,
}  # fmt: skip
"""What is written to a file of each ending."""


def is_card(path: str) -> bool:
    """Whether there is a card in that file, rather than a store."""
    file = Path(path)
    if "://" in path or not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_SQLITE)) != _SQLITE and FORMAT.encode() in file.read_bytes()


def twin_in(path: str | Path) -> dict[str, Any]:
    """The twin of a card, whichever way it was written; raises `UnusableInput` where there is none."""
    text = Path(path).read_text(encoding="utf-8")
    for pattern in (_IN_PAGE, _IN_MARKDOWN):
        if found := pattern.search(text):
            text = found[1]
    try:
        twin = json.loads(text)
    except ValueError as error:
        raise UnusableInput(
            f"{path} holds no card that can be read: {error}. Make one: calibrant card STORE."
        ) from error
    if not isinstance(twin, dict) or twin.get("format") != FORMAT or twin.get("version") != VERSION:
        raise UnusableInput(
            f"Expected a card of version {VERSION}; {path} is none. Make one: calibrant card STORE."
        )
    return twin


def _json(twin: Twin) -> str:
    return json.dumps(twin, ensure_ascii=False, allow_nan=False)


def _made(twin: Twin) -> str:
    return f"As of {minute(twin['at'])}, made by calibrant {twin['calibrant']}."


@cache
def _template() -> Any:
    jinja2 = require("jinja2", "A card as a page", extra="report")
    text = (Path(__file__).parent / "card.html.jinja").read_text(encoding="utf-8")
    settings = {
        "autoescape": True,
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    return jinja2.Environment(**settings).from_string(text)


def _section(one: Section) -> list[str]:
    parts = [f"## {one.number} · {one.title}", f"_{one.rules}_"]
    parts += [_table(table) for table in one.tables]
    if one.facts is not None:
        parts.append(_list([f"**{name}**: {value}" for name, value in one.facts.rows]))
    parts += [_plain(line) for line in one.lines]
    return [*parts, _list(one.items)] if one.items else parts


def _table(made: Table) -> str:
    heads = [head.removeprefix(">") or " " for head in made.heads]
    lines = ["---:" if head.startswith(">") else "---" for head in made.heads]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in (heads, lines, *made.rows))


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _list(lines: Any) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    """One line, in which nothing opens a block or a tag."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
