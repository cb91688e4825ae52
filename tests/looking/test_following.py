"""What comes after a command: each pasted as it is printed; and what is said below a refusal."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.cli.examples import EXAMPLES
from calibrant.looking.asked import Asked
from calibrant.looking.following import after_audit, after_fit, after_plan, after_thresholds
from calibrant.metrics.findings import Finding
from calibrant.releases.promoting import promote
from calibrant.releases.release import Release, Way
from calibrant.tally import Tally

from ..judged_store import desk, identity, judged, release_with

ASK = ("elicit", "ask", "demo", "init", "doctor", "serve", "mcp", "posture", "redteam", "refine")
"""Commands that ask a model or serve one: their examples are only read, or run with --estimate."""


@pytest.fixture
def folder(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the examples name."""
    shutil.copytree(logs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_in = tmp_path_factory.mktemp("logs")
    rng = np.random.default_rng(0)

    def answers(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        stated = rng.choice([0.5, 0.7, 0.9, 1.0], 400)
        return pd.DataFrame(
            {
                "item_id": [f"q{i % 200}" for i in range(400)], "model": ["small"] * 200 + ["large"] * 200,
                "task": ["law", "art"] * 200, "confidence": stated, "correct": rng.random(400) < stated - 0.05,
                "answer": rng.choice(["Rome", "Oslo"], 400), "human": rng.random(400) < 0.7,
            }
        )  # fmt: skip

    store = desk(made_in / "calibrant.db", judged(30, made=identity(), task="law"))
    for release in (release_with(identity(seed=1)), release_with(identity())):
        promote(store, release, note="", time=0.0)
    store.close()
    model = '[model]\nkind = "openai_compatible"\nurl = "http://localhost:1/v1"\nmodel = "m"\n'
    served = model + '[store]\nurl = "calibrant.db"\n'
    (made_in / "calibrant.toml").write_text(served)
    Release(default=Way()).save(made_in / "release.json")
    answers(1).to_csv(made_in / "answers.csv", index=False)
    answers(2).to_csv(made_in / "later.csv", index=False)
    answers(1).drop_duplicates("item_id")[["item_id", "correct"]].to_csv(made_in / "labels.csv", index=False)
    records = [
        {
            "record_id": f"r{i}",
            "signal": name,
            "score": float(rng.random()),
            "correct": bool(i % 3),
            "item_id": f"q{i}",
        }
        for i in range(120)
        for name in ("mean_logprob", "verbalized")
    ]  # fmt: skip
    steps = [
        {"trajectory_id": f"t{i}", "step": k, "confidence": float(rng.uniform(0.5, 1)), "correct": i % 3 > 0}
        for i in range(60)
        for k in range(3)
    ]
    attempts = [
        {
            "item_id": f"q{i}", "first_p": float(rng.random()), "first_correct": bool(i % 2),
            "second_p": float(rng.random()), "second_correct": bool(i % 3),
        }
        for i in range(80)
    ]  # fmt: skip
    documents = [
        {
            "correct": bool(i % 3), "held": bool(i % 2), "confidence": float(rng.random()),
            "answering": float(rng.random()), "agreement": float(rng.random()),
        }
        for i in range(120)
    ]  # fmt: skip
    questions = [{"id": "a", "question": "What is the capital of Peru?", "answer": "Lima"}]
    made = {
        "records": records,
        "steps": steps,
        "attempts": attempts,
        "documents": documents,
        "questions": questions,
    }
    for name, rows in made.items():
        (made_in / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return made_in


def run(command: str) -> Any:
    words = shlex.split(command)
    assert words.pop(0) == "calibrant"
    done = CliRunner().invoke(app, words)
    if words[:2] == ["learn", "certify"]:  # which goes on with certificates, and nothing here has any
        assert "has no certificate that could be issued anew" in str(done.exception)
        return done
    assert done.exit_code in (0, 3), f"{command}\n{done.output}\n{done.exception!r}"
    return done


def commands() -> list[str]:
    def listed(group: Any, lead: str) -> list[str]:
        return [
            one
            for name, command in group.commands.items()
            for one in (
                listed(command, f"{lead}{name} ") if hasattr(command, "commands") else [f"{lead}{name}"]
            )
        ]

    return listed(typer.main.get_command(app), "")


@pytest.mark.parametrize("name", commands())
def test_examples_of_the_help_run(name: str, folder: Path) -> None:
    assert EXAMPLES[name], f"no example of calibrant {name}"
    if name == "elicit":
        Path("records.jsonl").unlink()  # which it makes
    needed = {"apply": "fit", "plan check": "plan thresholds"}
    for example in (*EXAMPLES.get(needed.get(name, ""), ()), *EXAMPLES[name]):
        if (name in ASK or name.startswith("train ")) and "--estimate" not in example:
            words = shlex.split(example)[1:]
            command: Any = typer.main.get_command(app)
            while hasattr(command, "commands"):
                command = command.commands[words.pop(0)]
            command.make_context(name, words)
        else:
            run(example)


CHAINS = (
    "calibrant audit answers.csv --by task",
    "calibrant audit answers.csv --cluster none --correct correct",
    "calibrant fit answers.csv --by task",
    "calibrant fit answers.csv -o maps.json",
    "calibrant apply maps.json answers.csv -o calibrated.csv",
    "calibrant compare answers.csv --between model",
    "calibrant signals records.jsonl",
    "calibrant plan thresholds answers.csv --max-error 0.3",
    "calibrant plan thresholds answers.csv --max-error 0.01 -o t.json",
    "calibrant plan costs answers.csv --wrong 10 --review 1 --right True --wrong-words False",
    "calibrant plan cascade answers.csv --models small,large --fit-rows 100",
    "calibrant plan ensemble answers.csv --models small,large",
    "calibrant plan pareto answers.csv --of model",
    "calibrant plan chain steps.jsonl",
    "calibrant plan retrieval documents.jsonl",
    "calibrant plan correction attempts.jsonl --wrong 0.5 --second-p second_p",
    "calibrant judge answers.csv --human human",
)


@pytest.mark.parametrize("command", CHAINS)
def test_what_comes_next_runs_as_it_is_pasted(command: str, folder: Path) -> None:
    if "apply" in command:
        run("calibrant fit answers.csv -o maps.json")
    told = json.loads(run(f"{command} --json").output)
    assert told["next"]
    for step in told["next"]:
        assert step["why"]
        if not step["later"]:
            run(step["command"])
    if "--cluster" in command:
        assert "\nNext:\n" in run(command).output


def test_what_comes_next_fits_what_was_found() -> None:
    asked = Asked(log="a.csv", by=("task",), named={"scale": "percent"})
    tail = "a.csv --by task --scale percent"
    over = Finding.of(Tally.of([0.9] * 60, [1] * 36 + [0] * 24))
    fine = Finding.of(Tally.of([0.9, 0.5] * 100, ([1, 1] * 50 + [1, 0] * 50)[:180] + [0, 0] * 10))
    few = Finding.of(Tally.of([0.9] * 10, [1] * 10))
    assert after_audit([over], asked)[0].command == f"calibrant fit {tail} -o a_maps.json"
    assert fine.verdict == "no miscalibration shown"
    assert f"plan thresholds {tail}" in after_audit([fine], asked)[0].command
    assert "20 more labels" in after_audit([few], asked)[0].why
    backwards = Finding.of(Tally.of([0.9, 0.1] * 50, [0, 1] * 50))
    assert "fit" not in after_audit([backwards], asked)[0].command
    assert "promise nothing" in after_fit(asked, "m.json", 8)[0].why
    assert after_thresholds(asked, [True], 0.1, "t.json")[0].later
    assert after_plan("plan cascade", asked, "p.json")[0].later


def process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "calibrant", *words], capture_output=True, text=True)


def test_a_refusal_shows_the_file_and_the_command_that_works(folder: Path) -> None:
    frame = pd.read_csv("answers.csv").rename(columns={"confidence": "sureness"})
    frame.to_csv("odd.csv", index=False)
    done = process("audit", "odd.csv", "--bins", "7", "--confidence", "conf")
    assert done.returncode == 2
    assert done.stdout == ""
    refusal, *below = done.stderr.splitlines()
    assert "No column for 'confidence'" in refusal
    assert any("Its columns: item_id (q0, q1, q2)" in line for line in below)
    (works,) = (line.strip() for line in below if line.startswith("  calibrant"))
    assert works == "calibrant audit odd.csv --bins 7 --confidence sureness"
    run(works)


def test_version_is_said_at_once() -> None:
    code = "import time, sys; sys.argv[1:] = ['--version']\nfrom calibrant.__main__ import main\nmain()\n"
    code += "assert time.process_time() < 0.3, time.process_time()\nassert 'typer' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_completion_can_be_installed() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "--install-completion" in shown
