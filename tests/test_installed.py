"""What is installed: no more than is used, as small and as quick to start as it was, and completed in a shell."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

import calibrant

ROOT = Path(calibrant.__file__).parent
PROJECT = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
IMPORTED = {
    "sklearn": "scikit-learn", "python_calamine": "python-calamine", "vl_convert": "vl-convert-python",
    "ibis": "ibis-framework", "opentelemetry": "opentelemetry-sdk", "mlflow": "mlflow-skinny",
}  # fmt: skip
"""What a package is called, where that is not what is imported of it."""

MOST = {
    "": 300,
    "files": 600,
    "models": 320,
    "store": 340,
    "cli": 320,
    "sheets": 310,
    "report": 420,
    "gateway": 380,
}
"""Megabytes of an environment with an extra, which is a third above what was measured: SciPy alone is 120."""


@cache
def needed(extra: str) -> set[str]:
    """The packages that an extra brings, and the project itself where it is empty."""
    requirements = [*PROJECT["dependencies"], *([f"calibrant[{extra}]"] if extra else [])]
    return {name for name, _ in closure(requirements)}


def closure(requirements: list[str]) -> set[tuple[str, str]]:
    """The packages, with the extra of each, that requirements bring; those of this project by its own table."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        for extra in one.extras or {""}:
            name = canonicalize_name(one.name)
            if (name, extra) in found:
                continue
            found.add((name, extra))
            waiting += _of("calibrant", extra) if name == "calibrant" else _of(name, extra)
    return {(name, extra) for name, extra in found if name != "calibrant"}


def _of(name: str, extra: str) -> Iterator[Requirement]:
    if name == "calibrant":
        yield from map(Requirement, EXTRAS[extra] if extra else PROJECT["dependencies"])
        return
    try:
        listed = metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:  # of an extra that has an environment of its own
        return
    for one in map(Requirement, listed):
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            yield one


@pytest.mark.parametrize("extra", MOST)
def test_nobody_pays_for_more_than_is_used(extra: str) -> None:
    if absent := needed(extra) - {canonicalize_name(str(one.name)) for one in metadata.distributions()}:
        pytest.skip(f"{', '.join(sorted(absent))} not installed")
    sizes = {
        name: sum(
            path.stat().st_size
            for file in metadata.distribution(name).files or []
            if (path := Path(str(file.locate()))).is_file()
        )
        for name in needed(extra)
    }
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:4]
    assert sum(sizes.values()) < MOST[extra] * 1e6, (
        f"{sum(sizes.values()) / 1e6:.0f} MB, most of it {largest}"
    )


def test_the_extra_that_an_error_names_brings_what_is_missing() -> None:
    checked = 0
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                given = {word.arg: word.value for word in node.keywords}
                extra = given.get("extra", node.args[-1])
                module = node.args[0]
                if not isinstance(extra, ast.Constant) or not isinstance(module, ast.Constant):
                    continue
                assert extra.value in EXTRAS, f"{path.name}: there is no extra {extra.value!r}"
                top = module.value.partition(".")[0]
                assert canonicalize_name(IMPORTED.get(top, top)) in needed(extra.value), (
                    f"{path.name}: {extra.value} without {top}"
                )
                checked += 1
    assert checked > 25


def test_serving_without_its_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from calibrant.cli import app

    monkeypatch.setitem(sys.modules, "starlette", None)
    done = CliRunner().invoke(app, ["serve", "calibrant.toml"])
    assert "pip install 'calibrant[gateway]'" in str(done.exception)


def test_the_package_is_small_and_holds_nothing_else() -> None:
    kept = [path for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    kinds = {path.suffix for path in kept}
    text = ".css .csv .html .jinja .js .json .md .py .svg .toml .txt .typed"
    assert kinds <= {*text.split(), ".onnx"}, kinds
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in kept:
            wheel.write(path, path.relative_to(ROOT))
    assert len(packed.getvalue()) < 2_300_000, f"{len(packed.getvalue()):,} bytes"


def test_the_command_line_starts_quickly_and_loads_what_it_uses() -> None:
    code = (
        "import sys, time; start = time.process_time(); import calibrant.cli; took = time.process_time() - start\n"
        "heavy = {'pandas', 'polars', 'duckdb', 'pyarrow', 'altair', 'sqlalchemy', 'aiohttp', 'starlette', 'sklearn',"
        " 'scipy.optimize', 'scipy.stats', 'onnxruntime', 'xllamacpp'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert took < 1.0, took\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    told = {
        "_CALIBRANT_COMPLETE": f"complete_{shell}", "COMP_WORDS": "calibrant aud", "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "calibrant aud", "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    code = "import sys; sys.argv = ['calibrant']; from calibrant.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **told}
    )
    assert "audit" in done.stdout, done.stderr


def test_the_manual_page_has_every_command(tmp_path: Path) -> None:
    page = tmp_path / "calibrant.1"
    command = [sys.executable, ROOT.parents[1] / "docs" / "generate.py", "--man", page]
    subprocess.run(command, check=True, capture_output=True)
    text = page.read_text()
    assert text.startswith(".TH CALIBRANT 1")
    for name in ("audit", "plan thresholds", "learn queue", "serve"):
        assert f'.SS "calibrant {name}"' in text
    requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi"}
    assert "\\-\\-report" in text and "--" not in text
