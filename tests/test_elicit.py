"""Asking with care, and runs that survive whatever stops them."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from calibrant.asker import Asker, Budget, Interrupted
from calibrant.asks import answer_ask
from calibrant.elicit import ElicitSummary, JsonlLog, StoreSink, elicit, read
from calibrant.errors import ModelDenied, ModelError, ModelRefused, ModelUnavailable, StoreError
from calibrant.graders.exact import Exact
from calibrant.models.recorded import Recorded
from calibrant.models.scripted import Scripted
from calibrant.records import (
    COLUMNS,
    JsonLines,
    from_json,
    rows_of,
    to_json,
    verdict_from_json,
    verdict_to_json,
)
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.signals.verbalized import Verbalized
from calibrant.types import (
    Ask,
    Completion,
    Message,
    Question,
    Reading,
    Record,
    Replies,
    Token,
    Usage,
    Verdict,
)

SIGNALS = {"mean_logprob": MeanLogprob(), "stated": Verbalized()}


def ask_for(text: str) -> Ask:
    return Ask(messages=(Message("user", text),))


def questions(count: int) -> list[Question]:
    return [
        Question(id=f"q{i}", messages=(Message("user", f"{i}?"),), references=(str(i % 2),), domain="d")
        for i in range(count)
    ]


def answers(ask: Ask) -> Completion:
    """Says 1 to everything, and 80 % when asked how sure."""
    text = "80%" if "Percentage" in ask.messages[-1].content else "1"
    return Completion(text=text, model="scripted", tokens=(Token(text, -0.2),), usage=Usage(10, 1), cost=0.01)


def run(model: Scripted, log: Path, count: int = 6, **options: Any) -> ElicitSummary:
    asker = Asker(model, **{"pause": 0.001, **options})
    return asyncio.run(
        elicit(
            questions(count),
            asker=asker,
            signals=SIGNALS,
            sink=JsonlLog(log),
            grader=Exact(),
            clock=lambda: 5.0,
        )
    )


def test_a_run_leaves_one_row_for_each_question_and_signal(tmp_path: Path) -> None:
    summary = run(Scripted(answers), tmp_path / "log.jsonl")
    rows = list(JsonlLog(tmp_path / "log.jsonl").rows())
    assert len(rows) == 12 and all(tuple(row) == COLUMNS for row in rows)
    assert (summary.recorded, summary.graded, summary.accuracy) == (6, 6, 0.5)
    assert summary.spending.calls == 12 and summary.spending.dollars == pytest.approx(0.12)
    row = next(row for row in rows if row["signal"] == "stated" and row["item_id"] == "q1")
    assert (row["confidence"], row["correct"], row["answer"], row["gold"]) == (0.8, 1.0, "1", "1")
    assert (row["prompt"], row["parameters"]) == SIGNALS["stated"].fingerprint  # type: ignore[attr-defined]
    assert row["time"] == 5.0


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    run(Scripted(answers), tmp_path / "log.jsonl")
    before = (tmp_path / "log.jsonl").read_bytes()
    model = Scripted(answers)
    summary = run(model, tmp_path / "log.jsonl")
    assert (summary.skipped, summary.recorded, model.calls) == (6, 0, 0)
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_another_model_is_not_taken_for_the_first(tmp_path: Path) -> None:
    run(Scripted(answers), tmp_path / "log.jsonl")
    assert run(Scripted(answers, name="other"), tmp_path / "log.jsonl").recorded == 6


def test_one_failing_call_costs_its_own_question_only(tmp_path: Path) -> None:
    def sometimes(ask: Ask) -> Completion | ModelError:
        return ModelUnavailable("down") if ask.messages[-1].content == "3?" else answers(ask)

    summary = run(Scripted(sometimes), tmp_path / "log.jsonl", retries=1)
    assert (summary.recorded, summary.unfinished, summary.failed) == (5, 1, 0)
    assert summary.reasons == {"down": 1}
    assert run(Scripted(answers), tmp_path / "log.jsonl").recorded == 1


def test_a_refused_answer_is_recorded_with_its_reason(tmp_path: Path) -> None:
    summary = run(Scripted(lambda _: ModelRefused("not that")), tmp_path / "log.jsonl", 1)
    rows = list(JsonlLog(tmp_path / "log.jsonl").rows())
    assert summary.failed == 1 and summary.graded == 0
    assert [(row["signal"], row["confidence"], row["reason"]) for row in rows] == [
        ("mean_logprob", None, "not that"),
        ("stated", None, "not that"),
    ]


def test_a_signal_interrupted_by_the_server_is_taken_up_later(tmp_path: Path) -> None:
    def mute(ask: Ask) -> Completion | ModelError:
        return ModelUnavailable("down") if "Percentage" in ask.messages[-1].content else answers(ask)

    calls = tmp_path / "calls.jsonl"
    summary = run(Scripted(mute), tmp_path / "log.jsonl", 2, retries=0, call_log=calls)
    assert (summary.recorded, summary.unfinished) == (0, 2)
    model = Scripted(answers)
    assert run(model, tmp_path / "log.jsonl", 2, call_log=calls).recorded == 2
    assert model.calls == 2  # the answers themselves came from the log of calls


def test_the_log_of_calls_can_be_played_back(tmp_path: Path) -> None:
    run(Scripted(answers), tmp_path / "a.jsonl", call_log=tmp_path / "calls.jsonl")
    replay: Any = Recorded(tmp_path / "calls.jsonl")
    assert run(replay, tmp_path / "b.jsonl").recorded == 6
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()


def test_equal_asks_are_made_once() -> None:
    async def talk() -> Asker:
        asker = Asker(Scripted(answers, delay=0.01))
        await asyncio.gather(*(asker.ask(ask_for("x")) for _ in range(20)))
        await asker.ask(ask_for("x"))
        return asker

    asker = asyncio.run(talk())
    assert (asker.spending.calls, asker.spending.shared) == (1, 20)


def test_one_waiter_that_gives_up_does_not_take_the_call_from_the_others() -> None:
    async def talk() -> Replies:
        asker = Asker(Scripted(answers, delay=0.05))
        first = asyncio.create_task(asker.ask(ask_for("x")))
        second = asyncio.create_task(asker.ask(ask_for("x")))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second

    assert asyncio.run(talk()).completions


def test_no_more_calls_at_once_than_allowed() -> None:
    under_way, most = 0, 0

    class Counting(Scripted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            nonlocal under_way, most
            under_way, most = under_way + 1, max(most, under_way + 1)
            try:
                return await super().complete(ask)
            finally:
                under_way -= 1

    async def talk() -> None:
        asker = Asker(Counting(answers, delay=0.002), concurrency=3)
        await asyncio.gather(*(asker.ask(ask_for(str(i))) for i in range(20)))

    asyncio.run(talk())
    assert most == 3


def asked(asker: Asker, text: str = "x") -> Replies:
    return asyncio.run(asker.ask(ask_for(text)))


def test_a_busy_server_is_tried_again() -> None:
    model = Scripted(answers, failures=(ModelUnavailable("busy"), ModelUnavailable("busy", retry_after=0.05)))
    asker = Asker(model, pause=0.001, rng=random.Random(0))
    start = time.perf_counter()
    assert asked(asker).completions
    assert time.perf_counter() - start >= 0.05  # the server's own wish
    assert asker.spending.retries == 2


def test_a_server_that_wants_too_much_patience_has_failed() -> None:
    model = Scripted(answers, failures=(ModelUnavailable("come back tomorrow", retry_after=86400),))
    replies = asked(Asker(model))
    assert isinstance(replies, Interrupted) and replies.reason == "come back tomorrow"


def test_a_refusal_is_not_tried_again() -> None:
    model = Scripted(lambda _: ModelRefused("no"))
    replies = asked(Asker(model))
    assert (replies.reason, model.calls, isinstance(replies, Interrupted)) == ("no", 1, False)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(calls=0), "0 calls"),
        (Budget(tokens=0), "0 tokens"),
        (Budget(dollars=0.0), "0 dollars"),
        (Budget(seconds=0.0), "0 seconds"),
    ],
)
def test_a_spent_budget_is_a_reason(budget: Budget, reason: str) -> None:
    model = Scripted(answers)
    replies = asked(Asker(model, budget=budget))
    assert isinstance(replies, Interrupted) and reason in (replies.reason or "") and model.calls == 0


def test_a_limit_in_dollars_needs_a_price() -> None:
    asker = Asker(Scripted({"x": "y"}), budget=Budget(dollars=1.0))

    async def talk() -> Replies:
        await asker.ask(ask_for("x"))
        return await asker.ask(ask_for("z"))

    assert "states no price" in (asyncio.run(talk()).reason or "")


def test_a_deadline_cuts_a_call_off() -> None:
    replies = asked(Asker(Scripted(answers, delay=5.0), budget=Budget(seconds=0.05)))
    assert isinstance(replies, Interrupted)


def test_a_run_stops_at_its_budget_and_goes_on_later(tmp_path: Path) -> None:
    summary = run(Scripted(answers), tmp_path / "log.jsonl", 50, budget=Budget(calls=20), concurrency=2)
    assert summary.stopped is not None and "20 calls" in summary.stopped
    assert summary.spending.calls == 20 and summary.recorded < 20
    rest = run(Scripted(answers), tmp_path / "log.jsonl", 50)
    assert rest.skipped == summary.recorded and rest.recorded == 50 - summary.recorded


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    calls: ClassVar[int] = 0
    needs: ClassVar[frozenset[str]] = frozenset()

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        yield ask_for("more")
        raise ZeroDivisionError


def test_a_bug_in_a_signal_is_not_hidden() -> None:
    done = Completion(text="1", model="m")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(read({"broken": Broken()}, questions(1)[0], done, Asker(Scripted(answers))))


def test_the_answer_is_asked_with_log_probabilities_only_where_needed() -> None:
    question = questions(1)[0]
    assert answer_ask(question, [MeanLogprob()]).logprobs
    assert not answer_ask(question, [Verbalized()]).logprobs


CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from test_elicit import *

def slowly(ask):
    with open(sys.argv[3], "a") as file:
        file.write(ask.key + "\\n")
    return answers(ask)

run(Scripted(slowly, delay=0.01), Path(sys.argv[2]), 100, concurrency=2, call_log=sys.argv[4])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_is_taken_up_without_paying_twice(tmp_path: Path, how: signal.Signals) -> None:
    log, paid, calls = (tmp_path / name for name in ("log.jsonl", "paid.txt", "calls.jsonl"))
    child = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(log), str(paid), str(calls)]
    with subprocess.Popen(child, stderr=subprocess.PIPE) as process:
        while not log.exists() or log.read_bytes().count(b"\n") < 20:
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.01)
        process.send_signal(how)
        process.communicate(timeout=20)
    done = log.read_bytes().count(b"\n") // 2
    assert 10 <= done < 100
    assert subprocess.run(child, timeout=60, check=False).returncode == 0
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter((row["item_id"], row["signal"]) for row in rows) == {
        (f"q{i}", name): 1 for i in range(100) for name in SIGNALS
    }
    again = [key for key, times in Counter(paid.read_text().split()).items() if times > 1]
    assert len(again) <= 2  # at the most the calls that were under way


def test_a_torn_last_line_is_dropped_and_redone(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run(Scripted(answers), log)
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    summary = run(Scripted(answers), log)
    assert (summary.skipped, summary.recorded) == (5, 1)
    assert sorted(log.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_line_broken_elsewhere_is_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    with pytest.raises(StoreError, match="line 2"):
        list(JsonLines(log))


def test_a_store_takes_record_and_verdict() -> None:
    kept: dict[str, Any] = {}

    class Store:
        def record(self, record_id: str) -> Record | None:
            return kept.get(record_id)

        def add(self, records: list[Record], verdicts: list[Verdict]) -> None:
            kept.update({record.id: record for record in records})
            kept.update({f"verdict on {verdict.record_id}": verdict for verdict in verdicts})

    store: Any = Store()
    for expected in (3, 0):
        asker = Asker(Scripted(answers))
        work = elicit(questions(3), asker=asker, signals=SIGNALS, sink=StoreSink(store), grader=Exact())
        assert asyncio.run(work).recorded == expected
    assert len(kept) == 6
    for value in kept.values():
        again = (verdict_to_json, verdict_from_json) if isinstance(value, Verdict) else (to_json, from_json)
        assert again[1](json.loads(json.dumps(again[0](value)))) == value  # type: ignore[operator]


def test_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(StoreError, match="version 9"):
        from_json({"version": 9})


def test_a_record_without_readings_is_one_row() -> None:
    record = Record(id="r", time=0.0, question=questions(1)[0], completion=None, error="down")
    assert [row["reason"] for row in rows_of(record)] == ["down"]


def test_a_denied_key_ends_the_run_and_records_nothing(tmp_path: Path) -> None:
    """A wrong key is no answer: with the right one, every question is asked."""

    def denied(ask: Ask) -> Completion:
        raise ModelDenied("The server answered 401: no key.")

    log = tmp_path / "log.jsonl"
    first = run(Scripted(denied), log)
    assert first.recorded == 0
    assert "401" in str(first.stopped)
    assert run(Scripted(answers), log).recorded == 6


def test_an_equal_question_is_recorded_once(tmp_path: Path) -> None:
    work = elicit(
        questions(3) * 2, asker=Asker(Scripted(answers)), signals=SIGNALS, sink=JsonlLog(tmp_path / "l.jsonl")
    )
    summary = asyncio.run(work)
    assert (summary.recorded, summary.skipped) == (3, 3)


def test_calls_under_way_come_back_before_the_end() -> None:
    async def work() -> int:
        model = Scripted(answers, delay=0.05)
        asker = Asker(model)
        waiting = asyncio.create_task(asker.ask(ask_for("q0")))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asker.close()
        await asker.ask(ask_for("q0"))
        return asker.spending.calls

    assert asyncio.run(work()) == 1
