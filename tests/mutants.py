"""Would the tests notice? One-token changes by mutmut, piece by piece, against the tests nearest to each piece.

    python tests/mutants.py [PIECE ...] [--sample N] [--seed S] [--jobs N] [--list]

A piece is a folder of the package, or one file: `policies`, `metrics/ece.py`. Each gets a copy of the tree under
`.mutants/`, where what was found is kept: a run that was stopped goes on where it was, and one after a change tries the
changed functions anew. Printed are, of each piece, how many mutants the tests kill, with an exact interval where they
are a sample; with `--list` also each survivor, as a diff. Without a piece: all folders of `NEAREST`, which takes hours.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from scipy.stats import binomtest

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
KILLED, UNTESTED, SURVIVED = {1, 3, 36, -9, -11}, 33, 0
"""Codes in mutmut's files: failed, timed out or crashed; no test runs the line; all tests passed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pieces", nargs="*", default=list(NEAREST), metavar="PIECE")
    parser.add_argument("--sample", type=int, help="so many mutants of each piece, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="show each survivor")
    given = parser.parse_args()
    for piece in given.pieces:
        folder = piece.split("/")[0]
        if folder not in NEAREST or not (ROOT / "src/calibrant" / piece).exists():
            sys.exit(f"Expected a folder of {', '.join(NEAREST)}, or a file in one of them; got {piece!r}.")
    for piece in given.pieces:
        tree = prepared(piece)
        run(tree, ROOT / "tests/mutating.py", *nearest(piece), "--jobs", given.jobs, "--seed", given.seed,
            *(["--sample", given.sample] if given.sample else []))  # fmt: skip
        found = dict(verdicts(tree))
        names = chosen(found, given.sample, given.seed)
        told = Counter(found[name] for name in names)
        print(f"{piece}: {score(told['killed'], len(names), len(found))}, {told['survived']} survive, "
              f"{told['no tests']} in lines that no test runs, {told['not tried']} not tried")  # fmt: skip
        for name in sorted(n for n in names if found[n] != "killed"):
            print(f"  {name}: {found[name]}")
            if given.list:
                print(run(tree, "-m", "mutmut", "show", name))


def score(killed: int, tried: int, mutants: int) -> str:
    """How many are killed; of a sample with the exact 95% interval of the share among all."""
    told = f"{killed} of {tried} mutants killed ({killed / max(tried, 1):.1%})"
    if tried in (0, mutants):
        return told
    ends = binomtest(killed, tried).proportion_ci(method="exact")
    return f"{told}, drawn from {mutants}: {ends.low:.1%} to {ends.high:.1%} with 95% confidence"


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
    settings = {
        "source_paths": ["src"], "only_mutate": [source if piece.endswith(".py") else f"{source}/*.py"],
        "also_copy": ["conftest.py", "README.md"], "track_dependencies": False,
    }  # fmt: skip
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return tree


def forget(tree: Path) -> None:
    """Let mutants that no test killed be tried again: the tests may have changed, and which of them run a line."""
    for path in (tree / "mutants").rglob("*.meta"):
        told = json.loads(path.read_text(encoding="utf-8"))
        codes = told["exit_code_by_key"]
        told["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
        path.write_text(json.dumps(told, indent=4), encoding="utf-8")


def nearest(piece: str) -> tuple[str, ...]:
    """A file's own tests where it has some, else those of its folder; and the examples in its documentation."""
    folder, _, name = piece.partition("/")
    own = f"tests/{folder}/test_{name}"
    return (*((own,) if name and (ROOT / own).exists() else NEAREST[folder]), f"src/calibrant/{piece}")


def chosen(names: Iterable[str], sample: int | None, seed: int) -> list[str]:
    """All, or a sample that is the same for the same names and seed."""
    ordered = sorted(names)
    return ordered if sample is None else random.Random(seed).sample(ordered, min(sample, len(ordered)))


def run(tree: Path, *arguments: object) -> str:
    """What Python prints there; it is kept in a file beside the tree's sources."""
    log = tree / "mutants.log"
    with log.open("wb") as file:
        subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tree,
            check=False,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return log.read_text(encoding="utf-8", errors="replace")


def verdicts(tree: Path) -> Iterator[tuple[str, str]]:
    """Of each mutant its name and what became of it."""
    for path in sorted((tree / "mutants").rglob("*.meta")):
        for name, code in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            told = "killed" if code in KILLED else "no tests" if code == UNTESTED else "not tried"
            yield name, "survived" if code == SURVIVED else told


if __name__ == "__main__":
    main()
