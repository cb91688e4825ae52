"""From questions to a blend by the command line, against a real server that counts what it is asked for."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from calibrant.asking.asker import Asker
from calibrant.errors import ModelRefused, ModelUnavailable, UnusableInput
from calibrant.models.scripted import Scripted
from calibrant.plans.postures import MeasuredPostures
from calibrant.posturing import Postures, postures
from calibrant.signals.verbalized import Verbalized
from calibrant.types import Ask, Message, Question

from ..cli.test_cli import Said, strict

STATED = {
    "be very cautious": 40,
    "wrong answer with high": 60,
    "be very confident": 97,
    "right answer with low": 90,
}


class Server:
    """Answers "yes" or "no", right more often on low numbers; states a percentage that a posture moves.

    As a judge it calls every answer right. Answers of fewer than 8 tokens end at their limit.
    """

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()
        self.calls = 0
        self.lengths: Counter[int] = Counter()
        self.keys: Counter[tuple[str, str | None]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls += 1
        n, said = body.get("n", 1), body["messages"][-1]["content"]
        self.lengths[body["max_tokens"]] += 1
        self.keys[body["model"], request.headers.get("Authorization")] += 1
        if "A) Correct" in said or "B) Correct" in said:
            letter = said[said.index(") Correct") - 1]
            return web.json_response({"choices": [{"index": 0, "message": {"content": letter}}]})
        if "<answer>" in said:
            self.samples["judged"] += n
            stated = next((p for words, p in STATED.items() if words in said), 80)
            texts = [f"{stated}%"] * n
        else:
            kind = "answer" if not body["temperature"] else "sample"
            self.samples[kind] += n
            knows = 0.95 - 0.02 * int(said.splitlines()[0].split()[-1].strip("?"))
            texts = ["yes" if random.Random(f"{said}{kind}{i}").random() < knows else "no" for i in range(n)]
        token = {"token": "yes", "logprob": -0.2, "top_logprobs": []}
        return web.json_response(
            {
                "choices": [
                    {
                        "index": i,
                        "message": {"content": text},
                        "logprobs": {"content": [token]},
                        "finish_reason": "length" if body["max_tokens"] < 8 else "stop",
                    }
                    for i, text in enumerate(texts)
                ],
                "usage": {"prompt_tokens": 10, "completion_tokens": n},
            }
        )


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    rows = [{"id": f"q{i}", "question": f"Is it so, number {i % 40}?", "gold": "yes"} for i in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_samples_are_paid_once_and_a_later_signal_costs_only_itself(
    inside: Said, server: Server, questions: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    run = ("elicit", questions, "--model", "m", "--url", server.url, "-o", log, "--json")
    wants = "self_consistency,semantic_entropy:samples=5,likelihood_semantic_entropy:samples=7"
    first = strict(inside(*run, "--signals", wants).stdout)
    assert first["recorded"] == 40 and first["unfinished"] == 0
    assert server.samples == {"answer": 40, "sample": 400}, "ten a question, for all three signals"
    calls = server.calls
    again = strict(inside(*run, "--signals", wants).stdout)
    assert (again["skipped"], again["calls"], server.calls) == (40, 0, calls)
    inside(*run, "--signals", f"{wants},verbalized")
    assert server.samples == {"answer": 40, "sample": 400, "judged": 40}
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(row["signal"] for row in rows) == dict.fromkeys(
        ("self_consistency", "semantic_entropy", "likelihood_semantic_entropy", "verbalized"), 40
    )
    assert all(row["calls"] == 1 for row in rows), "what each would have cost alone"


def test_several_signals_become_one_probability(
    inside: Said, server: Server, questions: Path, tmp_path: Path
) -> None:
    log, maps, out = tmp_path / "log.jsonl", tmp_path / "maps.json", tmp_path / "out.jsonl"
    signals = "self_consistency,verbalized,mean_logprob"
    inside("elicit", questions, "--model", "m", "--url", server.url, "-o", log, "--signals", signals)
    shown = inside("fit", log, "--calibrator", "blend", "-o", maps).stdout
    assert "self_consistency" in shown and "blend" in shown
    inside("apply", maps, log, "-o", out)
    by_record: dict[str, set[float]] = {}
    for line in out.read_text().splitlines():
        row = json.loads(line)
        by_record.setdefault(row["record_id"], set()).add(row["p"])
    assert len(by_record) == 40 and all(len(ps) == 1 for ps in by_record.values())


def test_postures_are_measured_on_the_same_answers(inside: Said, server: Server, questions: Path) -> None:
    found = strict(inside("posture", questions, "--model", "m", "--url", server.url, "--json").stdout)
    shift = {one["level"]: one["shift"] for one in found["levels"]}
    assert shift == pytest.approx(
        {"very_cautious": -0.4, "cautious": -0.2, "neutral": 0.0, "bold": 0.1, "very_bold": 0.17}
    )
    assert server.samples["answer"] == 40
    shown = inside("posture", questions, "--model", "m", "--url", server.url).stdout
    assert "steers verbalized of m: from very_cautious to very_bold it moves by +57.0 points" in shown
    ends = (
        found["verdict"],
        found["shift"],
        found["shift_low"],
        found["trend"],
        found["common"],
        found["dropped"],
    )
    assert ends == ("steers", *[pytest.approx(0.57)] * 2, 1.0, 40, 0) and found["trend_p"] < 0.001
    assert [one["verdict"] for one in found["levels"]] == ["steers", "steers", None, "steers", "steers"]


def test_a_verdict_in_a_file_is_what_a_configuration_is_checked_by(
    inside: Said, server: Server, questions: Path, tmp_path: Path
) -> None:
    """From the command to the gateway's file: this server steers, the same file of another signal says nothing."""
    at, out = ("--model", "m", "--url", server.url, "--limit", "12"), tmp_path / "posture.json"
    inside("posture", questions, *at, "--signal", "verbalized", "--out", out)
    made = MeasuredPostures.load(out)
    assert (made.model, made.signal, made.verdict, made.answers) == ("m", "verbalized", "steers", 12)
    file = tmp_path / "calibrant.toml"
    lines = ["[model]", 'kind = "openai_compatible"', f'url = "{server.url}"', 'model = "m"', "[confidence]"]
    for signal, told in (
        ("verbalized", None),
        ("verbalized_words", "'cautious' of verbalized_words with the model"),
    ):
        own = [
            f'signals = ["{signal}"]',
            'posture_measured = "posture.json"',
            'posture = { default = "cautious" }',
        ]
        file.write_text("\n".join([*lines, *own]))
        shown = inside("serve", file, "--check").stdout
        assert "can be served" in shown and ((told or "was not measured") in shown) == bool(told)
    assert not (tmp_path / "calibrant.db").exists()


def test_only_answers_read_at_every_level_are_compared() -> None:
    """Bold states 90 %, neutral 50 %, cautious 70 % and nothing of the first four answers."""

    def script(ask: Ask) -> str:
        said = " ".join(turn.content for turn in ask.messages)
        if "<answer>" not in said:
            return "yes"
        if "wrong answer with high" in said:
            return "hm" if any(f"number {n}<" in said for n in range(4)) else "70%"
        return "90%" if "right answer with low" in said else "50%"

    def measured(count: int) -> Postures:
        asked = [Question(id=f"{n}", messages=(Message("user", f"number {n}"),)) for n in range(count)]
        levels = stated("cautious", "neutral", "bold")
        return asyncio.run(postures(asked, asker=Asker(Scripted(script)), **levels))

    found = measured(20)
    assert (found.common, found.dropped) == (16, 4) and [one.n for one in found.levels] == [16, 20, 20]
    assert [one.verdict for one in found.levels] == ["reversed", None, "steers"]
    assert found.verdict == "does not steer" and found.shift is not None  # they do not rise over all levels
    assert found.shift.value == pytest.approx(0.2)
    assert "cautious is reversed: it moves by +20.0 points" in found.sentence
    few = measured(13)
    assert few.verdict is None and {one.verdict for one in few.levels} == {None}
    assert "Too few answers" in few.sentence and few.common == 9


def stated(*levels: str) -> dict[str, Any]:
    return {"name": "verbalized", "levels": {level: Verbalized(posture=level) for level in levels}}


@pytest.mark.parametrize("away", ["answers", "readings"])
def test_postures_on_a_server_that_goes_away_tell_of_the_connection(away: str) -> None:
    def script(ask: Ask) -> str:
        if away == "answers" or "<answer>" in ask.messages[-1].content:
            raise ModelUnavailable("The connection to http://there failed.")
        return "yes"

    asked = [Question(id=f"{n}", messages=(Message("user", f"number {n}"),)) for n in range(40)]
    model = Scripted(script)
    with pytest.raises(ModelUnavailable, match="connection to http://there failed"):
        asyncio.run(postures(asked, asker=Asker(model, retries=0), workers=4, **stated("neutral", "bold")))
    assert model.calls <= 4 * 6  # the first failure ends all


def test_postures_say_why_answers_and_scores_are_missing() -> None:
    def script(ask: Ask) -> str:
        said = " ".join(turn.content for turn in ask.messages)
        if "number 0" in said:
            raise ModelRefused("Not this one.")
        return "quite sure" if "number 1" in said and "<answer>" in said else "70%"

    def measured(count: int) -> Postures:
        asked = [Question(id=f"{n}", messages=(Message("user", f"number {n}"),)) for n in range(count)]
        return asyncio.run(postures(asked, asker=Asker(Scripted(script)), **stated("bold", "neutral")))

    found = measured(4)
    assert found.unanswered == 1 and [one.missing for one in found.levels] == [1, 1]
    assert found.reasons["answer: Not this one."] == 1 and len(found.reasons) == 3
    with pytest.raises(UnusableInput, match=r"at least 2 answers, got 1 to 2 questions\. Mostly: "):
        measured(2)


def test_answers_may_be_as_long_as_is_said_and_cut_ones_are_counted(
    inside: Said, server: Server, questions: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    at = ("--model", "m", "--url", server.url, "--signals", "self_consistency:samples=2")
    run = ("elicit", questions, *at, "-o", log, "--limit", "10")
    told = inside(*run, "--answer-tokens", "7").stdout
    assert "limit of tokens, and graded as they stand: 10." in told and server.lengths == {7: 20}
    assert {json.loads(line)["finish_reason"] for line in log.read_text().splitlines()} == {"length"}
    whole = strict(inside(*run, "-o", tmp_path / "other.jsonl", "--answer-tokens", "500", "--json").stdout)
    assert whole["cut"] == 0 and server.lengths == {7: 20, 500: 20}
    shown = inside(
        "ask", "Is it so, number 3?", *at[:4], "--answer-tokens", "7", "--store", tmp_path / "a.db"
    )
    assert "cut off at 7 tokens" in shown.stdout
    found = strict(
        inside("posture", questions, *at[:4], "--limit", "5", "--answer-tokens", "7", "--json").stdout
    )
    assert found["cut"] == 5


def test_a_question_that_states_its_own_limit_keeps_it(inside: Said, server: Server, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "Is it so, number 1?", "metadata": {"ask": {"max_tokens": 30}}}\n')
    inside(
        "elicit", questions, "--model", "m", "--url", server.url, "-o", tmp_path / "log.jsonl",
        "--signals", "mean_logprob", "--answer-tokens", "500",
    )  # fmt: skip
    assert server.lengths == {30: 1}


def test_peer_and_judge_have_keys_and_prices_of_their_own(
    inside: Said, server: Server, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_KEY", "p-key")
    monkeypatch.setenv("JUDGE_KEY", "j-key")
    run = (
        "elicit", questions, "--limit", "5", "--model", "m", "--url", server.url, "--price", "1,1",
        "--signals", "peer_agreement", "--peer", f"p@{server.url}", "--peer-api-key", "env:PEER_KEY",
        "--peer-price", "10,10", "--grader", "judge", "--judge", f"j@{server.url}", "--judge-api-key",
        "env:JUDGE_KEY", "--judge-price", "100,100", "--max-dollars", "1", "-o", tmp_path / "log.jsonl", "--json",
    )  # fmt: skip
    most = strict(inside(*run, "--estimate").stdout)
    assert most["calls"] == 5 * (1 + 1 + 2)
    done = strict(inside(*run).stdout)
    assert (done["graded"], done["accuracy"], done["calls"], done["reasons"]) == (5, 1.0, 20, {})
    assert server.keys == {("m", None): 5, ("p", "Bearer p-key"): 5, ("j", "Bearer j-key"): 10}
    assert done["dollars"] == pytest.approx(5 * 11 * (1 + 10) / 1e6)  # the judge's server states no tokens
    assert done["dollars"] < most["dollars"]


AT = ("--model", "m", "--url", "http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--grader", "judge"), "add --judge NAME@URL"),
        (("--judge", "embedded"), "with --grader judge or --same judge"),
        (("--judge-price", "1,1"), "belong to --judge"),
        (("--signals", "peer_agreement"), "add --peer NAME@URL"),
        (("--signals", "peer_agreement", "--peer", "gpt"), "Expected --peer embedded"),
        (("--max-dollars", "1"), "add --price"),
        (("--price", "1,1", "--max-dollars", "1", "--peer", "p@http://127.0.0.1:1/v1"), "add --peer-price"),
        (("--price", "nan,1"), "Expected --price PROMPT,COMPLETION"),
        (("--price=-1,-1",), "Expected --price PROMPT,COMPLETION"),
        (
            ("--peer", "p@http://127.0.0.1:1/v1", "--peer-price", "x"),
            "Expected --peer-price PROMPT,COMPLETION",
        ),
        (("--price", "1,1", "--max-dollars", "inf"), "finite number"),
        (("--price", "1,1", "--max-dollars", "nan"), "--max-dollars"),
        (("--requests-per-minute", "0"), "--requests-per-minute"),
        (("--tokens-per-minute", "-5"), "--tokens-per-minute"),
        (("--answer-tokens", "0"), "--answer-tokens"),
    ],
)
def test_what_a_run_cannot_keep_is_said_before_anything_is_asked(
    inside: Said, questions: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    log = tmp_path / "log.jsonl"
    done = inside("elicit", questions, *AT, "-o", log, *arguments, status=2)
    assert says in " ".join(done.stderr.replace("│", " ").split()) and "Traceback" not in done.stderr
    assert not log.exists()


def test_signals_are_listed_with_their_cost_and_runs_with_theirs(inside: Said, questions: Path) -> None:
    listed: dict[str, Any] = {
        row["name"]: row for row in strict(inside("signals", "--json").stdout)["signals"]
    }
    assert listed["vpd"]["calls"] == 5 and listed["mean_logprob"]["needs"] == ["logprobs"]
    assert listed["self_consistency"]["samples"] == 10
    asked = ("elicit", questions, "-o", "unused.jsonl", "--estimate", "--json", "--price", "1,4")
    cheap = strict(inside(*asked, "--signals", "mean_logprob").stdout)
    dear = strict(inside(*asked, "--signals", "self_consistency,semantic_entropy,vpd").stdout)
    assert (cheap["calls"], cheap["together"], cheap["samples"]) == (40, 40, 0)
    assert (dear["calls"], dear["samples"]) == (40 + 40 + 200, 400)
    assert 0 < cheap["dollars"] < dear["dollars"]
    assert not Path("unused.jsonl").exists()


@pytest.mark.parametrize(("api", "together"), [("chat", 80), ("responses", 440), ("anthropic", 440)])
def test_an_estimate_counts_the_calls_that_a_server_may_need(
    inside: Said, questions: Path, api: str, together: int
) -> None:
    asked = ("elicit", questions, "-o", "unused.jsonl", "--estimate", "--signals", "self_consistency")
    server = ("--model", "m", "--url", "http://localhost:1/v1", "--api", api)
    told = strict(inside(*asked, *server, "--json").stdout)
    assert (told["calls"], told["together"]) == (440, together)
    said = inside(*asked, *server).stdout
    assert said.startswith("At the most: 440 calls")
    assert ("(80 where the server gives several" in said) is (together == 80)


@pytest.mark.parametrize(
    ("signals", "says"),
    [
        ("vpd:sample=3", "Did you mean 'samples'"),
        ("vpd:samples=0", "samples of at least 1"),
        ("vdp", "Did you mean 'vpd'"),
        ("vpd:3", "settings as name=value"),
        ("vpd:samples=3,mean_logprob,vpd:samples=4", "vpd is named twice with different settings"),
    ],
)
def test_a_wrong_signal_is_a_sentence(inside: Said, questions: Path, signals: str, says: str) -> None:
    status = 1 if "samples=" in signals else 2  # a value that the signal refuses, or a name that there is not
    done = inside("elicit", questions, "-o", "unused.jsonl", "--signals", signals, status=status)
    assert says in done.stderr.replace("\n", " ")
