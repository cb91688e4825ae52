"""Files that tools write are read to the numbers that the tools themselves, or plain arithmetic, give."""

import csv
import json
import math
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.foreign import whole_rows
from calibrant.logs.sources import Source, open_source
from calibrant.logs.tallies import Log, read_log
from calibrant.logs.zipped import member, member_names
from calibrant.returning import Returned, scores_for

FILES = Path(__file__).parent / "files" / "tools"


def read(name: str, **options: Any) -> Log:
    return read_log(FILES / name, **options)


def rows(name: str) -> list[dict[str, Any]]:
    return whole_rows(open_source(FILES / name))


def means(log: Log) -> tuple[int, float, float]:
    tally = log.groups[()]
    return tally.rows, round(tally.mean_confidence, 4), round(tally.accuracy, 4)


READ: list[tuple[str, dict[str, str], tuple[int, float, float], str]] = [
    ("lm_eval_greater_bool.jsonl", {}, (12, 0.8084, 0.6667), "a sample log of lm-evaluation-harness"),
    ("lm_eval_sums_mc.jsonl", {"correct": "acc"}, (12, 0.7590, 0.75), "a sample log of lm-evaluation-harness"),
    ("lm_eval_sums_mc.jsonl", {"correct": "acc_norm"}, (12, 0.5231, 0.75), "a sample log of lm-evaluation-harness"),
    ("inspect.eval", {}, (6, 0.75, 0.6667), "a log of Inspect"),
    ("deepeval.json", {}, (12, 0.775, 0.5), "a test run of DeepEval"),
    ("phoenix_evaluate.csv", {}, (100, 0.7905, 0.62), "evaluations by Phoenix"),
    ("mlflow.jsonl", {"correct": "exact/value"}, (4, 0.675, 0.5), "results of MLflow's genai.evaluate"),
    ("uqlm_blackbox.csv", {}, (80, 0.7975, 0.6), "results of uqlm"),
    ("dspy.csv", {}, (40, 0.785, 0.65), "results of DSPy's Evaluate"),
    ("langsmith.csv", {}, (30, 0.76, 0.7333), "an experiment of LangSmith"),
    ("uqlm_whitebox.csv", {"confidence": "min_probability"}, (12, 0.794, 0.8333), "results of uqlm"),
    ("inspect_samples_df.csv", {"correct": "score_yesno"}, (4, 0.8475, 0.75), "samples of Inspect (samples_df)"),
    ("hle.json", {}, (8, 0.7925, 0.5), "judged answers to Humanity's Last Exam"),
    ("helm.json", {"correct": "exact_match"}, (6, 0.7417, 0.6667), "per-instance statistics of HELM"),
    ("openai_evals.jsonl", {}, (6, 0.8, 0.6667), "records of an OpenAI evals run"),
    ("langfuse_scores.csv", {}, (8, 0.775, 0.625), "scores exported from Langfuse"),
    ("label_studio.json", {}, (12, 0.775, 0.6667), "annotations of Label Studio"),
    ("label_studio_min.json", {}, (12, 0.7667, 0.6667), "annotations of Label Studio"),
    ("label_studio.csv", {}, (12, 0.7667, 0.6667), "annotations of Label Studio"),
    ("argilla.json", {}, (13, 0.7538, 0.6154), "records of Argilla"),
    ("prodigy.jsonl", {}, (11, 0.7818, 0.6364), "annotations of Prodigy"),
    ("braintrust.jsonl", {}, (12, 0.7625, 0.6667), "an experiment of Braintrust"),
    ("weave.jsonl", {}, (12, 0.7625, 0.6667), "an evaluation of Weave"),
    ("garak.jsonl", {}, (12, 0.7625, 0.6667), "a report of garak"),
    ("garak.jsonl", {"correct": "passed.sums.Long"}, (12, 0.7625, 1.0), "a report of garak"),
    ("doccano.jsonl", {}, (11, 0.7682, 0.6364), "an export of doccano"),
    ("doccano.csv", {}, (12, 0.7625, 0.6667), "an export of doccano"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "right", "kind"), READ)
def test_it_is_read_to_its_right_value(
    name: str, options: dict[str, str], right: tuple[int, float, float], kind: str
) -> None:
    assert means(read(name, **options)) == right
    assert open_source(FILES / name).kind == kind


@pytest.mark.parametrize(("name", "options", "right", "kind"), READ)
def test_its_name_plays_no_part(
    name: str, options: dict[str, str], right: tuple[int, float, float], kind: str, tmp_path: Path
) -> None:
    ending = ".csv" if name.endswith(".csv") else ""  # text in columns is told by its ending
    shutil.copy(FILES / name, tmp_path / f"log{ending}")
    assert means(read_log(tmp_path / f"log{ending}", **options)) == right


REFUSED = [
    ("lm_eval_sums_mc.jsonl", "--correct acc or --correct acc_norm"),
    ("lm_eval_results.json", "--log_samples"),
    ("mlflow.jsonl", "--correct correctness/value or --correct exact/value"),
    ("helm.json", "--correct exact_match or --correct quasi_exact_match"),
    ("phoenix_annotations.csv", "no column for confidence.*one verdict said twice.*--labels"),
    ("ragas.csv", "no column for confidence.*add a column called confidence"),
    ("otel_sdk.jsonl", "no column for confidence.*gen_ai.confidence"),
    ("otlp.json", "no column for confidence.*gen_ai.confidence"),
    ("openai_batch.jsonl", "no column for correct.*--labels FILE --on custom_id"),
    ("chat_completions.jsonl", "no column for correct.*--labels FILE --on id"),
    ("llm_logs.json", "no column for correct.*--labels FILE --on id"),
    ("litellm_spend.jsonl", "no column for correct.*--labels FILE --on request_id"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_what_it_lacks_is_refused_with_what_to_do(name: str, says: str) -> None:
    with pytest.raises(UnusableInput, match=says):
        read(name)


def test_a_choice_is_as_sure_as_its_share_of_the_options() -> None:
    """Against the arithmetic written out, with the file's own texts."""
    lines = [json.loads(line) for line in (FILES / "lm_eval_sums_mc.jsonl").read_text().splitlines()]
    for line, row in zip(lines, rows("lm_eval_sums_mc.jsonl"), strict=True):
        likely = [float(one[0]) for one in line["filtered_resps"]]
        weights = [math.exp(one) for one in likely]
        assert row["confidence"] == pytest.approx(max(weights) / sum(weights))
        normed = [math.exp(one / len(text)) for one, text in zip(likely, line["doc"]["choices"], strict=True)]
        assert row["confidence_norm"] == pytest.approx(max(normed) / sum(normed))
        assert line["acc_norm"] == (normed.index(max(normed)) == int(line["target"]))
        assert row["answer"] == line["doc"]["choices"][likely.index(max(likely))]


def test_task_and_model_come_from_the_files_and_docs_of_two_tasks_are_two(tmp_path: Path) -> None:
    folder = tmp_path / "org__model"
    folder.mkdir()
    time = "2026-11-29T06-05-36.295766"
    for task in ("sums_mc", "greater_bool"):
        shutil.copy(FILES / f"lm_eval_{task}.jsonl", folder / f"samples_{task}_{time}.jsonl")
    found = whole_rows(open_source(folder / "samples_*.jsonl"))
    assert {(row["task"], row["model"]) for row in found} == {
        ("sums_mc", "org/model"),
        ("greater_bool", "org/model"),
    }
    assert len({row["item"] for row in found}) == 24
    shutil.copy(FILES / "lm_eval_results.json", folder / f"results_{time}.json")
    named = json.loads((FILES / "lm_eval_results.json").read_text())["model_name"]
    assert {row["model"] for row in whole_rows(open_source(folder / "samples_*.jsonl"))} == {named}


def generated(responses: list[str], filtered: str, filter: str, right: float, doc: int = 0) -> dict[str, Any]:
    return {
        "doc_id": doc, "doc": {}, "target": "64", "arguments": {}, "resps": [responses], "filtered_resps": [filtered],
        "filter": filter, "metrics": ["exact_match"], "exact_match": right,
    }  # fmt: skip


def test_samples_of_a_doc_agree_or_not_and_filters_are_not_pooled(tmp_path: Path) -> None:
    path = tmp_path / "samples"
    lines = [
        generated(["64", " 64", "The answer is 64.", "63", "6"], "64", "first", 1.0),
        generated(["64", " 64", "The answer is 64.", "63", "6"], "64", "maj", 1.0),
        generated(["7", "8"], "7", "first", 0.0, 1),
        generated(["7", "8"], "8", "maj", 0.0, 1),
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = read_log(path)
    assert set(log.groups) == {("first",), ("maj",)}
    assert log.groups[("maj",)].score.tolist() == [0.5, 0.6]
    assert any("not to be pooled" in note for note in log.notes)
    path.write_text(json.dumps(generated(["64"], "64", "none", 1.0)) + "\n")
    with pytest.raises(UnusableInput, match="repeats"):
        read_log(path)


def test_a_frame_of_samples_is_read_as_its_file() -> None:
    frame = pd.read_json(FILES / "lm_eval_sums_mc.jsonl", lines=True)
    assert means(read_log(frame, correct="acc_norm")) == (12, 0.5231, 0.75)
    frame["confidence"] = 0.5  # somebody's own is theirs
    assert means(read_log(frame, correct="acc_norm"))[1] == 0.5


def test_inspect_says_correct_partial_incorrect_and_nothing() -> None:
    found = rows("inspect.eval")
    assert [(row["id"], row["epoch"], row["score_choice"]) for row in found] == [
        ("s0", 1, 1.0), ("s1", 1, 1.0), ("s2", 1, 0.0), ("s0", 2, 1.0), ("s1", 2, 0.0), ("s2", 2, 1.0),
    ]  # fmt: skip
    assert read("inspect.eval").groups[()].clusters == 3  # epochs of one sample belong together


def eval_log(**samples: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 2, "status": "error", "eval": {"task": "sums", "model": "m", "created": "2026-11-29T06:00:00Z"},
        "samples": [{"id": name, "epoch": 1, "target": "4", **sample} for name, sample in samples.items()],
    }  # fmt: skip


def test_samples_of_inspect_that_failed_are_rows_without_a_verdict(tmp_path: Path) -> None:
    def said(text: str) -> dict[str, Any]:
        return {"choices": [{"message": {"role": "assistant", "content": text}}], "completion": text}

    whole = eval_log(
        a={"scores": {"match": {"value": "C"}}, "output": said("4\nConfidence: 90%")},
        b={"scores": {"match": {"value": "N"}}, "output": said("5\nConfidence: 70%")},
        c={"scores": {"match": {"value": "P"}}, "output": said("5\nConfidence: 60%")},
        d={"scores": {}, "error": {"message": "timeout"}, "output": said("4\nConfidence: 80%")},
    )
    path = tmp_path / "log.json"
    path.write_text(json.dumps(whole))
    log = read_log(path)
    assert log.rows == 4 and sum(log.unusable.values()) == 1
    assert log.groups[()].accuracy == 0.5
    assert list(log.notes[:2]) == [
        "Inspect's C, P, I and N count as 1, .5, 0 and 0, as in its own metrics.",
        "The run log.json did not end well: its status is 'error'.",
    ]
    assert "1 of 4 samples failed and have no verdict." in log.notes


def test_an_older_archive_of_inspect_and_one_of_a_run_that_died(tmp_path: Path) -> None:
    old, died = tmp_path / "old.eval", tmp_path / "died.eval"
    names = member_names(FILES / "inspect.eval")
    for path, method in ((old, zipfile.ZIP_DEFLATED), (died, zipfile.ZIP_STORED)):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name in names:
                if path is old or name not in ("header.json", "summaries.json", "reductions.json"):
                    archive.writestr(name, member(FILES / "inspect.eval", name))
    assert means(read_log(old)) == means(read_log(died)) == means(read("inspect.eval"))
    assert open_source(died).roles["model"] == "model"
    assert "The run died.eval did not end well: its status is 'died'." in read_log(died).notes


def test_each_scorer_of_inspect_has_a_confidence_of_its_own(tmp_path: Path) -> None:
    def scores(one: float, other: float) -> dict[str, Any]:
        return {
            "scores": {
                "one": {"value": "C", "metadata": {"confidence": one}},
                "other": {"value": "I", "metadata": {"confidence": other}},
            }
        }

    path = tmp_path / "log.json"
    path.write_text(json.dumps(eval_log(a=scores(0.9, 0.2), b=scores(0.7, 0.4))))
    with pytest.raises(UnusableInput, match="--correct score_one or --correct score_other"):
        read_log(path)
    assert means(read_log(path, correct="score_one")) == (2, 0.8, 1.0)
    assert means(read_log(path, correct="score_other")) == (2, 0.3, 0.0)


def test_all_three_files_of_promptfoo_say_that_six_of_twelve_passed() -> None:
    for name in ("promptfoo.json", "promptfoo.jsonl", "promptfoo.csv"):
        source = open_source(FILES / name)
        found = whole_rows(source)
        assert len(found) == 12 and sum(row["success"] for row in found) == 6, name
        assert source.roles["correct"] == "success" and source.roles["cluster"] == "testIdx"
        assert "score" not in source.roles.values()
        log = read_log(FILES / name)  # four of the answers state a confidence
        assert sum(log.unusable.values()) == 8 and log.groups[()].mean_confidence == pytest.approx(0.9)
        assert any("4 of 12 have one" in note for note in log.notes)


def test_an_error_of_promptfoo_is_no_verdict_and_a_named_score_is_a_confidence(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (FILES / "promptfoo.jsonl").read_text().splitlines()]
    for i, line in enumerate(lines):
        line["namedScores"] = {"confidence": 0.5 + i / 100}
    lines[0] |= {"failureReason": 2, "error": "no connection"}
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = read_log(path)
    assert log.rows == 12 and sum(log.unusable.values()) == 1
    assert "1 of 12 results are errors and have no verdict." in log.notes
    for line in lines:
        line["namedScores"], line["response"] = {}, {"output": "Paris"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UnusableInput, match="score is the graders' mean"):
        read_log(path)


def test_both_shapes_of_deepeval_are_one(tmp_path: Path) -> None:
    saved = json.loads((FILES / "deepeval.json").read_text())
    cases = [
        {
            "name": case["name"], "success": case["success"], "index": case["order"],
            "actual_output": case["actualOutput"], "additional_metadata": case["metadata"],
            "metrics_data": [{**one, "evaluation_model": None} for one in case["metricsData"]],
        }
        for case in saved["testCases"]
    ]  # fmt: skip
    path = tmp_path / "result"
    path.write_text(json.dumps({"test_results": cases, "confident_link": None, "test_run_id": None}))
    assert means(read_log(path)) == means(read("deepeval.json"))
    cases[0]["metrics_data"][0] |= {"success": False, "error": "no connection"}
    path.write_text(json.dumps({"test_results": cases, "confident_link": None, "test_run_id": None}))
    assert means(read_log(path))[0] == 11
    for case in cases:  # without metadata, the metric that is called so
        case["additional_metadata"] = None
    path.write_text(json.dumps({"test_results": cases, "confident_link": None, "test_run_id": None}))
    assert open_source(path).roles["confidence"] == "Stated confidence.score"


def test_phoenix_turns_round_what_is_to_be_small(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "span_id": ["a", "b"], "confidence": [0.9, 0.4],
            "wrong_score": [{"name": "wrong", "score": s, "label": None, "direction": "minimize"} for s in (0.0, 1.0)],
            "wrong_execution_details": [{"status": "COMPLETED"}] * 2,
        }
    )  # fmt: skip
    assert read_log(frame).groups[()].accuracy == 0.5
    assert [row["wrong"] for row in whole_rows(open_source(frame))] == [1.0, 0.0]
    frame = pd.DataFrame(
        {
            "span_id": ["a", "b"], "score": ["0.0", "1.0"], "label": ["fine", "bad"], "annotation_name": "toxic",
            "annotator_kind": "LLM", "metadata": "{'direction': 'minimize'}",
        }
    )  # fmt: skip
    assert [row["toxic"] for row in whole_rows(open_source(frame))] == [1.0, 0.0]


def test_a_score_of_an_evaluation_outweighs_its_label() -> None:
    """The spans' scores are the truth there; their label says pass throughout."""
    for name in ("otel_sdk.jsonl", "otlp.json"):
        source = open_source(FILES / name)
        assert [row["correctness"] for row in whole_rows(source)] == [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
        assert any("2 evaluations say different things" in note for note in source.notes)
        assert source.roles["answer"] == "answer"
    spans = [{row["span_id"] for row in rows(name)} for name in ("otel_sdk.jsonl", "otlp.json")]
    assert spans[0] == spans[1]  # ids in hex and in base64


def test_an_evaluation_called_confidence_is_one(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    lines = [json.loads(line) for line in (FILES / "otel_sdk.jsonl").read_text().splitlines()]
    for line in lines:
        event = json.loads(json.dumps(line["events"][0]))
        event["attributes"] |= {
            "gen_ai.evaluation.name": "confidence",
            "gen_ai.evaluation.score.value": 0.75,
        }
        line["events"].append(event)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert means(read_log(path)) == (6, 0.75, 0.6667)


def reply(content: str, *tokens: tuple[str, float, dict[str, float]]) -> dict[str, Any]:
    entries = [
        {"token": text, "logprob": p, "top_logprobs": [{"token": t, "logprob": q} for t, q in top.items()]}
        for text, p, top in tokens
    ]
    message = {"role": "assistant", "content": content}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "logprobs": {"content": entries}, "finish_reason": "stop"}],
    }  # fmt: skip


def confidences(tmp_path: Path, *records: dict[str, Any]) -> tuple[Source, list[Any]]:
    path = tmp_path / "replies"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    source = open_source(path)
    return source, [row.get("confidence") for row in whole_rows(source)]


def test_replies_have_the_confidence_of_their_text_or_of_their_tokens(tmp_path: Path) -> None:
    assert [row["confidence"] for row in rows("openai_batch.jsonl")] == [0.9, 0.95, 0.7, 0.8, 0.9, 0.95]
    letter = reply("B", ("B", math.log(0.6), {"B": math.log(0.6), "A": math.log(0.2), "the": math.log(0.2)}))
    source, found = confidences(tmp_path, letter, letter)
    assert found == pytest.approx([0.75, 0.75]) and "chosen letter" in source.notes[0]
    words = reply("Paris", ("Par", math.log(0.5), {}), ("is", -0.0, {}))
    source, found = confidences(tmp_path, words)
    assert found == pytest.approx([math.sqrt(0.5)]) and "mean log-probability" in source.notes[0]
    source, found = confidences(tmp_path, reply("Yes", ("Yes", 0.0, {})))
    assert found == [1.0]  # a log-probability of 0 is a probability of 1


def test_a_request_that_failed_is_a_row_without_an_answer(tmp_path: Path) -> None:
    good = json.loads((FILES / "openai_batch.jsonl").read_text().splitlines()[0])
    failed = {
        "id": "x", "custom_id": "q9", "error": None,
        "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}},
    }  # fmt: skip
    dead = {"id": "y", "custom_id": "q8", "response": None, "error": {"code": "expired"}}
    source, found = confidences(tmp_path, good, failed, dead)
    assert found == [0.9, None, None] or [v if v == v else None for v in found] == [0.9, None, None]
    assert "2 of 3 requests failed and have no answer." in source.notes


def test_replies_take_their_verdicts_from_a_second_file(tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    key.write_text("custom_id,correct\n" + "".join(f"q{i},{i % 2}\n" for i in range(6)))
    log = read("openai_batch.jsonl", labels=key, on="custom_id")
    assert log.rows == 6 and log.groups[()].accuracy == 0.5


def test_people_s_verdicts_count_in_place_of_the_tool_s_own(tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    key.write_text("testIdx,correct\n" + "".join(f"{i},no\n" for i in range(6)))
    assert read("promptfoo.json", labels=key, on="testIdx").groups[()].accuracy == 0


def test_evaluations_without_their_spans_are_labels_for_them(tmp_path: Path) -> None:
    path = tmp_path / "events"
    told = {
        "gen_ai.evaluation.name": "correctness",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.response.id": "c",
    }
    attributes = [
        {"key": k, "value": {"doubleValue" if v == 1.0 else "stringValue": v}} for k, v in told.items()
    ]
    other = [*attributes[1:], {"key": "gen_ai.evaluation.name", "value": {"stringValue": "tone"}}]
    records = [{"eventName": "gen_ai.evaluation.result", "attributes": one} for one in (attributes, other)]
    path.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
    (row,) = whole_rows(open_source(path))
    assert (row["response_id"], row["correctness"], row["tone"]) == ("c", 1.0, 1.0)


def test_other_shapes_of_log_probabilities(tmp_path: Path) -> None:
    half = math.log(0.5)
    legacy = {
        "object": "text_completion",
        "choices": [{"text": "4", "logprobs": {"tokens": ["4"], "token_logprobs": [half]}}],
    }
    llama = {
        "content": "4",
        "completion_probabilities": [{"token": "4", "logprob": half, "top_logprobs": []}],
    }
    after = {"content": "4", "completion_probabilities": [{"token": "4", "prob": 0.5, "top_probs": []}]}
    old = {
        "content": "4",
        "completion_probabilities": [{"content": "4", "probs": [{"tok_str": "4", "prob": 0.5}]}],
    }
    part = {
        "type": "output_text",
        "text": "4",
        "logprobs": [{"token": "4", "logprob": half, "top_logprobs": []}],
    }
    responses = {
        "object": "response",
        "status": "completed",
        "output": [{"type": "message", "content": [part]}],
    }
    for record in (legacy, llama, after, old, responses):
        assert confidences(tmp_path, record)[1] == pytest.approx([0.5]), record
    several = reply("4")
    several["choices"] = [{**several["choices"][0], "index": i} for i in range(3)]
    source, found = confidences(tmp_path, several)
    assert len(found) == 3 and source.roles["cluster"] == "id"


def test_scorers_of_uqlm_are_confidences_to_choose_from(tmp_path: Path) -> None:
    frame = pd.read_csv(FILES / "uqlm_whitebox.csv")
    with pytest.raises(UnusableInput, match="--confidence sequence_probability or --confidence min_prob"):
        read_log(frame)
    log = read_log(frame, confidence="min_probability")
    assert log.groups[()].accuracy == pytest.approx(frame["response_correct"].mean())
    with pytest.raises(UnusableInput, match="uqlm grades nothing"):
        read_log(frame.drop(columns="response_correct"), confidence="min_probability")


def test_the_frame_of_inspect_is_read_as_its_log() -> None:
    with (FILES / "inspect_samples_df.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    log = read_log(lines, correct="score_yesno")
    right = sum(line["score_yesno"] == "C" for line in lines) / len(lines)
    assert log.groups[()].accuracy == pytest.approx(right)
    with pytest.raises(UnusableInput, match="--correct score_includes or --correct score_yesno"):
        read_log(lines)


def test_people_and_judges_of_langfuse_are_two(tmp_path: Path) -> None:
    frame = pd.read_csv(FILES / "langfuse_scores.csv")
    judged = frame[frame["name"] == "correctness"].assign(source="EVAL")
    with pytest.raises(UnusableInput, match=r"--correct correctness.human or --correct correctness.judge"):
        read_log(pd.concat([frame, judged]))


def test_half_a_file_is_refused_in_words(tmp_path: Path) -> None:
    for name in ("inspect.eval", "promptfoo.json", "deepeval.json", "hle.json", "otlp.json"):
        path = tmp_path / name
        whole = (FILES / name).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UnusableInput):
            read_log(path)


def test_plain_logs_are_nobodys() -> None:
    for columns in (
        ["confidence", "correct"],
        ["id", "score", "label"],
        ["response", "confidence", "correct"],
    ):
        assert not open_source([dict.fromkeys(columns, 1)] * 2).kind


def test_results_of_uqlm_in_columns_are_those_of_its_frame(tmp_path: Path) -> None:
    data = {
        "prompts": ["?"] * 4, "responses": ["x"] * 4, "sampled_responses": [["x", "x"], ["y", "n"]] * 2,
        "exact_match": [1.0, 0.5] * 2, "correct": [1, 1, 0, 1],
    }  # fmt: skip
    (tmp_path / "a").write_text(
        json.dumps({"data": data, "metadata": {"num_responses": 2, "scorers": ["exact_match"]}})
    )
    log = read_log(tmp_path / "a")
    assert (open_source(tmp_path / "a").kind, means(log)) == ("results of uqlm", (4, 0.75, 0.75))


def test_a_table_of_mlflow_has_metrics_of_a_version(tmp_path: Path) -> None:
    columns = ["inputs", "outputs", "exact_match/v1/score", "confidence/v1/score", "token_count"]
    data = [[f"q{i}", "a", i % 2, 0.8, 3] for i in range(10)]
    (tmp_path / "eval_results_table.json").write_text(json.dumps({"columns": columns, "data": data}))
    log = read_log(tmp_path / "eval_results_table.json")
    assert (log.roles.correct, means(log)) == ("exact_match/v1/score", (10, 0.8, 0.5))
    data = [["q", "I am 70 % sure.", i % 2, i % 3 / 3, 3] for i in range(10)]
    columns[3] = "toxicity/v1/score"
    (tmp_path / "b.json").write_text(json.dumps({"columns": columns, "data": data}))
    with pytest.raises(UnusableInput, match=r"--correct exact_match/v1/score or --correct toxicity/v1/score"):
        read_log(tmp_path / "b.json")
    assert means(read_log(tmp_path / "b.json", correct="exact_match/v1/score")) == (10, 0.7, 0.5)


def mlflow_trace(n: int) -> dict[str, object]:
    """As `Trace.to_json` of MLflow 3 writes one: attributes are JSON, the head holds what was cut off."""
    given, got = {"messages": [{"role": "user", "content": f"{n} + 1?"}]}, {"answer": "4", "confidence": 0.8}
    inner = {
        "span_id": "b",
        "parent_span_id": "a",
        "name": "tool",
        "attributes": {"mlflow.spanOutputs": '"y"'},
    }
    outer = {
        "span_id": "a", "parent_span_id": None, "name": "answer",
        "attributes": {
            "mlflow.spanInputs": json.dumps(given), "mlflow.spanOutputs": json.dumps(got),
            "mlflow.spanType": '"CHAT_MODEL"', "model": '"small"', "attempt": "2", "kept": '{"a": 1}',
        },
    }  # fmt: skip
    judged = {"assessment_name": "correctness", "feedback": {"value": n % 4 > 0}, "valid": True}
    info = {
        "trace_id": f"tr-{n}", "request_time": f"2026-05-01T09:00:{n:02}Z", "state": "OK",
        "trace_metadata": {"mlflow.traceOutputs": '{"answer": "4", "confid...'}, "assessments": [judged],
    }  # fmt: skip
    return {"info": info, "data": {"spans": [inner, outer]}}


@pytest.mark.parametrize("written", ["lines", "a list", "one file each", "in memory"])
def test_traces_that_mlflow_wrote_one_by_one(tmp_path: Path, written: str) -> None:
    traces = [mlflow_trace(n) for n in range(20)]
    log: object = tmp_path / "traces.json"
    if written == "lines":
        (tmp_path / "traces.json").write_text("".join(json.dumps(one) + "\n" for one in traces))
    elif written == "a list":
        (tmp_path / "traces.json").write_text(json.dumps(traces, indent=1))
    elif written == "one file each":
        for n, one in enumerate(traces):
            (tmp_path / f"t{n:02}.json").write_text(json.dumps(one))
        log = str(tmp_path / "t*.json")
    else:
        log = traces
    read = read_log(log)
    assert (read.roles.correct, means(read)) == ("correctness/value", (20, 0.8, 0.75))
    source = open_source(log)
    assert {"model", "attempt"} <= set(source.columns) and "kept" not in source.columns
    assert source.first("model")[0] == "small"


def test_a_log_of_its_own_with_info_and_data_is_none_of_mlflow(tmp_path: Path) -> None:
    rows = [{"info": {"id": n}, "data": {"confidence": 0.8, "correct": n % 4 > 0}} for n in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for log in (tmp_path / "a.jsonl", rows):
        assert means(read_log(log)) == (20, 0.8, 0.75)


@pytest.mark.parametrize("as_text", [False, True])
def test_traces_of_mlflow_have_the_verdicts_of_their_assessments(tmp_path: Path, as_text: bool) -> None:
    def assessed(name: str, value: object, at: str, **more: object) -> dict[str, object]:
        return {
            "assessment_name": name,
            "last_update_time": f"2026-05-0{at}T09:00:00Z",
            "feedback": {"value": value},
            **more,
        }

    def row(n: int) -> dict[str, object]:
        judged = [
            assessed("correctness", n % 4 > 0, "2"),
            assessed("correctness", n % 4 == 0, "1"),  # thought better of since
            assessed("correctness", n % 4 == 0, "3", valid=False),  # taken back
            {"assessment_name": "expected", "expectation": {"value": "4"}},
            {"assessment_name": "broken", "feedback": {"error": {"error_code": "TIMEOUT"}}},
        ]
        response = {"answer": "4", "confidence": 0.8}
        return {
            "trace_id": f"tr-{n}", "request_time": 1.7e12 + n, "request": f"{n} + 1?",
            "response": json.dumps(response) if as_text else response,
            "trace_metadata": {}, "assessments": json.dumps(judged) if as_text else judged,
        }  # fmt: skip

    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in range(20)))
    log = read_log(tmp_path / "traces.jsonl")
    assert (log.roles.correct, means(log)) == ("correctness/value", (20, 0.8, 0.75))


@pytest.mark.parametrize("tool", ["mlflow", "phoenix", "langfuse", "otel"])
def test_a_probability_that_was_sent_back_is_no_verdict(tmp_path: Path, tool: str) -> None:
    def told(n: int) -> dict[str, Any]:
        kept = {"trace_id": f"{n:032x}", "span_id": f"{n:016x}"}
        low: dict[str, Any] = {"low": 0.5, "high": 0.9, "action": "answer", "why": "", "map_id": "m"}
        found = next(scores_for(tool, [Returned(record_id=f"r{n}", p=0.7, ids=kept, **low)]))
        assert isinstance(found, dict)
        return found

    lines: list[dict[str, Any]] = []
    for n in range(20):
        right = float(n % 4 > 0)
        if tool == "mlflow":
            back = told(n)
            trace: Any = mlflow_trace(n)
            trace["info"]["assessments"].append(
                {"assessment_name": back["name"], "feedback": {"value": back["value"]}, "valid": True}
            )
            lines.append(trace)
        elif tool == "phoenix":
            both = [told(n), {**told(n), "name": "correctness", "annotator_kind": "HUMAN"}]
            both[1]["result"] = {"score": right, "label": "right" if right else "wrong"}
            sure = {**told(n), "name": "confidence", "annotator_kind": "HUMAN", "result": {"score": 0.8}}
            lines += [
                {
                    "span_id": one["span_id"], "annotation_name": one["name"], "annotator_kind": one["annotator_kind"],
                    "score": one["result"]["score"], "label": one["result"].get("label"), "metadata": {},
                }
                for one in (*both, sure)
            ]  # fmt: skip
        elif tool == "langfuse":
            given = [
                told(n),
                {**told(n), "name": "correctness", "value": right},
                {**told(n), "name": "confidence", "value": 0.8},
            ]
            lines += [
                {
                    "trace_id": one["traceId"], "observation_id": None, "session_id": None, "name": one["name"],
                    "value": one["value"], "data_type": "NUMERIC", "string_value": None, "source": "API",
                }
                for one in given
            ]  # fmt: skip
        else:
            attributes = [
                {"key": "gen_ai.request.model", "value": {"stringValue": "small"}},
                {"key": "gen_ai.confidence", "value": {"doubleValue": 0.8}},
            ]
            verdict = [
                {"key": "gen_ai.evaluation.name", "value": {"stringValue": "correctness"}},
                {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": right}},
            ]
            span = {
                "traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": "chat", "attributes": attributes,
                "events": [{"name": "gen_ai.evaluation.result", "attributes": verdict}],
            }  # fmt: skip
            lines += [{"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, told(n)]
    (tmp_path / "back.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    log = read_log(tmp_path / "back.jsonl")
    assert means(log) == (20, 0.8, 0.75) and str(log.roles.correct).startswith("correctness")
    assert any("calibrant's own probability" in note for note in log.notes)


@pytest.mark.parametrize(("spans", "verdicts"), [("jsonl", "jsonl"), ("json", "json"), ("csv", "jsonl")])
def test_spans_of_phoenix_are_joined_with_their_annotations(
    tmp_path: Path, spans: str, verdicts: str
) -> None:
    if spans == "csv":
        frame = pd.read_json(FILES / "phoenix_spans.jsonl", lines=True)
        frame.to_csv(tmp_path / "spans.csv", index=False)
    log = tmp_path / "spans.csv" if spans == "csv" else FILES / f"phoenix_spans.{spans}"
    joined = read_log(log, labels=FILES / f"phoenix_span_annotations.{verdicts}", on="span_id")
    assert (joined.roles.confidence, joined.roles.correct) == ("metadata.confidence", "correctness")
    assert means(joined) == (12, 0.7592, 0.75)
    first = whole_rows(open_source(log))[0]
    assert first["answer"] == "78" and "What is 39 + 39?" in first["question"]
    assert first["model"] == "gpt-5-mini"
