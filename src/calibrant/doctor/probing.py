"""Each model asked two short questions: what it answers, and which log-probabilities come with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ModelError
from ..http.hello import Hello, hello
from ..protocols import Model
from ..releases.release import Part
from ..types import Ask, Completion, Message, canonical
from .checks import Check

__all__ = ["Probe", "checks_of", "probed"]

PLAIN = Ask(
    messages=(Message("user", "What is the capital of France? Answer in one word."),),
    max_tokens=200, logprobs=True, temperature=None,
)  # fmt: skip
TOOL = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}  # fmt: skip
USE = (Message("user", "What is the weather in Paris? Use the tool."),)
CALLING = replace(PLAIN, messages=USE, extra=canonical({"tools": [TOOL]}))
SKEW = 5.0
"""Seconds by which two clocks may differ: records are put in order by time, and keys of hooks expire by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What came of asking a model.

    `plain` answered a question and `called` one that takes a tool; None with the error where there was no answer.
    `hello` is what its server said of itself; None where it has none.
    """

    name: str
    where: str
    model: Model
    plain: Completion | None = None
    called: Completion | None = None
    seconds: float = 0.0
    hello: Hello | None = None
    lost: str | None = None
    error: ModelError | None = None
    call_error: ModelError | None = None


async def probed(name: str, where: str, model: Model, part: Part) -> Probe:
    """Ask a model. What it or its server does is told, whatever it is."""
    found = Probe(name=name, where=where, model=model)
    url = part.settings.get("url")
    if isinstance(url, str) and url.startswith("http"):
        try:
            found = replace(found, hello=await hello(url, part.settings.get("api_key")))
        except ModelError as error:
            return replace(found, lost=str(error))
    began = time.perf_counter()
    try:
        plain = (await model.complete(PLAIN))[0]
    except ModelError as error:
        return replace(found, error=error)
    found = replace(found, plain=plain, seconds=time.perf_counter() - began)
    try:
        return replace(found, called=(await model.complete(CALLING))[0])
    except ModelError as error:
        return replace(found, call_error=error)


def checks_of(probe: Probe, settings: Mapping[str, Any]) -> Iterator[Check]:
    """What is to be said of a model."""
    if probe.lost or probe.error is not None:
        said = probe.lost or str(probe.error)
        if key := settings.get("api_key"):
            said = said.replace(str(key), "...")  # what is shown here is pasted elsewhere
        yield Check("fail", probe.where, said, "Mend url, model or api_key there.")
        return
    assert probe.plain is not None
    cost = "" if probe.plain.cost is None else f", ${probe.plain.cost:.6f}"
    yield Check("ok", probe.where, f"{probe.model.name} answers ({probe.seconds:.1f} s{cost}).")
    if not probe.plain.text.strip():
        yield Check(
            "warn", probe.where, f"It answered nothing ({probe.plain.finish_reason}).",
            "A model that thinks needs room for that before it answers.",
        )  # fmt: skip
    listed, own = probe.hello.models if probe.hello else (), settings.get("model")
    if listed and own not in listed:
        yield Check("warn", probe.where, f"Its server does not list {own!r} among its {len(listed)} models.")
    if settings.get("price") is None and probe.hello is not None:
        yield Check(
            "warn", probe.where, "It has no price, so costs are not known, and budgets in dollars not kept.",
            "Add price = { prompt = ..., completion = ... } in US dollars per million tokens.",
        )  # fmt: skip
    yield from _clock(probe)


def _clock(probe: Probe) -> Iterator[Check]:
    ahead = probe.hello.ahead if probe.hello else None
    if ahead is not None and abs(ahead) > SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        yield Check(
            "warn", probe.where, f"Its server's clock is {abs(ahead):.0f} s {way} the one here.",
            "Have clocks set by NTP: times of records come from here.",
        )  # fmt: skip
