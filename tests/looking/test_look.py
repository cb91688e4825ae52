"""What a look says of files, and that every command it gives runs as it is pasted."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import calibrant
from calibrant.cli import app
from calibrant.errors import CalibrantError
from calibrant.looking.asked import PRICED, TAKES, Asked
from calibrant.looking.uses import labels_for_width
from calibrant.metrics.gap import gap
from calibrant.tally import Tally

FILES = Path(__file__).parents[1] / "logs" / "files"


def world(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Answers that are less often right than they claim, of items in two domains."""
    rng = np.random.default_rng(seed)
    stated = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], rows)
    return pd.DataFrame(
        {
            "item_id": [f"q{i}" for i in range(rows)], "domain": rng.choice(["law", "art"], rows),
            "confidence": stated, "correct": rng.random(rows) < stated - 0.2,
        }
    )  # fmt: skip


def models(rows: int = 120) -> pd.DataFrame:
    """Three models' answers to the same items."""
    made = []
    for seed, name in enumerate(("small", "large, new", "other")):
        frame = world(rows, seed).assign(model=name, item_id=[f"q{i}" for i in range(rows)])
        made.append(frame.assign(answer=np.where(frame["correct"], "Rome", f"no {seed}"), task="facts"))
    return pd.concat(made)


def pasted(command: str) -> Any:
    """Run a command as a shell would take it apart."""
    words = shlex.split(command)
    assert words[0] == "calibrant"
    return CliRunner().invoke(app, words[1:])


def steps(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        [
            {
                "trajectory_id": f"t{i}",
                "step": k,
                "confidence": float(rng.uniform(0.5, 1)),
                "correct": i % 3 > 0,
            }
            for i in range(rows)
            for k in range(3)
        ]
    )


LOGS = {
    "plain": (world(), {}),
    "odd names": (world().rename(columns={"confidence": "how sure?", "correct": "is it ok"}), {}),
    "percent": (world().assign(confidence=lambda f: f["confidence"] * 100), {}),
    "marks": (world().assign(confidence=lambda f: (f["confidence"] * 10).astype(int)), {}),
    "letters": (world().assign(correct=lambda f: np.where(f["correct"], "C", "M")), {}),
    "models": (models(), {}),
    "by domain": (world(1200), {"by": "domain"}),
    "steps": (steps(), {}),
    "people": (world().assign(human=lambda f: f["correct"].where(f.index < 90)), {}),
    "twice": (world().assign(second_p=0.7, second_correct=lambda f: ~f["correct"]), {}),
    "words that mean wrong": (
        world().assign(correct=lambda f: np.where(f["correct"], "top", "flop")),
        {"right": "top", "wrong": "flop"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_every_command_of_a_look_runs_as_it_is_pasted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame, named = LOGS[name]
    frame.to_csv("my log.csv", index=False)
    found = calibrant.look("my log.csv", **named)
    commands = [one.command for one in found.next] + [one.command for one in found.uses if one.command]
    assert commands
    for command in dict.fromkeys(commands):
        done = pasted(command)
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.*")), ids=lambda p: str(p.relative_to(FILES)))
def test_whatever_is_looked_at_is_told_and_what_comes_next_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path.is_dir():
        return
    monkeypatch.chdir(tmp_path)
    found = calibrant.look(path)
    assert found.kind
    assert found.refusal or found.next
    json.dumps(found.to_dict(), allow_nan=False)
    for step in found.next[:1]:
        done = pasted(step.command)
        assert done.exit_code == 0, f"{step.command}\n{done.output}\n{done.exception!r}"


def test_options_that_commands_take_are_theirs() -> None:
    root: Any = typer.main.get_command(app)
    for name, takes in TAKES.items():
        command = root
        for word in name.split():
            command = command.commands[word]
        known = {flag for one in command.params for flag in one.opts}
        for option in takes:
            flag = (
                "--wrong-words" if option == "wrong" and name in PRICED else f"--{option.replace('_', '-')}"
            )
            assert flag in known, f"calibrant {name} has no {flag}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 300,
        b"%PDF-1.7 x",
        bytes(range(256)) * 9,
        b"one line of words",
        b"<html><p>x</html>",
        b"{",
        b"[1, 2",
    ],
)
def test_nothing_that_is_looked_at_fails(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "what.bin"
    path.write_bytes(content)
    found = calibrant.look(path)
    assert found.kind
    assert not found.next
    assert CliRunner().invoke(app, ["look", str(path)]).exit_code == 0


def test_a_missing_file_a_folder_and_a_frame(tmp_path: Path) -> None:
    assert calibrant.look(tmp_path / "none.csv").kind == "no file"
    world(50).to_csv(tmp_path / "a.csv")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    several = calibrant.look(tmp_path)
    assert [one.readable for one in several.files] == [True, False]
    said = CliRunner().invoke(app, ["look", str(tmp_path)]).output.splitlines()
    assert len(said) == 2
    assert "picture" in said[1]
    assert calibrant.look(world(60)).next[0].command == "calibrant audit LOG"
    assert not calibrant.look(3).readable


def test_a_log_without_verdicts_says_how_many_are_needed_and_what_they_cost() -> None:
    found = calibrant.look(world().drop(columns="correct"), width=0.1, label_cost=0.5)
    audit = next(one for one in found.uses if one.name == "audit")
    assert (audit.ready, audit.labels, audit.cost) == (False, 385, 192.5)
    assert next(one.labels for one in found.uses if one.name.startswith("thresholds")) == 22
    assert not found.next


def test_labels_for_a_width_give_that_width() -> None:
    rng = np.random.default_rng(3)
    stated = rng.choice([0.6, 0.9], 80)
    pilot = Tally.of(stated, rng.random(80) < 0.7)
    more = labels_for_width(pilot, 0.08)
    whole = gap(Tally.of(rng.choice([0.6, 0.9], 80 + more), rng.random(80 + more) < 0.7))
    assert whole.high - whole.low == pytest.approx(0.08, rel=0.1)


def test_what_is_refused_is_shown_with_what_it_would_say() -> None:
    found = calibrant.look(world().assign(confidence=lambda f: (f["confidence"] * 10).astype(int)))
    options = [dict(way.options) for way in found.ways]
    assert {"scale": "1-10"} in options
    assert {"scale": "percent"} in options
    assert "claims" in found.next[0].why


def test_a_column_found_by_what_it_holds_is_not_the_graders_score() -> None:
    frame = (
        world().rename(columns={"confidence": "feeling"}).assign(points=lambda f: f["correct"] * 0.5 + 0.25)
    )
    ways = [dict(way.options) for way in calibrant.look(frame).ways]
    assert {"confidence": "feeling"} in ways
    assert {"confidence": "points"} not in ways


def test_commands_quote_what_a_shell_would_take_apart() -> None:
    asked = Asked(log="a b.csv", by=("x,y", "z"), named={"correct": "said == key"})
    assert shlex.split(asked.line("audit"))[2:] == ["a b.csv", "--by", '"x,y",z', "--correct", "said == key"]


def test_nothing_is_added_to_a_refusal_that_says_all(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    questions = tmp_path / "questions.csv"
    questions.write_text("text\n2 + 2?\n")
    asked = [
        "elicit",
        questions,
        "--model",
        "m",
        "--url",
        "http://localhost:1/v1",
        "-o",
        tmp_path / "new.jsonl",
    ]
    for command in (
        ["audit", tmp_path / "none.csv"],
        ["fit", tmp_path / "empty.csv"],
        asked,
    ):
        refused = CliRunner().invoke(app, list(map(str, command))).exception
        assert isinstance(refused, CalibrantError) and not getattr(refused, "__notes__", []), command
    (tmp_path / "a.bin").write_bytes(b"%PDF-1.7\n\0\1")
    refused = CliRunner().invoke(app, ["audit", str(tmp_path / "a.bin")]).exception
    assert getattr(refused, "__notes__", []) == [f"{tmp_path / 'a.bin'} is 11 bytes, a PDF document."]
