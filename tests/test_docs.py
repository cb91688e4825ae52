"""Documentation that cannot rot: every block runs and prints what is shown, every link resolves, the command
pages are current."""

import ast
import re
import runpy
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from calibrant.cli import app
from calibrant.plugins import names

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
WRITTEN = runpy.run_path(str(ROOT / "docs" / "blocks.py"))["written"]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_blocks_print_what_is_shown_and_links_resolve(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    assert WRITTEN(text, tmp_path, page.name, add=False) == text, "out of date: run python docs/generate.py"
    for link in LINK.findall(FENCED.sub("", text)):
        assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_that_are_shown_are_there_with_their_options(page: Path) -> None:
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (calibrant .*)$", re.sub(r"\\\n\s*", "", block), re.MULTILINE):
            words = shlex.split(re.split(r"\s[|>&;]", line)[0], comments=True)[1:]
            named = typer.main.get_command(app)
            while words and hasattr(named, "commands") and words[0] in named.commands:
                named = named.commands[words.pop(0)]
            taken = {option for parameter in named.params for option in parameter.opts} | {"--help"}
            given = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert given <= taken or hasattr(named, "commands"), f"{line}: no {', '.join(given - taken)}"
            assert not hasattr(named, "commands") or given, f"{line}: no such command"


def test_the_menu_lists_every_page_once() -> None:
    listed = re.findall(r"([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")}
    assert sorted(listed) == sorted(pages), "mkdocs.yml, under nav, has a line for each page in docs/"


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", sorted(ROOT.glob("benchmarks/*.py")), ids=lambda p: p.stem)
def test_what_a_benchmark_takes_from_the_package_is_there(command: Path) -> None:
    """A figure in the documentation needs a command that starts; whole runs take minutes."""
    for node in ast.walk(ast.parse(command.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("calibrant"):
            module = import_module(str(node.module))
            for name in (alias.name for alias in node.names):
                assert hasattr(module, name) or import_module(f"{node.module}.{name}"), (
                    f"{node.module}.{name}"
                )


def test_the_index_of_papers_has_every_paper_and_module() -> None:
    """Each paper that the code names, and each way of asking, calibrating, grading, training or attacking."""
    page = (ROOT / "docs" / "papers.md").read_text()
    sources = [path for part in ("src", "recipes") for path in sorted((ROOT / part).rglob("*.py"))]
    text = "\n".join(path.read_text() for path in sources)
    named = set(re.findall(r"arXiv:(\d{4}\.\d{4,5})", text))
    named |= {who for who, _ in re.findall(r"([A-Z][\w-]+) et al\.,? \(?((?:19|20)\d\d)\b", text)}
    named |= {who for who, _ in re.findall(r"\b([A-Z][\w-]+) and [A-Z][\w-]+,? \(?((?:19|20)\d\d)\b", text)}
    assert not {name for name in named if name not in page}
    modules = re.findall(r"`((?:[a-z_]+/)+\w+\.py)`", page)
    assert len(modules) > 60
    for module in modules:
        assert (ROOT / "src" / "calibrant" / module).exists() or (ROOT / module).exists(), module
    for family in ("signals", "calibrators", "attacks"):
        for name in names(family):
            assert re.search(rf"[`/]{name}(?:\.py)?`", page), f"papers.md says nothing of {name}"


def test_pictures_are_of_the_tables_as_they_are() -> None:
    """A chart whose table was measured anew is drawn anew: python docs/charts.py."""
    charts = runpy.run_path(str(ROOT / "docs" / "charts.py"))
    for name, (rows, _) in charts["CHARTS"].items():
        picture = (ROOT / "docs" / "pictures" / f"measured-{name}.svg").read_text()
        assert f"<!-- rows {charts['digest'](rows())} -->" in picture, name


def test_pages_count_the_signals_that_there_are() -> None:
    for page in ("README.md", "docs/index.md"):
        counted = re.findall(r"(\d+) (?:ways|signals)\b", (ROOT / page).read_text())
        assert counted
        assert {int(n) for n in counted} == {len(names("signals"))}, page
