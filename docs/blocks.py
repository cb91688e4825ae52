"""Run the blocks of a page and write below each what came: nothing that is shown as output was typed.

A block in ```python is run, and the blocks of a page build on each other. What it prints, and the value of a last
line that is an expression, stands in a block ```output below it. The commands of a block in ```console are run where
a block ```output stands below it, in the folder in which the page's other blocks run.
"""

from __future__ import annotations

import ast
import io
import re
import shlex
from contextlib import chdir, redirect_stdout
from pathlib import Path

from typer.testing import CliRunner

from calibrant.cli import app

RUN = re.compile(r"^```(python|console)\n(.*?)^```\n(\n```output\n.*?^```\n)?", re.MULTILINE | re.DOTALL)


def written(text: str, folder: Path, page: str = "page", *, add: bool = True) -> str:
    """The page with what its blocks print, run in `folder`; without `add` only where something is shown already."""
    names: dict[str, object] = {}

    def with_output(found: re.Match[str]) -> str:
        kind, block, shown = found.groups()
        if kind == "console" and not shown:
            return found[0]
        with chdir(folder):
            said = _run(block, names, page) if kind == "python" else _typed(block)
        if not (add or shown):
            return found[0]
        said = "\n".join(line.rstrip() for line in said.splitlines()).strip("\n")
        return f"```{kind}\n{block}```\n" + (f"\n```output\n{said}\n```\n" if said else "")

    return RUN.sub(with_output, text)


def _run(block: str, names: dict[str, object], page: str) -> str:
    """What the block prints, and its last line's value as an interpreter shows it."""
    tree, said = ast.parse(block), io.StringIO()
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(said):
        exec(compile(tree, page, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), page, "eval"), names)
            if value is not None:
                print(repr(value))
    return said.getvalue()


def _typed(block: str) -> str:
    """What its commands print, one after the other."""
    said = []
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        _, *words = shlex.split(line.removeprefix("$ "), comments=True)
        done = CliRunner().invoke(app, words, prog_name="calibrant")
        assert done.exit_code in (0, 3), (line, done.output)  # 3: done, and something was found
        said.append(done.stdout)
    return "\n".join(said)
