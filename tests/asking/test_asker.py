"""Samples shared between Asks, several models under one budget, and the log of calls."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.asking.asker import Asker, Budget, Interrupted
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.dialogue.asks import put
from calibrant.errors import ModelError, ModelRefused, ModelUnavailable, StoreError
from calibrant.files import jsontext
from calibrant.files.jsonlines import GAP, JsonLines
from calibrant.formats.failures import failure
from calibrant.http.throttle import Throttle
from calibrant.models.recorded import Recorded
from calibrant.models.scripted import Scripted
from calibrant.records.calls import CallLog, Samples
from calibrant.types import (
    Ask,
    Completion,
    Message,
    Question,
    Record,
    Replies,
    Token,
    ToolCall,
    Usage,
    Verdict,
    canonical,
    digest,
)


def ask_for(text: str = "x", samples: int = 1, **settings: Any) -> Ask:
    return Ask(messages=(Message("user", text),), samples=samples, **settings)


class Drawing:
    """Draws numbered samples, so that a test sees which; keeps the Asks it was sent."""

    def __init__(self, name: str = "drawing", delay: float = 0.0, most: int | None = None) -> None:
        self.name, self.asks, self.drawn = name, [], 0
        self._delay, self._most = delay, most

    asks: list[Ask]
    gives_logprobs: bool | None = None

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        self.asks.append(ask)
        await asyncio.sleep(self._delay)
        if self._most is not None and ask.samples > self._most:
            raise ModelRefused("too many")
        return tuple(self._one(ask) for _ in range(ask.samples))

    def _one(self, ask: Ask) -> Completion:
        self.drawn += 1
        tokens = (Token("t", -0.5),) if ask.logprobs or ask.top_logprobs else None
        text = f"{self.name} {self.drawn}"
        return Completion(text=text, model=self.name, tokens=tokens, usage=Usage(3, 2), cost=0.5)

    async def close(self) -> None:
        pass


def texts(replies: Replies) -> list[str]:
    return [completion.text.split()[-1] for completion in replies.completions]


def together(asker: Asker, *asks: Ask) -> list[Replies]:
    async def work() -> list[Replies]:
        return list(await asyncio.gather(*map(asker.ask, asks)))

    return asyncio.run(work())


def in_turn(asker: Asker, *asks: Ask) -> list[Replies]:
    async def work() -> list[Replies]:
        return [await asker.ask(ask) for ask in asks]

    return asyncio.run(work())


# ------------------------------------------------------------------ samples


def test_asks_of_one_turn_are_one_call() -> None:
    model: Any = Drawing()
    asker = Asker(model)
    five, ten, one = together(
        asker, ask_for(samples=5), ask_for(samples=10, logprobs=True), ask_for(top_logprobs=3)
    )
    assert [(a.samples, a.logprobs, a.top_logprobs) for a in model.asks] == [(10, True, 3)]
    assert texts(ten) == [str(i) for i in range(1, 11)]
    assert texts(five) == texts(ten)[:5] and texts(one) == texts(ten)[:1]
    assert (asker.spending.calls, asker.spending.shared, asker.spending.samples) == (1, 2, 10)


def test_only_the_missing_samples_are_asked_for_with_the_seed_moved_on() -> None:
    model: Any = Drawing()
    five, ten, three = in_turn(
        Asker(model),
        ask_for(samples=5, seed=7),
        ask_for(samples=10, seed=7),
        ask_for(samples=3, seed=7),
    )
    assert [(ask.samples, ask.seed) for ask in model.asks] == [(5, 7), (5, 12)]
    assert texts(ten)[:5] == texts(five) and texts(ten)[5:] == ["6", "7", "8", "9", "10"]
    assert texts(three) == texts(five)[:3]


def test_a_call_under_way_is_waited_for_and_the_rest_asked_meanwhile() -> None:
    model: Any = Drawing(delay=0.02)

    async def work() -> tuple[Replies, Replies, Replies]:
        asker = Asker(model)
        first = asyncio.create_task(asker.ask(ask_for(samples=5)))
        await asyncio.sleep(0.01)
        ten, two = await asyncio.gather(asker.ask(ask_for(samples=10)), asker.ask(ask_for(samples=2)))
        return await first, ten, two

    first, ten, two = asyncio.run(work())
    assert [ask.samples for ask in model.asks] == [5, 5]
    assert texts(ten)[:5] == texts(first) and texts(two) == texts(first)[:2]
    assert len(set(texts(ten))) == 10


def test_samples_without_log_probabilities_do_not_serve_an_ask_with_them() -> None:
    model: Any = Drawing()
    _, rich, plain = in_turn(
        Asker(model), ask_for(samples=2), ask_for(samples=2, logprobs=True), ask_for(samples=2)
    )
    assert [ask.logprobs for ask in model.asks] == [False, True]
    assert all(completion.tokens for completion in rich.completions) and texts(plain) == texts(rich)


def test_a_model_that_gives_no_log_probabilities_is_not_asked_again_for_them() -> None:
    model: Any = Drawing()
    model.gives_logprobs = False
    in_turn(Asker(model), ask_for(samples=2), ask_for(samples=2, logprobs=True))
    assert len(model.asks) == 1


def test_what_a_server_dropped_is_not_paid_for_again(tmp_path: Path) -> None:
    model = Scripted(lambda _: Completion(text="a", model="scripted"))  # never any log-probabilities
    for _ in range(2):
        in_turn(Asker(model, call_log=tmp_path / "calls"), ask_for(logprobs=True), ask_for(logprobs=True))
    assert model.calls == 1


def test_a_refusal_of_what_another_wanted_is_not_mine() -> None:
    model: Any = Drawing(most=5)
    five, ten = together(Asker(model), ask_for(samples=5), ask_for(samples=10))
    assert len(five.completions) == 5
    assert ten.reason == "too many" and not isinstance(ten, Interrupted)


def test_a_model_that_gives_fewer_samples_is_asked_for_the_rest() -> None:
    class Few(Drawing):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            return (await super().complete(ask))[:2]

    model: Any = Few()
    (replies,) = in_turn(Asker(model), ask_for(samples=5))
    assert len(replies.completions) == 5 and [ask.samples for ask in model.asks] == [5, 3, 1]


def test_a_model_that_gives_nothing_is_a_reason() -> None:
    model: Any = Drawing()
    model._one = lambda ask: None
    model.complete = lambda ask: asyncio.sleep(0, ())
    assert in_turn(Asker(model), ask_for())[0].reason == "The model gave no reply."


# ------------------------------------------------------------------ the log of calls


def test_what_memory_lost_is_found_in_the_log(tmp_path: Path) -> None:
    model: Any = Drawing()
    asks = [ask_for(str(i), samples=2) for i in range(20)]
    replies = in_turn(Asker(model, remember=4, call_log=tmp_path / "calls"), *asks, *asks)
    assert model.drawn == 40 and replies[:20] == replies[20:]


def test_a_killed_run_takes_its_samples_from_the_log(tmp_path: Path) -> None:
    first: Any = Drawing()
    before = in_turn(Asker(first, call_log=tmp_path / "calls"), ask_for(samples=4), ask_for(samples=6))
    again: Any = Drawing()
    after = in_turn(
        Asker(again, call_log=tmp_path / "calls"), ask_for(samples=6), ask_for(samples=8), ask_for(samples=4)
    )
    assert [ask.samples for ask in again.asks] == [2]
    assert (after[0], texts(after[1])[:6], after[2]) == (before[1], texts(before[1]), before[0])


def test_a_replay_gives_the_same_samples_in_whatever_portions_they_are_wanted(tmp_path: Path) -> None:
    model: Any = Drawing()
    (ten,) = in_turn(Asker(model, call_log=tmp_path / "calls"), ask_for(samples=10, logprobs=True, seed=3))
    replay: Any = Recorded(tmp_path / "calls")
    asks = [ask_for(samples=n, seed=3) for n in (2, 5, 10)] + [ask_for(samples=11, seed=3)]
    two, five, again, eleven = in_turn(Asker(replay), *asks)
    assert again == ten and texts(two) == texts(ten)[:2] and texts(five) == texts(ten)[:5]
    assert "asked in this way" in (eleven.reason or "")


def test_models_share_a_log_and_are_told_apart(tmp_path: Path) -> None:
    one, two = Drawing("one"), Drawing("two")
    log = CallLog(tmp_path / "calls")
    for model in (one, two):
        in_turn(Asker(model, call_log=log), ask_for())  # type: ignore[arg-type]
    assert CallLog(tmp_path / "calls").models == {"one", "two"}
    assert asyncio.run(Recorded(tmp_path / "calls", "two").complete(ask_for()))[0].text == "two 1"


def test_lines_noted_are_in_the_file_at_once_and_share_a_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (waits.append(file), fsync(file)))
    lines = JsonLines(tmp_path / "lines")

    async def work() -> list[int]:
        places = [place for i in range(200) for place in lines.note([{"n": i}])]
        assert [line["n"] for line in lines] == list(range(200)) and not waits
        await lines.settled()
        assert len(waits) == 1
        await lines.settled()
        await asyncio.sleep(4 * GAP)
        assert len(waits) == 1  # all of it was there
        lines.note([{"n": 200}])
        await asyncio.sleep(4 * GAP)
        assert len(waits) == 2
        return places

    places = asyncio.run(work())
    assert [lines.at(place)["n"] for place in places] == list(range(200))
    assert lines.append([{"n": 201}]) == [lines.path.stat().st_size - len('{"n":201}\n')]
    assert len(waits) == 3
    lines.close()
    lines.append([{"n": 202}])
    assert len(list(lines)) == 203


def test_what_was_noted_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, signal, sys\n"
        "from calibrant.files.jsonlines import JsonLines\n"
        "async def work():\n"
        "    lines = JsonLines(sys.argv[1])\n"
        "    for i in range(1000): lines.note([{'n': i}])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(work())\n"
    )
    log = tmp_path / "lines"
    killed = subprocess.run([sys.executable, "-c", script, str(log)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [line["n"] for line in JsonLines(log)] == list(range(1000))


def test_a_write_that_fails_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, write = JsonLines(tmp_path / "lines"), os.write

    def full(file: int, data: bytes) -> int:
        if write(file, bytes(data)[:5]):
            raise OSError(28, "No space left on device")
        return 0

    def interrupted(file: int, data: bytes) -> int:
        write(file, bytes(data)[:5])
        raise KeyboardInterrupt

    async def work() -> None:
        lines.note([{"n": 0}])
        with monkeypatch.context() as broken:
            broken.setattr(os, "write", full)
            for _ in range(2):
                with pytest.raises(StoreError, match="No space left"):
                    lines.note([{"n": 1}])
            with pytest.raises(StoreError, match="No space left"):
                lines.append([{"n": 1}])
        lines.note([{"n": 3}])
        await lines.settled()

    asyncio.run(work())
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(os, "write", interrupted)
        lines.append([{"n": 4}])
    (place,) = lines.append([{"n": 9}])
    assert [line["n"] for line in lines] == [0, 3, 9] and lines.at(place) == {"n": 9}


def test_a_line_is_written_whole_where_the_system_takes_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, write = JsonLines(tmp_path / "lines"), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    places = lines.append([{"n": i} for i in range(5)])
    assert [lines.at(place)["n"] for place in places] == list(range(5))


def test_lines_that_do_not_get_to_the_disk_are_an_error_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = JsonLines(tmp_path / "lines")

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    async def work() -> None:
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", broken)
            lines.note([{"n": 1}])
            await asyncio.sleep(4 * GAP)
            with pytest.raises(StoreError, match="Input/output"):
                lines.note([{"n": 2}])
            lines.note([{"n": 3}])
            with pytest.raises(StoreError, match="Input/output"):
                await lines.settled()
            with pytest.raises(StoreError, match="Input/output"):
                lines.append([{"n": 4}])
        lines.note([{"n": 5}])
        await lines.settled()

    asyncio.run(work())
    assert [line["n"] for line in lines] == [1, 3, 4, 5]


def test_files_get_to_the_disk_in_the_order_of_their_lines_and_when_the_loop_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync = os.fsync
    paths = {"calls": JsonLines(tmp_path / "calls"), "rows": JsonLines(tmp_path / "rows")}

    def noted(file: int) -> None:
        order.extend(name for name in paths if os.path.samestat(os.fstat(file), (tmp_path / name).stat()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)

    async def work(call: int) -> None:
        paths["calls"].note([{"call": call}])
        paths["rows"].note([{"row": call}])
        await asyncio.sleep(4 * GAP)
        assert order == ["calls", "rows"]
        paths["calls"].note([{"call": call + 1}])  # the loop ends

    for call in (1, 3):  # another event loop in the same thread
        asyncio.run(work(call))
        assert order == ["calls", "rows", "calls"]
        order.clear()
    assert [line["call"] for line in paths["calls"]] == [1, 2, 3, 4]


def test_lines_get_to_the_disk_though_the_loop_ends_before_a_thread_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (waits.append(file), fsync(file)))
    lines = JsonLines(tmp_path / "lines")

    async def work() -> None:
        loop, free = asyncio.get_running_loop(), Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, free.wait, 5)
        lines.note([{"n": 1}])
        await asyncio.sleep(2 * GAP)
        assert not waits
        loop.call_later(0.01, free.set)

    asyncio.run(work())
    assert len(waits) == 1


def test_a_run_ends_with_its_lines_on_the_disk_or_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Question(id=f"{i}", messages=(Message("user", f"{i}"),)) for i in range(3)]
    on_disk: dict[str, int] = {}
    fsync = os.fsync

    def noted(file: int) -> None:
        there, files = os.fstat(file), {one.name: one.stat() for one in tmp_path.iterdir()}
        on_disk.update({name: there.st_size for name, one in files.items() if os.path.samestat(there, one)})
        fsync(file)

    async def work() -> None:
        asker = Asker(Scripted(lambda _: "4"), call_log=tmp_path / "calls")
        await elicit(asked, asker=asker, signals={}, sink=JsonlLog(tmp_path / "rows"))
        assert on_disk["rows"] == (tmp_path / "rows").stat().st_size > 0
        await asker.close()
        assert on_disk["calls"] == (tmp_path / "calls").stat().st_size > 0

    monkeypatch.setattr(os, "fsync", noted)
    asyncio.run(work())
    (tmp_path / "rows").unlink()

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="Input/output"):
        asyncio.run(work())


def test_what_is_known_already_gives_others_their_turn(tmp_path: Path) -> None:
    in_turn(Asker(Scripted(lambda _: "4"), call_log=tmp_path / "calls"), ask_for())

    async def work() -> int:
        asker, turns = Asker(Recorded(tmp_path / "calls"), call_log=tmp_path / "calls"), 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(count())
        await asker.ask(ask_for())
        before = turns
        for _ in range(10):
            await asker.ask(ask_for())
        other.cancel()
        return turns - before

    assert asyncio.run(work()) >= 10


class Nowhere:
    """A sink that forgets."""

    def there(self, record_id: str) -> None:
        return None

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        pass

    async def settled(self) -> None:
        pass


def test_addresses_are_digests_of_canonical_json() -> None:
    """Written out by hand, since a log of calls is found again by them."""
    turns = (
        Message("user", 'say "é"\n'),
        Message("assistant", "", (ToolCall("1", "f", "{}"),)),
        Message("tool", "4", (), "1"),
    )
    ask = Ask(
        messages=turns, samples=3, temperature=0.7, max_tokens=64, logprobs=True, seed=1, stop=("\n", "b")
    )
    said = {
        "messages": [
            ["user", 'say "é"\n'], ["assistant", "", [["1", "f", "{}"]], None], ["tool", "4", [], "1"],
        ],
        "temperature": 0.7, "max_tokens": 64, "seed": 1, "stop": ["\n", "b"],
    }  # fmt: skip
    assert ask.address == digest(said) == "70cdcb41d9ea54c5"
    assert ask.key == digest(said | {"samples": 3, "logprobs": True})
    assert Ask(messages=()).address == digest({"messages": []})
    assert Ask(messages=(), temperature=1).address == digest({"messages": [], "temperature": 1})
    assert Ask(messages=(), temperature=1.0).address == digest({"messages": [], "temperature": 1.0})
    assert Ask(messages=(), stop=["x"]).address == Ask(messages=(), stop=("x",)).address  # type: ignore[arg-type]


FRANCE = Message("user", "What is the capital of France?")
CALLED = Message("assistant", "", (ToolCall("c1", "weather", '{"city": "Paris"}'),))


@pytest.mark.parametrize(
    ("ask", "address", "key"),
    [
        (Ask(messages=()), "5e4ce7b36ba37b78", "5e4ce7b36ba37b78"),
        (Ask(messages=(FRANCE,)), "6100562e7aea6bcd", "6100562e7aea6bcd"),
        (Ask(messages=(FRANCE,), temperature=1), "ab8360366e1750f0", "ab8360366e1750f0"),
        (Ask(messages=(FRANCE,), temperature=0.7, max_tokens=16, model="peer"), "2a45bc72b32d9f28", "2a45bc72b32d9f28"),
        (
            Ask(messages=(FRANCE,), samples=5, temperature=1.0, max_tokens=64, seed=7, stop=("\n", "."), logprobs=True,
                top_logprobs=10),
            "a845c7c1a62d7595", "de431b1163196206",
        ),
        (
            Ask(messages=(FRANCE, CALLED, Message("tool", "18 degrees", (), "c1")), max_tokens=64),
            "68790b6aebd7fc7f", "68790b6aebd7fc7f",
        ),
        (
            Ask(messages=(FRANCE,), max_tokens=64,
                extra='{"max_tokens":null,"temperature":null,"tools":[{"type":"function"}]}'),
            "980012b765bc12b4", "980012b765bc12b4",
        ),
        (
            Ask(messages=(Message("system", 'Sei kurz: ä\u2028"\\\n\x01'), Message("user", "2 + 2? 😀 \ud83d"))),
            "db08971c688def2e", "db08971c688def2e",
        ),
    ],
)  # fmt: skip
def test_addresses_are_those_of_logs_written_before(ask: Ask, address: str, key: str) -> None:
    """Digests that an earlier version made of the same Asks."""
    assert (ask.address, ask.key) == (address, key)


@given(st.lists(st.text(st.characters()) | st.integers() | st.lists(st.text())) | st.text(st.characters()))
def test_canonical_json_of_texts_is_that_of_the_encoder(value: object) -> None:
    sorted_and_tight = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    assert canonical(value) == json.dumps(value, **sorted_and_tight)  # type: ignore[arg-type]


def test_a_question_is_put_with_every_setting() -> None:
    settings = Ask(
        messages=(), samples=2, temperature=0.5, max_tokens=9, logprobs=True, top_logprobs=3, seed=4, stop=("x",),
        extra='{"a":1}', model="peer", firm=(("seed", 4),),
    )  # fmt: skip
    assert replace(settings, firm=()).key == settings.key
    assert all(getattr(settings, one.name) != one.default for one in fields(Ask))
    turns = (Message("user", "2 + 2?"),)
    assert put(Question(id="q", messages=turns), settings) == replace(settings, messages=turns)


def test_a_number_that_is_none_survives_the_log(tmp_path: Path) -> None:
    odd = Completion(text="a", model="m", tokens=(Token("a", math.nan, (("b", math.nan), ("c", -1.0))),))
    in_turn(Asker(Scripted(lambda _: odd), call_log=tmp_path / "calls"), ask_for(logprobs=True))
    (again,) = in_turn(Asker(Recorded(tmp_path / "calls")), ask_for(logprobs=True))
    (token,) = again.completions[0].tokens or ()
    assert math.isnan(token.logprob) and math.isnan(token.top[0][1]) and token.top[1] == ("c", -1.0)


@pytest.mark.parametrize("quick", [True, False])
def test_json_is_the_same_with_and_without_the_quick_package(
    quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jsontext._quick is not None
    if not quick:
        monkeypatch.setattr(jsontext, "_quick", None)
    value = {"é": [1, 1e-7, 0.1, None, True], "half": "a\ud83d", "far": 2**70}
    data = jsontext.encoded(value)
    assert jsontext.decoded(data) == value | {"half": "a?"} and b" " not in data
    assert jsontext.encoded({"a": "é\n"}) == '{"a":"é\\n"}'.encode()
    assert math.isnan(jsontext.decoded(b"[NaN]")[0]) and jsontext.decoded(b'"\\ud83d"') == "\ud83d"
    with pytest.raises(ValueError):
        jsontext.decoded(b"{")


# ------------------------------------------------------------------ several models


def test_a_role_is_answered_by_its_model_and_counted_apart() -> None:
    main, peer = Drawing("main"), Drawing("peer")
    asker = Asker(main, others={"peer": peer})  # type: ignore[arg-type, dict-item]
    mine, theirs = in_turn(asker, ask_for(), ask_for(model="peer"))
    assert (mine.completions[0].text, theirs.completions[0].text) == ("main 1", "peer 1")
    assert {name: s.calls for name, s in asker.spendings.items()} == {"main": 1, "peer": 1}
    assert peer.asks[0].model is None


def test_a_role_without_a_model_is_a_reason() -> None:
    (replies,) = in_turn(Asker(Scripted({})), ask_for(model="peer"))
    assert replies == Replies(reason="No model is configured for the role 'peer': add --peer MODEL.")


def test_a_budget_covers_all_models() -> None:
    main, peer = Drawing("main"), Drawing("peer")
    asker = Asker(main, others={"peer": peer}, budget=Budget(calls=3))  # type: ignore[arg-type, dict-item]
    asks = [ask_for(str(i), model=role) for i in range(4) for role in (None, "peer")]
    replies = together(asker, *asks)
    assert len(main.asks) + len(peer.asks) == 3
    stopped = [one for one in replies if isinstance(one, Interrupted)]
    assert len(stopped) == 5 and all("3 calls" in (one.reason or "") for one in stopped)


def test_another_asker_keeps_its_own_limits() -> None:
    main, judge = Drawing("main"), Drawing("judge")
    own = Asker(judge, budget=Budget(calls=1))  # type: ignore[arg-type]
    asker = Asker(main, others={"judge": own})  # type: ignore[arg-type]
    replies = in_turn(asker, ask_for("a", model="judge"), ask_for("b", model="judge"), ask_for("c"))
    assert [bool(one.completions) for one in replies] == [True, False, False]
    assert asker.spent == "The budget of 1 calls is spent."


# ------------------------------------------------------------------ a server under strain


def test_a_refused_call_pauses_all_and_halves_how_many_are_under_way() -> None:
    refused, times = [0], []

    def busy(ask: Ask) -> Completion | ModelError:
        times.append(asyncio.get_running_loop().time())
        refused[0] += 1
        if refused[0] == 8:
            return ModelUnavailable("The server answered 429: slow down", retry_after=0.2)
        return Completion(text="a", model="scripted")

    async def work() -> tuple[int, float]:
        throttle = Throttle(8)
        asker = Asker(Scripted(busy, delay=0.01), concurrency=throttle, pause=0.001)
        await asyncio.gather(*(asker.ask(ask_for(str(i))) for i in range(20)))
        return throttle.at_once, min(later - times[7] for later in times[8:])

    at_once, gap = asyncio.run(work())
    assert 4 <= at_once < 8 and gap >= 0.2
    assert len(times) == 21


@pytest.mark.parametrize(("status", "at_once"), [(429, 4), (503, 4), (500, 8), (None, 8)])
def test_only_a_status_that_means_overload_narrows_the_throttle(status: int | None, at_once: int) -> None:
    error = ModelUnavailable("words do not count, not even: answered 429", status=status)
    throttle = Throttle(8)
    in_turn(Asker(Scripted(lambda _: error), concurrency=throttle, retries=0), ask_for())
    assert throttle.at_once == at_once
    told = failure(status or 502, "busy")
    assert isinstance(told, ModelUnavailable) and told.status == (status or 502)


def test_a_server_that_asks_for_too_much_patience_is_asked_nothing_further() -> None:
    model = Scripted(lambda _: ModelUnavailable("come back tomorrow", retry_after=86400.0))
    replies = in_turn(Asker(model), *(ask_for(str(i)) for i in range(5)))
    assert model.calls == 1 and {one.reason for one in replies} == {"come back tomorrow"}


def test_waiting_for_a_server_ends_whatever_it_says() -> None:
    model = Scripted(lambda _: ModelUnavailable("soon", retry_after=0.05))
    (replies,) = in_turn(Asker(model, retries=1000, pause=0.001, patience=0.17), ask_for())
    assert isinstance(replies, Interrupted) and model.calls == 4


# ------------------------------------------------------------------ every fault at once


@pytest.fixture(scope="module")
def faults() -> Iterator[ModuleType]:
    path = Path(__file__).parents[2] / "benchmarks" / "elicit_faults.py"
    spec = importlib.util.spec_from_file_location("elicit_faults", path)
    assert spec is not None and spec.loader is not None
    sys.modules["elicit_faults"] = module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))  # as where it is run
        spec.loader.exec_module(module)
        yield module
    del sys.modules["elicit_faults"]


def test_nothing_is_lost_and_nothing_paid_twice_under_faults_and_kills(
    faults: ModuleType, tmp_path: Path
) -> None:
    found = faults.campaign(300, 0, tmp_path)
    names = ("mean_logprob", "agreement")
    assert found.rows == {(f"q{i}", name): 1 for i in range(300) for name in names}
    assert set(found.faults) == set(faults.FAULTS)
    assert sum(run.account is None for run in found.runs) == faults.KILLS
    assert len(found.delivered) == 300 * (1 + faults.SAMPLES)
    assert found.twice <= faults.KILLS * faults.CONCURRENCY


def test_a_sample_asked_for_more_deeply_is_not_lost_to_a_later_one() -> None:
    samples = Samples()
    deep, shallow, deeper = (Completion(text=text, model="m") for text in ("deep", "shallow", "deeper"))
    samples.put(0, 1, [deep])
    samples.put(0, 0, [shallow, shallow])
    assert [one.text for one in samples.first(2)] == ["deep", "shallow"] and samples.lacking(2, 1) == [1]
    samples.put(0, 6, [deeper])
    assert samples.first(1) == (deeper,)


def test_what_is_at_hand_of_another_model_is_had_where_nothing_may_be_asked(tmp_path: Path) -> None:
    ask = replace(ask_for("a"), model="peer")

    def asker(**budget: int) -> Asker:
        others = {"peer": Scripted(lambda ask: "a")}
        return Asker(
            Scripted(lambda ask: "a"), others=others, budget=Budget(**budget), call_log=tmp_path / "calls"
        )

    async def talk(asker: Asker, ask: Ask) -> Replies:
        try:
            return await asker.ask(ask)
        finally:
            await asker.close()

    assert isinstance(asyncio.run(talk(asker(calls=0), ask)), Interrupted)
    paid = asyncio.run(talk(asker(), ask))
    again = asyncio.run(talk(asker(calls=0), ask))
    assert paid.completions and again.completions == paid.completions
    more = replace(ask, samples=2)
    assert isinstance(asyncio.run(talk(asker(calls=0), more)), Interrupted), "the second is not at hand"
