"""Whose log a file or a table is, by how it begins and by its columns: also what is almost so.

What is expected lies in `expected/`, a name for each.
"""

from __future__ import annotations

import json
from typing import Any

from calibrant.logs.sources import Given, plain_source
from calibrant.plugins import find, names

from ..holding import hold
from .test_held_logs import HELD, lines, opened

EXPECTED = HELD / "claims.json"
FORMATS: dict[str, Any] = {name: find("log_formats", name)() for name in names("log_formats")}
REPLY = {"choices": [{"message": {"content": "a"}}]}
SPAN = {"context": {}, "attributes": {}, "resource": {}, "start_time": 1}
TASK: dict[str, Any] = {"data": {}, "annotations": [{"result": []}]}
RESULT = {"promptIdx": 0, "testIdx": 0, "success": True}
SAMPLE = {"doc_id": 1, "resps": [], "filtered_resps": []}
EVENT = {"run_id": 1, "event_id": 1, "sample_id": 1, "type": "match", "data": {}}
GRADED = "Status,Score,Named Scores,Grader Reason"

BEGINNINGS: dict[str, tuple[str, str | bytes | Any]] = {
    **{name: ("a.log", text) for name, text in {
        "text with commas": "a,b\n1,2\n", "text with semicolons": "a;b\n1;2\n", "text with tabs": "a\tb\n1\t2\n",
        "text with bars": "a|b\n1|2\n", "one column text": "a\n1\n", "prose text": "Dear all, hello.\nIt works.\nBye",
        "text of XML": "<a,b>\n<1,2>\n", "text with NUL": "a,b\n1,2\0\n", "list text": '[{"a": 1},\n{"a": 2}]',
        "odd list text": "[a],b\n[1],2\n", "braced text": "{a,b\n1,2\n"}.items()},
    **{f"{ending} alone": (f"a{ending}", "?") for ending in (
        ".csv", ".tsv", ".txt", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".ipc",
        ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".db", ".sqlite", ".sqlite3", ".eval", ".CSV", ".md")},
    "parquet": ("a", b"PAR1x"), "arrow": ("a", b"ARROW1\0\0"), "feather": ("a", b"FEA1xx"),
    "arrow stream": ("a", b"\xff\xff\xff\xff\x10\x00\x00\x00\x01"),
    "no arrow stream": ("a", b"\xff\xff\xff\xff\x10\x11\x12\x13\x00"), "almost arrow": ("a", b"ARROW2\0\0"),
    "duckdb": ("a", b"12345678DUCK4"), "no duckdb": ("a", b"1234567DUCK45"),
    "old workbook": ("a", b"\xd0\xcf\x11\xe0"), "workbook": ("a", b"PK\3\4 xl/workbook"),
    "open workbook": ("a", b"PK\3\4 opendocument.spreadsheet"), "zip": ("a", b"PK\3\4 word/"),
    "late workbook": ("a", b"xl/ PK\3\4"), "sqlite mark": ("a", b"SQLite format 3\0"),
    "almost sqlite": ("a.db", b"SQLite format 4\0"),
    "an address": ("redis://host/1", b""), "an engine": ("duckdb:a.db", b""), "no engine": ("duck:a.db", b""),
    "a line": ("a", lines({"a": 1}, {"a": 2})), "a line in .json": ("a.json", lines({"a": 1}, {"a": 2})),
    "one flat object": ("a", lines({"a": 1})), "one deep object": ("a", lines({"a": [1]})),
    "one object of objects": ("a", lines({"a": {"b": 1}})),
    "one deep object in .jsonl": ("a.jsonl", lines({"a": [1]})),
    "over lines": ("a", json.dumps([{"a": 1}], indent=1)), "object over lines": ("a", json.dumps({"a": 1}, indent=1)),
    "broken first": ("a", '{"a": \n{"a": 1}\n{"a": 2}\n'), "broken mostly": ("a", '{"a": \n{"a"\n{"a": 2}\n'),
    "broken half": ("a", '{"a": \n\n{"a": 2}\n'), "broken alone": ("a", '{"a": '),
    "reply": ("a", lines(REPLY)), "reply without one": ("a", lines({"choices": []})),
    "text reply": ("a", lines({"choices": [{"text": "", "logprobs": None}]})),
    "text alone": ("a", lines({"choices": [{"text": ""}]})),
    "logprobs alone": ("a", lines({"choices": [{"logprobs": 1}]})),
    "message of text": ("a", lines({"choices": [{"message": "a"}]})),
    "choice of text": ("a", lines({"choices": ["a"]})),
    "choices of text": ("a", lines({"choices": "message"})),
    "response": ("a", lines({"object": "response", "output": []})),
    "response of text": ("a", lines({"object": "response", "output": "a"})),
    "other output": ("a", lines({"object": "chat", "output": []})),
    "llama": ("a", lines({"completion_probabilities": []})),
    "llama of text": ("a", lines({"completion_probabilities": "a"})),
    "batch": ("a", lines({"custom_id": 1, "response": None})), "batch alone": ("a", lines({"custom_id": 1})),
    "otlp": ("a", {"resourceSpans": []}), "otlp snake": ("a", {"resource_spans": []}),
    "logs": ("a", {"resourceLogs": []}),
    "logs snake": ("a", {"resource_logs": []}), "span": ("a", lines(SPAN)),
    "span by time": ("a", lines({**SPAN, "start_time": 1, "timestamp": 1})),
    "record": ("a", lines({"context": {}, "attributes": {}, "resource": {}, "timestamp": 1})),
    "span without time": ("a", lines({"context": {}, "attributes": {}, "resource": {}})),
    "span without context": ("a", lines({"attributes": {}, "resource": {}, "start_time": 1})),
    "span without attributes": ("a", lines({"context": {}, "resource": {}, "start_time": 1})),
    "span without resource": ("a", lines({"context": {}, "attributes": {}, "start_time": 1})),
    "task": ("a", [TASK]), "task empty": ("a", [{"data": {}, "annotations": []}]),
    "task predicted": ("a", [{"data": {}, "annotations": [], "predictions": []}]),
    "task of old": ("a", [{"data": {}, "completions": [{"result": []}]}]),
    "task without result": ("a", [{"data": {}, "annotations": [{}]}]),
    "task with one without": ("a", [{"data": {}, "annotations": [{"result": []}, {}]}]),
    "task of texts": ("a", [{"data": {}, "annotations": ["result"]}]),
    "task of text": ("a", [{"data": "x", "annotations": [{"result": []}]}]),
    "task odd": ("a", [{"data": {}, "annotations": {"result": []}}]),
    "promptfoo": ("a", lines(RESULT)), "promptfoo whole": ("a", {"evalId": 1, "results": {}}),
    "promptfoo old": ("a", {"results": {"prompts": [], "results": []}}),
    "results": ("a", {"results": {"prompts": []}}),
    "results listed": ("a", {"results": [{"prompts": 1, "results": 2}]}), "evalId": ("a", {"evalId": 1}),
    "promptfoo wide": ("a.csv", f"v,[m] q,{GRADED},Comment\n1,a,PASS,1,,\n"),
    "promptfoo without comment": ("a.csv", f"v,[m] q,{GRADED}\n1,a,PASS,1,,\n"),
    "promptfoo without status": ("a.csv", "v,[m] q,Score,Named Scores,Grader Reason\n1,a,1,,\n"),
    "promptfoo without score": ("a.csv", "v,[m] q,Status,Named Scores,Grader Reason\n1,a,1,,\n"),
    "promptfoo without named": ("a.csv", "v,[m] q,Status,Score,Grader Reason\n1,a,1,,\n"),
    "promptfoo without reason": ("a.csv", "v,[m] q,Status,Score,Named Scores\n1,a,1,,\nGrader Reason,1,1,1,1\n"),
    "lm eval": ("a", lines(SAMPLE)), "lm eval results": ("a", {"results": 1, "configs": 1, "n-shot": 1}),
    "lm eval some results": ("a", {"results": 1, "configs": 1}), "lm eval two": ("a", {"results": 1, "n-shot": 1}),
    "lm eval other": ("a", {"configs": 1, "n-shot": 1}),
    "hle": ("a", {"q": {"judge_response": {"correct": "yes", "confidence": 1}}}),
    "hle without": ("a", {"q": {"judge_response": {"correct": "yes"}}}),
    "hle, other": ("a", {"q": {"judge_response": {"confidence": 1}}}),
    "hle null": ("a", {"q": {"judge_response": None}}),
    "hle second": ("a", {"p": 1, "q": {"judge_response": {"correct": "yes", "confidence": 1}}}),
    "hle cut": ("a", ' {"q": {"judge_response": {"model_answer": "b", "x'),
    "hle cut early": ("a", '{"q": {"judge_response": {'),
    "hle cut otherwise": ("a", '{"q": {"model_answer": "b", "x'),
    "hle in a list": ("a", '[{"q": {"judge_response": {"model_answer": "b", "x'),
    "helm": ("a", [{"instance_id": 1, "stats": []}]), "helm odd": ("a", [{"instance_id": 1, "stats": {}}]),
    "helm without": ("a", [{"stats": []}]),
    "evals": ("a", lines({"spec": {"run_config": 1}})), "evals event": ("a", lines(EVENT)),
    "evals other": ("a", lines({"spec": {"config": 1}})), "evals listed": ("a", [EVENT]),
    "evals whole": ("a", [{"spec": {"run_config": 1}}]),
    "deepeval": ("a", {"testCases": [{"metricsData": []}]}),
    "deepeval 2": ("a", {"test_results": [{"metrics_data": []}]}),
    "deepeval, talks": ("a", {"conversationalTestCases": [{"metricsData": []}]}),
    "deepeval 3": ("a", {"testCases": [{"metricsScores": []}]}), "deepeval link": ("a", {"test_results": [],
    "confident_link": 1}),
    "deepeval run": ("a", {"testCases": [], "test_run_id": 1}), "deepeval none": ("a", {"testCases": []}),
    "deepeval elsewhere": ("a", {"cases": [{"metricsData": []}]}),
    "inspect": ("a", {"version": 1, "status": 1, "eval": 1}), "inspect without": ("a", {"version": 1, "eval": 1}),
    "inspect unversioned": ("a", {"status": 1, "eval": 1}), "inspect unevaluated": ("a", {"version": 1, "status": 1}),
    "mlflow": ("a", {"info": {"trace_metadata": {}}, "data": {}}),
    "mlflow 2": ("a", {"info": {"request_metadata": {}}}),
    "mlflow lines": ("a", lines({"info": {"trace_metadata": {}}, "data": {}})),
    "mlflow more": ("a", {"info": {"trace_metadata": {}}, "data": {}, "more": 1}),
    "mlflow data": ("a", {"data": {"trace_metadata": {}}}), "mlflow other": ("a", {"info": {"metadata": {}},
    "data": {}}),
    "mlflow cut": ("a", '{"info": {"trace_metadata": {}}, "data": {"x": "'),
}  # fmt: skip


def given(file: str, held: Any) -> Given:
    """A file without the file."""
    head = (
        held
        if isinstance(held, bytes)
        else held.encode()
        if isinstance(held, str)
        else json.dumps(held).encode()
    )
    return Given(file, file, head, file)


def claims(one: Given) -> dict[str, str]:
    told = {name: form.claim(one) for name, form in FORMATS.items() if hasattr(form, "claim")}
    return {name: claim.name for name, claim in told.items() if claim}


def test_claims() -> None:
    found = {name: claims(given(*begun)) for name, begun in BEGINNINGS.items()}
    hold(
        EXPECTED,
        "claims",
        {name: ", ".join(f"{n}: {c}" for n, c in one.items()) for name, one in found.items()},
    )


def test_claims_on_objects() -> None:
    class Trace:
        def to_dict(self) -> dict[str, Any]:
            return {"info": {"trace_metadata": {}}}

    told: dict[str, Any] = {
        "rows": [{"a": 1}], "none": [], "a text": "a", "bytes": b"a", "a mapping": {"a": 1}, "a number": 3,
        "traces": [{"info": {"trace_metadata": {}}}], "old traces": [{"info": {"request_metadata": {}}}],
        "other traces": [{"info": {}}], "no traces": [{"info": "trace_metadata"}],
        "a tuple": ({"info": {"trace_metadata": 1}},),
        "objects of another": [Trace()], "drawn": iter([{"a": 1}]),
    }  # fmt: skip
    found = {name: claims(Given(value)) for name, value in told.items()}
    Trace.__module__ = "mlflow.entities"
    found["objects of MLflow"] = claims(Given([Trace()]))
    read = find("log_formats", "mlflow")().open(Given([Trace(), {"info": {"trace_id": "t"}}, 3]))
    hold(EXPECTED, "claims on objects", found | {"opened": opened(read)})


KNOWN = {
    "argilla": ["fields,responses,suggestions", "fields,responses", "fields,suggestions", "responses,suggestions",
                "q.responses,q.responses.users", "q.responses", "q.responses,p.responses.users"],
    "dspy": ["example_a,pred_a,m", "example_a,pred_a", "example_a,pred_b,m", "a,pred_a,m", "example_a,b,m"],
    "inspect_log": ["sample_id,eval_id,epoch,input,target", "eval_id,epoch,input,target",
    "sample_id,epoch,input,target",
                    "sample_id,eval_id,input,target", "sample_id,eval_id,epoch,target",
                    "sample_id,eval_id,epoch,input"],
    "label_studio": ["annotation_id,annotator,lead_time", "annotation_id,annotator", "annotator,lead_time",
                     "annotation_id,lead_time"],
    "langfuse": [f"name,value,{a},{b},{c}" for a in ("data_type", "dataType", "type")
                 for b in ("string_value", "stringValue", "text") for c in ("trace_id", "id")]
    + [f"name,value,data_type,string_value,{c}"
       for c in ("traceId", "observation_id", "observationId", "session_id", "sessionId")]
    + ["name,data_type,string_value,trace_id", "value,data_type,string_value,trace_id"],
    "langsmith": ["example_id,feedback.a", "example_id,inputs.a", "example_id,outputs.a", "feedback.a,inputs.a"],
    "litellm": ["request_id,response,messages,spend,startTime", "response,messages,spend,startTime",
                "request_id,messages,spend,startTime", "request_id,response,spend,startTime",
                "request_id,response,messages,startTime", "request_id,response,messages,spend"],
    "lm_eval": ["doc_id,resps,filtered_resps", "doc_id,resps", "doc_id,filtered_resps", "resps,filtered_resps"],
    "llm": ["conversation_id,datetime_utc,duration_ms,id,model,prompt,response,response_json",
            "datetime_utc,duration_ms,id,model,prompt,response,response_json"],
    "mlflow": ["trace_id,a/value", "trace_id,assessments", "trace_id,a", "a/value", "a/v1/score", "a/v12/score",
    "a/v/score",
               "a/v1/scores", "a/v1/score/b", "a/v1/score/v2/score", "assessments", "v1/score"],
    "openinference": ["span_kind,context,attributes", "span_kind,context", "span_kind,attributes",
    "context,attributes",
                      "span_kind,context.span_id,attributes.a", "span_kind,context.span_id,a",
                      "span_kind,attributes.a",
                      "context.span_id,attributes.a", "span_kind,context.trace_id,attributes.a"],
    "phoenix": [f"{a},annotator_kind,{b}" for a in ("annotation_name", "name")
                for b in ("score,label", "result.score,result.label", "result", "score", "label", "result.score",
                "result.label")]
    + ["annotator_kind,score,label", "name,score,label", "a_score,a_execution_details", "a_execution_details",
    "a_score",
       "a_score,b_execution_details"],
    "braintrust": ["input,output,expected,scores", "scores,_xact_id", "scores,span_id", "scores.a,input", "scores.a,a",
                   "scores.a,experiment_id", "input,output,expected", "scores,input,output"],
    "doccano": ["id,text,label,Comments", "id,text,Comments", "id,filename,label,Comments", "id,text,labels",
                "id,text,annotation_approver,labels", "id,text,annotation_approver"],
    "weave": ["op_name,trace_id,output", "op_name,trace_id,output.a", "op_name,trace_id", "row_digest,evaluations",
              "evaluations"],
    "prodigy": ["_input_hash,_task_hash,answer", "_input_hash,_task_hash", "_input_hash,answer", "_task_hash,answer"],
    "ragas": [f"user_input,response,{a}" for a in (
        "retrieved_contexts", "reference", "reference_contexts", "rubrics", "rubric")]
    + ["user_input,reference", "response,reference", "user_input,response"],
    "uqlm": [f"response,{how},cosine_sim" for how in (
        "sampled_responses", "logprob", "logprobs", "judge_1", "ensemble_score", "other")]
    + ["responses,logprob,cosine_sim", "answer,logprob,cosine_sim", "response,logprob,cosine", "response,judge_1",
       "response,ensemble_score", "response,judge_1,judge_22,judge_x"],
}  # fmt: skip


def test_whose_columns() -> None:
    tables = {name: one for name, one in FORMATS.items() if hasattr(one, "knows")}
    assert tables.keys() == KNOWN.keys()
    listed = dict.fromkeys(columns for several in KNOWN.values() for columns in several)
    hold(
        EXPECTED,
        "whose columns",
        {columns: [n for n, one in tables.items() if one.knows(columns.split(","))] for columns in listed},
    )


def test_scorers_of_uqlm() -> None:
    told = "sequence_probability min_probability normalized_probability mean_token_negentropy min_token_negentropy " \
        "probability_margin p_true monte_carlo_probability consistency_and_confidence exact_match noncontradiction " \
        "entailment semantic_negentropy semantic_sets_confidence cosine_sim bert_score bleurt semantic_density " \
        "ensemble_score avg max min median judge_1 judge_20"  # fmt: skip
    row: dict[str, Any] = dict.fromkeys(told.split(), 0.5)
    row |= dict.fromkeys(["correct", "Correct", "is_correct", "answer_grade", "response_verdict", "right"], 1)
    row |= dict.fromkeys(["incorrect", "correct_answer", "judge_", "judge_1_why", "mean"], 1)
    source = plain_source([{"response": "a", "logprob": [1], **row}])
    hold(EXPECTED, "scorers of uqlm", opened(find("log_formats", "uqlm")().read(source)))
