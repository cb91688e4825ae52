"""What is read in a short way since it is plain says the same as what is looked at closely."""

from __future__ import annotations

import math
from typing import Any

import pytest

from calibrant.formats.chat.streams import Assembler
from calibrant.formats.logprobs import tokens_from

PLAIN = {"token": "Par", "logprob": -0.5}

ENTRIES: list[Any] = [
    {"token": text, "logprob": logprob, **more}
    for text in ("Par", "", "\ufffd", "\\xe2", "token_id:19", 7, None)
    for logprob in (-0.5, -0.0, 0.0, 1e-4, 0.5, -1, -1e6, None, math.nan, "x", [])
    for more in (
        {}, {"bytes": [52]}, {"top_logprobs": []}, {"top_logprobs": [{"token": "4", "logprob": -1.0}]},
        {"top_logprobs": None, "bytes": None},
    )
]  # fmt: skip


def test_a_token_alone_is_read_as_one_among_others() -> None:
    for entry in ENTRIES:
        alone, (first, second) = tokens_from([entry]), tokens_from([entry, PLAIN])
        assert repr(alone) == repr((first,)) and second.text == "Par"
    for odd in (3, "x", None, [1], {}, {"text": "a"}):
        assert tokens_from([odd]) == tokens_from([odd, PLAIN]) == ()


def test_numbers_of_many_tokens_are_those_of_each() -> None:
    for logprobs in (
        (-0.5, -0.0, 0.0),
        (-0.5, math.nan),
        (math.nan, -0.5),
        (-1e6, 1e-4),
        (-1, -2.0),
        (None, -0.1),
    ):
        entries = [{"token": "a", "logprob": one} for one in logprobs]
        assert repr(tokens_from(entries)) == repr(tuple(tokens_from([entry])[0] for entry in entries))


@pytest.mark.parametrize("finish", [None, "stop", "length"])
def test_plain_pieces_are_put_together_as_others_are(finish: str | None) -> None:
    def fed(**more: Any) -> Any:
        assembler, pieces = Assembler("tiny"), []
        for text, logprobs in (
            ("", None),
            ("Par", {"content": [PLAIN]}),
            ("is", {"content": [PLAIN, PLAIN]}),
            ("", {}),
        ):
            delta = {"role": "assistant", "content": text, **more}
            choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            pieces += assembler.feed({"id": "x", "model": "m", "choices": [choice], **more})
        pieces += assembler.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        pieces += assembler.feed({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
        return pieces, assembler.finish(latency=0.1)

    assert fed() == fed(refusal=None) and fed()[1][0].text == "Paris" and fed()[1][0].usage.total == 3
