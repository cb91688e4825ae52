"""The reference of the Python interface: whole, true to the code, and with an example of what people call."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import calibrant

ROOT = Path(__file__).parents[1]
CODE = ROOT / "src" / "calibrant"
IMPORTS = re.compile(r"^from (calibrant[\w.]*) import (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def reference() -> Iterator[Any]:
    pytest.importorskip("griffe", reason="The group docs is not installed: pip install --group docs.")
    sys.path.insert(0, str(ROOT / "docs"))
    yield importlib.import_module("reference")
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def pages(reference: Any) -> dict[str, str]:
    made: dict[str, str] = reference.pages()
    return made


def of_room(room: str) -> list[Path]:
    """The files of a room or module, but for those that are called like `_this`."""
    path = CODE.joinpath(*room.split("."))
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return [one for one in files if one.name == "__init__.py" or not one.name.startswith("_")]


def exported(file: Path) -> list[str]:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def test_every_room_is_on_a_page_or_said_to_be_inner(reference: Any) -> None:
    rooms = {one.stem for one in CODE.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()}
    placed = [room for page in reference.ROOMS for room in page.rooms if room]
    assert rooms - {"__init__", "__main__"} == {room.partition(".")[0] for room in placed} | set(
        reference.INNER
    )
    assert len(set(placed)) == len(placed)
    assert not set(placed) & set(reference.INNER)


def test_every_public_name_is_there(reference: Any, pages: dict[str, str]) -> None:
    """By the lists in the files, which is another way to them than that of the pages."""
    absent, checked = [], 0
    for page in reference.ROOMS:
        text = pages[f"reference/{page.name}.md"]
        for room in page.rooms:
            for file in of_room(room) if room else [CODE / "__init__.py"]:
                for name in exported(file):
                    checked += 1
                    if not re.search(rf"^##+ {name} {{|^Also here: .*\[`{name}`\]", text, re.MULTILINE):
                        absent.append(f"{page.name}: {name} of {file.relative_to(CODE)}")
    assert absent == ["calibrant: metrics of __init__.py"], "it is a module, with a page of its own"
    assert checked > 800


@pytest.mark.parametrize("name", sorted(set(calibrant.__all__) - {"metrics"}))
def test_what_calibrant_gives_is_explained_with_an_example(
    reference: Any, pages: dict[str, str], name: str
) -> None:
    text = pages["reference/calibrant.md"]
    found = re.search(rf"^## {name} {{.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found and "```pycon" in found[0], f"{name} has no example in its docstring"
    assert len(found[0]) > 300


def test_what_pages_and_recipes_import_is_there(reference: Any) -> None:
    known, absent = reference.spelled(), []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*.py")]:
        for module, names in IMPORTS.findall(path.read_text()):
            for name in names.strip("() ").split("#")[0].split(","):
                name = name.partition(" as ")[0].strip()
                if name and f"{module}.{name}" not in known and not reference_has_module(module, name):
                    absent.append(f"{path.name}: {module}.{name}")
    assert not absent, "put its module into ROOMS of docs/reference.py"


def reference_has_module(module: str, name: str) -> bool:
    path = CODE.parent.joinpath(*module.split("."), name)
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_no_docstring_tells_of_a_parameter_that_is_gone(reference: Any) -> None:
    gone = []
    for page in reference.ROOMS:
        for room in page.rooms:
            for path, what in reference.documented(room).items():
                gone += [f"{path}: {name}" for name in undeclared(reference, what)]
    assert not gone


def undeclared(reference: Any, what: Any) -> list[str]:
    """Parameters in the docstring of a function, or of a class, that it does not take."""
    if not (what.is_function or what.is_class) or not what.docstring:
        return []
    taken = {one.name.lstrip("*") for one in what.parameters}
    return [
        name
        for heading, text in reference.sections(what)
        if heading == "Parameters"
        for lead, _ in reference.items(text)
        for name in lead.partition(" :")[0].replace("*", "").split(", ")
        if name not in taken
    ]


def test_links_and_blocks_of_a_docstring_are_those_of_a_page(reference: Any, pages: dict[str, str]) -> None:
    text = pages["reference/calibrant.md"]
    certify = text[text.index("## certify {") :].partition("\n## ")[0]
    assert "    scores: ArrayLike,\n    correct: ArrayLike,\n    *,\n    max_error: float," in certify
    assert "- `cluster` : shape (n,), optional\n" in certify
    assert "[`UnusableInput`](extending.md#calibrant.errors.UnusableInput)" in certify
    assert ">>> c.certified, c.threshold, round(c.coverage.value, 2)\n(True, 0.82, 0.5)\n" in certify
    assert all(one.count("```") % 2 == 0 for one in pages.values())
    anchors = [found for one in pages.values() for found in re.findall(r"{ #(\S+) }", one)]
    assert len(anchors) == len(set(anchors))
    assert {place.partition("#")[2] for place in reference.places().values()} <= set(anchors)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a < b, `x < y`", "a &lt; b, `x < y`"),
        ("scores [0, 1](of all)", r"scores [0, 1\](of all)"),
        ("`no_such_name` and `Tally`", "`no_such_name` and [`Tally`](calibrant.md#calibrant.tally.Tally)"),
        ("w*x * y", r"w\*x \* y"),
    ],
)
def test_prose_means_on_a_page_what_it_means_in_a_docstring(reference: Any, said: str, shown: str) -> None:
    assert reference._linked(reference._escaped(said)) == shown
