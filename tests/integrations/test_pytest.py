"""The plug-in of pytest, in runs of pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import calibrant
from calibrant.integrations.pytest import _judged as judged
from calibrant.integrations.pytest import assert_calibrated

ROOT = Path(__file__).parents[2]
RESULT = tuple[int, str]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(calibrant.__file__).parents[1])}


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., RESULT]:
    """Runs tests as their author does; their status and what was printed."""

    def run(text: str, *arguments: str) -> RESULT:
        (tmp_path / "test_it.py").write_text(text)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "calibrant.integrations.pytest",
            "-rA",
            "-W",
            "error",
        ]
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), *arguments, str(tmp_path)],
            capture_output=True, text=True, cwd=tmp_path, env=os.environ | ALONE,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def rows(n: int, right: float, claimed: float = 0.9) -> list[dict[str, object]]:
    return [{"confidence": claimed, "correct": i < right * n} for i in range(n)]


EVALUATION = """
import numpy, pytest
@pytest.mark.parametrize("i", range(80))
def test_question(i, record_answer):
    record_answer(numpy.float64(0.9), i % 2 == 0, task="law" if i < 40 else "art")
"""
ASSERTED = """
def rows(n, right): return [{"confidence": 0.9, "correct": i < right * n, "task": "law"} for i in range(n)]
def test_true(assert_calibrated): assert assert_calibrated(rows(400, .9)).used == 400
def test_false(assert_calibrated): assert_calibrated(rows(400, .6), by="task")
def test_small(assert_calibrated): assert_calibrated(rows(8, .5))
"""


def test_a_test_fails_where_an_interval_lies_beyond_the_bound_and_the_run_by_what_tests_recorded(
    ran: Callable[..., RESULT],
) -> None:
    status, said = ran(EVALUATION + ASSERTED, "--calibrant-fail-if", "abs(gap)>0.1", "--calibrant-by", "task")
    assert status == 1, said
    assert "PASSED test_it.py::test_true" in said and "FAILED test_it.py::test_false" in said
    assert "abs(gap) > 0.05: law 0.300 (" in said and "integrations/pytest.py" not in said
    assert "SKIPPED" in said and "Too few rows to judge abs(gap) > 0.05: 8." in said
    assert "FOUND abs(gap) > 0.1: law 0.400 (" in said and "FOUND abs(gap) > 0.1: art" in said


def test_the_tests_of_the_page_in_workers_that_hand_over_what_they_recorded(
    ran: Callable[..., RESULT], tmp_path: Path
) -> None:
    pytest.importorskip("xdist")
    page = (ROOT / "docs" / "integrations.md").read_text()
    (text,) = re.findall(r"^```py\n(import pytest\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_app.py").write_text("def ask(question): return 'Lima', 0.9\n")
    status, said = ran(text, "-q", "-p", "xdist.plugin", "-n", "2", "--calibrant-fail-if", "n<3")
    assert status == 1 and "FOUND n < 3: All rows 2" in said, said
    assert "3 passed" in said


@pytest.mark.parametrize(
    ("recorded", "condition", "fails", "said"),
    [
        ([], "gap>0.1", False, "No test recorded an answer"),
        (rows(80, 0.5), "gap>0.9", False, "RULED OUT gap > 0.9"),
        (rows(8, 0.5), "gap>0.1", False, "TOO FEW gap > 0.1"),
        (rows(80, 0.5), "gap>>2", True, "Cannot be judged: Expected a condition such as"),
        ([{"confidence": "sure?", "correct": "perhaps"}], "gap>0.1", True, "Cannot be judged"),
    ],
)
def test_a_run_fails_only_where_a_condition_is_met_or_cannot_be_judged(
    recorded: list[dict[str, object]], condition: str, fails: bool, said: str
) -> None:
    told, failed = judged(recorded, [condition], "")
    assert failed is fails and any(line.startswith(said) for line in told), told


def test_it_says_nothing_where_nobody_uses_it_and_loads_nothing(ran: Callable[..., RESULT]) -> None:
    status, said = ran(
        "import sys\ndef test_bare(): assert not {'numpy', 'scipy', 'calibrant.auditing'} & set(sys.modules)\n",
        "-q",
    )
    assert status == 0 and "calib" not in said


def test_by_evidence_alone_few_rows_fail() -> None:
    assert assert_calibrated(rows(4000, 0.9), surely=True).used == 4000
    assert assert_calibrated(rows(100, 0.9)).used == 100
    with pytest.raises(AssertionError, match=r"abs\(gap\) > 0.05: All rows 0.0"):
        assert_calibrated(rows(100, 0.9), surely=True)
    with pytest.raises(AssertionError, match="has too few rows to tell"):
        assert_calibrated(rows(8, 0.9), surely=True)


@pytest.mark.parametrize("condition", ["gap>0.05", "abs(gap)>0.5", "auroc<0.99"])
def test_it_judges_as_the_command_line_does(run: Callable[..., RESULT], condition: str) -> None:
    status, _ = run("audit", "sample", "--fail-if", condition)
    try:
        assert_calibrated("sample", condition)
    except AssertionError:
        assert status == 3
    else:
        assert status == 0


def test_pytest_finds_it() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert import_module(points["calibrant"]).pytest_addoption
