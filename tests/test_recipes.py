"""The recipes run as they are, in small."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPES = sorted(ROOT.glob("recipes/*.py"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_what_a_recipe_takes_from_the_package_is_there(recipe: Path) -> None:
    for node in ast.walk(ast.parse(recipe.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("calibrant"):
            module = import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


def run(name: str, *words: str) -> str:
    done = subprocess.run([sys.executable, ROOT / "recipes" / name, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_biomedical_in_small(tmp_path: Path) -> None:
    said = run("biomedical.py", "--quick", "--out", str(tmp_path / "out.json"))
    assert "| verbal | 6 |" in said and "Published:" in said
    found = json.loads((tmp_path / "out.json").read_text())
    verbal = [one for one in found["scenarios"] if one["strategy"] == "verbal"]
    assert all(one["confidence"] > one["accuracy"] for one in verbal)
    assert (
        sum(one["after"]["histogram"]["100"] for one in verbal) < sum(one["raw"]["100"] for one in verbal) / 2
    )


def test_biomedical_reads_a_log_and_grades_between(tmp_path: Path) -> None:
    rows = [
        {"task": "entities", "model": model, "item_id": i, "answer": "a" if i % 3 else model, "correct": 0.5 * (i % 3),
         "confidence": 0.9, "signal": "verbalized"}
        for i in range(260)
        for model in ("m", "n")
    ]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = run("biomedical.py", "--log", str(tmp_path / "log.jsonl"), "--splits", "1")
    assert "6 scenarios" in said and "| entities |" not in said.split("strategy")[0]
    done = subprocess.run(
        [sys.executable, ROOT / "recipes" / "biomedical.py"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--log FILE" in done.stderr
