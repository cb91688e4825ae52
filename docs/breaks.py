"""Where lines may end: names in tables behind their slashes, short options nowhere, and what a command printed as a
whole where it is a table, else as prose."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]+)</code>([,;:.)]*)")
BEHIND = re.compile(r"([/_=](?=\w)|\.(?=\w{5}))")
OPTION = re.compile(r"<code>(-[^<\s]{1,24})</code>")
PRINTED = re.compile(
    r'(<div class="language-(?:output|text) highlight)("><pre><span></span><code>)(.*?)(?=</code>)', re.DOTALL
)
COLUMNS = re.compile(r"\S {2,}\S")
ROOM = 118
"""Letters that a line of a block has room for, beside the list of pages on a laptop."""


def on_page_content(html: str, **_: Any) -> str:
    """Every page on its way into the site."""
    html = CELL.sub(lambda cell: CODE.sub(_named, cell[0]), html)
    html = OPTION.sub(r'<code class="kept">\1</code>', html)
    return PRINTED.sub(_printed, html)


def _named(found: re.Match[str]) -> str:
    """What ends a name stays on its line."""
    name = "<code>" + BEHIND.sub(r"\1<wbr>", found[1]) + "</code>"
    return f'<span class="kept">{name}{found[2]}</span>' if found[2] else name


def _printed(found: re.Match[str]) -> str:
    """Sentences end where the page does; a table is moved along, in smaller letters where it is wide."""
    lines, wide = [], ""
    for line in found[3].split("\n"):
        plain = unescape(re.sub(r"<[^>]+>", "", line)).strip()
        if COLUMNS.search(plain):
            wide = " wide" if len(plain) > ROOM else wide
            lines.append(line)
        else:
            lines.append(f'<span class="said">{line}</span>' if plain else line)
    return found[1] + wide + found[2] + "\n".join(lines)
