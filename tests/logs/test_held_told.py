"""Confidences that no column holds as it is: classes in a column each, one of two, and what answers tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs import binary, compared, matrices, roles, told
from calibrant.logs.foreign import whole_rows
from calibrant.logs.sources import Source

from ..holding import hold, said
from .test_held_found import CITIES, YES, P, found, log

HELD = Path(__file__).parent / "expected" / "found_told.json"


def shares(*names: str, rows: list[list[float]] | None = None, **more: list[Any]) -> Source:
    held = rows or [[0.7, 0.3], [0.2, 0.8], [0.51, 0.5], [0.4, 0.585]]
    return log({**{name: [row[i] for row in held] for i, name in enumerate(names)}, **more})


THREE = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.4, 0.3, 0.3]]
FOUR = [[0.7, 0.2, 0.1, 0.0], [0.1, 0.3, 0.5, 0.1], [0.0, 0.2, 0.5, 0.3], [0.3, 0.3, 0.3, 0.1]]
CLASSES: dict[str, Source] = {
    "p_": shares("p_cat", "p_dog", label=["cat", "dog", "dog", "cat"]), "numbers": shares("p_0", "p_1", label=[0, 1,
    1, 0]),
    "by place": shares("p_cat", "p_dog", label=[0, 1, 1, None]), "others": shares("p_cat", "p_dog", label=["a", "b",
    "a", "b"]),
    "seven others": shares("p_cat", "p_dog", label=["a", "b", "c", "d"]), "no labels": shares("p_cat", "p_dog",
    ok=["yes", "no"] * 2),
    "a verdict": shares("p_cat", "p_dog", correct=["yes", "no"] * 2), "predicted": shares("p_cat", "p_dog",
    prediction=["cat"] * 4, label=["cat", "dog"] * 2),
    "two golds": shares("p_cat", "p_dog", label=["cat"] * 4, target=["dog"] * 4), "behind": shares("cat_prob",
    "dog_prob", gold=["cat", "dog"] * 2),
    "brackets": shares("proba[cat]", "proba[dog]", Label=["cat", "dog"] * 2), "bare": shares("0", "1", y=[0, 1, 1,
    0]),
    "three": shares("A", "B", "C", rows=THREE, label=["A", "C", "B", "B"]), "one never right": shares("A", "B", "C",
    rows=THREE, label=["A", "B"] * 2),
    "four": shares("softmax 0", "softmax 1", "softmax 2", "softmax 3", rows=FOUR, label=[0, 2, 2, 3]),
    "off by more": shares("p_cat", "p_dog", rows=[[0.7, 0.33]] * 4, label=["cat", "dog"] * 2),
    "below 0": shares("p_cat", "p_dog", rows=[[-0.1, 1.1]] * 4, label=["cat", "dog"] * 2),
    "an empty cell": shares("p_cat", "p_dog", rows=[[0.7, 0.3], [0.2, 0.8], [None, 0.5]], label=["cat", "dog",
    "cat"]),  # type: ignore[list-item]
    "one of a kind": shares("p_cat", "q_dog", label=["cat", "dog"] * 2), "sure": shares("p_cat", "p_dog",
    confidence=P[:4], label=["cat", "dog"] * 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_probabilities_of_classes(name: str) -> None:
    source = CLASSES[name]
    hold(HELD, f"classes, {name}", [
        found(source), found(source, needed=("confidence",)), found(source, correct="label"),
        said(lambda: matrices.highest(source, {"confidence": "p_cat"}, roles.NEEDED)[1:]),
        said(lambda: matrices.highest(source, {}, ("correct",))[1:]),
        said(lambda: matrices.highest(replace(source, roles={"confidence": "p_cat"}), {}, roles.NEEDED)[1:]),
        said(lambda: matrices.highest(replace(source, roles={"correct": "label"}), {}, roles.NEEDED)[1:]),
    ])  # fmt: skip


def threshold(n: int = 24, at: float = 0.5, low: int = 0, name: str = "prob", top: float = 1.0) -> Source:
    p = [round(top * (i + 0.5) / n, 4) for i in range(n)]
    said_ = [str(int(x / top > at)) for x in p]
    for i in range(low):
        said_[i] = "1"
    return log({name: p, "prediction": said_, "correct": ["yes", "no", "yes"] * (n // 3)})


TWO: dict[str, Source] = {
    "parts": threshold(), "other threshold": threshold(at=0.7), "fewer": threshold(18), "least": threshold(21),
    "percent": threshold(top=100.0),
    "beyond": threshold(top=200.0), "in doubt": threshold(low=2), "in doubt, p": threshold(low=2, name="p"),
    "in doubt, confidence": threshold(low=2, name="confidence"), "in doubt, score": threshold(low=2, name="score"),
    "few of a side": threshold(at=0.9), "three of a side": threshold(at=0.87),
    "none below": log({"prob": [0.6] * 24, "prediction": ["a", "b"] * 12, "correct": YES * 3}),
    "two below": log({"prob": [0.3] + [0.6] * 47, "prediction": ["a", "b"] * 24, "correct": YES * 6}),
    "three classes": log({"prob": P * 3, "prediction": ["a", "b", "c"] * 8, "correct": YES * 3}),
    "no prediction": log({"prob": P, "correct": YES}), "gaps": log({"prob": [0.1, 0.9, None, 0.2] * 6,
    "prediction": ["n", "y", "y", None] * 6, "correct": YES * 3}),
    "with gold": log({"prob": [0.1, 0.9, 0.2, 0.8] * 6, "y_pred": [0, 1] * 12, "y_true": [0, 1, 1, 1] * 6}),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_probabilities_of_one_of_two(name: str) -> None:
    source = TWO[name]
    p = source.columns[0]
    made = binary.with_predicted(source, f"{p} where {source.columns[1]} is 1")

    def short(one: Any) -> Any:
        return one if isinstance(one, str) else [*one[:6], {k: v[:4] for k, v in one[6].items()}, one[7]]

    hold(HELD, f"two, {name}", [
        short(found(source)), short(found(source, confidence=p)), short(found(source, confidence=made.columns[-1])),
        short(found(replace(source, roles={"confidence": p}))), short(found(replace(source, inside=frozenset({p})))),
        binary.of_predicted(source, {}, ("correct",))[1:], [binary.of_prediction(n) for n in (p, made.columns[-1])],
        binary.with_predicted(source, None) is source, binary.with_predicted(source, "a where b is c") is source,
    ])  # fmt: skip


LIKELY = {
    "content": [
        {
            "token": "A",
            "logprob": -0.1,
            "top_logprobs": [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -3}],
        }
    ]
}
TOLD: dict[str, Any] = {
    "prose": "It is A. Confidence: 85%", "silent": "It is A.", "json": '{"answer": "A", "confidence": 0.7}',
    "object": {"answer": "A", "confidence": 0.7},
    "messages": [{"role": "user", "content": "Confidence: 10%"}, {"role": "Assistant",
    "content": "Confidence: 60%"}, {"role": "user", "content": "why?"}],
    "shares": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "certainty: 0.4"}],
    "no speaker": [{"role": "user", "content": "Confidence: 10%"}],
    "not a message": [{"role": "assistant", "content": "Confidence: 60%"}, 5], "no role": [{"content": "x"}],
    "one message": {"role": "bot", "content": "Confidence: 30%"},
    "parts": [{"role": "ai", "content": [{"type": "text", "text": "Confidence: 20%"}, 7]}],
    "odd": [{"role": "model", "content": 5}], "empty": [], "none": None,
    "reply": {"choices": [{"message": {"content": "Confidence: 75%"}, "logprobs": LIKELY}]},
    "completion": {"choices": [{"text": "Confidence: 75%", "logprobs": {"token_logprobs": [None, -0.5]}}]},
    "no choices": {"choices": []}, "odd choice": {"choices": ["x"]}, "letter": LIKELY, "numbers": [-0.1, -0.3,
    None], "above 0": [0.5, -0.1], "hardly above": [1e-6, -0.2], "more above": [1.1e-6],
    "words among": [-0.1, "x"], "truths": [True, False], "deep": [-5000.0], "text of numbers": "[-0.1, -0.2]",
    "tokens": [{"token": "A", "logprob": -0.1}], "logprobs alone": [{"logprob": -0.1}, {"logprob": -0.3}],
    "nothing but none": [None, None], "number": 5, "content without": {"content": ["x"], "confidence": "60%"},
    "from and role": {"role": "x", "from": "gpt", "value": "Confidence: 1%"},
}  # fmt: skip


def test_cells_that_tell_how_sure() -> None:
    cells = {name: list(told._sure(cell)) for name, cell in TOLD.items()}
    cells |= {
        f"{n}, as text": list(told._sure(json.dumps(c)))
        for n, c in TOLD.items()
        if isinstance(c, list | dict)
    }
    hold(HELD, "told", cells)


SAID = [f"It is so. Confidence: {60 + i}%" for i in range(8)]
ANSWERS: dict[str, Source] = {
    "answers": log({"answer": SAID, "correct": YES}), "half of them": log({"response": [*SAID[:4], *"abcd"],
    "correct": YES}),
    "fewer": log({"response": [*SAID[:3], *"abcde"], "correct": YES}), "empty others": log({"response": [*SAID[:3],
    *[None] * 5], "correct": YES}),
    "tokens": log({"logprobs": [[-0.1 * i, -0.2] for i in range(8)], "correct": YES}),
    "both": log({"logprobs": [[-0.1]] * 8, "text": SAID, "correct": YES}),
    "letters": log({"Output Logprobs": [LIKELY] * 8, "correct": YES}), "another column": log({"remark": SAID,
    "correct": YES}),
    "within": log({"a": CITIES, "a.Answer": SAID, "correct": YES}, inside=frozenset({"a.Answer"})),
    "known": log({"remark": SAID, "correct": YES}, roles={"answer": "remark"}),
    "scored": log({"answer": SAID, "score": P, "correct": YES}), "lacking": log({"answer": SAID, "score": P,
    "correct": YES}, lacking={"confidence": "-"}, kind="k"),
    "beside": log({"answer": SAID, "correct": YES}, beside={"correct": "x"}), "score within": log({"answer": SAID,
    "g": P, "g.score": P, "correct": YES}, inside=frozenset({"g.score"})),
    "choices": log({"answer": SAID, "correct": YES}, choices={"confidence": ("a", "b")}),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_tell_how_sure(name: str) -> None:
    source = ANSWERS[name]
    column = source.columns[0]
    hold(HELD, f"answers, {name}", [
        found(source), found(source, confidence=f"stated in {column}"), found(source,
        confidence=f"tokens of {column}"),
        told.told_by_answers(source, {"confidence": "x"}, roles.NEEDED)[1:], told.told_by_answers(source, {},
        ("correct",))[1:],
        told.with_told(source, "letter of q") is source, told.with_told(source, column) is source,
        told.with_told(source, None) is source,
        [row[f"letter of {column}"] for row in whole_rows(told.with_told(source, f"letter of {column}"))],
    ])  # fmt: skip


def test_comparing() -> None:
    source = log(
        {
            "a": ["The answer: B", "c", None, "(A)", "d e"],
            "g": ["B", "D", "A", "a", None],
            "n": [1, 1.0, "01", True, 2],
        }
    )
    made = [compared.compared(source, *pair) for pair in (("a", "g"), ("g", "a"), ("n", "n"))]
    hold(
        HELD, "comparing", [[name, [row[name] for row in whole_rows(one)], one.columns] for one, name in made]
    )
