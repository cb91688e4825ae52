"""What a refinement tells: the reward it chose by, the prompts, the confidence before and after, and its use."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant import cli
from calibrant.asking.asker import Asker
from calibrant.asking.documents import read_documents, with_passages
from calibrant.asking.prompts import put_by, read_prompt, whole_reply
from calibrant.dialogue.claims import claims_in
from calibrant.dialogue.prompts import SEED, Prompt
from calibrant.errors import UnusableInput
from calibrant.graders.judge import Judge
from calibrant.models.scripted import Scripted
from calibrant.refining.measured import measured, temperature
from calibrant.refining.prompts import TEMPLATES
from calibrant.refining.search import refine
from calibrant.refining.selection import BRIER, REWARD, Objective, Sheet, confirm, standings
from calibrant.signals.claim_support import ClaimSupport
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.types import Ask, Completion, Message, Question, Token, digest

from .test_refining import BEST, Knowing, asked, scripted


def sheet(right: list[float], score: list[float]) -> Sheet:
    return Sheet(np.array(right), np.array(score))


def test_the_reward_counts_right_answers_where_the_brier_score_does_not() -> None:
    """One answer in ten right, all at .5, against half of them right: more right, and a higher Brier score."""
    few, half = [1.0] + [0.0] * 9, [1.0, 0.0] * 5
    sheets = {"seed": sheet(few * 12, [0.5] * 120), "half": sheet(half * 12, [0.5] * 120)}
    rows = np.arange(120)
    by_reward, by_brier = (
        standings(sheets, "seed", rows // 60, rows, objective=one) for one in (REWARD, BRIER)
    )
    assert (by_reward[0].name, by_brier[0].name) == ("half", "seed")
    assert by_reward[0].least_gain > 0 and by_reward[0].gain.value < 0
    pair = {name: (one, one) for name, one in sheets.items()}
    assert confirm(pair["half"], pair["seed"], rows, REWARD).reward_gain.low > 0
    assert confirm(pair["half"], pair["seed"], rows).reward_gain.high < 0
    assert Objective(penalty=100.0)(np.array([0.5]), np.array([1.0])) == -24.0
    with pytest.raises(UnusableInput, match="penalty above 0"):
        Objective(penalty=0.0)


def test_distributions_hold_every_score_and_a_temperature_without_slope_has_no_end() -> None:
    fitted = sheet([1.0, 0.0] * 30, [0.9, 0.9] * 30)
    found = measured(fitted, sheet([1.0, 0.0, 1.0, 0.0], [1.0, 0.05, math.nan, 0.05]), 2.0, 30.0)
    assert [(part.n, part.right) for part in found.parts] == [(2, 0.0)] + [(0, None)] * 8 + [(1, 1.0)]
    assert (found.n, found.scored, found.calls, found.tokens, len(found.deciles)) == (4, 3, 2.0, 30.0, 9)
    assert found.temperature is not None and found.temperature.high is None
    nothing = measured(sheet([1.0] * 3, [math.nan] * 3), sheet([1.0, 0.0], [math.nan, math.nan]), 1.0, 1.0)
    assert (nothing.scored, nothing.ece, nothing.temperature, nothing.parts) == (0, None, None, ())
    assert temperature(sheet([1.0, 0.0], [1.0, 0.0])) is None


class Undecided:
    """A grader that can tell of no answer whether it is right."""

    def grade(self, question: Question, completion: Completion) -> None:
        return None


def test_a_grader_may_ask_a_model_and_an_answer_it_cannot_read_is_counted() -> None:
    def both(ask: Ask) -> Completion:
        text = ask.messages[-1].content
        if "<answer>" not in text:
            return scripted(ask)
        if text.split("number ")[1].startswith("1<"):
            return Completion(text="who knows", model="m")
        tops = {"A": (("A", 0.0), ("B", -9.0)), "B": (("A", -9.0), ("B", 0.0))}
        letter = "A" if ("<answer>yes</answer>" in text) == ("A) Correct" in text) else "B"
        return Completion(text=letter, model="m", tokens=(Token(letter, 0.0, tops[letter]),))

    given: dict[str, Any] = {"signal": MeanLogprob(), "candidates": 2, "rounds": 1}
    model = Scripted(both)
    found = asyncio.run(refine(asked(90), asker=Asker(model), grader=Judge(model=None), **given))
    alone = asyncio.run(refine(asked(90), asker=Asker(Scripted(scripted)), **given))
    assert "replies cannot be read" in next(why for why in found.reasons if why.startswith("grade: "))
    by_hand = asyncio.run(refine(asked(90), asker=Asker(Scripted(scripted)), grader=Undecided(), **given))
    assert "cannot be told from the answer" in next(iter(by_hand.reasons))
    assert sum(one.ungraded for one in found.candidates) in (
        0,
        2,
    )  # the one question is among the chosen, or not
    assert sum(count for why, count in found.reasons.items() if why.startswith("grade: ")) == 2
    assert found.candidates[0].accuracy == pytest.approx(alone.candidates[0].accuracy, abs=1 / 54)


def test_long_answers_are_graded_in_parts_and_their_confidence_comes_from_passages() -> None:
    """Half of an answer's sentences are in the evidence where the prompt shows it, else none."""
    facts = [f"Fact {i} is that {digest(i)[:6]} is so. And {digest(-i)[:6]} is so too." for i in range(60)]
    questions = [
        Question(
            id=f"q{i}", messages=(Message("user", f"What is fact {i}?"),), references=(fact,),
            metadata={"kind": "long", "context": fact},
        )
        for i, fact in enumerate(facts)
    ]  # fmt: skip

    class Shares:
        """The share of a reference's sentences that are in the answer."""

        def grade(self, question: Question, completion: Completion) -> float:
            said = claims_in(question.references[0])
            return sum(one in completion.text for one in said) / len(said)

    def says(ask: Ask) -> Completion:
        text = ask.messages[-1].content
        if "Do the passages support" in text:
            claim = text.partition("<answer>")[2].partition("</answer>")[0]
            p = 0.9 if claim in text.partition("<question>")[0] else 0.1
            return Completion(
                text="Yes",
                model="m",
                tokens=(Token("Yes", 0.0, (("Yes", math.log(p)), ("No", math.log(1 - p)))),),
            )
        if "<evidence>" in text:
            fact = text.partition("<evidence>")[2].partition("</evidence>")[0]
            return Completion(text=f"{claims_in(fact)[0]} The rest of the fact is unknown.", model="m")
        return Completion(text="The fact is unknown.", model="m")

    found = asyncio.run(
        refine(questions, asker=Asker(Scripted(says)), signal=ClaimSupport(), grader=Shares(), candidates=3, rounds=1)
    )  # fmt: skip
    assert found.winner.with_evidence and found.confirmed
    assert (found.before.accuracy, found.after.accuracy) == (0.0, 0.5)
    assert [(part.low, part.n) for part in found.after.parts if part.n] == [(0.5, 24)]
    assert found.after.calls == 3.0  # the answer, and one for each of its two sentences


def run(*given: object) -> None:
    sys.argv = ["calibrant", *map(str, given)]
    with pytest.raises(SystemExit) as left:
        cli.run()
    assert not left.value.code


def test_the_command_prints_prompts_and_confidence_and_its_winner_is_used_by_one_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    file, out, server = tmp_path / "questions.jsonl", tmp_path / "out", Knowing().start()
    rows = [{"question": f"number {i}", "gold": "yes", "id": f"q{i}"} for i in range(90)]
    file.write_text("\n".join(map(json.dumps, rows)))
    of = ("--model", "m", "--url", server.url)
    try:
        run("refine", file, *of, "--candidates", 4, "--rounds", 1, "-o", out, "--chart", tmp_path / "c.svg")
        shown = capsys.readouterr().out
        server.bodies.clear()
        run("elicit", file, *of, "--limit", 3, "--prompt", out / "prompt.json", "-o", tmp_path / "log.jsonl")
        run("ask", "number 1", *of, "--prompt", out / "prompt.json", "--store", tmp_path / "s.db")
    finally:
        server.stop()
    assert "No refiner is trained" in shown and "external knowledge" in shown
    assert f"  + system: {BEST}\n" in shown and "    user: {question}\n" in shown
    assert "█" in shown and "temperature (95 %)" in shown and "by chance alone" in shown
    assert "expert" in (tmp_path / "c.svg").read_text()
    told = json.loads((out / "refine.json").read_text())
    assert (
        sum(part["n"] for part in told["after"]["parts"]) == told["after"]["scored"] == told["confirm"]["n"]
    )
    assert (
        told["leader"]["shown"].startswith("system: ")
        and told["about"]
        and told["fitted_temperature"]["seed"]
    )
    put = [
        body["messages"]
        for body in server.bodies
        if not body["messages"][0]["content"].startswith("You judge")
    ]
    assert len(put) >= 4 and all(
        turns[0] == {"role": "system", "content": BEST} for turns in put if len(turns) == 2
    )
    assert sum(len(turns) == 2 for turns in put) >= 4


def test_a_prompt_that_reasons_is_read_by_elicit_and_refused_by_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Reasoning(Knowing):
        async def _chat(self, request: Any) -> Any:
            return await self._said(await request.json(), "It must be so.\nAnswer: yes")

        async def _said(self, body: dict[str, Any], text: str) -> Any:
            from aiohttp import web

            self.bodies.append(body)
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return web.json_response({"id": "k", "object": "chat.completion", "choices": [choice]})

    reasons = next(one for one in TEMPLATES if one.reasoning)
    path, log = tmp_path / "prompt.json", tmp_path / "log.jsonl"
    path.write_text(json.dumps({"name": "r", "suffix": reasons.suffix, "reasoning": 64}))
    (tmp_path / "q.jsonl").write_text('{"question": "number 1", "gold": "yes"}\n')
    server = Reasoning().start()
    try:
        of = ("--model", "m", "--url", server.url, "--signals", "hedging")
        run("elicit", tmp_path / "q.jsonl", *of, "--prompt", path, "-o", log)
    finally:
        server.stop()
    (row,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (row["answer"], row["correct"]) == ("yes", 1.0)
    assert server.bodies[0]["max_tokens"] == 128
    with pytest.raises(UnusableInput, match="reasons before it answers"):
        whole_reply(path)


def test_prompt_files_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    for text, says in (
        ("", "is empty"), ("{", "no JSON"), ("[1]", "a JSON object"), ('{"name": "a", "sistem": "b"}', "system"),
        ('{"name": "a", "reasoning": "long"}', "reasoning"),
    ):  # fmt: skip
        file.write_text(text)
        with pytest.raises(UnusableInput, match=says):
            read_prompt(file)
    with pytest.raises(UnusableInput, match="Expected a prompt in"):
        read_prompt(tmp_path / "none.txt")
    (tmp_path / "brief.txt").write_text("Be brief.\n")
    assert read_prompt(tmp_path / "brief.txt") == Prompt(name="brief", system="Be brief.", origin="file")
    with pytest.raises(UnusableInput, match="--documents"):
        put_by(Prompt(name="e", with_evidence=True), asked(2))
    assert put_by(SEED, asked(2)) == asked(2)


def test_documents_become_the_context_of_questions_that_have_none(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Koalas sleep.\n\nCanberra is the capital of Australia.")
    (tmp_path / "b.jsonl").write_text('{"title": "Paris", "text": "It is in France."}\n\n')
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    documents = read_documents(tmp_path)
    assert documents == ("Koalas sleep.", "Canberra is the capital of Australia.", "Paris: It is in France.")
    mine = Question(id="m", messages=(Message("user", "Canberra?"),), metadata={"context": "Mine."})
    other = Question(id="o", messages=(Message("user", "Where is Canberra?"),))
    nothing = Question(id="n", messages=(Message("user", "Why?"),))
    found = with_passages([mine, other, nothing], documents)
    assert [one.metadata.get("context") for one in found] == ["Mine.", [documents[1]], None]
    put = Prompt(name="e", with_evidence=True).around(found[1])
    assert put.text.startswith("<evidence>Canberra is")
    for name, text, says in (
        ("x.jsonl", '{"title": "a"}', "line 1"),
        ("y.pdf", "x", "end in"),
        ("z.txt", " ", "no doc"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UnusableInput, match=says):
            read_documents(tmp_path / name)
    with pytest.raises(UnusableInput, match="no such file"):
        read_documents(tmp_path / "none")
