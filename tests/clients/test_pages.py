"""The lines of docs/clients.md, run as they stand against a gateway. What is not installed is skipped by name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import MODULES, House
from .scripted import P

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text()
BLOCKS = re.findall(r"^```(py|js)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def imported(text: str) -> str:
    """What a block is about: the last package that it imports."""
    return re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE)[-1]


def at(house: House, text: str) -> str:
    assert "localhost:8080" in text
    return text.replace("http://localhost:8080", house.url).replace("KEY", house.key)


@pytest.mark.parametrize("text", [pytest.param(text, id=imported(text)) for text in blocks("py")])
def test_python(house: House, text: str) -> None:
    """In a process of its own, since clients set up much that is global."""
    told = "\nimport json; print(json.dumps(p))"
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore"}
    for name in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: make clients")
    done = subprocess.run(
        [sys.executable, "-c", at(house, text) + told],
        capture_output=True, text=True, timeout=120, env=os.environ | quiet,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(P, abs=1e-4)


@pytest.mark.parametrize("text", [pytest.param(t, id=str(i)) for i, t in enumerate(blocks("js"))])
def test_node(house: House, text: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not MODULES.exists():
        pytest.skip("Node or its packages are not at hand: make clients")
    (tmp_path / "node_modules").symlink_to(MODULES)
    file = tmp_path / "block.mjs"
    file.write_text(at(house, text) + "\nconsole.log(p);\n")
    done = subprocess.run([node, str(file)], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(P, abs=1e-4)
