"""Let names of files and commands in tables break behind their slashes and underscores, and not within a word."""

from __future__ import annotations

import re
from typing import Any

CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]+)</code>([,;:.)]*)")
BEHIND = re.compile(r"([/_=](?=\w)|\.(?=\w{5}))")


def on_page_content(html: str, **_: Any) -> str:
    """Every page on its way into the site. What ends a name stays on its line."""

    def broken(found: re.Match[str]) -> str:
        name = "<code>" + BEHIND.sub(r"\1<wbr>", found[1]) + "</code>"
        return f'<span class="kept">{name}{found[2]}</span>' if found[2] else name

    return CELL.sub(lambda cell: CODE.sub(broken, cell[0]), html)
