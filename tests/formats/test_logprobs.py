"""Log-probabilities in the shapes that servers give them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from calibrant.formats.chat.replies import tokens_in
from calibrant.formats.logprobs import entries_of, tokens_within
from calibrant.types import Token


@pytest.mark.parametrize(
    ("logprobs", "tokens"),
    [
        ({"content": [-0.1, -0.2]}, None),
        ({"content": "none"}, None),
        ([-0.1], None),
        (True, None),
        ({"content": [{"token": "4"}]}, (Token("4", -9999.0),)),
        ({"content": [{"token": "4", "logprob": 0.3}]}, (Token("4", 0.3),)),
        ({"content": [{"token": "4", "logprob": -1, "top_logprobs": [3, {"token": "5", "logprob": -2}]}]},
         (Token("4", -1.0, (("5", -2.0),)),)),
        ({"tokens": ["4"], "token_logprobs": [-0.1], "top_logprobs": None}, (Token("4", -0.1),)),
        ({"tokens": ["4", "2"], "token_logprobs": [-0.1]}, None),
        ({"content": [], "refusal": [{"token": "No", "logprob": -0.5}]}, (Token("No", -0.5),)),
        ({"content": [{"token": "\ufffd", "logprob": -1.0, "bytes": [226, 130]},
                      {"token": "\ufffd", "logprob": -2.0, "bytes": [172]}]},
         (Token("\\xe2\\x82", -1.0), Token("\\xac", -2.0))),
        ({"content": [{"token": "token_id:19", "logprob": -1.0, "bytes": [52]}]}, (Token("4", -1.0),)),
        ({"content": [{"token": "4", "logprob": -1.0, "bytes": [999]}]}, (Token("4", -1.0),)),
    ],
)  # fmt: skip
def test_log_probabilities_are_read_in_every_shape(logprobs: Any, tokens: Any) -> None:
    assert tokens_in({"logprobs": logprobs}) == (tokens or ())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "none", [], {}])
def test_a_log_probability_that_is_no_number_costs_no_answer(value: Any) -> None:
    made = tokens_within({"content": [{"token": "4", "logprob": value}]})
    assert math.isnan(made[0].logprob)
    assert entries_of(made, 0)[0]["logprob"] is None


def test_bytes_of_half_a_letter_go_out_as_they_came() -> None:
    sent = [{"token": "\ufffd", "logprob": -1.0, "bytes": [226, 130]}]
    assert entries_of(tokens_within({"content": sent}), 0)[0]["bytes"] == [226, 130]
