"""Commands that ask: one set of options, limits that are kept, and no conclusion from part of a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.cli.options import ManyCalls
from calibrant.cli.session import Session
from calibrant.errors import CalibrantError, UnusableInput

from ..upstream import Upstream

ASKING = {
    "refine": ("--candidates", "3", "--rounds", "2", "-o", "out"),
    "redteam": ("--signals", "verbalized", "--attacks", "typos,inflate_turn", "-o", "out"),
    "posture": ("--calls", "out/calls.jsonl"),
}
RESULTS = {"refine": "out/refine.json", "redteam": "out/redteam.json"}


class Counting(Upstream):
    """Says "yes", or 70% where a percentage is asked for, with usage and log-probabilities."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        said = "70%" if "percent" in body["messages"][-1]["content"] else "yes"
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": said},
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": said, "logprob": -0.2, "top_logprobs": []}]}
        usage = {"prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32}
        return web.json_response(
            {"id": "k", "object": "chat.completion", "choices": [choice], "usage": usage}
        )


@pytest.fixture
def server() -> Iterator[Upstream]:
    upstream = Counting().start()
    yield upstream
    upstream.stop()


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Upstream) -> tuple[str, ...]:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"Is number {i} even?", "gold": "yes" if i % 3 else "no", "id": f"q{i}"}
        for i in range(60)
    ]
    Path("questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return ("questions.jsonl", "--model", "m", "--url", server.url)


def call(command: str, *arguments: str, status: int = 0) -> Any:
    done = CliRunner().invoke(app, [command, *arguments, *ASKING[command], "--json"])
    assert done.exit_code == status, (done.output, done.exception)
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", ASKING)
def test_a_run_that_a_limit_ends_concludes_nothing_and_goes_on_later(
    command: str, given: tuple[str, ...], server: Upstream
) -> None:
    most = 240 if command == "posture" else 60  # every level is asked of an answer before it counts as done
    stopped = call(command, *given, "--max-calls", str(most), status=1)
    assert str(most) in stopped["stopped"] and stopped["calls"] == len(server.bodies) == most
    assert 0 < stopped["done"] < stopped["of"] and Path(stopped["kept"]).is_file()
    assert not stopped.keys() & {"winner", "findings", "levels"}
    result = RESULTS.get(command)
    assert result is None or not Path(result).exists()
    whole = call(command, *given)
    assert whole["stopped"] is None
    assert whole["calls"] + most == len(server.bodies)
    assert call(command, *given)["calls"] == 0
    for step in whole["next"]:
        words = shlex.split(step["command"])[1:]
        pasted = CliRunner().invoke(app, words)
        assert pasted.exit_code == 0, (step, pasted.output, pasted.exception)
    assert whole["next"][0]["command"].startswith("calibrant elicit questions.jsonl --model m --url http")
    if result is not None:
        assert json.loads(Path(result).read_text())["stopped"] is None


@pytest.mark.parametrize("command", ASKING)
def test_an_estimate_asks_nothing_and_is_not_exceeded(
    command: str, given: tuple[str, ...], server: Upstream
) -> None:
    expected = call(command, *given, "--estimate", "--price", "1,4")
    assert not server.bodies and not Path("out").exists()
    done = call(command, *given, "--price", "1,4")
    assert 0 < done["calls"] <= expected["calls"] and 0 < done["dollars"] <= expected["dollars"]
    assert len(server.bodies) == done["calls"]


def test_dollars_end_a_run_and_need_a_price(given: tuple[str, ...], server: Upstream) -> None:
    done = CliRunner().invoke(app, ["posture", *given, "--max-dollars", "1"])
    assert isinstance(done.exception, UnusableInput) and "add --price" in str(done.exception)
    assert not server.bodies
    dear = call(
        "posture", *given, "--price", "1000,1000", "--max-dollars", "0.5", "--concurrency", "1", status=1
    )
    assert "dollars" in dear["stopped"] and 0.5 <= dear["dollars"] < 0.6


def test_people_are_told_what_is_missing_and_what_is_kept(given: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, ["refine", *given, "--max-calls", "7"]).stdout
    assert "Stopped: " in told and "nothing is concluded" in told
    assert "Nothing was kept: -o FOLDER keeps the answered calls." in told


def test_commands_that_ask_take_the_same_options() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = {name: {one.name: one for one in commands[name].params} for name in ("elicit", *ASKING)}
    for name, options in shown.items():
        for field in fields(ManyCalls):
            own, first = options[field.name], shown["elicit"][field.name]
            assert (own.opts, own.help, own.default) == (first.opts, first.help, first.default), name


def test_same_names_who_compares_answers_and_is_refused_where_nobody_does(
    given: tuple[str, ...], server: Upstream
) -> None:
    def told(command: str, *more: str) -> str:
        done = CliRunner().invoke(app, [command, *given, *more, "--estimate"])
        assert isinstance(done.exception, UnusableInput), done.output
        return str(done.exception)

    sampled = ("--signals", "self_consistency:samples=5", "-o", "log.jsonl")
    assert "add --judge" in told("elicit", *sampled, "--same", "judge")
    assert "add --peer" in told("refine", "--signal", "semantic_entropy:samples=5", "--same", "peer")
    assert "--same changes" in told("redteam", "--signals", "mean_logprob", "--same", "model")
    assert "--grader judge or --same judge" in told("elicit", *sampled, "--judge", "embedded")

    def most(*more: str) -> int:
        done = CliRunner().invoke(app, ["elicit", *given, *sampled, *more, "--estimate", "--json"])
        return int(json.loads(done.stdout)["calls"])

    assert most("--same", "model", "--grader", "exact") == most("--grader", "exact") + 60 * 24
    assert (
        most("--same", "judge", "--judge", "embedded", "--grader", "exact")
        == most("--grader", "exact") + 60 * 24
    )
    assert not server.bodies
    alone = CliRunner().invoke(app, ["ask", "Why?", *given[1:], "--same", "peer"])
    assert isinstance(alone.exception, UnusableInput) and "only it can compare" in str(alone.exception)


LIMITS = ("--max-calls", "--max-tokens")


@pytest.mark.parametrize("limit", [*LIMITS, "--max-dollars"])
def test_a_limit_of_nothing_records_what_earlier_runs_paid_for(
    limit: str, given: tuple[str, ...], server: Upstream
) -> None:
    run = ("elicit", *given, "--price", "1,1", "--signals", "mean_logprob,verbalized", "--json", "-o")
    first = CliRunner().invoke(app, [*run, "log.jsonl", "--limit", "40"])
    assert first.exit_code == 0, first.output
    made = len(server.bodies)
    Path("log.jsonl.calls").rename("again.jsonl.calls")
    again = CliRunner().invoke(app, [*run, "again.jsonl", limit, "0"])
    told = json.loads(again.stdout)
    assert again.exit_code == 1 and len(server.bodies) == made
    assert (told["recorded"], told["unfinished"], told["calls"]) == (40, 20, 0)
    assert "0 " in told["stopped"] and not any("budget" in reason for reason in told["reasons"])
    assert len(Path("again.jsonl").read_text().splitlines()) == 80
    within = CliRunner().invoke(app, [*run, "third.jsonl", limit, "0", "--limit", "40"])
    assert json.loads(within.stdout)["recorded"] == 0, "nothing of another log is at hand"


def test_a_server_without_a_price_costs_what_is_not_known(given: tuple[str, ...], server: Upstream) -> None:
    run = ["elicit", *given, "--signals", "mean_logprob", "--limit", "5", "-o"]
    said = CliRunner().invoke(app, [*run, "log.jsonl"]).stdout
    assert "what they cost is not known" in said and "US dollars" not in said and "--price" in said
    told = json.loads(CliRunner().invoke(app, [*run, "other.jsonl", "--json"]).stdout)
    assert told["calls"] == 5 and told["dollars"] is None
    priced = json.loads(CliRunner().invoke(app, [*run, "third.jsonl", "--price", "1,1", "--json"]).stdout)
    assert priced["dollars"] > 0


@pytest.mark.parametrize("command", ["ask", "elicit", "posture", "redteam", "refine"])
def test_every_command_that_asks_takes_a_timeout_and_the_flag_for_free_form(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert "--timeout" in shown and "--free-form" in shown


def test_a_form_is_asked_for_unless_the_flag_says_free(given: tuple[str, ...], server: Upstream) -> None:
    for flags, lined in (((), True), (("--free-form",), False)):
        server.bodies.clear()
        call("posture", *given, "--limit", "3", *flags)
        texts = [body["messages"][-1]["content"] for body in server.bodies]
        own = [text for text in texts if text.startswith("Is number")]
        assert own and all(text.endswith("in a few words.") == lined for text in own)
        assert not any("in a few words" in text for text in texts if text not in own), (
            "nobody judges the line"
        )


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("posture", ("-o", "nodir/x.json")),
        ("posture", ("-o", "plain/x.json")),
        ("posture", ("--calls", "plain/calls.jsonl")),
        ("refine", ("-o", "plain/out")),
        ("refine", ("--chart", "nodir/x.svg")),
        ("redteam", ("--chart", "nodir/x.svg")),
        ("redteam", ("-o", "plain/out")),
        ("elicit", ("-o", "plain/log.jsonl")),
        ("elicit", ("-o", "plain/log.db")),
        ("ask", ("--store", "plain/x.db")),
    ],
)
def test_nothing_is_asked_where_the_result_cannot_be_kept(
    command: str, arguments: tuple[str, ...], given: tuple[str, ...], server: Upstream
) -> None:
    Path("plain").write_text("a file, and no folder")
    done = CliRunner().invoke(app, [command, *given, *arguments])
    assert isinstance(done.exception, CalibrantError | OSError), done.output  # what `run` ends with status 2
    named = arguments[1].split("/")[0]
    assert named in str(done.exception) or "The store cannot be" in str(done.exception)
    assert not server.bodies


def test_a_command_that_may_ask_nothing_says_which_limit_to_raise(given: tuple[str, ...]) -> None:
    run = ["elicit", *given, "-o", "log.jsonl", "--signals", "mean_logprob"]
    said = CliRunner().invoke(app, [*run, "--max-calls", "0"]).stdout
    assert "again with a higher --max-calls to go on" in said and "0 US dollars" in said
    some = CliRunner().invoke(app, [*run, "--max-calls", "5", "--price", "0.1,0.1"]).stdout
    assert "Run the same command again to go on" in some
    assert "0.000016 US dollars" in some, some  # 5 calls of 32 tokens


def test_documents_that_nothing_reads_are_said(given: tuple[str, ...], server: Upstream) -> None:
    Path("docs.md").write_text("Number 2 is even.")
    model, reads = given[1:], ("--documents", "docs.md")
    said = [
        CliRunner().invoke(app, ["ask", "Is number 2 even?", *model, *more]).stdout
        for more in ((), reads, ("--route", "retrieval", *reads), ("--route", "retrieval"))
    ]
    assert ["none of the documents" in one for one in said] == [False, True, False, False]
    assert ["from memory" in one for one in said] == [False, False, False, True]
    run = ("elicit", *given, *reads, "--limit", "2", "-o", "log.jsonl", "--signals", "mean_logprob")
    assert "nothing reads them: add a --prompt" in CliRunner().invoke(app, [*run]).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ask", " \n"), "blank"),
        (("ask", "2?", "--route", "chain:plan=[think]"), '["one", "two"]'),
        (("ask", "2?", "--route", "self_correction:threshold=7"), "the route: Expected threshold"),
        (("posture", "questions.jsonl", "--signal", "mean_logprob"), "Name one of them"),
    ],
)
def test_errors_say_what_is_expected_in_words_of_the_command(
    arguments: tuple[str, ...], says: str, given: tuple[str, ...], server: Upstream
) -> None:
    done = CliRunner().invoke(app, [*arguments, *given[1:]])
    assert isinstance(done.exception, UnusableInput) and says in str(done.exception)
    assert "the file" not in str(done.exception) and "--posture" not in str(done.exception)
    assert not server.bodies


def test_searches_are_counted_among_the_attacks_and_end_within_the_total(
    given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    own = Session.run

    def run(self: Session, work: Any, *, total: int, **more: Any) -> Any:
        def watched(asker: Any, advance: Any) -> Any:
            return work(asker, lambda done: (seen.append((done, total)), advance(done)))

        return own(self, watched, total=total, **more)

    monkeypatch.setattr(Session, "run", run)
    told = ("--signals", "verbalized", "--attacks", "typos,word_search", "--budget", "3", "--searched", "2")
    done = CliRunner().invoke(app, ["redteam", *given, *told, "-o", "out"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "60 questions, 2 attacks" in done.output
    assert seen and max(done for done, _ in seen) <= seen[0][1]
