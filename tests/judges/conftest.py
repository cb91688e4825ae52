"""The benchmark of judges, whose worlds the tests draw from."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

WHERE = Path(__file__).parents[2] / "benchmarks" / "judges.py"


@pytest.fixture(scope="session")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("bench_judges", WHERE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
