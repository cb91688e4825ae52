"""Benchmarks that cannot rot unseen: each has a quick run and a place in the documentation, which says what runs."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from benchmarks.__main__ import FOLDER, MARK, Benchmark, benchmarks, ended, run

ROOT = FOLDER.parent
ALL = benchmarks()
DOCS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
COMMAND = re.compile(
    r"python (-m benchmarks[\w.]*|benchmarks/\w+\.py)((?:[ \t]+(?!#)[^\s`#,;)&]+(?:,[^\s`]+)?)*)"
)
MENTION = re.compile(r"\bbenchmarks(?:/(\w+)\.py|\.(?!md\b)([\w.]+\w))")


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    """Every benchmark, imported as it is when it is run."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {one.name: _imported(one) for one in ALL}
        for name in set(sys.modules) - before:
            if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def _imported(one: Benchmark) -> ModuleType:
    if one.command[0] == "-m":
        suffix = ".__main__" if one.path.name == "__main__.py" else ""
        return import_module(one.command[1] + suffix)
    spec = spec_from_file_location(f"benchmark_{one.name}", one.path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_benchmark_has_a_quick_run(scripts: dict[str, ModuleType]) -> None:
    assert len(scripts) > 40
    for name, module in scripts.items():
        assert module.options().parse_args(["--quick"]).quick is True, name
        assert "--quick" in str(module.__doc__), f"{name} does not say how it is run"


def test_every_benchmark_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    told = {script or module for script, module in MENTION.findall(page)}
    assert {one.name for one in ALL} <= told, "add it to docs/benchmarks.md"
    for path in DOCS:
        for script, module in MENTION.findall(path.read_text()):
            name = script or module
            assert name in {one.name for one in ALL}, f"{path.name} names {name}, which is not there"


def test_commands_in_the_documentation_take_what_they_are_given(
    scripts: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    found = 0
    for path in DOCS:
        for command, words in COMMAND.findall(path.read_text()):
            name = (
                command.removeprefix("-m benchmarks")
                .removeprefix("benchmarks/")
                .removesuffix(".py")
                .strip(".")
            )
            if not name:
                continue  # all of them
            given = [_filled(word) for word in shlex.split(re.sub(r"[\[\]]", " ", words))]
            try:
                scripts[name].options().parse_args(given)
            except SystemExit:
                pytest.fail(f"{path.name}: {command} {words}: {capsys.readouterr().err}")
            found += 1
    assert found > 40


def _filled(word: str) -> str:
    """A word as somebody would type it: one of those to choose from, a number for a placeholder."""
    word = word.partition("|")[0]
    return "1" if re.fullmatch(r"[A-Z_]+(\.\w+)?", word) else word


def _written(folder: Path, text: str) -> Benchmark:
    path = folder / "one.py"
    path.write_text(text)
    return Benchmark(str(path), path)


class _At(Benchmark):
    @property
    def command(self) -> list[str]:
        return [str(self.path)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import sys; sys.exit('no' if '--quick' in sys.argv else 0)", "status 1"),
        ("import os; 1 / ('CALIBRANT_DATA' in os.environ)", "status 1"),
        ("import time; time.sleep(60)", "stopped after 1 s"),
        (
            "import subprocess, sys\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)",
            "left behind",
        ),
        ("print('fine')", ""),
    ],
)
def test_a_run_that_fails_is_told_and_leaves_nothing(
    text: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALIBRANT_DATA", "somewhere")
    one = _written(tmp_path, text)
    took = run(_At(one.name, one.path), patience=1.0 if "sleep" in text and "Popen" not in text else 30.0)
    assert fault in took.fault and bool(fault) == bool(took.fault)
    assert fault or took.said == "fine\n"


def test_a_run_that_is_told_to_stop_leaves_no_server() -> None:
    env_mark = "stopped-in-the-middle"
    process = subprocess.Popen(
        [sys.executable, "benchmarks/elicit_cpu.py", "100000"],
        cwd=ROOT,
        env={**os.environ, MARK: env_mark},
    )
    until = time.monotonic() + 60
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert ended(env_mark) == []
