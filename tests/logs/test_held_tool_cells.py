"""What formats of other tools make of single cells: each kind of value that may stand in one.

What is expected lies in `expected/`, a line for each.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.formats import (
    argilla,
    deepeval,
    helm,
    inspect_log,
    label_studio,
    langfuse,
    lm_eval,
    mlflow,
    openai_evals,
    openai_replies,
    openinference,
    otel,
    phoenix,
    promptfoo,
)
from calibrant.logs.sources import Claim, Given

from ..holding import hold, plain
from .test_held_logs import HELD


class Status(enum.Enum):
    DRAFT = "draft"
    DONE = "Submitted"


ANY: list[Any] = [
    None,
    "",
    "a",
    " a ",
    "7",
    7,
    0,
    -1,
    0.5,
    math.nan,
    True,
    False,
    [],
    ["a"],
    [1, 2],
    [None],
    {},
    {"a": 1},
]
CELLS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "argilla, counts": (argilla._counts, [*ANY, "submitted", "SUBMITTED", "draft", Status.DRAFT, Status.DONE]),
    "argilla, list": (argilla._list, ANY),
    "argilla, flat": (argilla._flat, [["a.responses", "a.responses.users"], ["a.responses"]]),
    "deepeval, text": (deepeval._text, ANY), "inspect, plain": (inspect_log._plain, [*ANY, [["a"]], [{"a": 1}]]),
    "inspect, value": (inspect_log._value, [*ANY, "C", " P", "I ", "N", "c", "X"]),
    "helm, mean": (helm._mean, [
        {"count": 2, "mean": 0.5, "sum": 3}, {"count": 0, "mean": 0.5}, {"mean": 0.5}, {"count": 2, "sum": 3},
        {"count": 2, "sum": 0}, {"count": 2}, {"count": "2", "sum": 3}, {"count": 2, "sum": "3"}, {"count": 2,
        "mean": None, "sum": 1},
        {"count": 2, "mean": 0, "sum": 1}, {}]),
    "label studio, number": (label_studio._number, [*ANY, "x", "1e3", "nan"]),
    "langfuse, value": (langfuse._value, [{"value": one} for one in ANY if not isinstance(one, list | dict)] + [
        {"value": 2, "data_type": kind,
        "string_value": "good"} for kind in ("CATEGORICAL", "TEXT", "NUMERIC", "BOOLEAN", None)]
        + [{"value": 2, "dataType": "TEXT", "stringValue": "good"}, {"value": "7.5"}]),
    "langfuse, kind": (langfuse._kind, [{"source": "ANNOTATION"}, {"source": "annotation"}, {"source": "API"}, {}]),
    "lm eval, options": (lm_eval._options, [{"arguments": one} for one in (
        None, [], [["q", " a"], ["q", "  b"], ["q", 3]], [{"arg_0": "q", "arg_1": " a"}], {"x": ["q", " a"],
        "y": {"arg_1": "b"}},
        [[], {}], "text", ("q", " a"))] + [{}]),
    "lm eval, likelihoods": (lm_eval._likelihoods, [{"filtered_resps": one} for one in (
        None, [], [["-1.5", "True"]], [(-1.5, False), [-0.5, True]], [["-1.5", "true"]], [["-1.5"]], [["-1.5",
        "True", 1]],
        [["x", "True"]], [[None, "True"]], ["-1.5"], [["-inf", "True"]], [["nan", "False"]], "text", [["-1", "True"],
        ["inf", "True"]])]),
    "lm eval, share": (lm_eval._share, [[0.0], [0.0, 0.0], [-1.0, -2.0, -3.0], [-1000.0, -1001.0], [5.0, -5.0]]),
    "lm eval, generated": (lm_eval._generated, [
        {"filtered_resps": filtered, "resps": resps} for filtered, resps in (
            (["4"], [["4", " 4 ", "5"]]), (["Yes"], [["yes", "YES", "no", None]]), ([["4", "5"]], [["4", "4"]]),
            (["4"], [["4"]]),
            (["4"], []), ([], [["4", "4"]]), ([4], [["4", "4"]]), (["4"], ["44"]), (None, None),
            (["the answer is 4"], [("4", "it is 4")]))]),
    "lm eval, first": (lm_eval._first, ANY),
    "lm eval, plain": (lm_eval._plain, [*ANY, "A  b\n C", "STRASSE", "Straße"]),
    "mlflow, metric": (mlflow._metric, ["a/value", "/value", "a/value/b", "a/v1/score", "a/v10/score", "a/v/score",
    "a/v1/scores", "a"]),
    "mlflow, read": (mlflow._read, [*ANY, "[1]", '{"a": 1}', "{", '"a"', "NaN x"]),
    "mlflow, text": (mlflow._text, ANY),
    "mlflow, nested": (mlflow._nested, ANY), "mlflow, whole": (mlflow._whole, ANY),
    "mlflow, attributes": (mlflow._attributes, [
        {"attributes": {"a": "1", 2: "x"}}, {"attributes": {}, "parent_span_id": "p"}, {"attributes": {},
        "parent_id": "p"},
        {"attributes": {}, "parent_id": None, "parent_span_id": ""}, {"attributes": []}, {}]),
    "openai evals, text": (openai_evals._text, ANY),
    "openai evals, model": (openai_evals._model, [
        {"completion_fns": ["a"], "model_name": "m"}, {"completion_fns": ["a",
        "b"]}, {"completion_fns": []}, {"completion_fns": "a"},
        {"model_name": "m"}, {"completion_fns": [], "model_name": "m"}, {}]),
    "replies, weighed": (openai_replies._weighed, [
        {"token": "a", "logprob": -1.0, "prob": 0.5}, {"token": "a", "prob": 0.5}, {"tok_str": "a", "content": "b",
        "prob": 1},
        {"content": "b", "prob": 0}, {"prob": -1}, {"prob": "x"}, {"token": "", "logprob": 0}, {}]),
    "replies, of llama": (openai_replies._llama_entry, [
        {"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "b", "logprob": -2.0}, None]},
        {"content": "a", "probs": [{"tok_str": "b", "prob": 0.5}, {"tok_str": "a", "prob": 0.25}]},
        {"content": "a", "top_probs": [{"token": "b", "prob": 0.5}]}, {"content": "a", "probs": []}, {}]),
    "openinference, text": (openinference._text, ANY),
    "otel, value": (otel._value, [
        {"stringValue": "a"}, {"string_value": "a"}, {"intValue": "7"}, {"int_value": "-7"}, {"intValue": 7},
        {"intValue": "x"},
        {"intValue": None}, {"intValue": "--7"}, {"doubleValue": 0.5}, {"boolValue": False}, {"arrayValue": {}},
        {"array_value": None},
        {"arrayValue": {"values": [{"intValue": "1"}, {}, None]}}, {"kvlistValue": {"values": [{"key": "a",
        "value": {"intValue": 1}}]}},
        {"kvlist_value": {"values": [{"key": "a"}, {"value": {}}, None]}}, {"kvlistValue": None}, {}]),
    "otel, hex": (otel._hex, ["", "051581BF3CB55C13", "BRWBvzy1XBM=", "W4qlotLIcugyHPNzCNad8g==", "s0", "not hex!",
    "abcd"]),
    "otel, hex of a trace": (lambda text: otel._hex(text, 32), ["5B8AA5A2D2C872E8321CF37308D69DF2",
    "051581bf3cb55c13", ""]),
    "otel, time": (otel._nanoseconds, [None, "", "1700000000000000000", 1700000000000000000, "2026-01-01", -5, 1.5,
    "0"]),
    "otel, question": (otel._question, [None, "", "a", [], [{"role": "user"}], {"a": 1}, 0]),
    "otel, answer": (otel._answer, [
        None, "", "a", 3, {"a": 1},
        "[]", '[{"parts": [{"type": "text", "content": "b"}]}]', [{"parts": [{"type": "text"}]}],
        [{"parts": [{"type": "other", "content": "x"}, {"type": "text",
        "content": "a"}]}, {"parts": [{"type": "text", "content": 3}]}],
        [{}, None, {"parts": None}], "[broken"]),
    "otel, attributes": (otel._attributes, [None, "a", {"a": 1}, [{"key": "a",
    "value": {"intValue": "1"}}, {"value": 1}, {"key": 3}, "x"]]),
    "phoenix, verdict": (lambda one: phoenix._verdict(one, one), [
        {"score": 0.25}, {"score": 0.25, "direction": "minimize"}, {"score": 0.25,
        "direction": "maximize"}, {"score": True, "direction": "minimize"},
        {"label": "pass", "direction": "minimize"}, {"score": 4, "label": "fail"}, {"score": math.nan,
        "direction": "minimize"}, {}]),
    "phoenix, verdict of another": (lambda about: phoenix._verdict({"score": 0.25}, about), [None,
    "minimize", {"direction": "minimize"}]),
    "promptfoo, named scores": (promptfoo._named_scores, [
        "", "a: 1, b: 2", "a:1\nb: x:y", '{"a": 1, "b": {"c": 2}}', "[1]", "none", " a : 1 ,, b", "{'a': 1}"]),
    "promptfoo, header": (promptfoo._header, [
        "a,b\n1,2\n", "a,Grader Reason\n1,2\n", '"a,b",Grader Reason\n', "x" * 65_536 + "Grader Reason\n",
        "x" * 65_523 + "Grader Reason\n", "x" * 65_524 + "Grader Reason\n", "\nGrader Reason\n"]),
    "promptfoo, prompt": (promptfoo._prompt, [{"prompt": one} for one in ("q", {"raw": "q"}, {"raw": 3}, {}, None,
    ["q"])] + [{}]),
}  # fmt: skip


def clipped(value: Any) -> Any:
    return [f"{len(one)} characters" if isinstance(one, str) and len(one) > 99 else one for one in value] \
        if isinstance(value, list) else value  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str) -> None:
    read, given = CELLS[name]
    found = [[plain(clipped([one])[0]), plain(clipped(read(one)))] for one in given]
    hold(HELD / "tool_cells.json", name, {str(i): pair for i, pair in enumerate(found)})


EACH = "Status,Score,Named Scores,Grader Reason,Comment"
WIDE = {
    "two prompts": f"a,b,[m] q,{EACH},[n] q,{EACH}\n"
    '1,2,x,PASS,1,"confidence: 0.5",r,,y,fail,0,,r,c\n\n3,4,x, Pass ,1,,,,z,ERROR,0,,,\n',
    "short lines": "a,[m] q,Status,Score,Named Scores,Grader Reason\n1,x,PASS\n2\n3,Confidence: 80%,FAIL,0,\"{}\",r\n",
    "no inputs": "[m] q,Status,Score,Named Scores,Grader Reason\nConfidence: 70%,PASS,1,,\n",
}  # fmt: skip


@pytest.mark.parametrize("name", WIDE)
def test_columns_for_each_prompt(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(WIDE[name], encoding="utf-8")
    assert promptfoo.Promptfoo().claim(Given("a.csv", "a.csv", WIDE[name].encode())) == Claim.CONTENT
    hold(HELD / "tool_cells.json", f"promptfoo, {name}", promptfoo._wide_rows(Path("a.csv")))
