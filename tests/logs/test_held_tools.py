"""Logs of other tools, a few lines each and in every shape that such a tool writes: all that a format makes of them.

What is expected lies in `expected/`; files that the tools themselves wrote are held in `test_held_logs.py`.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from calibrant.logs.sources import Source, open_source

from ..holding import hold, said
from .test_held_logs import HELD, lines, opened, reading, table

ARGILLA = [
    {
        "id": f"r{i}", "status": "completed", "fields": {"text": f"t{i}", "more": {"a": i}},
        "metadata": {"model": "m"} if i % 2 else None,
        "responses": {"ok": [{"value": ["yes"] if i % 2 else "no", "user_id": "u1", "status": "submitted"},
        {"value": "no", "user_id": None, "status": ("draft", "discarded")[i % 2]}],
                      "topic": [{"value": ["a", "b"], "user_id": "u1"}, "odd"]},
        "suggestions": {"ok": {"value": "yes", "score": 0.5 + i / 20, "agent": "m"}, "topic": {"value": ["b",
        "a"], "score": [0.5, 0.6]}, "odd": 3},
    }
    for i in range(4)
]  # fmt: skip
ARGILLA_1 = [
    {"fields": {"text": "t"}, "responses": [{"user_id": "u1", "values": {"ok": {"value": "yes"}, "n": 3},
    "status": "submitted"}, {"user_id": None, "values": {"ok": {"value": "no"}}, "status": "discarded"}, "x"],
     "suggestions": [{"question_name": "ok", "value": "yes", "score": 0.8}, {"value": "no"}, 3],
     "external_id": "e"} for _ in range(2)
]  # fmt: skip
ARGILLA_FLAT = [
    {"id": i, "text": "t", "ok.responses": ["yes", "no"], "ok.responses.users": ["u1", "u2"],
    "ok.responses.status": ["submitted", ("draft", None)[i % 2]], "ok.suggestion": "yes",
    "ok.suggestion.score": 0.5 + i / 10}
    for i in range(3)
] + [{"id": 9, "text": "t", "ok.responses": None, "ok.responses.users": None, "ok.responses.status": None,
"ok.suggestion": None, "ok.suggestion.score": None}]  # fmt: skip
DEEPEVAL = {
    "testCases": [
        {"name": f"c{i}", "input": "q", "actualOutput": f"Confidence: {50 + i}%", "expectedOutput": {"a": 1},
        "success": i % 2 == 0,
         "metricsData": [{"name": "right", "success": i % 2 == 0, "score": i / 10,
         "error": "boom" if i == 3 else None}, {"name": "tone", "success": True, "score": 0.9}, 3]}
        for i in range(4)
    ],
    "conversationalTestCases": [{"input": None, "metricsData": None}, "x"],
}  # fmt: skip
DEEPEVAL_2 = {"test_results": [{"name": "", "input": 3, "actual_output": "x", "expected_output": "y",
"metrics_data": [{"name": "right", "success": False, "score": 0}],
"additional_metadata": {"confidence": 0.5 + i / 10, "by": {"m": 1}}} for i in range(3)],
"confident_link": None}  # fmt: skip
HELM = [
    {"instance_id": f"id{i}", "train_trial_index": 0, "perturbation": {"name": "typos"} if i == 3 else None,
     "stats": [{"name": {"name": "exact_match"}, "count": 1, "sum": i % 2, "mean": i % 2},
     {"name": {"name": "quasi_exact_match"}, "count": 2, "sum": 1}, {"name": {"name": "max_prob"}, "count": 1,
     "mean": 0.5 + i / 10},
               {"name": {"name": "num_tokens"}, "count": 1, "mean": 30 + i}, {"name": {"name": "none"},
               "count": 0}, {"name": "x", "count": 1}, "odd"]}
    for i in range(4)
]  # fmt: skip
HLE = {f"id{i}": {"model": "m", "response": f"Confidence: {60 + i}%", "judge_response": {"correct_answer": "a",
"model_answer": "b", "reasoning": "r", "correct": ("yes", "no")[i % 2],
"confidence": 60 + i}} for i in range(3)}  # fmt: skip
INSPECT_SAMPLES = [
    {"id": i, "epoch": 1, "uuid": f"u{i}", "input": ["q"] if i else [{"role": "user"}], "target": "a",
    "choices": ["a", "b"], "completed_at": f"2026-01-0{1 + i}",
     "scores": {"exact": {"value": "CIPN"[i], "answer": "a", "metadata": {"why": {"x": 1}}},
     "parts": {"value": {"one": "C", "two": i / 4}}, "len": {"value": 30 + i}},
     "metadata": {"kind": "k"}, "store": {"s": [1]}, "error": {"message": "boom"} if i == 3 else None,
     "output": {"completion": "x", "choices": [{"message": {"content": [{"type": "text",
     "text": f"Confidence: {70 + i}%"}, {"type": "image"}]}, "logprobs": None}]}}
    for i in range(4)
]  # fmt: skip
INSPECT = {
    "version": 2,
    "status": "error",
    "eval": {"task": "t", "model": "m/x", "created": "2026-01-01"},
    "samples": INSPECT_SAMPLES,
}
LABEL_STUDIO = [
    {"id": i, "data": {"text": f"t{i}", "n": {"a": i}},
     "annotations": [{"completed_by": {"id": 5} if i else 7, "created_at": "2026-01-01",
     "result": [{"type": "choices", "from_name": "ok", "value": {"choices": ["Correct" if i % 2 else "Incorrect"]}},
                                                                                         {"type": "labels",
                                                                                         "from_name": "span",
                                                                                         "value": {"labels": ["x"]}},
                                {"type": "rating", "from_name": "stars", "value": {"rating": 4}}]},
                     {"was_cancelled": True, "result": []}, "x"],
     "predictions": [{"score": None, "model_version": "v1", "result": [{"type": "choices", "from_name": "ok",
     "value": {"choices": ["Correct"]}, "score": 0.5 + i / 10}]}, 3]}
    for i in range(4)
]  # fmt: skip
LABEL_STUDIO_OLD = [{"id": i, "data": {"text": "t", "confidence": 0.5 + i / 10},
"completions": [{"result": [{"type": "choices", "from_name": "ok",
"value": {"choices": ["yes"]}}]}]} for i in range(3)]  # fmt: skip
LANGFUSE = table(
    "id,name,value,data_type,string_value,source,trace_id,observation_id",
    *(f"s{i},{n},{v},{t},{s},{src},t{i // 4},{'o' if i > 3 else ''}" for i, (n, v, t, s, src) in enumerate([
        ("ok", 1, "BOOLEAN", "True", "ANNOTATION"), ("ok", 0, "BOOLEAN", "False", "EVAL"), ("confidence", 0.8,
        "NUMERIC", "", "API"), ("tone", 2, "CATEGORICAL", "good", "EVAL"),
        ("ok", 0, "BOOLEAN", "False", "ANNOTATION"), ("ok", 1, "BOOLEAN", "True", "EVAL"), ("confidence", 0.6,
        "NUMERIC", "", "API"), ("len", "", "NUMERIC", "", "API"),
    ])),
)  # fmt: skip
LM_EVAL = [
    {"doc_id": i, "doc": {"q": 1}, "target": "1", "resps": [[["-1.5", "False"]], [["-0.5", "True"]]],
    "filtered_resps": [["-1.5", "False"], [f"-0.{5 + i}", "True"]], "metrics": ["acc", "acc_norm"],
    "acc": float(i % 2),
     "acc_norm": 1.0, "filter": "none", "arguments": [["q", " aa"], ["q", " b"]],
     "prompt_hash": "x"} for i in range(4)
]  # fmt: skip
LM_EVAL_GENERATED = [
    {"doc_id": i, "doc": {}, "target": "4", "resps": [["4", "4", "5", f"{i}"]], "filtered_resps": ["4"],
    "metrics": ["exact_match"], "exact_match": float(i % 2), "filter": "maj", "arguments": [["q",
    {"until": []}]]} for i in range(4)
]  # fmt: skip
MLFLOW = [
    {"trace_id": f"t{i}", "request": {"q": i}, "response": f"Confidence: {60 + i}%",
    "request_time": "2026-01-01", "correct/value": "yes" if i % 2 else "no", "tone/value": 4, "spans": [1],
     "assessments": [{"assessment_name": "expected_response", "expectation": {"value": "a"}},
     {"assessment_name": "late", "feedback": {"value": True}, "last_update_time": "2026-01-02"},
                     {"assessment_name": "late", "feedback": {"value": False}, "create_time": "2026-01-01"},
                     {"assessment_name": "gone", "valid": False, "feedback": {"value": 1}}, "x"]}
    for i in range(4)
]  # fmt: skip
MLFLOW_TABLE = [
    {"inputs": f"q{i}", "outputs": "a", "exact_match/v1/score": i % 2, "confidence": 0.5 + i / 10}
    for i in range(4)
]
OPENAI_EVALS = [
    {"spec": {"completion_fns": ["gpt"], "eval_name": "match.dev.v0", "run_config": {}}},
    *({"run_id": "r", "event_id": 3 * i + k, "sample_id": f"match.dev.{i}", "type": t, "data": d,
    "created_at": f"2026-01-0{1 + i}"}
      for i in range(3) for k, (t, d) in enumerate([("raw_sample", {"input": "q", "ideal": "a"}), ("sampling",
      {"prompt": "q", "sampled": [f"Confidence: {60 + i}%"]}),
                                                     ("match", {"correct": i % 2 == 0, "expected": "a",
                                                     "picked": "b", "sampled": "b"}), ("metrics",
                                                     {"accuracy": i % 2})])),
    {"final_report": {"accuracy": 0.5}},
]  # fmt: skip
OTLP = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
"scopeSpans": [{"spans": [
    {"traceId": "t", "spanId": f"s{i}", "name": "chat m", "startTimeUnixNano": "1700000000000000000", "attributes": [
        {"key": "gen_ai.request.model", "value": {"stringValue": "m"}}, {"key": "gen_ai.response.id",
        "value": {"stringValue": f"r{i}"}}, {"key": "gen_ai.confidence", "value": {"doubleValue": 0.5 + i / 10}},
        {"key": "gen_ai.output.messages", "value": {"stringValue": json.dumps([{"role": "assistant",
        "parts": [{"type": "text", "content": "a"}, {"type": "tool_call"}]}])}}],
     "events": [{"name": "gen_ai.evaluation.result", "attributes": [{"key": "gen_ai.evaluation.name",
     "value": {"stringValue": "ok"}}, {"key": "gen_ai.evaluation.score.value", "value": {"intValue": str(i % 2)}},
                                                                      {"key": "gen_ai.evaluation.score.label",
                                                                      "value": {"stringValue": ("fail",
                                                                      "pass")[i % 2]}}]}]}
    for i in range(4)]}]}]}  # fmt: skip
SPANS = [
    {"context": {"trace_id": "t", "span_id": f"s{i}"}, "name": "chat", "start_time": "2026-01-01T00:00:00Z",
    "attributes": {"gen_ai.request.model": "m", "gen_ai.response.id": f"r{i}", "gen_ai.confidence": 0.5 + i / 10},
     "events": [{"name": "gen_ai.evaluation.result", "attributes": {"gen_ai.evaluation.name": ("ok",
     "tone")[i % 2], "gen_ai.evaluation.score.value": 4, "gen_ai.evaluation.score.label": "pass"}}]} for i in range(4)
]  # fmt: skip
PHOENIX = table(
    "span_id,annotator_kind,annotation_name,score,label,metadata",
    *(
        f's{i // 2},{("HUMAN", "LLM")[i % 2]},ok,{i % 2},{"pass" if i % 2 else "fail"},"{{}}"'
        for i in range(8)
    ),
)
PHOENIX_FRAME = [{"context.span_id": f"s{i}", "ok_score": {"name": "ok", "score": i % 2, "label": "x",
"direction": "maximize"}, "bad_score": {"score": 0.25, "direction": "minimize"}, "ok_execution_details": "x",
"confidence": 0.5 + i / 10} for i in range(4)]  # fmt: skip
PRODIGY = [
    {
        "text": "t",
        "meta": {"score": 0.5 + i / 10},
        "_input_hash": i,
        "_task_hash": i,
        "answer": ("accept", "reject", "ignore")[i % 3],
        "_timestamp": 1700000000 + i,
        "spans": [{"a": 1}],
    }
    for i in range(6)
]
PRODIGY_CHOICE = [
    {
        "text": "t",
        "options": [],
        "accept": [("yes", "no")[i % 2]],
        "meta": {"confidence": 0.5 + i / 10},
        "_input_hash": i,
        "_task_hash": i,
        "answer": ("accept", "ignore")[i == 3],
    }
    for i in range(4)
]
PROMPTFOO_RESULTS = [
    {"promptIdx": i % 2, "testIdx": i // 2, "success": i % 2 == 0, "failureReason": 2 if i == 3 else 0,
    "error": "boom" if i == 3 else None, "provider": {"id": "openai:m"} if i else "openai:n",
    "prompt": {"raw": "q"}, "vars": {"a": {"b": i}},
     "response": {"output": {"answer": "x", "confidence": 0.5 + i / 10} if i % 2 else f"Confidence: {60 + i}%",
     "metadata": {"m": 1}, "logProbs": [-0.1, -0.2]}, "namedScores": {"tone": 1},
     "gradingResult": {"pass": True}, "score": 1}
    for i in range(6)
]  # fmt: skip
EACH = "Status,Score,Named Scores,Grader Reason,Comment"
PASSED, FAILED = 'PASS,1,"confidence: 0.{}",r,', '"out",{},0,"{{""confidence"": 0.7}}",r,c'
PROMPTFOO_CSV = table(
    f"a,[m] q {{{{a}}}},{EACH},[n] q {{{{a}}}},{EACH}",
    *(
        f'v{i},"Confidence: {60 + i}%",{PASSED.format(5 + i)},{FAILED.format(("FAIL", "ERROR")[i % 2])}'
        for i in range(3)
    ),
)  # fmt: skip
REPLIES = [{"id": f"c{i}", "object": "chat.completion", "created": 1700000000 + i, "model": "m",
"choices": [{"index": 0, "message": {"role": "assistant", "content": f"Confidence: {60 + i}%"},
"logprobs": {"content": [{"token": "a", "logprob": -0.1}]}, "finish_reason": "stop"}]} for i in range(3)]  # fmt: skip
BATCH = [
    {"id": f"b{i}", "custom_id": f"q{i}", "response": {"status_code": 200, "request_id": "r",
    "body": REPLIES[i]} if i < 2 else None, "error": None if i < 2 else {"code": "x",
    "message": "boom"}} for i in range(3)
]  # fmt: skip
LITELLM = [{"request_id": f"r{i}", "startTime": "2026-01-01", "endTime": "x", "model": "m", "spend": 0.1,
"messages": "[]", "response": json.dumps(REPLIES[i]) if i < 2 else "{}", "metadata": {"user": {"a": 1}},
"status": "success"} for i in range(3)]  # fmt: skip
UQLM = [
    {
        "prompt": f"q{i}",
        "response": "a",
        "sampled_responses": ["a", "b"],
        "exact_match": 0.5,
        "noncontradiction": 0.4 + i / 10,
        "judge_1": 1.0,
        "response_correct": i % 2,
        "correctness": "odd",
    }
    for i in range(4)
]
DSPY = table(
    "example_question,example_answer,rationale,pred_answer,confidence,answer_match",
    *(f"q{i},a,r,b,0.{5 + i},{i % 2 == 0}" for i in range(4)),
)
DSPY_BARE = table("example_answer,pred_answer,note", *(f"a,b,n{i}" for i in range(4)))
LANGSMITH = table(
    "inputs.q,outputs.answer,outputs.confidence,reference.answer,feedback.correct,feedback.tone,example_id,error",
    *(f"q{i},a,0.{5 + i},b,{i % 2},{3 + i},e{i % 3}," for i in range(4)),
)
LANGSMITH_BARE = table(
    "inputs.q,outputs.answer,feedback.words,example_id", *(f"q{i},a,w{i},e{i}" for i in range(4))
)
RAGAS = table(
    "user_input,response,reference,faithfulness,answer_relevancy,rating,confidence",
    *(f"q{i},a,b,0.{5 + i},1.0,{3 + i},0.{4 + i}" for i in range(4)),
)

SHAPES: dict[str, tuple[str, Any]] = {
    "argilla": ("a.json", ARGILLA), "argilla 1": ("a.json", ARGILLA_1), "argilla, flat": ("a.jsonl",
    lines(*ARGILLA_FLAT)),
    "argilla, none answered": ("a.json", [{**one, "responses": {}} for one in ARGILLA]),
    "argilla, confidence": ("a.json", [{**one, "metadata": {"confidence": 0.7}} for one in ARGILLA]),
    "argilla, no scores": ("a.json", [{**one, "suggestions": {}} for one in ARGILLA]), "deepeval": ("a.json",
    DEEPEVAL), "deepeval, result": ("a.json", DEEPEVAL_2),
    "deepeval, empty": ("a.json", {"testCases": [], "test_run_id": 1}), "deepeval, nothing said": ("a.json",
    {"testCases": [{"name": "c", "actualOutput": "x", "metricsData": [{"name": "confidence", "success": None,
    "score": 0.4}]}]}),
    "dspy": ("a.csv", DSPY), "dspy, bare": ("a.csv", DSPY_BARE), "helm": ("a.json", HELM),
    "helm, bare": ("a.json", [{**one, "stats": one["stats"][3:]} for one in HELM]), "hle": ("a.json", HLE),
    "inspect": ("a.json", INSPECT), "inspect, one": ("a.json", {**INSPECT, "status": "success",
    "samples": [{**s, "scores": {"exact": s["scores"]["exact"]}, "error": None} for s in INSPECT_SAMPLES]}),
    "inspect, own confidence": ("a.json", {**INSPECT, "samples": [{**s,
    "scores": {"exact": {**s["scores"]["exact"], "metadata": {"confidence": 0.6}}}} for s in INSPECT_SAMPLES]}),
    "inspect, in metadata": ("a.json", {**INSPECT, "samples": [{**s,
    "metadata": {"confidence": 0.6}} for s in INSPECT_SAMPLES]}), "inspect, all failed": ("a.json", {**INSPECT,
    "samples": [INSPECT_SAMPLES[3]] * 2}),
    "inspect, none": ("a.json", {**INSPECT, "samples": []}), "inspect, silent": ("a.json", {**INSPECT,
    "samples": [{**s, "output": None, "scores": {"len": {"value": 3}}} for s in INSPECT_SAMPLES]}),
    "inspect, frame": ("a.csv",
    table("sample_id,eval_id,epoch,input,target,id,score_exact,score_len,task_name,model",
    *(f"s{i},e,1,q,a,{i},{'CI'[i % 2]},{30 + i},t,m" for i in range(4)))),
    "label studio": ("a.json", LABEL_STUDIO), "label studio, old": ("a.json", LABEL_STUDIO_OLD),
    "label studio, no scores": ("a.json", [{**one, "predictions": []} for one in LABEL_STUDIO]),
    "label studio, none": ("a.json", [{**one, "annotations": []} for one in LABEL_STUDIO]),
    "label studio, small": ("a.csv",
    table("id,text,ok,stars,annotator,annotation_id,created_at,updated_at,lead_time",
    *(f"{i},t,{('Correct', 'Incorrect')[i % 2]},4,5,{i},2026-01-01,x,1.5" for i in range(4)))),
    "langfuse": ("a.csv", LANGFUSE), "langfuse, camel": ("a.csv", LANGFUSE.replace("data_type",
    "dataType").replace("string_value", "stringValue").replace("trace_id", "traceId").replace("observation_id",
    "observationId")),
    "langsmith": ("a.csv", LANGSMITH), "langsmith, bare": ("a.csv", LANGSMITH_BARE), "litellm": ("a.jsonl",
    lines(*LITELLM)), "lm eval": ("a.jsonl", lines(*LM_EVAL)), "lm eval, list": ("a.json", LM_EVAL),
    "lm eval, generated": ("a.jsonl", lines(*LM_EVAL_GENERATED)), "lm eval, one option": ("a.jsonl",
    lines(*({**one, "filtered_resps": one["filtered_resps"][:1]} for one in LM_EVAL))),
    "lm eval, mutual": ("a.jsonl", lines(*({**one, "filtered_resps": one["filtered_resps"] * 2,
    "metrics": ["acc", "acc_mutual_info"], "acc_mutual_info": 0.0} for one in LM_EVAL))),
    "lm eval, odd": ("a.jsonl", lines(*({**one, "filtered_resps": [["x", "True"]], "metrics": ["ppl"],
    "ppl": 3.5} for one in LM_EVAL))), "lm eval, results": ("a.json", {"results": {}, "configs": {}, "n-shot": {}}),
    "lm eval, bytes": ("a.jsonl", lines(*({**one, "metrics": ["acc", "acc_bytes"],
    "acc_bytes": 1.0} for one in LM_EVAL))), "mlflow": ("a.jsonl", lines(*MLFLOW)), "mlflow, table": ("a.json",
    MLFLOW_TABLE),
    "mlflow, traces": ("a.jsonl", lines(*({k: v for k, v in one.items() if "/" not in k} for one in MLFLOW))),
    "mlflow, silent": ("a.jsonl", lines(*({**one, "response": "x"} for one in MLFLOW))),
    "openai evals": ("a.jsonl", lines(*OPENAI_EVALS)), "openai evals, two": ("a.jsonl", lines(*OPENAI_EVALS,
    *OPENAI_EVALS[:2])), "otlp": ("a.json", OTLP), "otlp, lines": ("a.jsonl", lines(OTLP, OTLP)),
    "spans": ("a.jsonl", lines(*SPANS)),
    "phoenix": ("a.csv", PHOENIX), "phoenix, frame": ("a.jsonl", lines(*PHOENIX_FRAME)), "prodigy": ("a.jsonl",
    lines(*PRODIGY)), "prodigy, choice": ("a.jsonl", lines(*PRODIGY_CHOICE)),
    "prodigy, bare": ("a.jsonl", lines(*({**one, "meta": {}} for one in PRODIGY))), "promptfoo": ("a.json",
    {"evalId": "e", "results": {"version": 3, "prompts": [], "results": PROMPTFOO_RESULTS}}),
    "promptfoo, lines": ("a.jsonl", lines(*PROMPTFOO_RESULTS)), "promptfoo, old": ("a.json", {"evalId": "e",
    "results": PROMPTFOO_RESULTS[:2]}), "promptfoo, none": ("a.json", {"evalId": "e", "results": {}}),
    "promptfoo, wide": ("a.csv", PROMPTFOO_CSV),
    "promptfoo, one prompt": ("a.json", {"evalId": "e", "results": {"results": [{**one, "promptIdx": 0,
    "response": "x"} for one in PROMPTFOO_RESULTS]}}), "replies": ("a.jsonl", lines(*REPLIES)),
    "batch": ("a.jsonl", lines(*BATCH)),
    "ragas": ("a.csv", RAGAS), "ragas, bare": ("a.csv", table("user_input,response,reference,rating",
    *(f"q{i},a,b,{3 + i}" for i in range(4)))), "uqlm": ("a.jsonl", lines(*UQLM)), "uqlm, one": ("a.json",
    [{"prompt": "q", "response": "a", "logprob": -1, "p_true": 0.7, "correct": i % 2} for i in range(4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, told = SHAPES[name]
    Path(file).write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    source = said(lambda: open_source(file))
    found = {"opened": opened(source) if isinstance(source, Source) else source, "read": reading(file)}
    if isinstance(source, Source) and (
        first := {part: columns[0] for part, columns in source.choices.items()}
    ):
        found[f"with {first}"] = reading(file, **first)
    hold(HELD / "tools.json", name, found)


def test_several_files_of_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for run, task in (("one", "sums"), ("two", "law")):
        Path(run).mkdir()
        Path(run, "stats.json").write_text(json.dumps(HELM), encoding="utf-8")
        Path(run, "log.json").write_text(
            json.dumps({**INSPECT, "eval": {"task": task, "model": "m"}}), encoding="utf-8"
        )
        stamp = "2026-11-29T06-05-36.295766"
        Path(run, f"samples_{task}_{stamp}.jsonl").write_text(lines(*LM_EVAL), encoding="utf-8")
        Path(run, f"results_{stamp}.json").write_text(
            json.dumps(
                {
                    "model_name": f"m-{run}",
                    "configs": {task: {"repeats": 2}},
                    "higher_is_better": {task: {"acc": True, "acc_norm": False}},
                }
            ),
            encoding="utf-8",
        )
        with zipfile.ZipFile(Path(run, "log.eval"), "w") as archive:
            archive.writestr(
                "header.json" if run == "one" else "_journal/start.json",
                json.dumps(
                    {"version": 2, "eval": {"task": task, "model": "m"}}
                    | ({"status": "success"} if run == "one" else {})
                ),
            )
            for sample in INSPECT_SAMPLES:
                archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    for pattern in (
        "*/stats.json",
        "*/log.json",
        "*/log.eval",
        "*/samples_*.jsonl",
        "one/log.eval",
        "two/log.eval",
        "one/samples_*.jsonl",
    ):
        source = said(lambda p=pattern: open_source(p))
        hold(HELD / "tools.json", f"of {pattern}", opened(source) if isinstance(source, Source) else source)
    with zipfile.ZipFile("broken.eval", "w") as archive:
        archive.writestr("header.json", "{")
        archive.writestr("samples/1.json", "{}")
    hold(HELD / "tools.json", "a broken archive", said(lambda: open_source("broken.eval")))


def test_frames() -> None:
    """A frame is asked for its columns as a file is."""
    frames = {
        "deep": pd.DataFrame([{"id": i, "answer": {"confidence": 0.5 + i / 10, "by": {"m": "x"}},
        "correct": bool(i % 2)} for i in range(4)]),
        "plain": pd.DataFrame({"confidence": pd.array([0.5, None, 0.7], dtype="Float64"),
        "correct": pd.array([True, False, None], dtype="boolean"), "when": pd.to_datetime(["2026-01-01"] * 3)}),
        "coded": pd.DataFrame({"confidence": pd.Categorical(["high", "low", "high"]),
        "correct": pd.Categorical([1, 0, 1])}),
        "uqlm": pd.DataFrame(UQLM), "lm eval": pd.DataFrame(LM_EVAL), "mlflow": pd.DataFrame(MLFLOW_TABLE),
        "empty": pd.DataFrame(), "numbered": pd.DataFrame([[0.5, 1], [0.7, 0]]),
    }  # fmt: skip
    for name, frame in frames.items():
        source = said(lambda f=frame: open_source(f))
        found = {"opened": opened(source) if isinstance(source, Source) else source, "read": reading(frame)}
        hold(HELD / "tools.json", f"a frame, {name}", found)
