"""A log of known truth, written in many other ways: the right number, a refusal with what settles it,
or a doubt aloud.

Nothing here may be silently wrong. Where a refusal names an option that settles it, that very option is pasted.
"""

from __future__ import annotations

import decimal
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.tallies import Log, read_log
from calibrant.logs.vocabulary import option_of

from ..workbooks import xlsx

N = 200
RNG = np.random.default_rng(7)
SURE = RNG.choice([0.5, 0.6, 0.7, 0.8, 0.9, 0.95], N)
RIGHT = RNG.random(N) < SURE - 0.15
TRUE = pd.DataFrame({"id": [f"q{i}" for i in range(N)], "confidence": SURE, "correct": RIGHT})
CLAIMS, SHARE = float(SURE.mean()), float(RIGHT.mean())
CSV = TRUE.to_csv(index=False)
RECORDS = json.loads(TRUE.to_json(orient="records"))
LINES = "".join(json.dumps(row) + "\n" for row in RECORDS)

Data = pd.DataFrame | str | bytes | Callable[[Path], Path]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An input, and what is to come of it: `refused` where it is, by what it says; `settles` is then pasted."""

    data: Data
    said: str = ""
    refused: bool = False
    settles: str = ""
    claims: float | None = CLAIMS
    right: float | None = SHARE
    rows: int = N
    name: str = "log.csv"
    options: dict[str, str] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def right(what: str, data: Data, said: str = "", **more: Any) -> None:
    """Read at once, to the truth."""
    CASES[what] = Case(data=data, said=said, **more)


def noted(what: str, data: Data, said: str, **more: Any) -> None:
    """Read, perhaps to another number, and the doubt is named; `settles` is the option in that note."""
    CASES[what] = Case(data=data, said=said, **({"claims": None, "right": None} | more))


def refused(what: str, data: Data, said: str = "", settles: str = "", **more: Any) -> None:
    """Refused, with an option that gives the truth when it is pasted."""
    CASES[what] = Case(data=data, said=said, refused=True, settles=settles, **more)


def sure(change: Callable[[float], Any], name: str = "confidence") -> pd.DataFrame:
    """The log with its confidences written otherwise."""
    return TRUE.assign(confidence=[change(c) for c in SURE.tolist()]).rename(columns={"confidence": name})


def judged(good: Any, bad: Any, name: str = "correct") -> pd.DataFrame:
    """The log with its verdicts written otherwise."""
    return TRUE.assign(correct=[good if y else bad for y in RIGHT]).rename(columns={"correct": name})


def percent(c: float) -> int:
    return round(100 * c)


# The unit of the confidence.
right("percent", sure(percent), "as percent")
for what, shown in {
    "85%": "{}%", "85 %": "{} %", "85 percent": "{} percent", "85pct": "{}pct", "85 Prozent": "{} Prozent",
    "85 pour cent": "{} pour cent", "85％": "{}％", "85/100": "{}/100",
}.items():  # fmt: skip
    right(f"a sign: {what}", sure(lambda c, shown=shown: shown.format(percent(c))))
right("a sign: 8/10", sure(lambda c: f"{10 * c:g}/10"))
right("a sign: 8 out of 10", sure(lambda c: f"{10 * c:g} out of 10"))
right("a sign and a decimal comma", sure(lambda c: f"{100 * c:.1f}%".replace(".", ",")), "decimal points")
right("a decimal comma in quotes", sure(lambda c: f"{c:.2f}".replace(".", ",")), "decimal points")
right("with an exponent", sure(lambda c: f"{c:e}"))
right("without a leading zero", sure(lambda c: f"{c:.2f}"[1:]))
refused("0 to 10", sure(lambda c: round(10 * c, 1)), "none exceeds 10", "--scale 0-10")
refused(
    "1 to 5", sure(lambda c: 1 + round(4 * c)), "", "--scale 1-5",
    claims=float(np.mean([round(4 * c) / 4 for c in SURE.tolist()])),
)  # fmt: skip
refused(
    "1 to 10", sure(lambda c: 1 + round(9 * c)), "", "--scale 1-10",
    claims=float(np.mean([round(9 * c) / 9 for c in SURE.tolist()])),
)  # fmt: skip
refused("log-probabilities", sure(math.log), "no number is above 0", "--scale logprob")
refused("log-odds", sure(lambda c: math.log(c / (1 - c))), "", "--scale logit")
refused(
    "log-probabilities in a column of that name", sure(math.log, "logprob"), "logprob", "--confidence logprob"
)
refused(
    "fractions and percent", sure(lambda c: c if c < 0.8 else percent(c)), "fractions and percent, it seems"
)
refused(
    "fractions and percent by model",
    pd.concat([TRUE, sure(percent)]).assign(model=["a"] * N + ["b"] * N, id=range(2 * N)),
    "", "--by model", rows=2 * N,
)  # fmt: skip
right("a few percent among fractions", pd.concat([TRUE, sure(percent).head(6)]).assign(id=range(N + 6)))
refused(
    "percent of rare events", TRUE.assign(confidence=[0, 1, 2, 5] * 50), "", "--scale percent", claims=0.02
)
noted(
    "percent of rare events, 0 and 1",
    TRUE.assign(confidence=[0, 1] * 100),
    "--scale percent",
    settles="--scale percent",
)
refused("fractions in a column of percent", sure(float, "confidence_pct"), "says percent", "--scale fraction")
refused("uncertainty by its name", sure(lambda c: 1 - c, "uncertainty"), "uncertainty")
noted(
    "uncertainty as confidence", sure(lambda c: 1 - c), "--scale uncertainty", settles="--scale uncertainty"
)
right(
    "999 for none",
    sure(lambda c: 999 if c == 0.5 else percent(c)),
    "percent",
    rows=int((SURE > 0.5).sum()),
    claims=None,
    right=None,
)
right(
    "-1 for none",
    sure(lambda c: -1 if c == 0.5 else c),
    rows=int((SURE > 0.5).sum()),
    claims=None,
    right=None,
)
noted(
    "0 for none",
    TRUE.assign(confidence=np.where(np.arange(N) % 3, SURE, 0)),
    "was 0 stored where none could be read",
)
for what, words in {
    "green/amber/red": ("green", "amber", "red"), "Alpha/Beta/Gamma": ("Alpha", "Beta", "Gamma"),
}.items():  # fmt: skip
    refused(
        f"words: {what}", sure(lambda c, words=words: words[0 if c >= 0.8 else 1 if c >= 0.6 else 2]),
        rf"'{words[0]}' x 105, '{words[1]}' x 62, '{words[2]}' x 33.*\.map\(",
    )  # fmt: skip
refused("words about numbers", sure(lambda c: f"about {percent(c)}%"), "'about 80%' x 40")
noted(
    "some words",
    TRUE.assign(confidence=np.where(np.arange(N) % 4, SURE.astype(str), "High")),
    "'High' x 50",
    rows=150,
)

# The words of verdicts.
for good, bad in [
    ("yes", "no"), ("Ja", "Nein"), ("oui", "non"), ("Sí", "No"), ("sim", "não"), ("верно", "неверно"),
    ("正确", "错误"),
    ("✓", "✗"), ("✅", "❌"), ("👍", "👎"), ("C", "I"), ("P", "F"), ("R", "W"), ("Y", "N"), ("PASSED", "FAILED"),
    ("1.0", "0.0"), ("CORRECT", "INCORRECT"), ("good", "bad"), ("accepted", "rejected"), ("factual",
    "hallucinated"),
    ("true.", "false."), (1, 0), ("richtig", "falsch"), ("WAHR", "FALSCH"), ("vrai", "faux"),
]:  # fmt: skip
    right(f"verdicts {good}/{bad}", judged(good, bad))
for good, bad in [
    ("A", "B"), ("A", "F"), ("2", "1"), ("5", "1"), ("100", "0"), ("100%", "0%"), ("supported",
    "not supported"),
    ("SUPPORTED", "REFUTED"), ("TP", "FP"), ("hit", "miss"), ("positive", "negative"), ("win", "lose"),
    ("[[A]]", "[[B]]"),
    ("resolved", "unresolved"), ("AC", "WA"), ("done", "error"), ("no error", "error"),
    ("The answer is correct", "The answer is wrong"),
]:  # fmt: skip
    options = f"--right {option_of([good])} --wrong {option_of([bad])}"
    refused(f"verdicts {good}/{bad}", judged(good, bad), "cannot be read", options)
for good, bad in [
    (1, -1),
    ("+1", "-1"),
    ("CORRECT", "NOT_ATTEMPTED"),
    ("ok", "error"),
    ("correct", "timeout"),
]:
    refused(f"verdicts {good}/{bad}", judged(good, bad), "can be read are right", f"--wrong {bad}")
refused("a tick or nothing", judged("✔", ""), "All 107 verdicts .* are right", "--right '✔' --wrong EMPTY")
right("nothing but right", judged("yes", "yes"), right=1.0)
noted("yes is wrong", judged("no", "yes"), "Wrong answers have higher confidences")
noted("0 is right", judged(0, 1), "Wrong answers have higher confidences", settles="--right 0 --wrong 1")
refused("letter grades", TRUE.assign(correct=list("ABCDF") * 40), "'A' x 40")
refused("grades from 1 to 5", TRUE.assign(correct=[1, 2, 3, 4, 5] * 40), "--right .* --wrong")
refused("grades from 0 to 2", TRUE.assign(correct=[0, 1, 2, 2] * 50), "--right .* --wrong")
noted(
    "half marks", TRUE.assign(correct=["C", "P", "I", "C"] * 50), "count as half", right=0.625, claims=CLAIMS
)
right("C, I and no answer", TRUE.assign(correct=np.where(RIGHT, "C", np.where(np.arange(N) % 2, "I", "N"))))

# Columns called after what is wrong.
for name in (
    "incorrect", "error", "wrong", "hallucinated", "failed", "is_wrong", "isIncorrect", "hallucination",
    "mistake", "fail",
    "not_correct", "Is Error?", "defect", "falsch", "model_error",
):  # fmt: skip
    bad = judged(False, True, name)
    options = f"--correct {shlex.quote(name)} --right false --wrong true"
    refused(f"inverted: {name}", bad, "By its values", options)
    refused(
        f"inverted and named: {name}", bad, "called after what is wrong", options, options={"correct": name}
    )
refused(
    "inverted: yes and no", judged("no", "yes", "incorrect"), "", "--correct incorrect --right no --wrong yes"
)
refused("inverted numbers", judged(0, 1, "num_errors"), "", "--correct num_errors --right 0 --wrong 1")
right("right beside wrong", TRUE.assign(incorrect=~RIGHT))

# Names of columns.
for name in (
    "model_confidence", "sicherheit", "conf_score", "answer.confidence", "Confidence Score",
    "confidence level", "CONFIDENCE",
    "llm_confidence", "modelConfidence", " confidence ", "Konfidenz", "confiance", "stated confidence",
    "certainty",
    "predicted_probability", "max_prob", "p(correct)", "confidence.value", "self_reported_confidence",
    "conf.", "Confidence:",
    "置信度", "LLM-Confidence", "metrics.confidence", "Confidence [0-1]",
):  # fmt: skip
    right(f"confidence called {name}", sure(float, name))
for name in (
    "Confidence (%)",
    "confidence_pct",
    "Confidence[%]",
    "confidence_percent",
    "Conf %",
    "confidence_0_100",
):
    right(f"confidence called {name}", sure(percent, name), "percent")
for name in (
    "metrics.accuracy", "Is Correct", "isCorrect", "Correct?", "correct (y/n)", "Korrekt", "model_correct",
    "human_verdict",
    "exact match", "answer_correct", "was_correct", "correct_flag", "judgement", "passed?", "resolved",
    "eval.metrics.acc",
    "Right/Wrong", "是否正确",
):  # fmt: skip
    right(f"verdict called {name}", TRUE.rename(columns={"correct": name}))
for name in ("score", "result", "evaluation", "human_label", "points earned"):
    refused(
        f"verdict called {name}",
        TRUE.rename(columns={"correct": name}),
        "By its values",
        f"--correct {shlex.quote(name)}",
    )
refused("confidence called gut", sure(float, "gut feeling"), "By its values", "--confidence 'gut feeling'")
refused(
    "two spellings", sure(float, "model_confidence").assign(llm_confidence=SURE / 2),
    "several columns for confidence",
    "--confidence model_confidence",
)  # fmt: skip
refused(
    "two verdicts", TRUE.rename(columns={"correct": "human_verdict"}).assign(judge_verdict=~RIGHT),
    "several columns",
    "--correct human_verdict",
)  # fmt: skip
right("a usual name beside a spelling", TRUE.assign(model_confidence=SURE / 2))
right("a grader's score beside a spelling", sure(float, "model_confidence").assign(score=RIGHT.astype(float)))
refused("an id, and nothing else", TRUE[["id", "correct"]].assign(id=range(N)), "No column for 'confidence'")

# Right answers beside predictions.
GOLD = RNG.choice(["Rome", "Oslo", "Bern"], N)
KEYS = RNG.integers(0, 2, N)
BARE = TRUE.drop(columns="correct")
right("gold and answer", BARE.assign(gold=GOLD, answer=np.where(RIGHT, GOLD, "Lima")), "Right is where")
right(
    "target and prediction",
    BARE.assign(target=KEYS, prediction=np.where(RIGHT, KEYS, 1 - KEYS)),
    "Right is where",
)
right("one class only", BARE.assign(y_true=1, y_pred=RIGHT.astype(int)), "Right is where")
right(
    "right answers by a spelling",
    BARE.assign(**{"Correct Answer": GOLD, "Model Answer": np.where(RIGHT, GOLD, "Lima")}), "Right is where",
)  # fmt: skip
refused(
    "right answers called correct", BARE.assign(correct=GOLD, answer=np.where(RIGHT, GOLD, "Lima")),
    "right answers",
    "--correct 'answer == correct'",
)  # fmt: skip
noted(
    "right classes called correct", BARE.assign(correct=KEYS, pred=np.where(RIGHT, KEYS, 1 - KEYS)),
    "compare the two",
    settles="--correct 'pred == correct'",
)  # fmt: skip
noted("a label alone", BARE.assign(label=KEYS), "'label' was read as the verdict, found by its name")
right("a target beside a verdict", TRUE.assign(target=KEYS))

# Scores that are no confidences, and columns in each other's place.
noted("the verdict as confidence", TRUE.assign(confidence=RIGHT.astype(float)), "it is the verdict itself")
noted("a function of the verdict", TRUE.assign(confidence=np.where(RIGHT, 0.9, 0.3)), "without one mistake")
refused("swapped", TRUE.rename(columns={"confidence": "correct", "correct": "confidence"}), "is a boolean")
noted(
    "swapped numbers", TRUE.assign(correct=RIGHT * 1).rename(columns={"confidence": "correct",
    "correct": "confidence"}),
    "are the two columns swapped", settles="--confidence correct --correct confidence",
)  # fmt: skip

# Rows of one item.
for name in ("id", "ID", "Item ID", "questionId", "question_hash", "uid", "idx", "sample id"):
    again = pd.concat([TRUE.rename(columns={"id": name})] * 3)
    right(f"repeats of {name}", again, f"400 of 600 rows repeat the {name}", rows=3 * N)
again = pd.concat([TRUE.assign(id=range(N))] * 2)
right("ids that begin anew in each task", again.assign(Task=["a"] * N + ["b"] * N), rows=2 * N)
right("ids that begin anew", again, "200 of 400 rows repeat the id", rows=2 * N)
right("epochs", pd.concat([TRUE.assign(epoch=i) for i in range(3)]), "repeat the id", rows=3 * N)

refused("weights that are words", TRUE.assign(weight="heavy"), "as weight 'weight'")
right("a status beside a verdict", TRUE.assign(status=np.where(RIGHT, "ok", "error")))
right(
    "a row of units",
    pd.concat([pd.DataFrame([{"confidence": "(0-1)", "correct": "(y/n)"}]), TRUE]),
    "'(0-1)' x 1",
)
refused(
    "two times of asking",
    sure(float, "confidence_before").assign(confidence_after=0.5),
    "--confidence confidence_before",
)
refused(
    "a number of what is wrong",
    TRUE.assign(correct=SURE).rename(columns={"correct": "error_rate"}),
    "holds numbers",
    options={"correct": "error_rate"},
)

# Files of text.
right("an index", TRUE.reset_index().to_csv(index=False))
right("an index without a name", TRUE.to_csv())
right("semicolons", TRUE.to_csv(index=False, sep=";"))
right("semicolons and decimal commas", TRUE.to_csv(index=False, sep=";", decimal=","), "decimal points")
right("tabs", TRUE.to_csv(index=False, sep="\t"))
right("bars", TRUE.to_csv(index=False, sep="|"))
right(
    "decimal commas between commas",
    sure(lambda c: f"{c}".replace(".", ",")).to_csv(index=False).replace('"', ""),
    "one field more",
)
refused("carets", TRUE.to_csv(index=False, sep="^"), "one column only.*commas")
refused("blanks", TRUE.to_string(index=False), "one column only")
refused("no header", CSV.partition("\n")[2], "has no header")
for encoding in ("utf-16", "utf-32", "utf-8-sig", "cp1252"):
    right(f"encoded as {encoding}", CSV.replace("id,", "idée,").encode(encoding))
right("ends of lines", CSV.replace("\n", "\r\n"))
right("all in quotes", TRUE.to_csv(index=False, quoting=1))
right(
    "a table of Markdown",
    TRUE.pipe(
        lambda d: (
            "| id | confidence | correct |\n|---|---|---|\n"
            + "".join(f"| {i} | {c} | {y} |\n" for i, c, y in d.itertuples(index=False))
        )
    ),
)
for total in ("TOTAL", "Mean", "Durchschnitt", "Grand Total", "N=200", "合計"):
    right(f"a last line {total}", f"{CSV}{total},{CLAIMS},{SHARE}\n", "sums up the others")
noted("a last line without a name", f"{CSV},{CLAIMS},{SHARE}\n", "does it sum them up", rows=N + 1)
right(
    "a last line of totals by count",
    f"{TRUE.drop(columns='id').to_csv(index=False)}{SURE.sum()},{RIGHT.sum()}\n",
    "107",
)
noted("cut off", CSV[:-9], "fewer fields", rows=N - 1)
noted("two tables", f"{CSV}\nmodel,n\nA,5\nB,6\n", "fewer fields", claims=CLAIMS, right=SHARE)
refused("another table first", f"model,n\nA,5\nB,6\n\n{CSV}", "more fields in its rows than the header")
noted("twice, with its header", CSV + CSV, "repeat the id", rows=2 * N)
right(
    "side by side",
    pd.concat([TRUE, TRUE], axis=1).to_csv(index=False),
    "Several columns are called",
)
EMPTY = TRUE.assign(confidence=np.where(np.arange(N) % 10, SURE, np.nan))
for what, text in {"empty": "", "NaN": "NaN", "null": "null", "N/A": "N/A"}.items():
    right(
        f"cells that are {what}",
        EMPTY.to_csv(index=False, na_rep=text),
        rows=180,
        claims=float(SURE[np.arange(N) % 10 > 0].mean()),
        right=None,
    )

# JSON.
for orient in ("records", "split", "index", "columns", "table"):
    right(f"JSON as pandas writes {orient}", TRUE.to_json(orient=orient), name="log.json")
for what, held in {
    "under results": {"results": RECORDS}, "deeper": {"data": {"results": RECORDS}},
    "beside others": {"n": N, "items": RECORDS},
    "by id": {row["id"]: {"confidence": row["confidence"], "correct": row["correct"]} for row in RECORDS},
    "in objects": [{"model": {"confidence": r["confidence"]},
    "judge": {"correct": r["correct"]}} for r in RECORDS],
    "with a measure": [{"confidence": r["confidence"],
    "metrics": {"accuracy": float(r["correct"])}} for r in RECORDS],
    "in texts": [{k: str(v) for k, v in r.items()} for r in RECORDS],
}.items():  # fmt: skip
    right(f"JSON {what}", json.dumps(held), name="log.json")
refused(
    "JSON with two confidences",
    json.dumps([{"a": {"confidence": r["confidence"]}, "b": {"confidence": 0.1},
    "correct": r["correct"]} for r in RECORDS]),
    "several columns", "--confidence a.confidence", name="log.json",
)  # fmt: skip
refused(
    "JSON with two lists",
    json.dumps({"train": RECORDS[:9], "test": RECORDS}),
    "log.json#train",
    name="log.json",
)
refused(
    "JSON with lists of one",
    json.dumps([r | {"confidence": [r["confidence"]]} for r in RECORDS]),
    r"'\[0.8\]' x 40",
    name="log.json",
)
noted("JSON lines cut off", LINES[:-9], "no JSON objects", rows=N - 1, name="log.jsonl")
right("JSON lines with commas", LINES.replace("}\n", "},\n"), name="log.jsonl")
right("JSON lines with late columns", '{"id": "x", "correct": true}\n' * 50 + LINES, name="log.jsonl")

# Tables with types, and workbooks.
for what, columns in {
    "decimals": {"confidence": pa.array([decimal.Decimal(f"{c:.2f}") for c in SURE.tolist()])},
    "percent of eight bits": {"confidence": pa.array((SURE * 100).round().astype("int8"))},
    "halves": {"confidence": pa.array(SURE.astype("float16"))},
    "floats": {"confidence": pa.array(SURE.astype("float32"))},
    "coded numbers": {"confidence": pa.array(SURE).dictionary_encode()},
    "coded words": {"correct": pa.array(np.where(RIGHT, "yes", "no")).dictionary_encode()},
    "eight bits": {"correct": pa.array(RIGHT.astype("uint8"))},
    "decimal verdicts": {"correct": pa.array([decimal.Decimal(int(y)) for y in RIGHT])},
    "bytes": {"correct": pa.array([b"yes" if y else b"no" for y in RIGHT])},
    "long texts": {"confidence": pa.array([f"{100 * c:.0f}%" for c in SURE], pa.large_string())},
}.items():  # fmt: skip
    table = pa.table({"id": TRUE["id"], "confidence": SURE, "correct": RIGHT} | columns)
    right(
        f"Parquet with {what}",
        lambda path, table=table: _parquet(path, table),
        name="log.parquet",
        claims=round(CLAIMS, 3),
    )
SHEET = [list(TRUE.columns), *TRUE.values.tolist()]
right("a workbook", lambda path: xlsx(path, {"Sheet": SHEET}), name="log.xlsx")
right(
    "a workbook with a title",
    lambda path: xlsx(path, {"Sheet": [["Our study", None, None], *SHEET]}),
    name="log.xlsx",
)
right(
    "a workbook with notes",
    lambda path: xlsx(path, {"About": [["by hand"]], "Log": SHEET}),
    "'Log' was read",
    name="log.xlsx",
)
refused(
    "a workbook with two logs",
    lambda path: xlsx(path, {"A": SHEET, "B": SHEET}),
    "several sheets",
    name="log.xlsx",
)
right("a frame", TRUE)


def _parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def written(case: Case, folder: Path) -> Path | pd.DataFrame:
    """Where the input lies; a frame stays one where it is the input as it is."""
    path = folder / case.name
    if isinstance(case.data, pd.DataFrame):
        if case.data is TRUE:
            return TRUE
        case.data.to_csv(path, index=False)
    elif isinstance(case.data, str | bytes):
        path.write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    else:
        case.data(path)
    return path


def pasted(options: str) -> dict[str, Any]:
    """Options of the command line as the keywords that they are in Python."""
    words = shlex.split(options)
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def check(log: Log, case: Case) -> None:
    tallies = list(log.groups.values())
    rows = sum(tally.rows for tally in tallies)
    assert rows == case.rows, dict(log.unusable)
    if case.claims is not None:
        assert sum(t.mean_confidence * t.rows for t in tallies) / rows == pytest.approx(case.claims, abs=6e-4)
    if case.right is not None:
        assert sum(t.accuracy * t.rows for t in tallies) / rows == pytest.approx(case.right, abs=6e-4)


@pytest.mark.parametrize("what", CASES)
def test_none_is_silently_wrong(what: str, tmp_path: Path) -> None:
    case = CASES[what]
    if case.name.endswith(".xlsx"):
        pytest.importorskip("python_calamine")
    source = written(case, tmp_path)
    if not case.refused:
        log = read_log(source, **case.options)
        check(log, case)
        assert not case.said or any(case.said in note for note in log.notes), log.notes
        if case.settles:
            note = " ".join(log.notes)
            assert all(word in note for word in pasted(case.settles)), note
            settled = read_log(source, **pasted(case.settles))
            assert CLAIMS_OF.get(what, CLAIMS) == pytest.approx(settled.groups[()].mean_confidence, abs=6e-4)
            assert settled.groups[()].accuracy == pytest.approx(SHARE, abs=6e-4)
        return
    with pytest.raises(UnusableInput, match=f"(?s){case.said}") as error:
        read_log(source, **case.options)
    if case.settles:
        assert case.settles in str(error.value)
        settles = pasted(case.settles)
        if "--confidence logprob" in case.settles:
            check(read_log(source, **settles), case)
        else:
            check(read_log(source, **(case.options | settles)), case)


CLAIMS_OF = {"percent of rare events, 0 and 1": 0.005}


def test_there_are_many() -> None:
    assert len(CASES) >= 200
