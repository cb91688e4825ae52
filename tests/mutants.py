"""Would the tests notice? One-token changes by mutmut, piece by piece, against the tests nearest to each piece.

    python tests/mutants.py [PIECE ...] [--jobs N] [--list]

A piece is a folder of the package, or one file: `policies`, `metrics/ece.py`. Each gets a copy of the tree under
`.mutants/`, where mutmut keeps what it has found: a run that was stopped goes on where it was, and one after a change
tries the changed functions anew. Printed are, of each piece, how many mutants the tests kill; with `--list` also each
survivor, as a diff. Without a piece: all folders of `NEAREST`, which takes hours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".mutants"
NEAREST = {
    "guarantees": ("tests/guarantees", "tests/planning/test_costs.py"),
    "policies": ("tests/policies",),
    "maps": ("tests/maps", "tests/calibrators"),
    "metrics": ("tests/metrics",),
    "logs": ("tests/logs",),
    "releases": ("tests/releases",),
}
"""The tests that are run on mutants of a folder, beside the examples in its own documentation."""
COPIED = ("src", "tests", "conftest.py", "README.md", "pyproject.toml")
KILLED, UNTESTED, SURVIVED = {1, 3, 24, 36, 152, 255, -24, -9, -11}, {5, 33}, 0
"""Exit codes in mutmut's files: failed, timed out or crashed; no test runs the line; all tests passed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pieces", nargs="*", default=list(NEAREST), metavar="PIECE")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="show each survivor")
    given = parser.parse_args()
    for piece in given.pieces:
        folder = piece.split("/")[0]
        if folder not in NEAREST or not (ROOT / "src/calibrant" / piece).exists():
            sys.exit(f"Expected a folder of {', '.join(NEAREST)}, or a file in one of them; got {piece!r}.")
    for piece in given.pieces:
        tree = prepared(piece)
        run(tree, "run", "--max-children", str(given.jobs))
        found = dict(verdicts(tree))
        told = Counter(found.values())
        counted = sum(told.values())
        print(f"{piece}: {told['killed']} of {counted} mutants killed ({told['killed'] / max(counted, 1):.1%}), "
              f"{told['survived']} survive, {told['no tests']} in lines that no test runs")  # fmt: skip
        for name in sorted(n for n, told in found.items() if told != "killed"):
            print(f"  {name}: {found[name]}")
            if given.list:
                print(run(tree, "show", name))


def prepared(piece: str) -> Path:
    """A copy of the tree for a piece, brought up to date; what mutmut found there stays."""
    tree = KEPT / piece.removesuffix(".py").replace("/", "-")
    tree.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        came, to = ROOT / name, tree / name
        if came.is_dir():
            shutil.rmtree(to, ignore_errors=True)
            shutil.copytree(came, to, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy2(came, to)
    forget(tree)
    source = f"src/calibrant/{piece}"
    tests = [*nearest(piece), source]
    settings = {
        "source_paths": ["src"], "only_mutate": [source if piece.endswith(".py") else f"{source}/*.py"],
        "also_copy": ["conftest.py", "README.md"], "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["--ignore-glob=*/test_coverage.py"],
        "track_dependencies": False, "use_git_change_detection": False,
    }  # fmt: skip
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return tree


def forget(tree: Path) -> None:
    """Let mutants that no test killed be tried again: the tests may have changed, and which of them run a line."""
    (tree / "mutants/mutmut-stats.json").unlink(missing_ok=True)
    for path in (tree / "mutants").rglob("*.meta"):
        told = json.loads(path.read_text(encoding="utf-8"))
        codes = told["exit_code_by_key"]
        told["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
        path.write_text(json.dumps(told, indent=4), encoding="utf-8")


def nearest(piece: str) -> tuple[str, ...]:
    """A file's own tests where it has some, else those of its folder."""
    folder, _, name = piece.partition("/")
    own = f"tests/{folder}/test_{name}"
    return (own,) if name and (ROOT / own).exists() else NEAREST[folder]


def run(tree: Path, *arguments: str) -> str:
    """What a command of mutmut prints; its progress is kept in a file beside the tree's sources."""
    log = tree / "mutmut.log"
    with log.open("wb") as file:
        subprocess.run(
            [sys.executable, "-m", "mutmut", *arguments], cwd=tree, check=False, stdout=file,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    return log.read_text(encoding="utf-8", errors="replace")


def verdicts(tree: Path) -> Iterator[tuple[str, str]]:
    """Of each mutant its name and what became of it."""
    for path in sorted((tree / "mutants").rglob("*.meta")):
        for name, code in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            told = "killed" if code in KILLED else "no tests" if code in UNTESTED else "not tried"
            yield name, "survived" if code == SURVIVED else told


if __name__ == "__main__":
    main()
