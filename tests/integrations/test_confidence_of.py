"""The confidence of replies as frameworks keep them, as plain objects of the same shapes."""

from __future__ import annotations

from types import SimpleNamespace as Kept
from typing import Any

import pytest

from calibrant.errors import Misuse, UnusableInput
from calibrant.integrations.replies import confidence_of

TOLD = {"p": 0.87, "low": 0.8, "high": 0.92, "action": "answer"}
REPLY = {"choices": [], "confidence": TOLD}


@pytest.mark.parametrize(
    "reply",
    [
        REPLY,
        Kept(confidence=TOLD),
        Kept(response_metadata={"logprobs": {"content": [], "confidence": TOLD}}),
        {"messages": [Kept(content="?"), Kept(response_metadata={"logprobs": {"confidence": TOLD}})]},
        Kept(response=Kept(provider_details={"unmapped": {"response": REPLY}})),
        Kept(provider_details={"unmapped": {"chunks": [{}, REPLY]}}),
        Kept(raw=Kept(confidence=TOLD)),
        Kept(history=[{"response": Kept(provider_data=REPLY)}]),
    ],
)
def test_it_is_found_wherever_it_is_kept(reply: Any) -> None:
    assert confidence_of(reply) == TOLD


@pytest.mark.parametrize(
    "reply", [None, "text", {}, [], Kept(id=7), Kept(confidence="high"), {"messages": []}]
)
def test_where_nothing_is_kept_it_says_what_to_set(reply: Any) -> None:
    with pytest.raises(Misuse, match=r"No confidence in this \w+. ChatOpenAI .* logprobs=True"):
        confidence_of(reply)


def test_a_reply_that_holds_itself_comes_to_an_end() -> None:
    reply = Kept(id="r1")
    reply.raw = Kept(raw=reply)
    with pytest.raises(Misuse, match="only the id r1"):
        confidence_of(reply)


@pytest.mark.parametrize("gateway", ["http://127.0.0.1:9/v1", "no address"])
def test_a_gateway_that_is_not_there_is_named(gateway: str) -> None:
    with pytest.raises(UnusableInput, match=f"{gateway} did not tell of the answer r1"):
        confidence_of({"id": "r1"}, gateway=gateway)
