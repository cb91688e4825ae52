"""Traces, calls and attempts of other tools in the further shapes that they are written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.foreign import whole_rows
from calibrant.logs.rows import read_rows
from calibrant.logs.sources import open_source

FILES = Path(__file__).parent / "files" / "tools"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FILES / name).read_text().splitlines()]


def kept(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def pairs(log: Any, **options: Any) -> list[tuple[float, float]]:
    [group] = read_rows(log, **options).groups.values()
    return list(zip(group.scores.tolist(), group.grades.tolist(), strict=True))


class TestBraintrust:
    def test_answers_of_the_api_and_downloads_are_the_same(self, tmp_path: Path) -> None:
        events = lines("braintrust.jsonl")
        right = pairs(FILES / "braintrust.jsonl")
        assert pairs(kept(tmp_path / "a.json", {"events": events, "cursor": None})) == right
        traces = [one for one in events if one["is_root"]]
        table = pd.DataFrame(
            {k: [json.dumps(one[k]) for one in traces] for k in ("input", "output", "expected", "scores")}
        )
        table.to_csv(tmp_path / "a.csv", index=False)
        assert pairs(tmp_path / "a.csv") == right

    def test_of_several_scores_one_is_chosen_and_text_may_state_a_confidence(self, tmp_path: Path) -> None:
        results = [
            {"input": f"q{i}", "output": f"{i} (confidence: {50 + i}%)", "expected": "3",
             "scores": {"ExactMatch": i % 2, "Factuality": 0.6}}
            for i in range(4)
        ]  # fmt: skip
        path = kept(tmp_path / "a.json", results)
        with pytest.raises(
            UnusableInput, match=r"--correct scores\.ExactMatch or --correct scores\.Factuality"
        ):
            read_rows(path)
        assert pairs(path, correct="scores.ExactMatch") == [(0.5, 0.0), (0.51, 1.0), (0.52, 0.0), (0.53, 1.0)]

    def test_trials_of_an_item_belong_together(self, tmp_path: Path) -> None:
        events = [one for one in lines("braintrust.jsonl") if one["is_root"]]
        again = [{**one, "id": f"again {i}"} for i, one in enumerate(events)]
        assert open_source(kept(tmp_path / "a.json", events + again)).roles["cluster"] == "item"


class TestWeave:
    def test_results_of_a_query_and_columns_of_a_table_are_the_same(self, tmp_path: Path) -> None:
        calls = [one for one in lines("weave.jsonl") if one["id"].startswith("call")]
        right = pairs(FILES / "weave.jsonl")
        pd.json_normalize(calls).to_csv(tmp_path / "a.csv", index=False)
        assert pairs(tmp_path / "a.csv") == right
        rows = [
            {"row_digest": one["id"], "raw_data_row": {"question": "?"}, "evaluations": [
                {"evaluation_call_id": "e", "trials": [
                    {"model_output": one["output"]["output"], "scores": one["output"]["scores"]}]}]}
            for one in calls
        ]  # fmt: skip
        assert pairs(kept(tmp_path / "a.json", {"rows": rows, "summary": None})) == right

    def test_what_people_said_of_a_call_is_a_verdict(self, tmp_path: Path) -> None:
        said = {"feedback_type": "wandb.annotation.right", "payload": {"value": True}}
        calls = [
            {"id": f"c{i}", "op_name": "weave:///a/b/op/ask:x", "trace_id": "t", "inputs": {"question": f"q{i}"},
             "output": {"answer": "a", "confidence": 0.7}, "summary": {"weave": {"feedback": [said]}}}
            for i in range(3)
        ]  # fmt: skip
        path = kept(tmp_path / "a.json", calls)
        assert pairs(path) == [(0.7, 1.0)] * 3
        assert (open_source(path).kind, whole_rows(open_source(path))[0]["op"]) == ("calls of Weave", "ask")


class TestGarak:
    def test_the_threshold_of_the_run_counts(self, tmp_path: Path) -> None:
        entries = lines("garak.jsonl")
        entries[0]["run.eval_threshold"] = 0.3
        (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in entries))
        assert {right for _, right in pairs(tmp_path / "a.jsonl", correct="passed.sums.Long")} == {0.0, 1.0}

    def test_a_hit_log_is_refused(self, tmp_path: Path) -> None:
        hit = {"probe": "p", "detector": "d", "score": 1.0, "attempt_id": "u", "attempt_seq": 0, "output": {}}
        with pytest.raises(UnusableInput, match=r"failures alone.*report of the same run"):
            read_rows(kept(tmp_path / "a.jsonl", hit))


def test_runs_of_langsmith_have_the_means_of_their_feedback(tmp_path: Path) -> None:
    def run(i: int, parent: str | None) -> dict[str, Any]:
        return {"id": f"r{i} {parent}", "run_type": "chain", "parent_run_id": parent, "inputs": {"question": "?"},
                "outputs": {"answer": "a", "confidence": 0.5 + i / 10}, "extra": {"metadata": {"ls_model_name": "m"}},
                "feedback_stats": {"correctness": {"n": 1, "avg": i % 2}} if parent is None else None}  # fmt: skip

    path = kept(tmp_path / "a.json", [run(i, parent) for i in range(4) for parent in (None, f"r{i}")])
    assert pairs(path) == [(0.5, 0.0), (0.6, 1.0), (0.7, 0.0), (0.8, 1.0)]
    assert "4 of 8 runs lie within others" in " ".join(open_source(path).notes)


def test_traces_of_langfuse_have_their_scores_with_them(tmp_path: Path) -> None:
    def trace(i: int, scores: list[Any]) -> dict[str, Any]:
        said = f"It is {i}. Confidence: 80%"
        return {"id": f"t{i}", "timestamp": "2026-11-29T10:00:00Z", "input": "?", "output": said,
                "scores": scores}  # fmt: skip

    judged = [trace(i, [{"name": "ok", "value": i % 2, "dataType": "BOOLEAN"}]) for i in range(4)]
    assert pairs(kept(tmp_path / "a.json", judged)) == [(0.8, 0.0), (0.8, 1.0)] * 2
    with pytest.raises(UnusableInput, match=r"--labels SCORES --on id=trace_id"):
        read_rows(kept(tmp_path / "b.json", [trace(i, [f"score {i}"]) for i in range(4)]))


def test_labels_of_doccano_before_it_had_comments(tmp_path: Path) -> None:
    texts = [
        {
            "id": i,
            "text": "t",
            "meta": {"confidence": 0.6},
            "annotation_approver": None,
            "labels": [["wrong"], ["right"]][i % 2],
        }
        for i in range(4)
    ]
    assert pairs(kept(tmp_path / "a.json", texts)) == [(0.6, 0.0), (0.6, 1.0)] * 2


@pytest.mark.parametrize(
    "beside",
    [
        {"timestamp": "2026-01-01T00:00:00Z", "input": "q", "output": "a", "scores": 0.3},
        {"input": "q", "output": "a", "scores.a": 0.2, "scores.b": 0.8},
        {"input": "q", "output": "a", "expected": "a", "scores": {"a": 0.4}},
        {"op_name": "ask", "trace_id": "t", "output": "a"},
        {"text": "t", "Comments": "", "label": "positive"},
        {"text": "t", "annotation_approver": "ann", "label": "positive"},
        {"run_type": "llm", "feedback_stats": None, "outputs": "a"},
        {"model": "m", "prompt": "p", "response": "r", "response_json": "{}", "conversation_id": "c",
         "datetime_utc": "2026-01-01T00:00:00", "duration_ms": 3},
    ],
    ids=lambda beside: ",".join(beside)[:40],
)  # fmt: skip
def test_a_table_with_a_confidence_and_a_verdict_of_its_own_is_no_tools(
    tmp_path: Path, beside: dict[str, Any]
) -> None:
    for sure, right in (("confidence", "correct"), ("conf", "is_correct"), ("p_true", "verdict")):
        rows = [{"id": i, **beside, sure: 0.5 + i / 10, right: i % 2} for i in range(4)]
        assert pairs(kept(tmp_path / "a.json", rows)) == [(0.5, 0.0), (0.6, 1.0), (0.7, 0.0), (0.8, 1.0)]
