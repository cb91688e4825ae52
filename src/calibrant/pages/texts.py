"""Texts as reviewers read them: whole, in paragraphs, with a list of parts where they are long. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["LONG", "Block", "blocks", "parts"]

LONG = 250
"""Words from which on a text has a list of its parts."""

MOST_PARAGRAPHS = 15
"""Paragraphs that are listed where nothing is a heading; more would be no list that is read."""

FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$|\s*\*\*([^*]+)\*\*:?\s*$")
COLUMNS = re.compile(r"\S( {3,}|\t+)\S")
TABLE = re.compile(r"\s*\|.*\|\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph ("text"), a "heading", or what must keep its columns ("code"); `part` is its number in the list."""

    kind: Literal["text", "heading", "code"]
    text: str
    part: int | None = None


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a text. Nothing of it is left out but the marks of headings and fences.

    >>> [(block.kind, block.text) for block in blocks("# Notice\\nThree\\nmonths.\\n\\n```\\na  b\\n```")]
    [('heading', 'Notice'), ('text', 'Three\\nmonths.'), ('code', 'a  b')]
    """
    made: list[Block] = []
    lines: list[str] = []
    fence, kind = "", "text"

    def close() -> None:
        body = "\n".join(lines).strip("\n")
        if body.strip():
            aligned = sum(COLUMNS.search(line) is not None for line in lines) > 1
            made.append(Block("code" if kind == "code" or aligned else "text", body))
        lines.clear()

    for line in text.splitlines():
        opened = FENCE.match(line)
        if fence:
            if opened and line.strip().strip(fence[0]) == "" and len(opened[1]) >= len(fence):
                close()
                fence, kind = "", "text"
            else:
                lines.append(line)
        elif opened:
            close()
            fence, kind = opened[1], "code"
        else:
            found = HEADING.match(line)
            now = "code" if TABLE.match(line) else "text"
            if found or not line.strip() or now != kind:
                close()
            kind = now
            if found:
                made.append(Block("heading", (found[1] or found[2]).strip()))
            elif line.strip():
                lines.append(line)
    close()
    return _numbered(made, len(text.split()))


def parts(made: Sequence[Block]) -> tuple[tuple[int, str], ...]:
    """Number and title of each part, for a list; empty where there is none.

    >>> long = "\\n\\n".join(["The notice is " + "long " * 90, "It is " + "short " * 90, "So ask. " * 40])
    >>> parts(blocks(long))
    ((1, 'The notice is long long ...'), (2, 'It is short short short ...'), (3, 'So ask. So ask. So ...'))
    """
    return tuple((block.part, _title(block)) for block in made if block.part is not None)


def _numbered(made: list[Block], words: int) -> tuple[Block, ...]:
    headings = [at for at, block in enumerate(made) if block.kind == "heading"]
    paragraphs = [at for at, block in enumerate(made) if block.kind == "text"]
    listed = headings if len(headings) > 1 else paragraphs if 2 < len(paragraphs) <= MOST_PARAGRAPHS else []
    if words < LONG:
        listed = []
    number = {at: n for n, at in enumerate(listed, 1)}
    return tuple(replace(block, part=number.get(at)) for at, block in enumerate(made))


def _title(block: Block) -> str:
    words = block.text.split()
    return " ".join(words) if block.kind == "heading" or len(words) < 6 else f"{' '.join(words[:5])} ..."
