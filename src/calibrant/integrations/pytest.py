"""For tests with pytest: a log, or what the tests record one by one, held against conditions with intervals.

Installed with calibrant, as the plug-in `calibrant`; it imports nothing of calibrant before it is used. A condition is
written as for `calibrant audit --fail-if`, and holds or fails by the same rule: it is met where the whole interval of
some group lies beyond the bound, so that a test does not fail by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from calibrant.auditing import Audit
    from calibrant.metrics.conditions import Judgement

__all__ = ["assert_calibrated"]

USUAL = ("abs(gap)>0.05",)
"""The condition where none is given: claims and rate of right answers lie more than 5 points apart."""
_ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
_SHIPPED = "calibrant_rows"


def assert_calibrated(log: Any, *fail_if: str, surely: bool = False, **named: Any) -> Audit:
    """Fail where a condition is met on a log; the audit where none is.

    Parameters
    ----------
    log : data frame, records, path or store URL, as `calibrant.audit` takes it
    fail_if : conditions such as "abs(gap)>0.05" and "auroc<0.7"; where none is given, "abs(gap)>0.05"
    surely : whether to fail as well where some group's interval reaches beyond the bound, so that only evidence
        passes: then a log of few rows fails
    named : further arguments of `calibrant.audit`, such as by="task"

    Raises
    ------
    AssertionError
        Where a condition is met, with every group and its interval. Where all groups have too few rows for any
        condition, and not `surely`, the test is skipped, saying so.

    Examples
    --------
    >>> rows = [{"confidence": 0.9, "correct": i % 10 > 0} for i in range(400)]
    >>> assert_calibrated(rows).groups[0].verdict
    'no miscalibration shown'
    >>> assert_calibrated(rows, "accuracy<0.95")
    Traceback (most recent call last):
    AssertionError: accuracy < 0.95: All rows 0.900 (0.866 to 0.928).
    """
    __tracebackhide__ = True
    from calibrant.auditing import audit

    found = audit(log, **named)
    said = found.judged(fail_if or USUAL)
    against = ("found", "not shown", "too few") if surely else ("found",)
    if failed := [one for one in said if one.says in against]:
        raise AssertionError("\n".join(map(_line, failed)))
    if all(one.says == "too few" for one in said):
        pytest.skip(
            f"Too few rows to judge {', '.join(sorted({str(one.condition) for one in said}))}: {found.used}."
        )
    return found


@pytest.fixture(name="assert_calibrated")
def _assert_calibrated() -> Callable[..., Audit]:
    """`assert_calibrated(log, "abs(gap)>0.05", by="task")`: fails where a condition is surely met."""
    return assert_calibrated


@pytest.fixture
def record_answer(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`record_answer(confidence, correct, task="law")`: rows that are audited together once all tests have run."""
    rows = request.config.stash.setdefault(_ROWS, [])

    def record(confidence: Any, correct: Any, **more: Any) -> None:
        rows.append({"confidence": confidence, "correct": correct, "test": request.node.nodeid, **more})

    return record


def pytest_addoption(parser: pytest.Parser) -> None:
    """Conditions on what tests recorded, and how to part it."""
    group = parser.getgroup("calibrant", "calibration of what tests recorded with record_answer")
    group.addoption(
        "--calibrant-fail-if", action="append", default=[], metavar="CONDITION",
        help="such as 'abs(gap)>0.1': fail where it surely holds of the recorded answers",
    )  # fmt: skip
    group.addoption(
        "--calibrant-by", default="", metavar="COLUMNS", help="part the recorded answers: task,model"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of pytest-xdist recorded comes to the process that reports."""
    node.config.stash.setdefault(_ROWS, []).extend(getattr(node, "workeroutput", {}).get(_SHIPPED, ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Audit what was recorded; the run fails where a condition is met."""
    config, rows = session.config, session.config.stash.get(_ROWS, [])
    if hasattr(config, "workeroutput"):
        config.workeroutput[_SHIPPED] = [{name: _plain(value) for name, value in row.items()} for row in rows]
        return
    if not rows and not config.getoption("calibrant_fail_if"):
        return
    told, failed = _judged(rows, config.getoption("calibrant_fail_if"), config.getoption("calibrant_by"))
    config.stash[_TOLD] = told
    if failed and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_TOLD: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What the recorded answers say, under the results."""
    if told := config.stash.get(_TOLD, []):
        terminalreporter.section("calibration of the recorded answers")
        for line in told:
            terminalreporter.line(line)


def _judged(rows: Sequence[Any], fail_if: Sequence[str], by: str) -> tuple[list[str], bool]:
    """What to print, and whether the run fails: also by conditions that cannot be judged as they are written."""
    from calibrant.auditing import audit
    from calibrant.errors import CalibrantError

    if not rows:
        return [
            "No test recorded an answer, so nothing was judged: record_answer(confidence, correct)."
        ], False
    try:
        found = audit(list(rows), [name.strip() for name in by.split(",") if name.strip()])
        said = found.judged(fail_if)
    except CalibrantError as error:
        return [f"Cannot be judged: {error}"], bool(fail_if)
    told = [*(f"Note: {note}" for note in found.notes), *(group.sentence for group in found.groups)]
    return told + [f"{one.says.upper()} {_line(one)}" for one in said], any(
        one.says == "found" for one in said
    )


def _line(one: Judgement) -> str:
    from calibrant.phrasing.numbers import interval

    return f"{one.condition}: {one.group} {interval(one.estimate) if one.estimate else 'has too few rows to tell'}."


def _plain(value: Any) -> Any:
    """A value that a worker can send: NumPy's numbers as Python's."""
    return (
        value.item()
        if hasattr(value, "item")
        else value
        if isinstance(value, str | int | float | None)
        else str(value)
    )
