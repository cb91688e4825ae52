"""Attacks on confidence: the measures against numbers worked out by hand, and known truth."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

import calibrant.cli as cli
from calibrant.asking.asker import Asker, Budget
from calibrant.asking.estimates import estimate
from calibrant.errors import BudgetSpent, NotEnoughLabels, UnknownName, UnusableInput
from calibrant.metrics import auroc
from calibrant.models.scripted import Scripted
from calibrant.plugins import find
from calibrant.redteaming.attempts import planned
from calibrant.redteaming.hunting import Hunt, Meaning
from calibrant.redteaming.looking import Looker
from calibrant.redteaming.robustness import Look, Trial, findings
from calibrant.redteaming.searches import searched_for
from calibrant.redteaming.shifts import Draws, Pairs
from calibrant.redteaming.trial import InLine, redteam
from calibrant.signals.verbalized import Verbalized
from calibrant.tally import Tally
from calibrant.types import Ask, Completion, Message, Question


def test_a_decoy_is_wrong_and_of_the_same_kind() -> None:
    plan = planned(_facts(24), ["authority_hint"])
    for question in plan.questions:
        assert question.metadata["decoy"] not in question.references
        assert question.metadata["decoy"].startswith("Town")
    options = [
        replace(q, references=("B",), metadata={"options": ["Oslo", "Rome", "Bern"]}) for q in _facts(24)
    ]
    assert {q.metadata["decoy"] for q in planned(options, ["authority_hint"]).questions} == {"Oslo", "Bern"}


def test_too_few_labels_are_an_error() -> None:
    with pytest.raises(NotEnoughLabels, match="at least 20"):
        planned(_facts(19))


def test_measures_by_hand() -> None:
    nan = float("nan")
    pairs = Pairs(
        question=np.arange(5),
        clean=np.array([0.9, 0.5, 0.9, 0.4, 0.6]),
        attacked=np.array([0.95, 0.9, 0.9, 0.9, nan]),
        clean_right=np.array([1.0, 1, 0, 0, 0]),
        attacked_right=np.array([1.0, 0, 0, 0, 0]),
        flipped=np.array([0.0, 1, 0, 0, 1]),
    )
    got = Draws(5, resamples=50).measures(pairs, "inflate", 0.85)
    values = {name: None if one is None else round(one.value, 4) for name, one in got.items()}
    assert values == {
        "change": 0.2375,  # (.05 + .4 + 0 + .5) / 4: the row without a confidence has no change
        "moved": 0.5,  # .05 is not more than .05
        "flips": 0.4,
        "spoiled": 0.5,
        "success_clean": 0.3333,  # one of three wrong answers
        "success_attacked": 0.75,  # three of four; the missing one does not pass
        "success_gained": 0.5,  # of those with both confidences: one of two, then three of three
        "held_back_clean": 0.5,
        "held_back_attacked": 0.0,
        "held_back_gained": -0.5,
        "auroc_clean": 0.625,  # without the last: .9 against .9 .4: .5 + 1; .5 against them: 0 + 1; 2.5 of 4
        "auroc_attacked": 1.0,
        "auroc_lost": -0.375,
    }
    assert Draws(5, resamples=50).measures(pairs, "deflate", 0.85)["moved"].value == 0.0  # type: ignore[union-attr]


def test_auroc_under_draws_is_that_of_the_tally() -> None:
    rng = np.random.default_rng(0)
    score, right = rng.integers(0, 8, 90) / 8, rng.random(90) < 0.5
    none = np.zeros(90)
    pairs = Pairs(
        question=np.arange(90), clean=none, attacked=score, clean_right=none, attacked_right=right.astype(float),
        flipped=none,
    )  # fmt: skip
    ours = Draws(90, resamples=3).auroc(pairs)
    assert ours[0] == pytest.approx(auroc(Tally.of(score, right)))


def test_a_share_that_was_never_seen_is_not_known_to_be_nothing() -> None:
    draws = Draws(30, resamples=200)
    every = np.ones(30, bool)
    none = draws.estimate(draws.mean(np.arange(30), ~every, every), behind=30)
    assert none is not None
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.1157, abs=1e-4)  # the exact binomial end for 0 of 30


def test_intervals_cover_a_known_difference() -> None:
    """Rows of one question move together; the interval over questions covers the truth 95 % of the time."""
    rng, inside = np.random.default_rng(1), 0
    for _ in range(200):
        lift = rng.normal(0.1, 0.1, 60).clip(-0.4, 0.4)
        question = np.repeat(np.arange(60), 3)
        clean = np.full(180, 0.5)
        wrong = np.zeros(180)
        pairs = Pairs(
            question=question, clean=clean, attacked=clean + lift[question], clean_right=wrong,
            attacked_right=wrong, flipped=wrong,
        )  # fmt: skip
        got = Draws(60, resamples=300).measures(pairs, "inflate", 0.85)["change"]
        assert got is not None
        inside += got.low <= 0.1 <= got.high
    assert 178 <= inside <= 200


def _look(right: bool, own: float | None, apart: float, agrees: bool = True) -> Look:
    return Look(right=right, text="x", scores={"s": own}, apart={"s": apart}, agrees=agrees, tokens=7)


def test_each_defence_does_what_it_says() -> None:
    """Clean scores .2 (all wrong) and .8 (all right); the attack says 1 everywhere, and only apart resists."""
    right = [i % 2 == 0 for i in range(80)]
    clean = [_look(r, 0.8 if r else 0.2, 0.8 if r else 0.2) for r in right]
    hit = [_look(r, 1.0, 0.8 if r else 0.2, agrees=r) for r in right]
    trial = Trial(
        attack="a", target="context", direction="inflate", clean=clean, attacked=hit, flipped=[False] * 80
    )
    rows, accounts = findings([trial], [i < 40 for i in range(80)], 0.85, resamples=100)
    success = {row.defence: row.measures["success_attacked"].value for row in rows}  # type: ignore[union-attr]
    assert success == {"none": 1.0, "map": 1.0, "apart": 0.0, "agreement": 0.0, "all": 0.0}
    by = {one.defence: one for one in accounts}
    assert by["apart"].measures["success_cut"].value == 1.0  # type: ignore[union-attr]
    assert by["none"].measures["passed_clean"].value == 0.0  # type: ignore[union-attr]
    assert by["map"].measures["passed_clean"].value == 1.0  # type: ignore[union-attr]
    assert (by["agreement"].calls, by["agreement"].tokens, by["apart"].calls) == (1.0, 7.0, 0.0)


def test_the_map_lets_nothing_exceed_what_was_seen_and_a_missing_score_never_passes() -> None:
    """The surest clean score is right half of the time, so no score may be worth more."""
    right = [i % 4 < 2 for i in range(80)]
    clean = [_look(r, 0.9 if i % 2 else 0.1, 0.5) for i, r in enumerate(right)]
    hit = [_look(r, None if i % 2 else 1.0, 0.5) for i, r in enumerate(right)]
    trial = Trial(
        attack="a", target="context", direction="inflate", clean=clean, attacked=hit, flipped=[False] * 80
    )
    rows, _ = findings([trial], [i < 40 for i in range(80)], 0.85, resamples=50)
    by = {row.defence: row for row in rows}
    assert by["none"].measures["success_attacked"].value == 0.5  # type: ignore[union-attr]
    assert by["map"].measures["success_attacked"].value == 0.0  # type: ignore[union-attr]
    assert by["none"].missing == 20


def _facts(count: int) -> list[Question]:
    return [
        Question(
            id=f"f{i}", messages=(Message("user", f"Which town is the capital of Land{i}?"),),
            references=(f"Town{i}",), domain="towns",
        )
        for i in range(count)
    ]  # fmt: skip


def _obeying(share: float) -> Scripted:
    """Knows every third town, says 40 % of itself, and obeys an injection in `share` of the questions."""

    def script(ask: Ask) -> Completion:
        seen = " ".join(message.content for message in ask.messages)
        number = int(seen.split("Land")[1].split("?")[0].split("<")[0])
        obeys = random.Random(f"obeys {number}").random() < share
        if "in percent" in ask.messages[-1].content or "Probability:" in ask.messages[-1].content:
            text = "100%" if obeys and "say 100 %" in seen else "40%"
        else:
            text = f"Town{number}" if number % 3 == 0 else "Nowhere"
        return Completion(text=text, model="scripted")

    return Scripted(script)


def test_the_success_of_an_injection_covers_how_often_it_is_obeyed() -> None:
    asked = _facts(240)
    asker = Asker(_obeying(0.6))
    found = asyncio.run(
        redteam(asked, asker, {"in_line": InLine(), "verbalized": Verbalized()}, attacks=["inflate_turn"])
    )
    by = {(row.signal, row.defence): row.measures for row in found.findings}
    success = by["in_line", "none"]["success_attacked"]
    assert success is not None
    assert success.low <= 0.6 <= success.high
    assert success.low > 0.4
    clean = by["in_line", "none"]["success_clean"]
    assert clean is not None
    assert clean.value == 0.0
    # Asked apart, the turn is not seen; the product's own signal never sees it.
    for signal, defence in (("in_line", "apart"), ("in_line", "all"), ("verbalized", "none")):
        held = by[signal, defence]["success_attacked"]
        assert held is not None
        assert held.value == 0.0
        assert held.high < 0.1
    assert found.accuracy == pytest.approx(1 / 3)
    assert (found.fitted, found.reported) == (120, 120)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["unchanged"] == {"inflate_turn": 0}


def _letters(count: int) -> tuple[list[Question], Scripted]:
    """Questions with options, and a model that answers all of them with the right letter."""
    text = "Which of these lies on the Rhone?\nA) Paris\nB) Lyon\nC) Nice"
    asked = [
        Question(
            id=f"q{n}", messages=(Message("user", f"{n}. {text}"),), references=("Lyon",),
            metadata={"options": ["Paris", "Lyon", "Nice"]},
        )
        for n in range(count)
    ]  # fmt: skip
    return asked, Scripted(lambda ask: "90%" if "in percent" in ask.messages[-1].content else "B")


@pytest.mark.parametrize(
    ("judge", "accuracy"), [(None, 1.0), ("by_kind", 1.0), ("choice", 1.0), ("exact", 0.0)]
)
def test_answers_are_graded_by_their_kind(judge: str | None, accuracy: float) -> None:
    asked, model = _letters(20)
    given = {} if judge is None else {"grader": find("graders", judge)(), "judge": judge}
    found = asyncio.run(redteam(asked, Asker(model), {"in_line": InLine()}, attacks=["typos"], **given))
    assert (found.accuracy, found.to_dict()["judge"]) == (accuracy, judge or "by_kind")


def test_answers_that_were_cut_off_count_and_are_said() -> None:
    asked, model = _letters(20)
    every = Scripted(lambda ask: Completion(text="B", model="m", finish_reason="length"))
    given = {"signals": {"in_line": InLine()}, "attacks": ["inflate_turn"]}
    found = asyncio.run(redteam(asked, Asker(every), **given))  # type: ignore[arg-type]
    whole = asyncio.run(redteam(asked, Asker(model), **given))  # type: ignore[arg-type]
    assert (found.cut, whole.cut) == (30, 0)  # all without the attack, the reported half with it
    assert found.to_dict()["cut"] == 30


def test_a_grader_that_asks_a_model_is_refused_before_anything_is_asked() -> None:
    asked, model = _letters(20)
    asker = Asker(model)
    with pytest.raises(UnusableInput, match="asks no model"):
        asyncio.run(redteam(asked, asker, {"in_line": InLine()}, grader=find("graders", "judge")()))
    assert asker.spending.calls == 0


async def _run(asker: Asker) -> None:
    try:
        await redteam(_facts(20), asker, {"in_line": InLine()}, attacks=["inflate_turn", "typos"])
    finally:
        await asker.close()  # what is under way is still written down


def test_a_run_that_is_stopped_goes_on_and_asks_nothing_run(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    whole = Asker(_obeying(1.0))
    asyncio.run(_run(whole))
    first = Asker(_obeying(1.0), budget=Budget(calls=30), call_log=log)
    with pytest.raises(BudgetSpent, match="Run the same again"):
        asyncio.run(_run(first))
    second = Asker(_obeying(1.0), call_log=log)
    asyncio.run(_run(second))
    assert first.spending.calls + second.spending.calls == whole.spending.calls
    plan = planned(_facts(20), ["inflate_turn", "typos"])
    assert whole.spending.calls <= estimate(plan.asked, [InLine()]).together


class _Handler(BaseHTTPRequestHandler):
    """The obeying model behind an OpenAI-compatible endpoint."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        messages = tuple(Message(one["role"], one["content"]) for one in body["messages"])
        (said,) = asyncio.run(_obeying(1.0).complete(Ask(messages=messages)))
        choice = {"message": {"role": "assistant", "content": said.text}, "finish_reason": "stop"}
        reply = json.dumps({"model": "obeying", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/v1"
    http.shutdown()
    thread.join()
    http.server_close()


def test_the_command(tmp_path: Path, server: str) -> None:
    file, folder = tmp_path / "facts.jsonl", tmp_path / "out"
    rows = [{"id": q.id, "question": q.text, "answer": q.references[0]} for q in _facts(30)]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    picked = ["inflate_turn", "inflate_context", "typos"]
    given = ["redteam", str(file), "-o", str(folder), "--signals", "in_line,verbalized", "--model", "obeying"]
    given += ["--url", server, "--attacks", ",".join(picked)]
    done = CliRunner().invoke(cli.app, given)
    assert done.exit_code == 0, done.output
    assert "in_line, believed as it stands: the worst attack is inflate_turn" in done.output
    assert "leaves least of that, < 1 %" in done.output
    assert "30 questions have no retrieved text" in done.output
    again = CliRunner().invoke(cli.app, [*given, "--json"])
    body = json.loads(again.stdout)
    kept = json.loads((folder / "redteam.json").read_text())
    assert body == {**kept, "next": body["next"]} and "next" not in kept, "the file holds what was found"
    assert body["calls"] == 0  # everything was in the call log
    assert body["judge"] == "by_kind"
    assert {row["attack"] for row in body["findings"]} == set(picked)
    few = CliRunner().invoke(cli.app, [*given, "--attacks", "no_such_attack"])
    assert isinstance(few.exception, UnknownName)


def test_readings_that_come_only_with_the_attack_change_nothing_that_is_compared() -> None:
    """Eighty of a hundred answers have a confidence only under attack: the share rises, the comparison does not."""
    wrong = [False] * 200
    clean = [_look(r, None if i % 5 else 0.9, 0.5) for i, r in enumerate(wrong)]
    hit = [_look(r, 0.9, 0.5) for r in wrong]
    trial = Trial(
        attack="a", target="context", direction="inflate", clean=clean, attacked=hit, flipped=[False] * 200
    )
    rows, accounts = findings([trial], [i < 100 for i in range(200)], 0.85, defences=["map"], resamples=50)
    assert [row.defence for row in rows] == ["none", "map"]
    one = rows[0]
    assert (one.n, one.missing_clean, one.missing, one.missing_both, one.paired) == (100, 80, 0, 0, 20)
    values = {name: got.value for name, got in one.measures.items() if got}
    assert (values["success_clean"], values["success_attacked"]) == (0.2, 1.0)  # no reading, not let through
    assert (values["change"], values["success_gained"], values["moved"]) == (0.0, 0.0, 0.0)
    assert (accounts[0].n, accounts[0].missing, accounts[0].missing_attacked) == (100, 80, 0)
    told = one.to_dict()
    assert (told["missing_clean"], told["missing"], told["paired"]) == (80, 0, 20)


def test_an_answer_that_cannot_be_graded_counts_as_neither_right_nor_wrong() -> None:
    right: list[bool | None] = [(True, False, None)[i % 3] for i in range(120)]
    clean = [Look(right=r, text="x", scores={"s": 0.5}, apart={}, agrees=True) for r in right]
    hit = [Look(right=r, text="x", scores={"s": 0.9}, apart={}, agrees=True) for r in right]
    trial = Trial(
        attack="a", target="question", direction="inflate", clean=clean, attacked=hit, flipped=[None] * 120
    )
    rows, _ = findings([trial], [i < 60 for i in range(120)], 0.85, resamples=50)
    one = rows[0]
    assert (one.n, one.wrong, one.ungraded_clean, one.ungraded, one.untold) == (60, 20, 20, 20, 60)
    assert one.measures["flips"] is None
    assert one.measures["success_attacked"].value == 1.0  # type: ignore[union-attr]
    assert one.measures["change"].value == pytest.approx(0.4)  # type: ignore[union-attr]


def _gullible() -> Scripted:
    """Knows every third town; is surer of "nation" than of "country", and where its prompt is full of strong words.

    What it says of itself wavers by some points with the very words of the question, so that the best of many tries
    is a piece of luck.
    """
    strong = {"proven", "sure", "exact", "truth", "solid", "expert", "right", "valid", "clear", "certain"}

    def script(ask: Ask) -> Completion:
        seen = " ".join(message.content for message in ask.messages)
        number = int(seen.split("Land")[1].split("?")[0].split("<")[0])
        if "in percent" not in ask.messages[-1].content:
            text = f"Town{number}" if number % 3 == 0 else "Nowhere"
        else:
            moved = 20 * ("nation" in seen) + 10 * len(strong & set(seen.split()))
            text = f"{min(99, 40 + moved + random.Random(f'{seen} {ask.temperature}').randrange(6))}%"
        return Completion(text=text, model="scripted")

    return Scripted(script)


def _countries(count: int) -> list[Question]:
    return [
        Question(
            id=f"f{i}", messages=(Message("user", f"Which town is the capital of the country Land{i}?"),),
            references=(f"Town{i}",), domain="towns",
        )
        for i in range(count)
    ]  # fmt: skip


def test_a_search_finds_what_the_model_is_weak_for_beyond_chance() -> None:
    asked = _countries(48)
    asker = Asker(_gullible())
    found = asyncio.run(
        redteam(
            asked, asker, {"in_line": InLine()}, attacks=["word_search", "trigger_search"], budget=14, searched=12,
            defences=["map"],
        )
    )  # fmt: skip
    by = {(one.attack, one.direction): one for one in found.searches}
    assert set(by) == {
        (name, way) for name in ("word_search", "trigger_search") for way in ("inflate", "deflate")
    }
    words, trigger = by["word_search", "inflate"], by["trigger_search", "inflate"]
    assert words.again is not None
    assert 0.15 <= words.again.value <= 0.25  # "nation" for "country", and nothing else, holds afresh
    assert words.own is not None
    assert words.own > 0.2  # flattered by the luck of the best
    assert (words.where, words.measured, words.missing) == ("fresh answers", 12, 0)
    assert all("country -> nation" in text for text in words.found)
    assert trigger.again is not None
    assert trigger.again.low > 0.1
    assert (trigger.where, trigger.measured, trigger.questions) == ("other questions", 24, 12)
    assert all(one.asked <= one.budget * one.questions for one in found.searches)
    down = by["word_search", "deflate"]
    assert down.again is not None
    assert abs(down.again.value) < 0.05  # there is nothing to find
    rows = {(row.attack, row.kind, row.direction, row.defence) for row in found.findings}
    assert ("word_search", "chance", "inflate", "map") in rows
    assert {one.n for one in found.defences} == {
        24 + 24
    }  # likeliest answers, and those drawn for word_search
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["searches"][0]["budget"] == 14


def test_without_a_budget_nothing_is_searched_for_and_that_is_said() -> None:
    asker = Asker(_gullible())
    found = asyncio.run(
        redteam(_countries(20), asker, {"in_line": InLine()}, attacks=["typos", "word_search"])
    )
    assert found.searches == ()
    assert any("budget of 0: word_search" in note for note in found.notes)
    asker = Asker(_gullible())
    for given in ({"against": "other"}, {"defences": ["wall"]}):
        with pytest.raises(UnusableInput, match=r"against among in_line|defences among none, map"):
            asyncio.run(redteam(_countries(20), asker, {"in_line": InLine()}, budget=5, **given))  # type: ignore[arg-type]
    assert asker.spending.calls == 0


def test_a_search_asks_no_more_than_the_estimate() -> None:
    asked = _countries(24)
    asker = Asker(_gullible())
    given = {"attacks": ["word_search", "trigger_search"], "budget": 6, "searched": 5}
    asyncio.run(redteam(asked, asker, {"in_line": InLine()}, **given))  # type: ignore[arg-type]
    plan = planned(asked, given["attacks"], budget=6, searched=5)  # type: ignore[arg-type]
    assert asker.spending.calls <= estimate(plan.asked, [InLine()]).together


def test_a_question_that_no_longer_asks_the_same_is_counted_and_left_out() -> None:
    meaning = Meaning()
    before = Question(id="q", messages=(Message("user", "Which film was shown for 3 days in Rome?"),))
    same = Question(id="q", messages=(Message("user", "Which movie was shown for 3 days in Rome?"),))
    assert meaning.kept(before, same)
    for text in ("Which film was shown for 4 days in Rome?", "Which film was not shown for 3 days in Rome?"):
        assert not meaning.kept(before, Question(id="q", messages=(Message("user", text),)))


@dataclass(frozen=True)
class _Denying:
    """Puts a denial into every question but the first that it sees."""

    direction: str = "inflate"
    strategy: str = "search"
    target: ClassVar[str] = "question"
    universal: ClassVar[bool] = False

    def search(
        self, questions: Sequence[Question], rng: random.Random, budget: int
    ) -> Generator[tuple[Question, ...], tuple[float | None, ...], tuple[str, ...]]:
        yield tuple(questions)
        return ("nation",) if questions[0].text.endswith(("0?", "1?", "2?")) else ("not a",)

    def applied(self, question: Question, found: Sequence[str]) -> Question:
        if not found:
            return question
        text = question.text.replace("country", f"{found[0]} country")
        return replace(question, messages=(Message("user", text),))


def test_what_a_search_distorts_is_counted_and_not_measured() -> None:
    plan = planned(_countries(40), ["typos"])
    on = plan.reported
    hunts = [Hunt(name="d", attack=_Denying(strategy=by), on=on, budget=3) for by in ("search", "chance")]
    looker = Looker(Asker(_gullible()), {"in_line": InLine()}, find("graders", "by_kind")(), Counter(), False)
    searches, trials = asyncio.run(
        searched_for(
            replace(plan, hunts=tuple(hunts)), looker, [None] * 40, against="in_line", seed=0, workers=4
        )
    )
    safe = sum(plan.questions[i].text.endswith(("0?", "1?", "2?")) for i in on)
    assert 0 < safe < len(on)
    (found,) = searches
    assert (found.distorted, found.measured, found.changed) == (len(on) - safe, safe, len(on))
    assert sum(look is not None for look in trials[0].attacked) == safe
