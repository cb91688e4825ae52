"""What people said in labelling tools, beside what a model suggested there."""

import json
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.rows import Rows, read_rows
from calibrant.logs.sources import open_source
from calibrant.logs.tallies import read_log


def means(log: Any) -> tuple[int, float, float]:
    tally = read_log(log).groups[()]
    return tally.rows, round(tally.mean_confidence, 4), round(tally.accuracy, 4)


def scores(rows: Rows) -> list[float]:
    return list(rows.groups[()].scores)


def grades(rows: Rows) -> list[float]:
    return list(rows.groups[()].grades)


def task(
    number: int, said: Any, *, kind: str = "choices", score: float | None = None, **data: Any
) -> dict[str, Any]:
    result = [{"from_name": "verdict", "to_name": "t", "type": kind, "value": {kind: said}}]
    predicted = [{"from_name": "verdict", "to_name": "t", "type": "choices", "value": {"choices": ["right"]}}]
    return {
        "id": number, "data": {"question": f"q{number}", **data},
        "annotations": [{"id": 9, "completed_by": {"id": 4, "email": "a@example.org"}, "result": result}],
        "predictions": [] if score is None else [{"result": predicted, "score": score, "model_version": "v1"}],
    }  # fmt: skip


def written(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows))
    return path


class TestLabelStudio:
    def test_a_confidence_in_the_data_goes_before_the_score_of_a_prediction(self, tmp_path: Path) -> None:
        tasks = [task(i, [["right", "wrong"][i % 4 == 0]], score=0.5, confidence=0.9) for i in range(8)]
        assert means(written(tmp_path / "a", tasks)) == (8, 0.9, 0.75)

    def test_a_score_is_how_sure_the_prediction_is_whichever_it_is(self, tmp_path: Path) -> None:
        tasks = [task(i, [["right", "wrong"][i % 4 == 0]], score=0.8) for i in range(8)]
        tasks[0]["predictions"][0]["result"][0]["value"] = {"choices": ["wrong"]}  # as the person says
        assert means(written(tmp_path / "a", tasks)) == (8, 0.8, 0.875)

    def test_predictions_without_a_score_and_ratings_say_what_lacks(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableInput, match="No suggestion has a score"):
            read_rows(written(tmp_path / "a", [task(i, ["right"]) for i in range(4)]))
        rated = [task(i, 1 + i % 5, kind="rating", confidence=0.8) for i in range(20)]
        with pytest.raises(UnusableInput, match="verdict"):
            read_rows(written(tmp_path / "b", rated))

    def test_who_annotated_is_an_id_and_no_address(self, tmp_path: Path) -> None:
        source = open_source(written(tmp_path / "a", [task(1, ["right"], confidence=0.9)]))
        block = next(source.blocks(source.columns))
        assert block["annotator"].tolist() == [4.0]
        assert not any("example.org" in str(value) for column in block.values() for value in column.tolist())

    def test_of_two_models_each_annotation_is_a_row_for_each(self, tmp_path: Path) -> None:
        tasks = [task(i, ["right"], score=0.8) for i in range(4)]
        for one in tasks:
            one["predictions"].append({**one["predictions"][0], "score": 0.6, "model_version": "v2"})
        tally = read_log(written(tmp_path / "a", tasks), by="model_version")
        assert {key: round(one.mean_confidence, 2) for key, one in tally.groups.items()} == {
            ("v1",): 0.8,
            ("v2",): 0.6,
        }


def record(number: int, responses: Any, suggestions: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "id": f"q{number}", "fields": {"prompt": "?"}, "metadata": metadata, "responses": responses,
        "suggestions": suggestions,
    }  # fmt: skip


class TestArgilla:
    def test_records_of_its_first_version(self, tmp_path: Path) -> None:
        records = [
            record(
                i,
                [{"user_id": "u", "status": "submitted", "values": {"ok": {"value": ["yes", "no"][i % 4 == 0]}}},
                 {"user_id": "v", "status": "discarded", "values": {"ok": {"value": "no"}}}],
                [{"question_name": "ok", "value": "yes", "score": 0.7}],
            )
            for i in range(8)
        ]  # fmt: skip
        assert means(written(tmp_path / "a", records)) == (8, 0.7, 0.75)

    def test_of_several_questions_one_is_chosen(self, tmp_path: Path) -> None:
        said = {"ok": [{"value": "yes", "user_id": "u"}], "polite": [{"value": "no", "user_id": "u"}]}
        path = written(tmp_path / "a", [record(i, said, {}, confidence=0.9) for i in range(4)])
        with pytest.raises(UnusableInput, match=r"--correct ok\.response or --correct polite\.response"):
            read_rows(path)
        assert grades(read_rows(path, correct="polite.response")) == [0.0] * 4

    def test_flat_and_in_columns_it_is_the_same(self, tmp_path: Path) -> None:
        flat = [
            {"id": f"q{i}", "prompt": "?", "ok.responses": ["yes", "no"], "ok.responses.users": ["u", "v"],
             "ok.responses.status": ["submitted", "draft"], "ok.suggestion": "yes", "ok.suggestion.score": 0.7}
            for i in range(4)
        ]  # fmt: skip
        columns = {name: [row[name] for row in flat] for name in flat[0]}
        assert (
            means(written(tmp_path / "a", flat)) == means(written(tmp_path / "b", columns)) == (4, 0.7, 1.0)
        )


def prodigy(**row: Any) -> dict[str, Any]:
    return {"text": "x", "_input_hash": 1, "_task_hash": 2, "answer": "accept", **row}


def read(rows: list[dict[str, Any]], tmp_path: Path) -> Rows:
    path = tmp_path / "log"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_rows(path)


class TestProdigy:
    def test_a_confidence_in_the_meta_goes_before_a_score(self, tmp_path: Path) -> None:
        rows = read([prodigy(_input_hash=i, score=0.2, meta={"confidence": 0.9}) for i in range(4)], tmp_path)
        assert (scores(rows), grades(rows)) == ([0.9] * 4, [1.0] * 4)

    def test_a_choice_that_says_right_or_wrong_is_the_verdict(self, tmp_path: Path) -> None:
        rows = [
            prodigy(_input_hash=i, accept=[["correct", "wrong"][i % 2]], meta={"score": 0.9})
            for i in range(4)
        ]
        rows.append(prodigy(_input_hash=9, accept=["correct"], answer="ignore", meta={"score": 0.9}))
        found = read(rows, tmp_path)
        assert (grades(found), found.unusable) == ([1.0, 0.0, 1.0, 0.0], {"verdict missing": 1})

    def test_without_a_score_it_says_where_to_put_it(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableInput, match=r"no column for confidence.*meta"):
            read([prodigy()] * 3, tmp_path)
