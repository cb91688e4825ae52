"""Every file that lies here: read at once, or with one option, to the right number, or refused with what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.tallies import read_log

FILES = Path(__file__).parent / "files"

# What was worked out with pandas, or by hand: the option, what is claimed, what is right, how many, and what is said.
READ: dict[str, tuple[str, float, float, int, str]] = {
    "answers.csv.gz": ("", 0.778, 0.605, 200, ""),
    "answers.csv.zst": ("", 0.778, 0.605, 200, ""),
    "answers.xlsx": ("", 0.778, 0.605, 200, ""),
    "answers_latin1.csv": ("", 0.778, 0.605, 200, "Windows-1252"),
    "answers_semicolon.csv": ("", 0.778, 0.605, 200, "decimal points"),
    "answers_sep.csv": ("", 0.778, 0.605, 200, ""),
    "answers_split.json": ("", 0.778, 0.605, 200, ""),
    "answers_utf16.csv": ("", 0.778, 0.605, 200, ""),
    "answers_wrapped.json": ("", 0.778, 0.605, 200, "'results'"),
    "class_predictions.csv": ("", 0.747, 0.720, 300, "'y_pred' equals 'y_true'"),
    "gold_beside_acc.csv": ("", 0.9, 1.0, 40, "'acc' was read as the verdict"),
    "multiline.csv": ("", 0.9, 0.667, 60, ""),
    "nested.parquet": ("", 0.786, 0.608, 120, "'answer.confidence', within another"),
    "one_class.csv": ("", 0.8, 1.0, 40, "'y_pred' equals 'y_true'"),
    "partly_correct.csv": ("", 0.778, 0.670, 200, "26 verdicts"),
    "percent.csv": ("", 0.474, 0.425, 400, "percent"),
    "verdict_letters.csv": ("correct=score_choice", 0.799, 0.575, 200, ""),
    "argilla.json": ("", 0.754, 0.615, 13, "what the model suggested"),
    "label_studio.csv": ("", 0.767, 0.667, 12, ""),
    "label_studio.json": ("", 0.775, 0.667, 12, "Cancelled annotations"),
    "label_studio_min.json": ("", 0.767, 0.667, 12, ""),
    "prodigy.jsonl": ("", 0.782, 0.636, 11, "1 of 12 tasks were ignored"),
    "braintrust.jsonl": ("", 0.762, 0.667, 12, "12 of 24 spans lie within traces"),
    "weave.jsonl": ("", 0.762, 0.667, 12, "13 of 25 calls"),
    "garak.jsonl": ("", 0.762, 0.667, 12, "own text"),
    "doccano.jsonl": ("", 0.768, 0.636, 11, ""),
    "doccano.csv": ("", 0.762, 0.667, 12, "what the model suggested"),
    "deepeval.json": ("", 0.775, 0.5, 12, ""),
    "dspy.csv": ("", 0.785, 0.65, 40, "the metric 'exact'"),
    "dspy.json": ("", 0.785, 0.65, 40, "the metric 'exact'"),
    "helm.json": ("correct=exact_match", 0.742, 0.667, 6, "perturbed"),
    "hle.json": ("", 0.792, 0.5, 8, "percent"),
    "inspect.eval": ("", 0.75, 0.667, 6, "log-probabilities"),
    "inspect_samples_df.csv": ("correct=score_includes", 0.847, 0.75, 4, "percent"),
    "langfuse_scores.csv": ("", 0.775, 0.625, 8, ""),
    "langsmith.csv": ("", 0.76, 0.733, 30, ""),
    "lm_eval_dummy.jsonl": ("correct=acc", 0.337, 0.167, 12, "softmax"),
    "lm_eval_greater_bool.jsonl": ("", 0.808, 0.667, 12, "softmax"),
    "lm_eval_sums_mc.jsonl": ("correct=acc", 0.759, 0.75, 12, "softmax"),
    "lm_eval_with_confidence.jsonl": ("", 0.798, 0.55, 40, ""),
    "mlflow.jsonl": ("correct=correctness/value", 0.675, 0.5, 4, "own text"),
    "mlflow_traces.jsonl": ("", 0.759, 0.833, 12, "calibrant's own probability, no verdict"),
    "openai_evals.jsonl": ("", 0.8, 0.667, 6, "own text"),
    "phoenix_evaluate.csv": ("", 0.791, 0.62, 100, ""),
    "promptfoo.csv": ("", 0.9, 1.0, 4, "4 of 12"),
    "promptfoo.json": ("", 0.9, 1.0, 4, "4 of 12"),
    "promptfoo.jsonl": ("", 0.9, 1.0, 4, "4 of 12"),
    "uqlm_blackbox.csv": ("", 0.798, 0.6, 80, "exact_match too"),
    "uqlm_whitebox.csv": ("confidence=sequence_probability", 0.885, 0.833, 12, ""),
}
REFUSED = {
    "certificate.json": "No column for 'confidence'",
    "decimal_comma_last.csv": "decimal comma.*semicolons",
    "percent_one.csv": "No column for 'correct'",
    "chat_completions.jsonl": "not graded.*--labels FILE --on id",
    "llm_logs.json": "not graded there.*--labels FILE --on id",
    "litellm_spend.jsonl": "not graded.*--labels FILE --on request_id",
    "lm_eval_results.json": "means.*--log_samples",
    "openai_batch.jsonl": "not graded.*--labels FILE --on custom_id",
    "otel_sdk.jsonl": "no column for confidence.*gen_ai.confidence",
    "otlp.json": "no column for confidence.*gen_ai.confidence",
    "phoenix_annotations.csv": "one verdict said twice.*--labels THIS --on span_id",
    "phoenix_annotations.parquet": "one verdict said twice.*--labels THIS --on span_id",
    "phoenix_span_annotations.json": "one verdict said twice.*--labels THIS --on span_id",
    "phoenix_span_annotations.jsonl": "one verdict said twice.*--labels THIS --on span_id",
    "phoenix_spans.json": "exported apart.*--labels ANNOTATIONS --on span_id",
    "phoenix_spans.jsonl": "exported apart.*--labels ANNOTATIONS --on span_id",
    "ragas.csv": "no column for confidence.*add a column called confidence",
}
PATHS = {path.name: path for path in FILES.rglob("*") if path.is_file()}


def test_no_file_is_left_out() -> None:
    assert {*READ, *REFUSED} == set(PATHS)


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_to_the_right_number(name: str) -> None:
    if name.endswith(".xlsx"):
        pytest.importorskip("python_calamine")
    option, claims, right, answers, said = READ[name]
    if option:
        part, _, value = option.partition("=")
        with pytest.raises(UnusableInput, match=f"--{part} {value}"):
            read_log(PATHS[name])
        log = read_log(PATHS[name], **{part: value})
    else:
        log = read_log(PATHS[name])
    tally = log.groups[()]
    assert (round(tally.mean_confidence, 3), round(tally.accuracy, 3), tally.rows) == (claims, right, answers)
    assert said in " ".join(log.notes)
    assert log.rows == log.used + sum(log.unusable.values())


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_what_would_do(name: str) -> None:
    with pytest.raises(UnusableInput, match=f"(?s){REFUSED[name]}"):
        read_log(PATHS[name])
