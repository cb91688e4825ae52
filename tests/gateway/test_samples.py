"""Further samples of an answer are drawn as the request asked for it."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")

from calibrant.dialogue.asks import sample_ask
from calibrant.gateway.asking import asked_of
from calibrant.types import Ask, Message, canonical


def test_samples_have_the_tools_and_settings_of_the_request() -> None:
    extra = canonical(
        {"tools": [{"type": "function", "function": {"name": "look"}}], "reasoning_effort": "low"}
    )
    ask = Ask(messages=(Message("user", "Weather in Paris?"),), stop=("\n",), max_tokens=50, extra=extra)
    question, _ = asked_of(ask, {}, {})
    drawn = sample_ask(question, 5)
    assert (drawn.extra, drawn.stop, drawn.max_tokens, drawn.firm) == (extra, ("\n",), 50, ())
