"""What the README shows is what comes: its commands on the log that comes with the package are run."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from calibrant import audit
from calibrant.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.split("\n$ ")
]


def test_the_commands_on_the_sample_give_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for one in COMMANDS:
        command, _, shown = one.removeprefix("$ ").partition("\n")
        words = shlex.split(command, comments=True)
        if words[0] != "calibrant" or "sample" not in words:
            continue
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, done.output
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        missing = [line for line in shown.splitlines() if line not in ("...", *lines)]
        assert not missing, (command, missing, lines)
        ran += 1
    assert ran == 3 and {"audit.html", "maps.json", "out.csv"} <= {path.name for path in tmp_path.iterdir()}


def test_commands_that_need_a_log_of_ones_own_are_there() -> None:
    for one in COMMANDS:
        words = shlex.split(one.removeprefix("$ ").partition("\n")[0], comments=True)
        if words[0] == "calibrant":
            named = typer.main.get_command(app)
            for word in words[1 : 3 if words[1] == "plan" else 2]:
                named = named.commands[word]  # type: ignore[attr-defined]
            taken = {option for parameter in named.params for option in parameter.opts}
            assert taken >= {word for word in words if word.startswith("-")}, words


def test_a_file_of_that_name_goes_before_the_log_that_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = audit("sample")
    assert (found.source, found.rows, found.used) == ("sample", 300, 293)
    (tmp_path / "sample").write_text("confidence,correct\n" + "0.9,1\n0.8,0\n" * 20)
    assert audit("sample").rows == 40
