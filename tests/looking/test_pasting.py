"""What a refusal or a note offers works when it is pasted, whatever the file is called and whatever is in it."""

from __future__ import annotations

import math
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import calibrant

Run = Callable[..., tuple[int, str]]


RIGHT = ([0, 1, 1, 1, 1, 0, 1] * 18)[:120]


def answers(**columns: object) -> pd.DataFrame:
    score = [0.55, 0.7, 0.85, 0.95] * 30
    return pd.DataFrame({"id": range(120), "confidence": score, "correct": RIGHT}).assign(**columns)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as the console script does; its status and its lines."""

    def ran(*arguments: str) -> tuple[int, str]:
        from calibrant import cli

        monkeypatch.setattr(sys, "argv", ["calibrant", *arguments])
        try:
            cli.run()
        except SystemExit as left:
            printed = capsys.readouterr()
            return int(left.code or 0), printed.out + printed.err
        raise AssertionError("a command ends with a status")

    return ran


def offered(output: str) -> list[list[str]]:
    """The commands that stand at the end of a line."""
    found = re.findall(r"^(?:[^\n]*: |\s*)(calibrant .*)$", output, re.M)
    return [shlex.split(line)[1:] for line in found]


def pasted(lines: Run, output: str) -> list[tuple[list[str], int, str]]:
    return [(command, *lines(*command)) for command in offered(output)]


def test_files_of_any_name_are_named_so_that_the_next_command_takes_them(
    lines: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "-it's my log.csv"
    answers().to_csv(name, index=False)
    status, output = lines("audit", "--", name)
    found = pasted(lines, output)
    assert status == 0
    assert len(found) == 2
    assert [one for one in found if one[1]] == []
    maps = next(one for one in os.listdir() if one.endswith("maps.json"))
    assert not maps.startswith("-")
    assert pasted(lines, lines("fit", "-o", maps, "--", name)[1])[0][1] == 0


WORDED = answers(correct=["Yes, fully", "Yes, in part", 'No, "not" it'] * 40)


def test_words_with_commas_are_offered_so_that_they_can_be_pasted(
    lines: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    WORDED.to_csv("-w.csv", index=False)
    status, output = lines("audit", "--", "-w.csv")
    found = pasted(lines, output)
    assert status == 1
    assert len(found) == 3
    assert {code for _, code, _ in found} == {0}
    right = calibrant.audit("./-w.csv", right=["Yes, fully"], wrong=["Yes, in part", 'No, "not" it'])
    assert right.groups[0].tally.accuracy == pytest.approx(1 / 3)
    again = calibrant.audit("./-w.csv", right='"Yes, fully"', wrong='"Yes, in part","No, ""not"" it"')
    assert again.groups[0].tally.accuracy == pytest.approx(1 / 3)
    more = calibrant.look("./-w.csv", right=["Yes, fully"]).next[0].command
    assert more.endswith(r"""--right '"Yes, fully"' --wrong '"Yes, in part","No, ""not"" it"'""")


SURE = [0.55, 0.7, 0.85, 0.95, 0.99, 0.6] * 20
DOUBTFUL = {
    "odds": answers(confidence=[round(p / (1 - p), 2) for p in SURE]),
    "permille": answers(confidence=[round(1000 * p) for p in SURE]),
    "one of all": answers(confidence=[1 if p > 0.9 else round(100 * p) for p in SURE]),
    "five": answers(confidence=[1, 3, 4, 5, 2, 5] * 20),
    "logits": answers(confidence=[-1.5, 0.3, 2.5, 4.1, -0.2, 1.1] * 20),
    "entropies": answers(confidence=[300.0, 20.5, 450.0, 99.0, 1.5, 0.2] * 20),
    "mixed": answers(confidence=[0.5, 70, 0.9, 95, 60, 0.3] * 20),
    "high": answers(confidence=["High", "Medium", "Low", "very high", "low", "HIGH"] * 20),
    "nll": answers(nll=[-math.log(p) for p in SURE]).drop(columns="confidence"),
    "ppl": answers(answerPerplexity=[1 / p for p in SURE]).drop(columns="confidence"),
    "errorProb": answers(errorProb=[1 - p for p in SURE]).drop(columns="confidence"),
    "risk in %": answers(risk=[round(100 - 100 * p) for p in SURE]).drop(columns="confidence"),
    "hallucination": answers(hallucination_score=[1 - p for p in SURE]).drop(columns="confidence"),
    "unlabelled words": answers(correct=["x, y", "z", "z"] * 40),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_every_command_that_a_refusal_offers_works(
    lines: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    DOUBTFUL[name].to_csv("log.csv", index=False)
    status, output = lines("audit", "log.csv")
    found = pasted(lines, output)
    assert (status, len(found) > 1) == (1, True)
    assert [(command, said) for command, code, said in found if code] == []
    told = output.partition("log.csv is ")[0]  # options of the sentence itself
    for pair in re.findall(r"(--confidence \S+ )?--scale ([\w-]+)", told):
        options = [*shlex.split(pair[0]), "--scale", pair[1]]
        command = "fit" if pair[1] in ("uncertainty", "levels") else "audit"
        assert lines(command, "log.csv", *options)[0] == 0, options


@pytest.mark.parametrize(
    "options",
    [
        ["--by", "Nope"], ["--confidence", "Nope"], ["--correct", "Nope"], ["--weight", "Nope"], ["--cluster", "Nope"],
        ["--cluster", "id,Nope"], ["--human", "Nope"],
        ["--labels", "log.csv", "--on", "Nope"], ["--correct", "Nope == id"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_column_that_somebody_named_and_is_not_there_is_a_misuse(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    answers().to_csv("log.csv", index=False)
    status, output = run("audit", "log.csv", *options)
    assert status == 2
    assert "Nope" in output
    assert "the log has id, confidence, correct" in " ".join(output.split())


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "log.csv", "--between", "Nope"], ["compare", "log.csv", "log.csv", "--item", "Nope"],
        ["fit", "log.csv", "--by", "Nope"],
        ["plan", "costs", "log.csv", "--wrong", "9", "--review", "1", "--by", "Nope"],
        ["plan", "pareto", "log.csv", "--of", "Nope"], ["plan", "chain", "log.csv", "--confidence", "Nope"],
        ["plan", "thresholds", "log.csv", "--max-error", "0.1", "--by", "Nope"], ["signals", "log.csv", "--by", "Nope"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_so_it_is_with_every_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    answers().to_csv("log.csv", index=False)
    status, output = run(*command)
    assert (status, "Nope" in output) == (2, True)


def test_a_column_spelt_nearly_so_is_meant() -> None:
    with pytest.raises(calibrant.errors.Misuse, match="Did you mean 'correct'"):
        calibrant.audit(answers(), correct="Corect")
