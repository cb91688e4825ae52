"""What is shown while people wait."""

import io

import pytest
from rich.console import Console

from calibrant.cli import terminal
from calibrant.engines._relation import PROGRESS


def shown(monkeypatch: pytest.MonkeyPatch, updates: list[tuple[float, int]], total: int | None) -> list[str]:
    """The lines of a run that tells how much is done, and when, where the output is no terminal."""
    file, now = io.StringIO(), [0.0]
    monkeypatch.setattr(terminal, "err", Console(file=file, width=200, markup=False))
    with terminal.progress(False, lambda: now[0]) as bar:
        task = bar.add_task("asking", total=total)
        for at, done in updates:
            now[0] = at
            bar.update(task, completed=done)
    return file.getvalue().splitlines()


def test_a_line_every_ten_seconds_where_a_bar_cannot_be_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, [(float(at), at * 2) for at in range(1, 51)], 100)
    assert lines == [
        "asking: 22 of 100, about 39 seconds left",
        "asking: 42 of 100, about 29 seconds left",
        "asking: 62 of 100, about 19 seconds left",
        "asking: 82 of 100, about 9 seconds left",
    ]


def test_what_earlier_runs_had_done_does_not_count_as_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = [(0.1, 1), (0.2, 200), (12.2, 212), (23.2, 223)]
    assert shown(monkeypatch, resumed, 300) == [
        "asking: 212 of 300, about 88 seconds left",
        "asking: 223 of 300, about 77 seconds left",
    ]


def test_a_run_of_unknown_length_and_one_that_prints_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [(0.0, 1), (11.0, 5)], None) == ["asking: 5"]
    assert terminal.progress(True).disable


def test_how_many_rows_an_engine_has_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    file, now = io.StringIO(), [0.0]
    monkeypatch.setattr(terminal, "err", Console(file=file, width=200, markup=False))
    with terminal.counting(False, lambda: now[0]):
        tell = PROGRESS.get()
        assert tell is not None
        tell("the log", 0.0, 2_000_000)
        for query in ("DuckDB counts a", "DuckDB counts b"):
            for at, share in ((0, None), (1, 0.05), (12, 0.5), (13, 1.0)):
                now[0] += at
                tell(query, share, None)
    assert PROGRESS.get() is None
    assert file.getvalue().splitlines() == [
        "DuckDB counts a: 1,000,000 of 2,000,000, about 13 seconds left",
        "DuckDB counts b: 1,000,000 of 2,000,000, about 13 seconds left",
    ]
    with terminal.counting(True):
        assert PROGRESS.get() is None


def test_a_table_in_a_file_has_no_spaces_at_the_ends_of_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=file, width=10_000, markup=False, highlight=False))
    terminal.table(("a", ">n", "is"), [("x" * 300, "1", "short"), ("y", "20", "long " * 100)], title="All")
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert all(line == line.rstrip() for line in lines)
    assert lines[2].index("short") == lines[3].index("long"), "they still stand in columns"
