"""Confidences that no column holds: answers state them, or their tokens tell."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from calibrant.applying import apply
from calibrant.errors import ColumnNotFound
from calibrant.fitting import fit_log
from calibrant.logs.rows import Rows, read_rows

SAID = ["85%", "60%", "90%", "75%"]


def read(tmp_path: Path, cells: list[dict[str, Any]], **named: Any) -> Rows:
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"id": i, **cell, "correct": i % 2}) + "\n" for i, cell in enumerate(cells))
    )
    return read_rows(path, **named)


def scores(rows: Rows) -> list[float]:
    return list(rows.groups[()].scores)


def talk(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Confidence: 1%?"}, {"role": "assistant", "content": text}]


SHAPES: dict[str, Any] = {
    "prose": lambda p: {"response": f"It is 7.\nConfidence: {p}"},
    "the last of several": lambda p: {"answer": f"Confidence: 5%. No.\nIt is 7. Confidence: {p}"},
    "JSON": lambda p: {"completion": json.dumps({"answer": "7", "confidence": int(p[:-1]) / 100})},
    "fenced JSON": lambda p: {"output": f'```json\n{{"answer": "7", "confidence": {int(p[:-1]) / 100}}}\n```'},
    "an object": lambda p: {"model_output": {"answer": "7", "certainty": int(p[:-1]) / 100}},
    "messages": lambda p: {"messages": talk(f"It is 7. Confidence: {p}")},
    "messages as text": lambda p: {"messages": json.dumps(talk(f"Confidence: {p}"))},
    "parts of a message": lambda p: {
        "messages": [{"role": "assistant", "content": [{"type": "text", "text": f"Confidence: {p}"}]}]
    },
    "ShareGPT": lambda p: {
        "conversations": [{"from": "gpt", "value": f"Confidence: {p}"}, {"from": "human", "value": "?"}]
    },
    "a raw reply": lambda p: {"raw_response": {"choices": [{"message": talk(f"Confidence: {p}")[1]}]}},
    "within another column": lambda p: {"result": {"response": f"Confidence: {p}"}},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_answers_state_is_read_and_said(shape: str, tmp_path: Path) -> None:
    rows = read(tmp_path, [SHAPES[shape](p) for p in SAID * 5])
    assert scores(rows)[:4] == pytest.approx([0.85, 0.6, 0.9, 0.75])
    assert any("own text states" in note and "no column holds a confidence" in note for note in rows.notes)


LOGPROBS = [-0.1, -0.3, -0.5]
TOKENS = [{"token": "a", "logprob": one, "top_logprobs": []} for one in LOGPROBS]
LISTS: dict[str, Any] = {
    "numbers": {"logprobs": LOGPROBS},
    "the first of a prompt": {"token_logprobs": [None, *LOGPROBS]},
    "objects": {"logprobs": TOKENS},
    "content": {"logprobs": {"content": TOKENS}},
    "completions": {"logprobs": {"tokens": ["a"] * 3, "token_logprobs": LOGPROBS}},
    "a raw reply": {
        "response": {"choices": [{"message": {"content": "7"}, "logprobs": {"content": TOKENS}}]}
    },
    "rounded above zero": {"logprobs": [-0.9, 1e-9, 0.0]},
}


@pytest.mark.parametrize("shape", LISTS)
def test_log_probabilities_are_the_mean_over_the_tokens(shape: str, tmp_path: Path) -> None:
    rows = read(tmp_path, [LISTS[shape]] * 8)
    assert scores(rows) == pytest.approx([math.exp(-0.3)] * 8)
    assert any("mean log-probability" in note for note in rows.notes)


def test_a_stated_one_goes_before_tokens_and_a_column_before_both(tmp_path: Path) -> None:
    both = {"response": "Confidence: 85%", "logprobs": LOGPROBS}
    assert scores(read(tmp_path, [both] * 4)) == [0.85] * 4
    assert scores(read(tmp_path, [both] * 4, confidence="tokens of logprobs")) == pytest.approx(
        [math.exp(-0.3)] * 4
    )
    assert scores(read(tmp_path, [{**both, "confidence": 0.5}] * 4)) == [0.5] * 4
    nested = [{**both, "about": {"confidence": 0.4}}] * 4
    assert scores(read(tmp_path, nested)) == [0.4] * 4


def test_rows_that_state_none_are_counted(tmp_path: Path) -> None:
    rows = read(tmp_path, [SHAPES["prose"](p) for p in SAID] + [{"response": "7"}])
    assert (rows.used, rows.unusable) == (4, {"confidence missing or NaN": 1})


@pytest.mark.parametrize(
    "cell",
    [
        {"response": "It is 7."}, {"response": "The odds are even."}, {"logprobs": [0.3, 0.4]}, {"logprobs": []},
        {"logprobs": ["a"]}, {"messages": [{"role": "user", "content": "Confidence: 90%"}]}, {"messages": []},
        {"response": {"choices": []}}, {"response": None}, {"messages": [[1], None]}, {"logprobs": {"content": None}},
        {"response": "[" * 500}, {"response": '{"confidence": true}'},
    ],
)  # fmt: skip
def test_what_tells_nothing_is_refused_as_before(cell: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ColumnNotFound, match="confidence"):
        read(tmp_path, [cell] * 6)


def test_maps_of_it_are_applied_to_rows_that_have_no_verdict(tmp_path: Path) -> None:
    read(tmp_path, [SHAPES["messages"](p) for p in SAID * 25])
    maps = fit_log(tmp_path / "log.jsonl").maps
    new = [{"messages": talk("Confidence: 85%")}, {"messages": talk("I do not know.")}]
    assert [row["p"] is None for row in apply(maps, new)] == [False, True]
    with pytest.raises(ColumnNotFound):
        apply(maps, [{"text": "7"}])
