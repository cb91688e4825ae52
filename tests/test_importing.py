"""Answers that other tools kept become records, and scores find their way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import calibrant
from calibrant.errors import Misuse, UnusableInput
from calibrant.importing import import_log
from calibrant.returning import scores, scores_for
from calibrant.stores.sql import SqlStore
from calibrant.types import Record, Verdict

NOW = 1.8e9


def records(store: SqlStore) -> list[Record]:
    return [entry.fact for entry in store.since() if isinstance(entry.fact, Record)]


def verdicts(store: SqlStore) -> list[Verdict]:
    return [entry.fact for entry in store.since() if isinstance(entry.fact, Verdict)]


def observation(n: int, **more: Any) -> dict[str, Any]:
    """A generation as Langfuse's blob export has it."""
    return {
        "id": f"o{n}", "trace_id": f"t{n}", "type": "GENERATION", "start_time": f"2026-05-0{1 + n % 9}T10:00:00Z",
        "provided_model_name": "gpt-5-mini", "total_cost": 0.002,
        "input": json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{n} + {n}?"}]),
        "output": json.dumps({"role": "assistant", "content": str(2 * n)}), **more,
    }  # fmt: skip


def test_generations_of_langfuse_with_scores_from_a_second_file(tmp_path: Path, store: SqlStore) -> None:
    log, labels = tmp_path / "observations.jsonl", tmp_path / "scores.csv"
    log.write_text("".join(json.dumps(observation(n, confidence=0.5 + n / 100)) + "\n" for n in range(40)))
    labels.write_text(
        "trace_id,verdict\n" + "".join(f"t{n},{'right' if n % 3 else 'wrong'}\n" for n in range(40))
    )
    found = import_log(str(log), store, now=NOW, judged=0.5, labels=str(labels), on="trace_id")
    assert (found.records, found.verdicts, found.counting) == (40, 40, 40)
    first = records(store)[0]
    assert [(m.role, m.content) for m in first.question.messages] == [
        ("system", "Be brief."),
        ("user", "0 + 0?"),
    ]
    assert first.completion is not None and first.completion.text == "0" and first.completion.cost == 0.002
    assert first.completion.model == "gpt-5-mini" and first.time == 1777629600.0
    assert first.question.metadata["imported"]["trace_id"] == "t0"
    assert {one.propensity for one in verdicts(store)} == {0.5}
    assert [row["weight"] for row in store.rows()] == [2.0] * 40
    again = import_log(str(log), store, now=NOW + 1, judged=0.5, labels=str(labels), on="trace_id")
    assert (again.records, again.already, again.verdicts) == (0, 40, 0)


def test_verdicts_may_come_later(tmp_path: Path, store: SqlStore) -> None:
    rows = [observation(n, confidence=0.7) for n in range(5)]
    first = import_log(rows, store, now=NOW)
    later = import_log([{**row, "correct": n % 2} for n, row in enumerate(rows)], store, now=NOW, judged=1.0)
    assert (first.records, first.verdicts, later.records, later.already, later.verdicts) == (5, 0, 0, 5, 5)


def test_a_verdict_of_unknown_chance_is_kept_and_does_not_count(store: SqlStore) -> None:
    found = import_log([observation(n, confidence=0.7, correct=1) for n in range(3)], store, now=NOW)
    assert (found.verdicts, found.counting) == (3, 0)
    assert any("--judged all" in note for note in found.notes)
    with pytest.raises(Misuse, match="probability from"):
        import_log([observation(1)], store, now=NOW, judged=0.0)


def test_a_column_of_propensities_says_it_for_each(store: SqlStore) -> None:
    rows = [observation(n, confidence=0.7, correct=1, propensity=0.2 if n else 1.0) for n in range(3)]
    import_log(rows, store, now=NOW)
    assert [one.propensity for one in verdicts(store)] == pytest.approx([1.0, 0.2, 0.2])


OTLP = {
    "resourceSpans": [{
        "resource": {"attributes": []},
        "scopeSpans": [{
            "scope": {"name": "app"},
            "spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat m",
                "startTimeUnixNano": "1777629600000000000", "endTimeUnixNano": "1777629601000000000",
                "attributes": [
                    {"key": "gen_ai.response.model", "value": {"stringValue": "m-1"}},
                    {"key": "gen_ai.response.id", "value": {"stringValue": "chatcmpl-1"}},
                    {"key": "gen_ai.confidence", "value": {"doubleValue": 0.8}},
                    {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(
                        [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}])}},
                    {"key": "gen_ai.output.messages", "value": {"stringValue": json.dumps(
                        [{"role": "assistant", "parts": [{"type": "text", "content": "Lima"}]}])}},
                ],
                "events": [{"name": "gen_ai.evaluation.result", "attributes": [
                    {"key": "gen_ai.evaluation.name", "value": {"stringValue": "correctness"}},
                    {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 1.0}},
                ]}],
            }],
        }],
    }]
}  # fmt: skip


def test_spans_of_opentelemetry(tmp_path: Path, store: SqlStore) -> None:
    log = tmp_path / "spans.json"
    log.write_text(json.dumps(OTLP))
    import_log(str(log), store, now=NOW, judged=1.0)
    (record,) = records(store)
    assert record.question.text == "Capital of Peru?" and record.completion is not None
    assert (record.completion.text, record.completion.model, record.time) == ("Lima", "m-1", 1777629600.0)
    assert record.readings[0].score == 0.8 and verdicts(store)[0].grade == 1.0
    assert record.question.metadata["imported"]["trace_id"] == "5b8efff798038103d269b633813fc60c"


def test_a_log_of_numbers_alone_makes_records_without_content(store: SqlStore) -> None:
    rows = [{"item_id": f"q{n // 2}", "confidence": 0.9, "correct": 1} for n in range(4)]
    found = import_log(rows, store, now=NOW, judged=1.0)
    made = records(store)
    assert found.records == 4 and {one.content for one in made} == {"left_out"}
    assert made[0].question.id == made[1].question.id != made[2].question.id
    assert any("no questions and no answers" in note for note in found.notes)


def test_every_row_is_accounted_for(store: SqlStore) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "a", "answer": "1", "confidence": "85%", "correct": "yes"},
        {
            "question": "a",
            "answer": "1",
            "confidence": "85%",
            "correct": "yes",
        },  # the same once more is another
        {"question": None, "answer": "", "confidence": 0.4, "correct": "no"},
        {"question": "b", "answer": None, "confidence": 0.5, "correct": None},
        {"question": "c", "answer": "3", "confidence": 1.7, "correct": "no"},
        {"question": "d", "answer": "4", "confidence": None, "correct": "no"},
        *({"question": f"q{n}", "answer": "5", "confidence": 0.5, "correct": "no"} for n in range(30)),
    ]
    found = import_log(rows, store, now=NOW)
    assert found.rows == 36 == found.records + sum(found.left_out.values())
    assert found.left_out == {"no question, no answer and no id": 1}
    made = records(store)
    assert len({one.id for one in made}) == 35
    reasons = [one.readings[0].reason for one in made if one.readings and one.readings[0].reason]
    assert len(reasons) == 2 and made[2].error == "the log has no answer"
    with pytest.raises(UnusableInput, match="no column of questions"):
        import_log([{"confidence": 0.9, "correct": 1}], store, now=NOW)
    with pytest.raises(Misuse, match="no column 'asked'"):
        import_log([{"answer": "x", "confidence": 0.9}], store, now=NOW, question="asked")


def test_scores_go_back_to_where_the_answers_came_from(
    tmp_path: Path, store_url: str, run: Callable[..., tuple[int, str]]
) -> None:
    store = SqlStore(store_url)
    rows = [
        observation(n, confidence=0.6 + 0.3 * (n % 2), correct=int(n % 4 > 0), span_id=f"s{n}", response_id=f"c{n}")
        for n in range(120)
    ]  # fmt: skip
    import_log(rows, store, now=NOW, judged=1.0)
    assert list(scores(store)) == []  # nobody has told a probability yet
    maps = calibrant.fit(store_url, by="signal").maps
    found = list(scores(store, maps))
    assert len(found) == 120 and all(one.low <= one.p <= one.high for one in found if one.low and one.high)
    made: dict[str, Any] = {
        to: next(scores_for(to, found)) for to in ("langfuse", "phoenix", "mlflow", "otel")
    }
    first = found[0].ids["trace_id"].removeprefix("t")
    assert made["langfuse"]["traceId"] == f"t{first}" and made["langfuse"]["value"] == found[0].p
    assert made["phoenix"]["span_id"] == f"s{first}" and made["phoenix"]["annotator_kind"] == "CODE"
    assert made["mlflow"]["trace_id"] == f"t{first}" and made["mlflow"]["source"]["source_type"] == "CODE"
    record = made["otel"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record["spanId"] == f"s{first}" and record["eventName"] == "gen_ai.evaluation.result"
    store.close()
    file, out = tmp_path / "maps.json", tmp_path / "back.jsonl"
    maps.save(file)
    status, said = run("scores", store_url, "--to", "langfuse", "--maps", file, "-o", out)
    assert status == 0 and "120 scores for langfuse" in said
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0] == made["langfuse"] and len({line["id"] for line in lines}) == 120
    status, said = run("scores", store_url, "--to", "otel", "-o", out)
    assert status == 0 and "No answer has a probability yet" in said


def test_the_command(tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    log, place = tmp_path / "log.csv", tmp_path / "log.db"
    log.write_text(
        "trace_id,input,output,confidence,correct\n" + "".join(f"t{n},q{n},a,0.9,1\n" for n in range(20))
    )
    status, said = run("import", log, "--store", place, "--judged", "all", "--json")
    told = json.loads(said)
    assert status == 0 and told["records"] == told["counting"] == 20 and told["left_out"] == {}
    status, said = run("import", log, "--store", place)
    assert status == 0 and "20 were there already" in said
    assert run("import", log, "--store", place, "--judged", "most")[0] == 2


@pytest.mark.parametrize("scheme", ["", "sqlite:///"])
def test_an_import_that_fails_leaves_no_empty_store(
    tmp_path: Path, run: Callable[..., tuple[int, str]], scheme: str
) -> None:
    log, place = tmp_path / "log.csv", tmp_path / "log.db"
    log.write_text("a,b\n1,2\n")
    assert run("import", log, "--store", f"{scheme}{place}")[0] == 1
    assert [one.name for one in tmp_path.iterdir()] == ["log.csv"]
    log.write_text("trace_id,input,output,confidence,correct\nt1,q,a,0.9,1\n")
    assert run("import", log, "--store", f"{scheme}{place}")[0] == 0
    log.write_text("a,b\n1,2\n")
    assert run("import", log, "--store", f"{scheme}{place}")[0] == 1
    with closing(SqlStore(str(place))) as store:
        assert store.counts()["records"] == 1
