"""Asking with care, and runs that survive whatever stops them."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import pytest

from calibrant.asking.asker import Asker, Budget, Interrupted
from calibrant.asking.batches import Elicitor
from calibrant.asking.elicit import ElicitSummary, elicit, read
from calibrant.asking.estimates import CostEstimate, estimate
from calibrant.asking.sinks import JsonlLog, StoreSink
from calibrant.dialogue.asks import answer_ask, sample_ask
from calibrant.dialogue.claims import MOST_CLAIMS
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.errors import (
    MissingExtra,
    ModelDenied,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    NoScore,
    StoreError,
)
from calibrant.files.jsonlines import JsonLines
from calibrant.graders.exact import Exact
from calibrant.logs.tallies import read_log
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.models.recorded import Recorded
from calibrant.models.scripted import Scripted
from calibrant.plugins import find
from calibrant.records.plain import (
    COLUMNS,
    question_to_dict,
    record_from_dict,
    record_to_dict,
    rows_of,
    verdict_from_dict,
    verdict_to_dict,
)
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.signals.verbalized import Verbalized
from calibrant.types import (
    Ask,
    Completion,
    Confidence,
    Cost,
    Message,
    Price,
    Probability,
    Question,
    Reading,
    Record,
    Replies,
    Sampling,
    Token,
    Usage,
    Verdict,
    digest,
    score,
    scored,
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
    text = "80%" if "Probability:" in ask.messages[-1].content else "1"
    return Completion(text=text, model="scripted", tokens=(Token(text, -0.2),), usage=Usage(10, 1), cost=0.01)


def echoed(ask: Ask) -> Completion:
    tokens = (Token("A", -0.2, (("A", -0.2), ("B", -2.0), ("Yes", -0.1), ("No", -3.0))),)
    return Completion(text=ask.messages[-1].content, model="scripted", tokens=tokens, usage=Usage(10, 1))


class Counted(Scripted):
    """Echoes; `finished` counts the calls that came back."""

    def __init__(self) -> None:
        super().__init__(echoed, delay=0.005)
        self.finished = 0

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        made = await super().complete(ask)
        self.finished += 1
        return made


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
    assert (row["score"], row["correct"], row["answer"], row["gold"]) == (0.8, 1.0, "1", "1")
    assert (row["prompt"], row["parameters"]) == SIGNALS["stated"].fingerprint  # type: ignore[attr-defined]
    assert row["time"] == 5.0
    assert {(row["signal"], row["calls"], row["tokens"]) for row in rows} == {
        ("mean_logprob", 0, 0),
        ("stated", 1, 11),
    }


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
    assert [(row["signal"], row["score"], row["reason"]) for row in rows] == [
        ("mean_logprob", None, "not that"),
        ("stated", None, "not that"),
    ]


def test_a_signal_interrupted_by_the_server_is_taken_up_later(tmp_path: Path) -> None:
    def mute(ask: Ask) -> Completion | ModelError:
        return ModelUnavailable("down") if "Probability:" in ask.messages[-1].content else answers(ask)

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


@dataclass(frozen=True)
class Several:
    """Asks five at once, one after them, and none."""

    needs: ClassVar[frozenset[str]] = frozenset()
    fingerprint: ClassVar[tuple[str, str]] = ("", "")
    cost: ClassVar[Cost] = Cost(calls=6)

    def read(self, question: Question, completion: Completion) -> Generator[Any, Any, Reading]:
        five = yield tuple(ask_for(f"{question.text} {i % 4}") for i in range(5))  # two of them equal
        last = yield ask_for("last")
        none = yield ()
        said = [one.completions[0].text if one.completions else one.reason for one in five]
        if None in (one.completions or None for one in five):
            return Reading(signal="several", score=None, reason="; ".join(map(str, said)))
        told = {"said": said, "last": last.completions[0].text, "none": none}
        return Reading(signal="several", score=score(1.0), detail=told)


def test_asks_of_one_signal_are_made_at_once_and_answered_in_their_order() -> None:
    under_way = most = 0

    class Crowded(Counted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            made = await super().complete(ask)
            under_way -= 1
            return made

    model = Crowded()
    (reading,) = asyncio.run(read({"it": Several()}, questions(1)[0], answers(ask_for("x")), Asker(model)))
    assert reading.detail["said"] == ["0? 0", "0? 1", "0? 2", "0? 3", "0? 0"]
    assert (reading.detail["last"], reading.detail["none"]) == ("last", ())
    assert (most, model.calls, reading.detail["calls"], reading.detail["call_tokens"]) == (4, 5, 6, 66)


class Short(Fingerprinted):
    """A signal that asks nothing, and has no score for an empty answer."""

    def read(self, question: Question, completion: Completion) -> Reading:
        if not completion.text:
            raise NoScore("The answer is empty.", length=0)
        return scored(0.5, length=len(completion.text))


class Unread(Short):
    """One that asks, and cannot read what comes back."""

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:  # type: ignore[override]
        said = (yield ask_for("it")).first.text
        raise NoScore(f"Expected a number, the model said {said!r}.", said=said)


def test_whoever_reads_a_signal_puts_its_name_and_digests_on_the_reading() -> None:
    prompt, parameters = digest([]), digest({})
    for text, score_, reason in (("four", 0.5, None), ("", None, "The answer is empty.")):
        done = Completion(text=text, model="m")
        (reading,) = asyncio.run(read({"mine": Short()}, questions(1)[0], done, Asker(Counted())))
        assert (reading.signal, reading.score, reading.reason) == ("mine", score_, reason)
        told = {"length": len(text), "prompt": prompt, "parameters": parameters, "calls": 0, "call_tokens": 0}
        assert reading.detail == told
    (unread,) = asyncio.run(read({"u": Unread()}, questions(1)[0], answers(ask_for("x")), Asker(Counted())))
    assert unread.score is None and unread.reason == "Expected a number, the model said 'it'."
    assert (unread.detail["said"], unread.detail["calls"]) == ("it", 1)


def test_one_of_several_asks_that_fails_interrupts_the_reading() -> None:
    def sometimes(ask: Ask) -> Completion | ModelError:
        return ModelUnavailable("down") if ask.messages[-1].content == "0? 2" else echoed(ask)

    asker = Asker(Scripted(sometimes), retries=0)
    (reading,) = asyncio.run(read({"it": Several()}, questions(1)[0], answers(ask_for("x")), asker))
    assert (reading.reason, reading.detail["interrupted"]) == ("0? 0; 0? 1; down; 0? 3; 0? 0", True)
    assert reading.detail["calls"] == 5


@pytest.mark.parametrize(
    ("name", "rounds"), [("steerconf", 1), ("p_true", 1), ("self_evaluation", 1), ("dinco", 3)]
)
def test_calls_that_need_nothing_of_each_other_are_made_at_once(name: str, rounds: int) -> None:
    """Each round of calls takes one turn of the model, however many there are in it."""

    class Turns(Counted):
        begun: ClassVar[set[float]] = set()

        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            self.begun.add(self.finished)
            return await super().complete(ask)

    model = Turns()
    signal = find("signals", name)()
    asyncio.run(read({name: signal}, questions(1)[0], answers(ask_for("x")), Asker(model, concurrency=16)))
    assert len(model.begun) == rounds and model.calls >= 2


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

        def add(self, facts: Iterable[Record | Verdict]) -> None:
            kept.update({fact.id: fact for fact in facts})

    store: Any = Store()
    for expected in (3, 0):
        asker = Asker(Scripted(answers))
        work = elicit(questions(3), asker=asker, signals=SIGNALS, sink=StoreSink(store), grader=Exact())
        assert asyncio.run(work).recorded == expected
    assert len(kept) == 6
    for value in kept.values():
        again = (
            (verdict_to_dict, verdict_from_dict)
            if isinstance(value, Verdict)
            else (record_to_dict, record_from_dict)
        )
        assert again[1](json.loads(json.dumps(again[0](value)))) == value  # type: ignore[operator]


def test_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(StoreError, match="version 9"):
        record_from_dict({"version": 9})


def test_a_record_without_readings_is_one_row() -> None:
    record = Record(id="r", time=0.0, question=questions(1)[0], completion=None, error="down")
    assert [row["reason"] for row in rows_of(record)] == ["down"]


def test_every_row_holds_the_probability_that_was_told() -> None:
    record = Record(
        id="r", time=0.0, question=questions(1)[0], completion=None, confidence=Confidence(p=Probability(0.7))
    )
    assert [row["p"] for row in rows_of(record)] == [0.7]


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


# ------------------------------------------------------------------ signals that share, come later or cannot run


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """The share of further samples that say the same."""

    samples: int
    logprobs: bool = False
    needs: ClassVar[frozenset[str]] = frozenset()

    @property
    def cost(self) -> Cost:
        return Cost(samples=self.samples)

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        replies = yield sample_ask(question, self.samples, logprobs=self.logprobs)
        same = sum(one.text == completion.text for one in replies.completions)
        return Reading(signal="agreement", score=score(same / self.samples))


class Counting:
    """A server of the chat format that counts the samples it gives, by temperature."""

    def __init__(self) -> None:
        self.given: Counter[float] = Counter()
        self.calls = 0

    async def chat(self, request: Any) -> Any:
        from aiohttp import web

        body = await request.json()
        samples = body.get("n", 1)
        self.given[body["temperature"]] += samples
        self.calls += 1
        text = body["messages"][-1]["content"].removesuffix("?")
        token = {"token": text, "logprob": -0.1}
        choice = {
            "message": {"content": text},
            "logprobs": {"content": [token]} if "logprobs" in body else None,
        }
        return web.json_response({"choices": [{"index": i, **choice} for i in range(samples)]})


@pytest.fixture
def counting() -> Iterator[tuple[str, Counting]]:
    """The server on a thread of its own."""
    import threading

    from aiohttp import web

    server, ready, told = Counting(), threading.Event(), list[Any]()

    async def serve() -> None:
        stop = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.extend((f"http://127.0.0.1:{runner.addresses[0][1]}/v1", asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))  # which closes its loop, whatever happens
    thread.start()
    assert ready.wait(30)
    url, loop, stop = told
    yield url, server
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


def test_two_signals_that_want_the_same_samples_cost_them_once(
    tmp_path: Path, counting: tuple[str, Counting]
) -> None:
    url, server = counting
    signals = {"ten": Agreement(samples=10), "five": Agreement(samples=5, logprobs=True)}

    async def work() -> ElicitSummary:
        model = OpenAICompatible(url, "m")
        sink = JsonlLog(tmp_path / "log.jsonl")
        summary = await elicit(questions(4), asker=Asker(model), signals=signals, sink=sink)
        await model.close()
        return summary

    summary = asyncio.run(work())
    assert server.given == {0.0: 4, 1.0: 40}
    assert (summary.recorded, summary.spending.calls, summary.spending.samples) == (4, 8, 44)
    told = estimate(questions(4), signals.values(), price=Price(prompt=1.0, completion=1.0))
    assert (told.calls, told.together, told.samples) == (44, 8, 40)


def test_an_estimate_is_the_most_that_can_be_asked() -> None:
    signals = [Verbalized(max_tokens=10), Agreement(samples=3)]
    question = Question(id="q", messages=(Message("user", "x" * 40),), settings=Sampling(max_tokens=20))
    instructions = Verbalized(max_tokens=10).cost.read
    assert estimate([question], signals) == CostEstimate(
        calls=6,
        together=4,
        samples=3,
        prompt_tokens=10 + 3 * 10 + 2 * (10 + 20) + instructions,
        completion_tokens=20 + 3 * 20 + 2 * 10,
        dollars=None,
    )


def test_an_estimate_counts_who_else_is_asked_at_its_price() -> None:
    """The peer at the length that answers may have, the judge with the references that it reads twice."""
    question = Question(
        id="q",
        messages=(Message("user", "x" * 40),),
        references=("r" * 40,),
        settings=Sampling(max_tokens=20),
    )
    judge, price = find("graders", "judge")(), Price(prompt=1.0, completion=1.0)
    peer = find("signals", "peer_agreement")(samples=3)
    told = estimate(
        [question], [peer], price=price, grader=judge, others={"peer": Price(prompt=10, completion=10)}
    )
    assert told.calls == 1 + 3 + 2
    alone, judged = 10 + 20, 2 * (10 + 20 + 10) + judge.cost.read + judge.cost.written
    compared = told.prompt_tokens + told.completion_tokens - alone - judged
    assert compared >= 3 * (10 + 20)
    assert told.dollars == pytest.approx((alone + judged + 10 * compared) / 1e6)
    assert estimate([question], [peer], price=price, others={"peer": None}).dollars is None


def test_an_estimate_counts_the_calls_that_compare_answers_at_the_price_of_who_is_asked() -> None:
    short = Question(id="q", messages=(Message("user", "x" * 40),), settings=Sampling(max_tokens=20))
    signal = find("signals", "self_consistency")(samples=5, same="judge")
    plain, asked = (
        estimate([short], [find("signals", "self_consistency")(samples=5)]),
        estimate([short], [signal]),
    )
    more = asked.prompt_tokens - plain.prompt_tokens
    assert asked.calls - plain.calls == signal.comparing.calls == 24
    assert more == 24 * (10 + 2 * 20) + signal.comparing.read
    assert asked.completion_tokens - plain.completion_tokens == signal.comparing.written
    long = replace(short, metadata={"kind": "long"})
    assert estimate([long], [signal]).calls - plain.calls == 24 * MOST_CLAIMS
    ours, dear = Price(prompt=1.0, completion=0.0), Price(prompt=10.0, completion=0.0)
    priced = estimate([short], [signal], price=ours, others={"judge": dear})
    assert priced.dollars == pytest.approx((plain.prompt_tokens + 10 * more) / 1e6)
    assert estimate([short], [signal], price=ours, others={"judge": None}).dollars is None
    own = estimate([short], [replace(signal, same="model")], price=ours, others={"judge": dear})
    assert own.dollars == pytest.approx((plain.prompt_tokens + more) / 1e6)


def run_with(
    log: Path, signals: dict[str, Any], model: Scripted | None = None, **options: Any
) -> ElicitSummary:
    asker = Asker(model or Scripted(answers), call_log=log.with_suffix(".calls"))
    sink = options.pop("sink", None) or JsonlLog(log)
    return asyncio.run(elicit(questions(3), asker=asker, signals=signals, sink=sink, **options))


def test_a_signal_added_later_is_read_from_the_log_of_calls(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run_with(log, {"mean_logprob": MeanLogprob()})
    before, model = log.read_text(), Scripted(answers)
    summary = run_with(log, SIGNALS, model)
    assert (summary.recorded, summary.skipped, model.calls) == (3, 0, 3)  # the new signal's calls alone
    assert log.read_text().startswith(before)
    added = [json.loads(line) for line in log.read_text().removeprefix(before).splitlines()]
    assert [row["signal"] for row in added] == ["stated"] * 3
    assert {row["record_id"] for row in added} == {
        json.loads(row)["record_id"] for row in before.splitlines()
    }


def test_a_store_that_lacks_a_later_signal_says_so(store_url: str, tmp_path: Path) -> None:
    from calibrant.stores.sql import SqlStore

    store = SqlStore(store_url)
    log = tmp_path / "unused.jsonl"
    run_with(log, {"mean_logprob": MeanLogprob()}, sink=StoreSink(store), grader=Exact())
    assert store.counts()["judged"] == 3
    summary = run_with(log, SIGNALS, sink=StoreSink(store))
    store.close()
    assert (summary.recorded, summary.skipped) == (0, 3)
    assert [(n, "without stated" in reason) for reason, n in summary.reasons.items()] == [(3, True)]


@pytest.mark.parametrize(("signals", "regraded", "calls"), [(["mean_logprob"], 3, 0), (list(SIGNALS), 0, 3)])
def test_a_record_without_a_grade_is_given_one_and_no_answer_is_asked_again(
    tmp_path: Path, signals: list[str], regraded: int, calls: int
) -> None:
    log, model = tmp_path / "log.jsonl", Scripted(answers)
    run_with(log, {"mean_logprob": MeanLogprob()})
    before = list(JsonlLog(log).rows())
    chosen = {name: SIGNALS[name] for name in signals}
    summary = run_with(log, chosen, model, grader=Exact())
    assert (summary.regraded, summary.graded, summary.right, model.calls) == (regraded, 3, 1.0, calls)
    rows = list(JsonlLog(log).rows())
    assert rows[:3] == [row | {"correct": float(row["item_id"] == "q1")} for row in before]
    assert len(rows) == 3 * len(signals) and all(row["correct"] is not None for row in rows)
    whole = log.read_bytes()
    assert run_with(log, chosen, model, grader=Exact()).graded == 0
    assert log.read_bytes() == whole and {one.name for one in tmp_path.iterdir()} == {
        "log.jsonl",
        "log.calls",
    }


def test_a_late_grade_is_that_of_the_answer_in_its_row(tmp_path: Path) -> None:
    """Without the call log an added signal asks anew, and the model may say something else."""
    log = tmp_path / "log.jsonl"
    run_with(log, {"mean_logprob": MeanLogprob()}, Scripted(lambda ask: "nothing of the kind"))
    log.with_suffix(".calls").unlink()
    log.chmod(0o600)
    run_with(log, SIGNALS, grader=Exact())
    summary = run_with(log, SIGNALS, grader=Exact())
    graded = {(row["item_id"], row["answer"]): row["correct"] for row in JsonlLog(log).rows()}
    assert {grade for (_, answer), grade in graded.items() if answer == "nothing of the kind"} == {0.0}
    assert max(graded.values()) == 1.0 and summary.regraded == 3
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_of_an_earlier_version_goes_on_in_its_words(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run_with(log, {"mean_logprob": MeanLogprob()})
    log.write_text(log.read_text().replace('"score":', '"confidence":'))
    model = Scripted(answers)
    summary = run_with(log, SIGNALS, model, grader=Exact())
    assert (summary.graded, model.calls) == (3, 3)
    written = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(written) == 6 and all("confidence" in row and "score" not in row for row in written)
    assert all(row["score"] is not None for row in JsonlLog(log).rows())
    assert {key: tally.rows for key, tally in read_log(log, by=["signal"]).groups.items()} == {
        ("mean_logprob",): 3, ("stated",): 3,
    }  # fmt: skip


def test_a_file_that_another_process_wrote_anew_is_not_written_past(tmp_path: Path) -> None:
    ours, theirs = JsonLines(tmp_path / "log.jsonl"), JsonLines(tmp_path / "log.jsonl")
    ours.append([{"a": 1}])
    theirs.replace(lambda row: row | {"b": 2})
    with pytest.raises(StoreError, match="Another process has written"):
        ours.append([{"a": 3}])
    ours.append([{"a": 4}])  # opened again
    assert list(theirs) == [{"a": 1, "b": 2}, {"a": 4}]
    with pytest.raises(ZeroDivisionError):
        theirs.replace(lambda row: {"a": 1 / 0})
    assert [one.name for one in tmp_path.iterdir()] == ["log.jsonl"]


def test_an_answer_without_a_reference_is_counted_as_not_graded(tmp_path: Path) -> None:
    log, unlabelled = tmp_path / "log.jsonl", [Question(id="q", messages=(Message("user", "1?"),))]
    for recorded in (1, 0):
        work = elicit(
            unlabelled * 2, asker=Asker(Scripted(answers)), signals={}, sink=JsonlLog(log), grader=Exact()
        )
        summary = asyncio.run(work)
        assert (summary.recorded, summary.graded, summary.regraded) == (recorded, 0, 0)
        assert set(summary.reasons) == {"exact: no grade, for there is no reference to grade against"}


def test_an_answer_that_was_cut_off_counts_and_is_said(tmp_path: Path) -> None:
    def cut(ask: Ask) -> Completion:
        short = ask.messages[-1].content in ("1?", "2?")
        return replace(answers(ask), finish_reason="length" if short else "stop")

    log = tmp_path / "log.jsonl"
    summary = run(Scripted(cut), log)
    assert (summary.cut, summary.recorded, summary.graded, summary.accuracy) == (2, 6, 6, 0.5)
    ends = {row["item_id"]: row["finish_reason"] for row in JsonlLog(log).rows()}
    assert ends == {f"q{i}": "length" if i in (1, 2) else "stop" for i in range(6)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Asks a judge whether the answer is right."""

    def grade(self, question: Question, completion: Completion) -> Generator[Ask, Replies, float | None]:
        replies = yield Ask(messages=(Message("user", f"judge {question.text}"),), model="judge")
        said = replies.completions[0].text if replies.completions else ""
        return float(said) if said[:1].isdigit() else None


def judged(log: Path, said: Any) -> ElicitSummary:
    judge = Scripted(lambda _: said, name="judge")
    asker = Asker(Scripted(answers), others={"judge": judge}, pause=0.001)
    work = elicit(questions(3), asker=asker, signals={}, sink=JsonlLog(log), grader=Judge(), judge="judge")
    return asyncio.run(work)


def test_a_grader_that_asks_is_answered(tmp_path: Path) -> None:
    summary = judged(tmp_path / "log.jsonl", "0.5")
    assert (summary.graded, summary.accuracy) == (3, 0.5)
    assert {name: spending.calls for name, spending in summary.spendings.items()} == {
        "scripted": 3,
        "judge": 3,
    }
    assert summary.spending.calls == 6


def test_a_judge_that_is_away_leaves_the_question_for_later(tmp_path: Path) -> None:
    summary = judged(tmp_path / "log.jsonl", ModelUnavailable("down"))
    assert (summary.recorded, summary.unfinished, summary.reasons) == (0, 3, {"down": 3})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ModelRefused("no such model"), "judge: no such model"),
        ("maybe", "judge: no grade, for the model's replies cannot be read as one or contradict each other"),
    ],
)
def test_a_judge_that_fails_is_said_and_may_grade_later(tmp_path: Path, said: Any, reason: str) -> None:
    log = tmp_path / "log.jsonl"
    first = judged(log, said)
    assert (first.recorded, first.graded, first.reasons) == (3, 0, {reason: 3})
    again = judged(log, "0.5")
    assert (again.skipped, again.regraded, again.accuracy, not again.reasons) == (3, 3, 0.5, True)
    assert {name: spent.calls for name, spent in again.spendings.items()} == {"scripted": 0, "judge": 3}
    assert [row["correct"] for row in JsonlLog(log).rows()] == [0.5] * 3
    assert judged(log, ModelUnavailable("down")).unfinished == 0  # nothing is asked any more


def test_a_judge_that_is_away_leaves_a_late_grade_for_later(tmp_path: Path) -> None:
    judged(tmp_path / "log.jsonl", ModelRefused("no"))
    summary = judged(tmp_path / "log.jsonl", ModelUnavailable("down"))
    assert (summary.skipped, summary.unfinished, summary.reasons) == (0, 3, {"down": 3})


@dataclass(frozen=True, kw_only=True, slots=True)
class Needy:
    """A signal whose optional package is not there; it holds a list, so it cannot be hashed."""

    words: list[str] = field(default_factory=list)
    needs: ClassVar[frozenset[str]] = frozenset()

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        raise MissingExtra("Likeness of texts", "thing", "pip install 'calibrant[thing]'")
        yield ask_for("never")


def test_a_signal_without_its_package_costs_its_reading_only(tmp_path: Path) -> None:
    summary = run_with(tmp_path / "log.jsonl", {"needy": Needy(), "mean_logprob": MeanLogprob()})
    rows = list(JsonlLog(tmp_path / "log.jsonl").rows())
    assert summary.recorded == 3 and summary.reasons.total() == 3
    assert {row["signal"]: "calibrant[thing]" in (row["reason"] or "") for row in rows} == {
        "needy": True,
        "mean_logprob": False,
    }


# ------------------------------------------------------------------ the unit of work of other engines


def test_shards_in_three_processes_give_the_rows_of_one_run(counting: tuple[str, Counting]) -> None:
    url, _ = counting
    work = Elicitor(
        model=partial(OpenAICompatible, url=url, model="m"), signals=SIGNALS, grader=Exact(), clock=float
    )
    asked = questions(30)
    whole = work(asked)
    assert len(pickle.dumps(work)) < 2000
    shards = [[question_to_dict(question) for question in asked[i::3]] for i in range(3)]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(work, shards))

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps(row | {"latency": None}) for row in rows)

    assert lines(whole) == lines([row for part in parts for row in part]) and len(whole) == 60
    assert [row["item_id"] for row in whole[::2]] == [question.id for question in asked]


def test_a_batch_is_whole_or_an_error_and_run_again_pays_nothing_twice(tmp_path: Path) -> None:
    down, made = [True], []

    def mute(ask: Ask) -> Completion | ModelError:
        last = ask.messages[-1].content
        return ModelDenied("away") if down[0] and last == "2?" else answers(ask)

    def make() -> Scripted:
        made.append(Scripted(mute))
        return made[-1]

    work = Elicitor(model=make, signals={"mean_logprob": MeanLogprob()}, calls=tmp_path, concurrency=1)
    with pytest.raises(ModelUnavailable, match="away"):
        work(questions(3))
    down[0] = False
    assert len(work(questions(3))) == 3
    assert sum(model.calls for model in made) == 4


def test_answers_without_a_grade_are_counted_with_the_reason(tmp_path: Path) -> None:
    said = ("Paris", "Lyon", "Paris or Lyon", "")
    asked = [
        replace(one, messages=(Message("user", f"Capital, {i}?"),), references=("Paris",))
        for i, one in enumerate(questions(4))
    ]
    model = Scripted(lambda ask: said[int(re.findall(r"\d", ask.messages[-1].content)[0])])

    def graded(grader: Any, log: str) -> ElicitSummary:
        sink = JsonlLog(tmp_path / log)
        return asyncio.run(
            elicit(
                asked, asker=Asker(model), signals={"mean_logprob": MeanLogprob()}, sink=sink, grader=grader
            )
        )

    summary = graded(find("graders", "by_kind")(), "log.jsonl")
    assert summary.graded + summary.ungraded == summary.recorded == 4 and summary.ungraded >= 1
    assert summary.accuracy == summary.right / summary.graded
    why = [reason for reason in summary.reasons if "no grade, for" in reason]
    assert why and all("reference to grade" not in reason for reason in why)
    again = graded(find("graders", "by_kind")(), "log.jsonl")
    assert (again.skipped, again.ungraded) == (4, summary.ungraded), "looked at once more, with the same end"


def test_what_cannot_be_told_is_counted_with_what_would_help_and_a_model_settles_it(tmp_path: Path) -> None:
    asked = [Question(id="r", messages=(Message("user", "What is a reedbuck?"),), references=("antelope",))]

    def script(ask: Ask) -> str:
        if ask.messages[0].content.startswith("You compare"):
            return "Yes"
        return "antelope" if ask.temperature else "antelope or deer"

    def run(name: str, same: Any) -> tuple[ElicitSummary, Asker]:
        asker = Asker(Scripted(script))
        given = {
            "sink": JsonlLog(tmp_path / name),
            "grader": find("graders", "by_kind")(same=same),
            "judge": "by_kind",
        }
        signals = {"self_consistency": find("signals", "self_consistency")(samples=4, same=same)}
        work = elicit(asked, asker=asker, signals=signals, **given)
        return asyncio.run(work), asker

    open_, _ = run("open.jsonl", None)
    assert open_.graded == 0 and len(open_.reasons) == 2
    grade, reading = sorted(open_.reasons)
    assert grade.startswith("by_kind: no grade, for it") and grade.endswith(
        "--same model or --grader judge asks a model"
    )
    assert reading.startswith("self_consistency: compares answers that cannot be told")
    told, asker = run("told.jsonl", "model")
    assert (told.graded, told.right, dict(told.reasons)) == (1, 1.0, {})
    row = json.loads((tmp_path / "told.jsonl").read_text().splitlines()[0])
    assert row["score"] == 1.0
    assert (
        asker.spending.calls == 1 + 1 + 2
    )  # the pair of the signal and of the grader is one, in both orders
