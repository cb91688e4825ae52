"""Records of other tools, as few as show each field that their formats read."""

from __future__ import annotations

import json
from typing import Any

OTLP_SPAN = {
    "traceId": "5b8aa5a2d2c872e8321cf37308d69df2", "spanId": "051581bf3cb55c13", "name": "chat m",
    "startTimeUnixNano": "1700000000000000000",
    "attributes": [
        {"key": "gen_ai.request.model", "value": {"stringValue": "asked"}},
        {"key": "gen_ai.response.model", "value": {"stringValue": "m"}},
        {"key": "gen_ai.response.id", "value": {"stringValue": "r0"}},
        {"key": "gen_ai.confidence", "value": {"doubleValue": 0.5}},
    ],
    "events": [
        {"name": "gen_ai.evaluation.result", "attributes": [
            {"key": "gen_ai.evaluation.name", "value": {"stringValue": "ok"}},
            {"key": "gen_ai.evaluation.score.value", "value": {"intValue": "1"}},
            {"key": "gen_ai.evaluation.score.label", "value": {"stringValue": "Fail"}},
        ]},
    ],
}  # fmt: skip
SNAKE_SPAN = {
    "trace_id": "W4qlotLIcugyHPNzCNad8g==", "span_id": "BRWBvzy1XBM=", "name": "chat m", "start_time_unix_nano": "",
    "attributes": [{"key": "gen_ai.output.messages", "value": {"array_value": {"values": [{"kvlist_value": {"values": [
        {"key": "role", "value": {"string_value": "assistant"}},
        {"key": "parts", "value": {"array_value": {"values": [{"kvlist_value": {"values": [
            {"key": "type", "value": {"string_value": "text"}},
            {"key": "content", "value": {"string_value": "Confidence: 60%"}}]}}]}}}]}}]}}}],
}  # fmt: skip
LOG_RECORD = {
    "traceId": "", "spanId": "051581bf3cb55c13", "eventName": "gen_ai.evaluation.result",
    "attributes": [{"key": "gen_ai.evaluation.score.label", "value": {"stringValue": "pass"}},
                   {"key": "gen_ai.response.id", "value": {"stringValue": "r9"}}],
}  # fmt: skip
SDK_SPAN = {
    "context": {"trace_id": "0x5b", "span_id": "0x05"}, "name": "chat", "resource": {},
    "start_time": "2026-01-01T00:00:00Z",
    "attributes": {
        "gen_ai.request.model": "m", "gen_ai.response.id": "r0", "gen_ai.input.messages": [{"role": "user"}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [
            {"type": "text", "content": "It is A. "}, {"type": "tool_call"}, {"type": "text", "content": "Certain"}]}],
        "kept": ["a"],
    },
    "events": [{"name": "gen_ai.evaluation.result", "attributes": {
        "gen_ai.evaluation.name": "confidence", "gen_ai.evaluation.score.value": 0.75}}],
}  # fmt: skip
SDK_RECORD = {
    "trace_id": "0x5b", "span_id": "0x05", "timestamp": "2026-01-01T00:00:00Z", "context": {}, "resource": {},
    "event_name": "gen_ai.evaluation.result",
    "attributes": {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.value": 0,
                   "gen_ai.evaluation.score.label": "Yes"},
}  # fmt: skip
INSPECT_SAMPLE = {
    "id": "s0", "epoch": 1, "uuid": "u", "input": ["q"], "target": ["a"], "choices": ["a", "b"],
    "completed_at": "2026-01-02", "error": None, "metadata": {"kind": "k"}, "store": {"s": [1]},
    "scores": {"exact": {"value": "C", "answer": "A", "metadata": {"why": {"x": 1}}}, "len": {"value": 30}},
    "output": {"completion": "Confidence: 70%", "choices": [{
        "message": {"content": [{"type": "text", "text": "The answer is A. "}, {"type": "image", "text": "no"},
                                {"type": "text", "text": "Confidence: 80%"}]},
        "logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": [
            {"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.5}, {"token": "C", "logprob": -2.6}]}]}}]},
}  # fmt: skip
PROMPTFOO_ROW = {
    "testIdx": 0, "promptIdx": 0, "success": True, "failureReason": 0, "error": "said", "provider": {"id": "m"},
    "prompt": {"raw": "q"}, "vars": {"a": {"b": 1}}, "namedScores": {"tone": 1}, "gradingResult": {"pass": True},
    "response": {"output": "Confidence: 60%", "metadata": {"n": 1},
                 "logProbs": {"content": [{"token": "a", "logprob": -0.5}]}},
}  # fmt: skip
TOP = [{"token": "A", "logprob": -0.2}, {"token": "B", "logprob": -1.8}]
REPLY = {
    "id": "c0", "object": "chat.completion", "created": 1700000000, "model": "m", "choices": [{
        "index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "stop",
        "logprobs": {"content": [{"token": "A", "logprob": -0.2, "top_logprobs": TOP}]}}],
}  # fmt: skip
RESPONSE = {
    "id": "r0", "object": "response", "model": "m", "status": "completed", "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "The answer is ", "logprobs": []},
        {"type": "output_text", "text": "A", "logprobs": [{"token": "A", "logprob": -0.2, "top_logprobs": TOP}]}]},
        {"type": "reasoning", "content": [{"text": "no"}]}],
}  # fmt: skip
LEGACY = {"id": "l0", "object": "text_completion", "model": "m", "choices": [{"text": "A", "finish_reason": "length",
    "logprobs": {"tokens": ["A"], "token_logprobs": [-0.2], "top_logprobs": [{"A": -0.2, "B": -1.8}]}}]}  # fmt: skip
LLAMA = {"content": "A", "stop_type": "eos", "completion_probabilities": [
    {"token": "A", "logprob": -0.2, "top_logprobs": TOP}]}  # fmt: skip
LLAMA_PROBS = {"content": "A", "completion_probabilities": [
    {"token": "A", "prob": 0.75, "top_probs": [{"token": "A", "prob": 0.75}, {"token": "B", "prob": 0.25}]}
]}  # fmt: skip
LLAMA_OLD = {"content": "A", "completion_probabilities": [
    {"content": "A", "probs": [{"tok_str": "A", "prob": 0.75}, {"tok_str": "B", "prob": 0}]}]}  # fmt: skip
BATCH = {"id": "b0", "custom_id": "q0", "error": None,
         "response": {"status_code": 200, "request_id": "r", "body": REPLY}}  # fmt: skip
FAILED = {"id": "b1", "custom_id": "q1", "error": None,
          "response": {"status_code": 400, "body": {"error": {"code": "x"}}}}  # fmt: skip
LM_CHOICE = {
    "doc_id": 0, "doc": {"q": 1}, "target": "1", "resps": [[["-1.5", "False"]], [["-0.5", "True"]]],
    "filtered_resps": [["-1.5", "False"], ["-0.5", "True"]], "metrics": ["acc", "acc_norm", "acc_bytes"], "acc": 1.0,
    "acc_norm": 1.0, "acc_bytes": 0.0, "filter": "none", "arguments": [["q", " aé"], ["q", " b"]],
    "prompt_hash": "x", "kept": {"a": 1},
}  # fmt: skip
LM_SAID = {
    "doc_id": 0, "doc": {}, "target": "4", "resps": [["4", "the answer is 4", "5", "6"]], "filtered_resps": ["4"],
    "metrics": ["exact_match"], "exact_match": 1.0, "filter": "maj", "arguments": {"gen_args_0": {"arg_0": "q"}},
}  # fmt: skip
TRACE = {
    "info": {"trace_id": "t0", "request_id": "t1", "request_time": "2026-01-01", "timestamp_ms": 5, "state": "OK",
             "status": "DONE", "request_preview": "q...", "response_preview": "a...",
             "trace_metadata": {"mlflow.traceInputs": "q?", "mlflow.traceOutputs": "a?"},
             "assessments": [
                {"assessment_name": "ok", "feedback": {"value": True}, "create_time": "2026-01-01",
                 "last_update_time": "2026-01-03"},
                {"assessment_name": "ok", "feedback": {"value": False}, "create_time": "2026-01-02"},
                {"assessment_name": "gold", "expectation": {"value": "a"}},
                {"assessment_name": "gone", "feedback": {"value": 1}, "valid": False}]},
    "data": {"request": "q", "response": "Confidence: 60%", "spans": [
        {"parent_span_id": None, "attributes": {"mlflow.spanInputs": "\"whole\"", "mlflow.spanOutputs":
         "{\"answer\": \"a\", \"confidence\": 0.75}", "sure": "0.9", "deep": "[1]", "broken": "{"}},
        {"parent_span_id": "x", "attributes": {"sure": "0.1"}}]},
}  # fmt: skip
OLD_TRACE = {
    "info": {"request_id": "t1", "timestamp_ms": 5, "status": "DONE", "response_preview": "a...",
             "request_metadata": {"mlflow.traceInputs": "q?", "mlflow.traceOutputs": "Confidence: 55%"}},
    "data": {"spans": [{"parent_id": "x", "attributes": {"sure": 1}}]},
}  # fmt: skip
CASE = {
    "name": "c0", "input": "q", "actualOutput": "Confidence: 60%", "expectedOutput": {"a": 1}, "success": True,
    "metadata": {"kind": {"a": "k"}}, "metricsData": [
        {"name": "right", "success": True, "score": 0.4, "error": None}, {"name": "tone", "success": False}],
}  # fmt: skip
CASE_2 = {
    "name": "c1", "input": "q", "actual_output": "x", "expected_output": "y", "additional_metadata": {"n": 2},
    "metrics_data": [{"name": "right", "success": False, "score": 0.2, "error": "boom"},
                     {"name": "confidence", "success": True, "score": 0.9}],
}  # fmt: skip
TASK = {
    "id": 1, "data": {"text": "t", "n": {"a": 1}}, "annotations": [
        {"completed_by": {"id": 5}, "created_at": "2026-01-01", "was_cancelled": False, "result": [
            {"type": "choices", "from_name": "ok", "value": {"choices": ["Correct"]}},
            {"type": "rating", "from_name": "stars", "value": {"rating": 4}}]},
        {"completed_by": 6, "skipped": True, "result": []}],
    "predictions": [{"score": 0.7, "model_version": "v1", "result": [
        {"type": "choices", "from_name": "ok", "value": {"choices": ["Correct"]}, "score": 0.6}]}],
}  # fmt: skip
OLD_TASK = {"id": 1, "data": {"text": "t", "confidence": 0.5}, "completions": [
    {"completed_by": 5, "result": [{"type": "choices", "from_name": "ok", "value": {"choices": ["yes"]}}]}],
    "predictions": [{"score": 0.7}]}  # fmt: skip
STATS = {
    "instance_id": "id0", "train_trial_index": 0, "perturbation": None, "stats": [
        {"name": {"name": "exact_match"}, "count": 2, "sum": 1, "mean": 1},
        {"name": {"name": "f1_score"}, "count": 2, "sum": 1}, {"name": {"name": "max_prob"}, "count": 1, "mean": 0.5}],
}  # fmt: skip
HLE = {"model": "m", "response": "Confidence: 60%", "judge_response": {
    "correct_answer": "a", "model_answer": "b", "reasoning": "r", "correct": "yes", "confidence": 60}}  # fmt: skip
EVALS = [
    {"spec": {"completion_fns": ["gpt"], "eval_name": "match", "run_config": {}}},
    {"run_id": "r", "event_id": 0, "sample_id": "s.0", "type": "sampling", "data": {"sampled": ["Confidence: 60%"]}},
    {"run_id": "r", "event_id": 1, "sample_id": "s.0", "type": "match",
     "data": {"correct": True, "expected": ["a"], "picked": "b", "sampled": "b"}},
    {"run_id": "r", "event_id": 2, "sample_id": "s.0", "type": "metrics", "data": {"accuracy": 1, "len": 7}},
    {"run_id": "r", "event_id": 3, "sample_id": "s.1", "type": "error", "data": {"why": "boom"}},
    {"run_id": "r", "event_id": 4, "sample_id": "s.1", "type": "raw_sample", "data": {"input": "q"}},
]  # fmt: skip

FILES: dict[str, tuple[str, str, Any]] = {
    "otlp": ("otel", "a.json", {"resourceSpans": [{"scopeSpans": [{"spans": [OTLP_SPAN]}]}]}),
    "otlp in base64": ("otel", "a.json", {"resource_spans": [{"scope_spans": [{"spans": [SNAKE_SPAN]}]}]}),
    "otlp logs": ("otel", "a.jsonl", [{"resourceLogs": [{"scopeLogs": [{"logRecords": [LOG_RECORD]}]}]}]),
    "otlp logs in small": ("otel", "a.jsonl", [{"resource_logs": [{"scope_logs": [{"log_records": [LOG_RECORD]}]}]}]),
    "spans of the sdk": ("otel", "a.jsonl", [SDK_SPAN]),
    "records of the sdk": ("otel", "a.json", [SDK_RECORD]),
    "inspect": ("inspect_log", "a.json", {
        "version": 2, "status": "success", "eval": {"task": "t", "model": "m", "created": "2026-01-01"},
        "samples": [INSPECT_SAMPLE, {"id": "s1", "scores": {"exact": {"value": "I"}}}]}),
    "promptfoo": ("promptfoo", "a.json", {"evalId": "e", "results": {"version": 3, "prompts": [],
        "results": [PROMPTFOO_ROW]}}),
    "promptfoo lines": ("promptfoo", "a.jsonl", [PROMPTFOO_ROW, {**PROMPTFOO_ROW, "testIdx": 1, "failureReason": 2}]),
    "replies": ("openai_replies", "a.jsonl", [REPLY]),
    "responses": ("openai_replies", "a.json", [RESPONSE]),
    "legacy": ("openai_replies", "a.jsonl", [LEGACY]),
    "llama": ("openai_replies", "a.jsonl", [LLAMA]),
    "llama, shares": ("openai_replies", "a.jsonl", [LLAMA_PROBS]),
    "llama, old": ("openai_replies", "a.jsonl", [LLAMA_OLD]),
    "batch": ("openai_replies", "a.jsonl", [BATCH, FAILED]),
    "a failed batch": ("openai_replies", "a.jsonl", [FAILED, {"custom_id": "q2", "response": None, "error": "x"}]),
    "lm eval": ("lm_eval", "a.jsonl", [LM_CHOICE, {**LM_CHOICE, "doc_id": 1, "acc": 0.0}]),
    "lm eval, generated": ("lm_eval", "a.json", [LM_SAID, {**LM_SAID, "doc_id": 1}]),
    "mlflow": ("mlflow", "a.json", TRACE),
    "mlflow, old": ("mlflow", "a.jsonl", [OLD_TRACE, OLD_TRACE]),
    "deepeval": ("deepeval", "a.json", {"testCases": [CASE], "conversationalTestCases": []}),
    "deepeval, result": ("deepeval", "a.json", {"test_results": [CASE_2], "confident_link": None}),
    "label studio": ("label_studio", "a.json", [TASK]),
    "label studio, old": ("label_studio", "a.json", [OLD_TASK]),
    "helm": ("helm", "a.json", [STATS, {**STATS, "instance_id": "id1", "perturbation": {"name": "typos"}}]),
    "hle": ("hle", "a.json", {"id0": HLE}),
    "openai evals": ("openai_evals", "a.jsonl", EVALS),
}  # fmt: skip

ARGILLA = {
    "id": "r0", "status": "completed", "fields": {"text": "t", "more": {"a": 1}}, "metadata": {"model": "m"},
    "responses": {"ok": [{"value": ["yes"], "user_id": "u1", "status": "submitted"},
                         {"value": "no", "user_id": None, "status": "draft"}]},
    "suggestions": {"ok": {"value": "yes", "score": 0.5, "agent": "m"}},
}  # fmt: skip
ARGILLA_1 = {
    "id": None, "external_id": "e", "fields": {"text": "t"}, "metadata": {}, "responses": [
        {"user_id": "u1", "values": {"ok": {"value": "yes"}, "n": 3}, "status": "submitted"}],
    "suggestions": [{"question_name": "ok", "value": "yes", "score": 0.8}],
}  # fmt: skip
ARGILLA_FLAT = {
    "id": 0, "text": "t", "ok.responses": ["yes", "no"], "ok.responses.users": ["u1", "u2"],
    "ok.responses.status": ["submitted", "draft"], "ok.suggestion": "yes", "ok.suggestion.score": 0.5,
}  # fmt: skip
ASSESSED = {
    "trace_id": "t0", "request": {"q": 1}, "response": "Confidence: 60%", "request_time": "2026-01-01",
    "ok/value": "yes", "tone/value": 4, "spans": [], "tags": {}, "trace": "x", "assessments": [
        {"assessment_name": "gold", "expectation": {"value": "a"}},
        {"assessment_name": "late", "feedback": {"value": True}, "last_update_time": "2026-01-02"}],
}  # fmt: skip
ANNOTATION = {"span_id": "s0", "annotator_kind": "HUMAN", "annotation_name": "ok", "score": 0.25, "label": "pass",
              "metadata": {"direction": "minimize"}}  # fmt: skip
EVALUATED = {
    "context.span_id": "s0", "ok_score": {"score": 1, "label": "x", "direction": "maximize"},
    "bad_score": {"score": 0.25, "direction": "minimize"}, "ok_execution_details": "x", "bad_execution_details": "y",
    "confidence": 0.5, "output": "a", "expected": "b", "reference": "c",
}  # fmt: skip
SPAN = {
    "span_kind": "LLM", "name": "chat", "start_time": "2026-01-01", "context": {"span_id": "s0", "trace_id": "t0"},
    "attributes": {
        "llm.model_name": "m", "llm.input_messages": [{"message.role": "user", "message.content": "q"}],
        "llm.output_messages": [{"message.role": "assistant", "message.content": "Confidence: 60%"}],
        "input.value": "q?", "output.value": "a?", "metadata": '{"kind": "k"}', "openinference.span.kind": "LLM"},
}  # fmt: skip
SPAN_APART = {
    "span_kind": "LLM", "context.span_id": "s0", "context.trace_id": "t0",
    "attributes.llm.output_messages.1.message.content": "Confidence: 60%",
    "attributes.llm.output_messages.0.message.content": "first",
    "attributes.llm.input_messages.0.message.role": "user", "attributes.output.value": {"a": 1},
    "attributes.input.value": "q?", "attributes.mine": "k",
}  # fmt: skip
ACCEPTED = {
    "text": "t", "meta": {"score": 0.5}, "score": 0.7, "_input_hash": 1, "_task_hash": 2, "answer": "accept",
    "accept": ["yes"], "_timestamp": 1700000000, "spans": [1], "tokens": [2], "options": [{"id": "yes"}],
}  # fmt: skip
SCORE = {"id": "1", "name": "ok", "value": 1, "data_type": "BOOLEAN", "string_value": "True", "source": "ANNOTATION",
         "trace_id": "t0", "observation_id": "o0", "session_id": ""}  # fmt: skip
CAMEL = {"name": "ok", "value": "0.5", "dataType": "CATEGORICAL", "stringValue": "good", "source": "API",
         "traceId": "t0", "observationId": "o0", "sessionId": "x"}  # fmt: skip
SPENT = {
    "request_id": "r0", "startTime": "2026-01-01", "endTime": "x", "model": "m", "model_group": "g", "spend": 0.1,
    "session_id": "s", "messages": "[]", "status": "success", "response": json.dumps(REPLY),
    "metadata": {"user": {"a": 1}}, "cache": "no",
}  # fmt: skip
FRAME_OF_INSPECT = {
    "sample_id": "s0", "eval_id": "e", "epoch": 1, "input": ["q"], "target": "a", "id": 0, "score_exact": " C ",
    "score_len": 30, "task_name": "t", "model": "m", "metadata_confidence": 0.5,
}  # fmt: skip
SCORED = {"prompt": "q0", "prompts": "q1", "response": "a", "responses": "b", "sampled_responses": ["a"],
          "exact_match": 0.5, "judge_1": 1.0, "response_correct": 1, "Correctness": "odd"}  # fmt: skip
PREDICTED = {"example_question": "q", "example_answer": "a", "rationale": "r", "pred_answer": "b", "confidence": 0.5,
             "match": True}  # fmt: skip
EXPERIMENT = {"inputs.q": "q", "outputs.answer": "a", "outputs.confidence": 0.5, "reference.answer": "b",
              "feedback.ok": 1, "feedback.tone": 3, "example_id": "e", "output.x": "c",
              "reference_outputs.y": "d"}  # fmt: skip
SAMPLED = {"user_input": "q", "response": "a", "reference": "b", "faithfulness": 0.5, "relevancy": 1.0, "rating": 3,
           "confidence": 0.5, "rubrics": {}, "persona_name": 1}  # fmt: skip

TABLES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "argilla": ("argilla", [ARGILLA, {**ARGILLA, "id": "r1"}]),
    "argilla 1": ("argilla", [ARGILLA_1]),
    "argilla, flat": ("argilla", [ARGILLA_FLAT]),
    "mlflow, table": ("mlflow", [ASSESSED]),
    "mlflow, metrics": ("mlflow", [{"inputs": "q", "outputs": "a", "exact_match/v1/score": 1, "confidence": 0.5}]),
    "phoenix": ("phoenix", [ANNOTATION, {**ANNOTATION, "annotator_kind": "LLM"}]),
    "phoenix, result": ("phoenix", [{"name": "ok", "annotator_kind": "LLM", "result": {"score": None, "label": "pass"},
        "trace_id": "t0"}]),
    "phoenix, apart": ("phoenix", [{"annotation_name": "ok", "annotator_kind": "LLM", "result.score": 1,
        "result.label": "pass", "context.span_id": "c0", "metadata": None}]),
    "phoenix, frame": ("phoenix", [EVALUATED]),
    "openinference": ("openinference", [SPAN, {**SPAN, "span_kind": "CHAIN"}]),
    "openinference, apart": ("openinference", [SPAN_APART]),
    "prodigy": ("prodigy", [ACCEPTED, {**ACCEPTED, "answer": "ignore"}]),
    "langfuse": ("langfuse", [SCORE, {**SCORE, "source": "EVAL"}, {**SCORE, "name": "confidence", "value": 0.5}]),
    "langfuse, camel": ("langfuse", [CAMEL, {**CAMEL, "dataType": "NUMERIC"}]),
    "litellm": ("litellm", [SPENT]),
    "inspect, frame": ("inspect_log", [FRAME_OF_INSPECT]),
    "uqlm": ("uqlm", [SCORED]),
    "dspy": ("dspy", [PREDICTED]),
    "langsmith": ("langsmith", [EXPERIMENT, EXPERIMENT]),
    "ragas": ("ragas", [SAMPLED]),
    "label studio, small": ("label_studio", [{"id": 1, "text": "t", "ok": "Correct", "stars": 4, "annotator": 5,
        "annotation_id": 1, "created_at": "2026-01-01", "lead_time": 1.5, "confidence": 0.5}]),
    "lm eval, frame": ("lm_eval", [LM_CHOICE]),
}  # fmt: skip
