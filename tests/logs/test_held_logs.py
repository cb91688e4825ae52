"""Whole logs, some of a tool's and some a few lines long: everything that is read of each, or the whole refusal.

What is expected lies in `expected/`, a name for each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs.attempts import read_attempts
from calibrant.logs.foreign import whole_rows
from calibrant.logs.judged import judged_log
from calibrant.logs.panels import read_panel
from calibrant.logs.people import People, unlike
from calibrant.logs.pivots import pivot
from calibrant.logs.reader import Reader
from calibrant.logs.roles import Roles
from calibrant.logs.rows import read_rows
from calibrant.logs.sources import Source, open_source
from calibrant.logs.steps import read_steps
from calibrant.logs.tallies import Log, read_log
from calibrant.tally import Tally

from ..holding import hold, names, said
from .test_readings import FILES, PATHS

HELD = Path(__file__).parent / "expected"


def opened(source: Source) -> dict[str, Any]:
    """What a format knows of a log, and its first rows and its last."""
    rows = whole_rows(source)
    return {
        "name": source.name, "kind": source.kind, "columns": source.columns, "inside": sorted(source.inside),
        "rows": source.rows, "roles": source.roles, "choices": source.choices, "scales": source.scales,
        "lacking": source.lacking, "beside": source.beside, "apart": source.apart, "notes": source.notes,
        "first": [clipped(row) for row in rows[:2]], "last": clipped(rows[-1]) if len(rows) > 2 else None,
        "count": len(rows), "whole": source.whole,
    }  # fmt: skip


def clipped(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose long texts are cut to their two ends."""
    return {
        name: f"{value[:60]} ... {value[-20:]}" if isinstance(value, str) and len(value) > 90 else value
        for name, value in row.items()
    }


def counted(tally: Tally) -> list[Any]:
    return [tally.rows, tally.mean_confidence, tally.accuracy, tally.n_eff, tally.clusters, tally.unseen]


def told(log: Log) -> dict[str, Any]:
    return {
        "source": log.source, "rows": log.rows, "used": log.used, "unusable": log.unusable, "read as": log.read_as,
        "roles": [log.roles.told, log.roles.by, log.roles.inverse, log.roles.tied, log.roles.untied,
        log.roles.words.told],
        "notes": log.notes, "groups": {str(key): counted(tally) for key, tally in log.groups.items()},
        "folds": {str(key): [one.rows for one in held.values()] for key, held in log.folds.items()},
        "constants": log.constants, "empty": log.empty, "lost": log.lost, "scale": log.scale,
        "units": [[key, unit.to_dict()] for key, unit in log.units.items()],
    }  # fmt: skip


def reading(source: Any, **options: Any) -> Any:
    found = said(lambda: told(read_log(source, **options)))
    return found.partition(" Known: ")[0] if isinstance(found, str) and "Cannot tell what" in found else found


@pytest.mark.parametrize("name", sorted(PATHS.keys() & names(HELD / "files.json", PATHS)))
def test_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file of `files/`: what its format knows of it, how it is read, and how by each column that may be chosen."""
    if name.endswith(".xlsx"):
        pytest.importorskip("python_calamine")
    monkeypatch.chdir(PATHS[name].parent)
    source = said(lambda: open_source(name))
    found = {"opened": opened(source) if isinstance(source, Source) else source, "read": reading(name)}
    if isinstance(source, Source):
        for part, columns in source.choices.items():
            for column in columns[:3]:
                found[f"{part} is {column}"] = reading(name, **{part: column})
    hold(HELD / "files.json", name, found)


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(header: str, *rows: str, sign: str = ",") -> str:
    return "\n".join([header, *rows]).replace(",", sign) + "\n"


PLAIN = [f"q{i},{0.5 + i % 5 / 10},{'yes' if i % 3 else 'no'}" for i in range(24)]
HEAD = "id,confidence,correct"


def with_more(name: str, cells: Callable[[int], Any], rows: list[str] = PLAIN) -> str:
    return table(f"{HEAD},{name}", *(f"{row},{cells(i)}" for i, row in enumerate(rows)))


def pairs(header: str, cells: Callable[[int], Any], n: int = 24) -> str:
    return table(header, *(str(cells(i)) for i in range(n)))


CLASSES = "p_cat,p_dog,label"
TINY: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "plain": ("a.csv", table(HEAD, *PLAIN), [{}, {"by": "correct"}, {"by": "nothing"}, {"folds": 3},
    {"scale": "percent"}, {"scale": "miles"}]),
    "semicolons": ("a.csv", table(HEAD, *PLAIN, sign=";"), [{}]),
    "tabs": ("a.tsv", table(HEAD, *PLAIN, sign="\t"), [{}]),
    "bars": ("a.txt", table(HEAD, *PLAIN, sign="|"), [{}]),
    "spaces": ("a.txt", table(HEAD, *PLAIN, sign=" "), [{}]),
    "a title": ("a.csv", "My study\n\n" + table(HEAD, *PLAIN), [{}]),
    "no header": ("a.csv", "\n".join(PLAIN), [{}]),
    "no rows": ("a.csv", HEAD + "\n", [{}]),
    "nothing": ("a.csv", "", [{}]),
    "broken lines": ("a.csv", table(HEAD, *PLAIN[:5], "q5,0.5", "q6,0.7,yes,more", *PLAIN[7:]), [{}]),
    "a total": ("a.csv", table(HEAD, *PLAIN, "TOTAL,0.7,0.66"), [{}]),
    "subtotals": ("a.csv", table(HEAD, *PLAIN[:12], "S1 subtotal,0.7,0.4", *PLAIN[12:], "mean,0.7,0.6"), [{}]),
    "one between": ("a.csv", table(HEAD, *PLAIN, "q24,0.7,0.66"), [{}]),
    "two between": ("a.csv", table(HEAD, *PLAIN[:12], "x,0.7,0.4", *PLAIN[12:],
    *[f"r{i},0.6,1" for i in range(20)], "y,0.7,0.6"), [{}]),
    "quotes": ("a.csv", table(HEAD, *(f'"a, ""b"" {i}","0,{5 + i % 5}",{i % 2}' for i in range(12))), [{}]),
    "decimal commas": ("a.csv", table("id;confidence;correct",
    *(f"q{i};0,{5 + i % 5};{i % 2}" for i in range(12))), [{}]),
    "thousands": ("a.csv", table("id,confidence,correct,tokens",
    *(f'q{i},0.{5 + i % 5},{i % 2},"1,{200 + i}"' for i in range(12))), [{}]),
    "twice": ("a.csv", table("id,p,p,correct", *(f"q{i},0.{5 + i % 5},0.9,{i % 2}" for i in range(12))), [{},
    {"confidence": "p_2"}]),
    "capitals": ("a.csv", table("Id,P,p,Correct", *(f"q{i},0.{5 + i % 5},0.9,{i % 2}" for i in range(12))), [{},
    {"confidence": "p"}]),
    "percent": ("a.csv", pairs(HEAD, lambda i: f"q{i},{50 + 10 * (i % 5)},{i % 2}"), [{}, {"scale": "fraction"},
    {"scale": "uncertainty"}]),
    "one to five": ("a.csv", pairs(HEAD, lambda i: f"q{i},{1 + i % 5},{i % 2}"), [{}, {"scale": "1-5"},
    {"scale": "1-10"}]),
    "two units": ("a.csv", pairs(f"{HEAD},model",
    lambda i: f"q{i},{50 + i if i % 2 else 0.5},{i % 3 % 2},{'ab'[i % 2]}", 40), [{}, {"by": "model"}]),
    "by words": ("a.csv", pairs(HEAD, lambda i: f"q{i},{('high', 'low', 'medium')[i % 3]},{i % 2}"), [{}]),
    "phrases": ("a.csv", pairs(HEAD, lambda i: f"q{i},{('likely', 'unlikely', 'maybe so')[i % 3]},{i % 2}"), [{}]),
    "unread": ("a.csv", pairs(HEAD, lambda i: f"q{i},{('A', 'B', 'C')[i % 3]},{i % 2}"), [{}]),
    "unusable": ("a.csv", table(HEAD, *PLAIN, "a,,yes", "b,1.5,no", "c,-0.1,no", "d,true,yes", "e,x,yes",
    "f,0.5,", "g,0.5,maybe", "h,nan,nan"), [{}]),
    "letters": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{'CI'[i % 2]}"), [{}, {"right": "I",
    "wrong": "C"}, {"right": "C"}, {"right": "x"}]),
    "1 and 2": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{1 + i % 2}"), [{}, {"right": "2",
    "wrong": "1"}, {"right": "2", "wrong": "2"}]),
    "partly": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{('right', 'partly', 'wrong')[i % 3]}"), [{},
    {"partly": "right", "right": "partly", "wrong": "wrong"}]),
    "all right": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},yes"), [{}]),
    "right or empty": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{'yes' if i % 5 else ''}", 40), [{},
    {"right": "yes", "wrong": "EMPTY"}, {"right": "yes"}]),
    "right or 1 or empty": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{1 if i % 5 else ''}", 40), [{}]),
    "true or odd": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{'yes' if i % 5 else 'hmm'}", 40), [{}]),
    "weights": ("a.csv", with_more("weight", lambda i: (1, 2, 0, "", "x", 1e7)[i % 6]), [{}, {"weight": "id"}]),
    "chances": ("a.csv", with_more("propensity", lambda i: (0.5, 1, 0.25, 2)[i % 4]), [{}]),
    "no weights": ("a.csv", with_more("weight", lambda i: ""), [{}]),
    "clusters": ("a.csv", with_more("cluster", lambda i: i // 3 if i < 20 else ""), [{}, {"cluster": "none"},
    {"cluster": "id"}, {"cluster": "id,cluster"}, {"cluster": "x"}, {"folds": 2}]),
    "repeats": ("a.csv", table("item_id,confidence,correct",
    *(f"q{i % 8},0.{5 + i % 5},{i % 2}" for i in range(24))), [{}, {"cluster": "none"}]),
    "copies": ("a.csv", table("item_id,confidence,correct",
    *[f"q{i},0.{5 + i % 5},{i % 2}" for i in range(12)] * 2), [{}]),
    "epochs": ("a.csv", table("question,epoch,confidence,correct",
    *(f"What {i % 4}?,{i // 4},0.{5 + i % 5},{i % 2}" for i in range(24))), [{}]),
    "texts that repeat": ("a.csv", table("question,confidence,correct",
    *(f"What {i % 12}?,0.{5 + i % 5},{i % 2}" for i in range(24))), [{}]),
    "one instruction": ("a.csv", table("prompt,confidence,correct",
    *(f"Answer.,0.{5 + i % 5},{i % 2}" for i in range(24))), [{}]),
    "models": ("a.csv", with_more("model", lambda i: "ab"[i % 2]), [{}, {"by": "model"}, {"by": ["model",
    "id"]}, {"by": "model", "folds": 2}]),
    "one model": ("a.csv", with_more("model", lambda i: "a"), [{}]),
    "signals": ("a.csv", with_more("signal", lambda i: "ab"[i % 2]), [{}, {"by": "signal"}]),
    "records": ("a.csv", table("record_id,signal,score,correct",
    *(f"r{i // 2},{'ab'[i % 2]},0.{5 + i % 5},{i // 2 % 2}" for i in range(24))), [{}, {"by": "signal"}]),
    "groups without rows": ("a.csv", with_more("task", lambda i: "x" if i < 20 else "y", [*PLAIN[:20],
    *["q,,yes"] * 4]), [{}, {"by": "task"}]),
    "grader": ("a.csv", pairs("id,score,correct", lambda i: f"q{i},{i % 2},{i % 2}"), [{}]),
    "threshold": ("a.csv", pairs(HEAD, lambda i: f"q{i},{0.9 if i % 2 else 0.2 + i / 100},{i % 2}"), [{}]),
    "few values": ("a.csv", pairs(HEAD, lambda i: f"q{i},{(0.2, 0.5, 0.9)[i % 3]},{int(i % 3 == 1)}", 30), [{}]),
    "swapped": ("a.csv", pairs(HEAD, lambda i: f"q{i},{i % 2},0.{3 + i % 6}"), [{}]),
    "reversed": ("a.csv", pairs(HEAD,
    lambda i: f"q{i},{0.2 + i / 100 if i % 4 else 0.5 + i / 200},{int(i < 30)}", 60), [{}]),
    "events": ("a.csv", pairs(HEAD,
    lambda i: f"q{i},{(0.05, 0.3, 0.8, 0.9)[i % 4]},{int(i % 4 > 1 or i % 9 == 0)}", 40), [{}]),
    "zeros": ("a.csv", pairs(HEAD, lambda i: f"q{i},{0 if i % 3 == 0 else 0.8},{int(i % 7 > 0)}", 30), [{}]),
    "alike and empty": ("a.csv", pairs(HEAD, lambda i: f"q{i},0.{5 + i % 5},{'true' if i % 10 else ''}", 40),
    [{"right": "true"}]),
    "wrong column": ("a.csv", table("id,confidence,incorrect",
    *(f"q{i},0.{5 + i % 5},{i % 2}" for i in range(24))), [{}, {"correct": "incorrect"},
    {"correct": "incorrect", "right": "0", "wrong": "1"}]),
    "errors": ("a.csv", table("id,confidence,error_rate",
    *(f"q{i},0.{5 + i % 5},0.{i % 10}" for i in range(24))), [{}, {"correct": "error_rate"}]),
    "spelt": ("a.csv", table("Model Confidence (%),Is-Correct?", *(f"{50 + i % 5},{i % 2}" for i in range(24))),
    [{}]),
    "spelt twice": ("a.csv", table("model_confidence,self_confidence,ok_flag",
    *(f"0.{5 + i % 5},0.6,{i % 2}" for i in range(24))), [{}, {"confidence": "model_confidence"}]),
    "other names": ("a.csv", table("n,cert,good", *(f"{i},0.{5 + i % 5},{i % 2}" for i in range(24))), [{},
    {"confidence": "cert"}, {"confidence": "CERT", "correct": "Good"}]),
    "one column": ("a.csv", table("id confidence correct", *(f"q{i} 0.5 1" for i in range(5))), [{}]),
    "predictions": ("a.csv", table("y_pred,y_true,confidence",
    *(f"{'cat' if i % 2 else 'dog'},{'cat' if i % 3 else 'dog'},0.{5 + i % 5}" for i in range(24))), [{},
    {"correct": "y_pred == y_true"}, {"correct": "y_pred==nothing"}]),
    "label": ("a.csv", table("id,confidence,label", *(f"q{i},0.{5 + i % 5},{i % 2}" for i in range(24))), [{}]),
    "label and target": ("a.csv", table("id,confidence,label,target",
    *(f"q{i},0.{5 + i % 5},{i % 2},{i % 3}" for i in range(24))), [{}, {"correct": "label"}]),
    "metrics": ("a.csv", table("id,confidence,acc,em",
    *(f"q{i},0.{5 + i % 5},{i % 2},{i % 3 % 2}" for i in range(24))), [{}, {"correct": "em"}]),
    "one metric": ("a.csv", table("id,confidence,accuracy",
    *(f"q{i},0.{5 + i % 5},{i % 2}" for i in range(24))), [{}]),
    "answers and gold": ("a.csv", table("answer,gold,confidence",
    *(f"{'ABCD'[i % 4]}.,{'ABCD'[i % 3]},0.{5 + i % 5}" for i in range(24))), [{}, {"correct": "answer == gold"}]),
    "free answers": ("a.csv", table("answer,expected_answer,confidence",
    *(f"town {i},town {i if i % 2 else 9},0.{5 + i % 5}" for i in range(30))), [{}]),
    "correct holds answers": ("a.csv", table("answer,correct,confidence",
    *(f"{'ABCD'[i % 4]},{'ABCD'[i % 3]},0.{5 + i % 5}" for i in range(24))), [{}]),
    "correct has the values": ("a.csv", table("prediction,correct,confidence",
    *(f"{i % 2},{i % 3 % 2},0.{5 + i % 5}" for i in range(24))), [{}]),
    "classes": ("a.csv", table(CLASSES,
    *(f"0.{3 + i % 5},0.{7 - i % 5},{('cat', 'dog')[i % 2]}" for i in range(24))), [{}, {"confidence": "p_cat"}]),
    "classes by place": ("a.csv", table("0,1,y", *(f"0.{3 + i % 5},0.{7 - i % 5},{i % 2}" for i in range(24))), [{}]),
    "other classes": ("a.csv", table(CLASSES,
    *(f"0.{3 + i % 5},0.{7 - i % 5},{('mouse', 'dog')[i % 2]}" for i in range(24))), [{}]),
    "called as answers": ("a.csv", table("yes,no,gold,prediction",
    *(f"0.{3 + i % 5},0.{7 - i % 5},{('yes', 'no')[i % 2]},{('yes', 'no')[i % 3 % 2]}" for i in range(24))), [{}]),
    "of a class": ("a.csv", table("prob,prediction,y",
    *(f"{0.02 * i},{int(i > 24)},{i % 2}" for i in range(50))), [{}, {"confidence": "prob"},
    {"confidence": "prob where prediction is 0"}]),
    "of a class, no threshold": ("a.csv", table("prob,prediction,y",
    *(f"{0.02 * i},{i % 2},{i % 3 % 2}" for i in range(50))), [{}]),
    "unanswered": ("a.csv", with_more("answer", lambda i: "" if i in (0, 3, 6) else "A"), [{}]),
    "empty and right": ("a.csv", with_more("answer", lambda i: "" if i in (1, 2, 3) else "A"), [{}]),
    "unjudged": ("a.csv", pairs(HEAD,
    lambda i: f"q{i},{0.95 if i >= 60 else 0.5 + i % 3 / 10},{i % 2 if i < 60 else ''}", 100), [{}]),
    "unjudged, alike": ("a.csv", pairs(HEAD,
    lambda i: f"q{i},{0.6 + i % 7 / 100 if i % 2 else 0.8},{i % 3 % 2 if i % 2 else ''}", 240), [{}]),
    "unseen": ("a.csv", pairs(f"{HEAD},weight",
    lambda i: f"q{i},0.{5 + i % 5},{i % 2 if i < 40 else ''},{2 if i < 80 else 50}", 100), [{}]),
    "heavy": ("a.csv", pairs(f"{HEAD},weight",
    lambda i: f"q{i},0.{5 + i % 5},{i % 2 if i < 40 else ''},{2 if i < 40 else ''}", 200), [{}]),
    "one weight": ("a.csv", pairs(f"{HEAD},weight", lambda i: f"q{i},0.{5 + i % 5},{i % 2},3", 40), [{}]),
    "stated": ("a.jsonl", lines(*({"id": i, "response": f"It is {i}. Confidence: {60 + i}%",
    "correct": i % 2 == 0} for i in range(24))), [{}, {"confidence": "stated in response"}]),
    "messages": ("a.jsonl", lines(*({"messages": [{"role": "user", "content": "?"}, {"role": "assistant",
    "content": f"Confidence: 0.{5 + i % 5}"}], "ok": 1, "correct": i % 2} for i in range(12))), [{}]),
    "token_logprobs": ("a.jsonl", lines(*({"token_logprobs": [None, -0.1 * (1 + i % 3), -0.2],
    "correct": i % 2} for i in range(12))), [{}]),
    "choices": ("a.jsonl",
    lines(*({"body": {"choices": [{"message": {"content": json.dumps({"confidence": 0.5 + i % 5 / 10})},
    "logprobs": {"content": [{"token": "a", "logprob": -0.1}]}}]}, "correct": i % 2} for i in range(12))), [{}]),
    "nested": ("a.jsonl", lines(*({"id": i, "answer": {"text": "x", "confidence": 0.5 + i % 5 / 10},
    "eval": {"correct": i % 2 == 0}} for i in range(12))), [{}, {"confidence": "answer.confidence"}]),
    "nested twice": ("a.jsonl", lines(*({"a": {"confidence": 0.5}, "b": {"confidence": 0.6},
    "correct": i % 2} for i in range(12))), [{}]),
    "broken json": ("a.jsonl", lines(*({"confidence": 0.5,
    "correct": i % 2} for i in range(12))) + '{"confidence": 0.5, "corr\n[1]\n\n3\n', [{}]),
    "a list": ("a.json", json.dumps([{"confidence": 0.5 + i % 5 / 10, "correct": i % 2} for i in range(12)]), [{}]),
    "wrapped": ("a.json", json.dumps({"model": "m", "results": [{"confidence": 0.5 + i % 5 / 10,
    "correct": i % 2} for i in range(12)]}), [{}]),
    "columns": ("a.json", json.dumps({"confidence": [0.5, 0.7, 0.9], "correct": [1, 0, 1]}), [{}]),
    "cut off": ("a.json", json.dumps([{"confidence": 0.5, "correct": 1}] * 5)[:-20], [{}]),
    "indented": ("a.jsonl", "".join(json.dumps({"confidence": 0.5 + i % 5 / 10, "correct": i % 2},
    indent=1) + "\n" for i in range(6)), [{}]),
    "no json": ("a.jsonl", "not json at all\n", [{}]),
    "markup": ("a.html", "<html><body>hello</body></html>", [{}]),
    "carriage returns": ("a.csv", table(HEAD, *PLAIN).replace("\n", "\r"), [{}]),
    "odd letters": ("a.csv", table(HEAD, *(f"é{i},0.{5 + i % 5},{i % 2}" for i in range(12))), [{}]),
}  # fmt: skip


def written(name: str, folder: Path) -> str:
    file, text, _ = TINY[name]
    (folder / file).write_bytes(text.encode("cp1252" if name == "odd letters" else "utf-8"))
    return file


@pytest.mark.parametrize("name", TINY)
def test_tiny_logs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(name, tmp_path)
    hold(HELD / "logs.json", name, {str(options): reading(file, **options) for options in TINY[name][2]})


def by_rows(source: Any, **options: Any) -> Any:
    def of(rows: Any) -> dict[str, Any]:
        return {
            **{n: getattr(rows, n) for n in ("source", "rows", "used", "unusable", "notes", "empty", "disordered")},
            "roles": rows.roles.told,
            "groups": {str(k): [
                *(None if v is None else np.asarray(v)[:4] for v in (g.scores, g.grades, g.weights, g.clusters,
                g.time, g.judged, g.row)),
                g.constants, sorted(g.mixed), g.largest, g.ordered, len(g.scores),
            ] for k, g in rows.groups.items()},
        }  # fmt: skip

    return said(lambda: of(read_rows(source, **options)))


TIMED = table(
    "id,confidence,correct,model,created_at,judged_at",
    *(
        f"q{i},0.{5 + i % 5},{i % 2},{'ab'[i % 2]},2026-01-{1 + i % 27:02d},2026-02-{1 + i % 27:02d}"
        for i in range(24)
    ),
)


@pytest.mark.parametrize("name", ["timed", "disordered", *[n for n in TINY if n in (
    "weights", "chances", "clusters", "repeats", "signals", "records", "models", "unseen",
    "groups without rows", "unusable", "two units",
)]])  # fmt: skip
def test_rows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    extra = {"timed": TIMED, "disordered": TIMED.replace("2026-01-02", "soon")}
    file = "a.csv"
    (tmp_path / file).write_text(extra[name] if name in extra else TINY[name][1], encoding="utf-8")
    tried = (
        [{}, {"by": "model"}, {"time": "none"}, {"time": "Created At"}, {"time": "x"}]
        if name in extra
        else [{}, {"by": "model"}]
    )
    hold(HELD / "rows.json", name, {str(o): by_rows(file, **o) for o in tried})


def labels(rows: list[str], header: str = "item,verdict") -> str:
    return table(header, *rows)


JOINS: dict[str, tuple[str, dict[str, Any]]] = {
    "fits": (labels([f"q{i},{i % 2}" for i in range(24)]), {"on": "id=item"}),
    "some": (labels([f"q{i},{i % 2}" for i in range(4, 30)]), {"on": "id=item"}),
    "none": (labels([f"x{i},{i % 2}" for i in range(24)]), {"on": "id=item"}), "twice": (labels(["q1,1", "q1,0",
    "q2,1"]), {"on": "id=item"}),
    "no column": (labels(["q1,1"]), {"on": "id=thing"}), "no column of the log": (labels(["q1,1"]),
    {"on": "thing=item"}), "not named": (labels(["q1,1"]), {}),
    "same name": (labels([f"q{i},{i % 2}" for i in range(24)], "id,correct"), {"on": "id"}),
    "not said": (labels(["q1,1"], "id,correct"), {}),
    "empty keys": (labels([",1", *[f"q{i},{i % 2}" for i in range(24)]]), {"on": "id=item"}),
    "spaces": (labels([f" q{i} ,{i % 2}" for i in range(24)]), {"on": "id = item"}),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINS)
def test_labels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(
        table("id,confidence", *(row.rpartition(",")[0] for row in PLAIN)), encoding="utf-8"
    )
    (tmp_path / "labels.csv").write_text(JOINS[name][0], encoding="utf-8")
    found = {
        "joined": reading("log.csv", labels="labels.csv", **JOINS[name][1]),
        "alone": reading("log.csv", **JOINS[name][1]),
    }
    hold(HELD / "labels.json", name, found)


def test_panels() -> None:
    rows = [
        {"model": m, "item_id": i, "task": "t" if i < 6 else "u", "confidence": None if (m, i) == ("b",
        2) else 0.5 + i / 20, "correct": (i + len(m)) % 2,
         "answer": f"{m}{i}" if i % 2 else None, "cost": i / 100, "latency": "x" if i == 3 else 1.0,
         "domain": "d", "question": f"Q{i}"}
        for m in ("a", "bb", "b") for i in range(8)
    ]  # fmt: skip
    odd = [
        *rows,
        {**rows[0], "answer": "again", "confidence": 0.9},
        {**rows[1], "item_id": None},
        {**rows[2], "confidence": "x"},
        {**rows[3], "correct": "hmm"},
    ]
    signals = [{**row, "signal": s, "confidence": 0.5 + k / 10} for row in rows for k, s in enumerate("st")]
    strangers = [{**row, "item_id": f"{row['model']}{row['item_id']}"} for row in rows]
    weighted = [{**row, "weight": 1 + row["item_id"] % 3} for row in rows]
    found: dict[str, Any] = {}
    for name, log, models, options in (
        ("plain", rows, ["a", "b"], {}), ("one", rows, "bb", {}), ("odd", odd, ["a", "b"], {}), ("signals",
        signals, ["a", "bb"], {}), ("strangers", strangers, ["a", "b"], {}),
        ("twice", rows, ["a", "a"], {}), ("absent", rows, ["a", "c"], {}), ("no item", [{"model": "a",
        "correct": 1}], "a", {}), ("no model", [{"item_id": 1, "correct": 1}], "a", {}),
        ("weighted", weighted, ["a", "b"], {}), ("percent", [{**r,
        "confidence": 50 + r["item_id"]} for r in rows], ["a", "b"], {"scale": "percent"}),
        ("no scores", [{k: v for k, v in r.items() if k != "confidence"} for r in rows], ["a", "b"], {}),
    ):  # fmt: skip
        panel = said(lambda log=log, m=models, o=options: read_panel(log, m, **o))
        found[name] = panel
        if not isinstance(panel, str):
            found[f"{name}, part"] = [
                len(panel),
                panel.of(np.array([0, 2])).item,
                panel.of(np.arange(len(panel)) < 1).grade,
            ]
    for name, one in found.items():
        hold(HELD / "panels.json", name, one)


def test_pivots() -> None:
    rows = [
        {"record_id": i // 2, "signal": "st"[i % 2], "score": 0.4 + i / 40, "correct": i // 2 % 2,
        "model": "mn"[i // 2 % 2], "prompt": f"p{i % 2}"} for i in range(16)
    ]  # fmt: skip
    items = [
        {**{k: v for k, v in row.items() if k != "record_id"}, "item_id": row["record_id"]} for row in rows
    ]
    odd = [
        *rows,
        {**rows[0], "correct": 1},
        {**rows[3], "score": None, "record_id": 99},
        {**rows[4], "score": "x"},
    ]
    for name, log, options in (
        ("plain", rows, {}), ("by model", rows, {"by": "model"}), ("items", items, {}), ("odd", odd, {}),
        ("no signal", [{"record_id": 1, "score": 0.5, "correct": 1}], {}),
        ("untold", [{"signal": "s", "score": 0.5, "correct": 1}], {}), ("percent", [{**r,
        "score": 100 * r["score"]} for r in rows], {"by": "signal"}),
        ("weighted", [{**r, "weight": 1 + r["record_id"]} for r in rows], {}), ("clustered", [{**r,
        "cluster": r["record_id"] // 2} for r in rows], {}),
    ):  # fmt: skip
        made = said(lambda log=log, o=options: pivot(log, **o))
        hold(HELD / "pivots.json", name, made if isinstance(made, str) else {
            **{f: getattr(made, f) for f in made.__dataclass_fields__ if f != "roles"},
            "roles": made.roles.told, "alike": list(made.alike()),
        })  # fmt: skip


def test_attempts_and_steps() -> None:
    wide = [
        {"item_id": f"q{i}", "first_p": 0.3 + i / 20, "first_correct": i % 2, "second_p": 0.5 + i / 30,
        "second_correct": (i + 1) % 2, "second_cost": 0.01 * i,
         "second_calls": 1, "second_tokens": 10 + i, "refused": int(i == 4), "accepted": int(i % 3 == 0),
         "cluster": i // 2}
        for i in range(8)
    ]  # fmt: skip
    lacking = [{**wide[0], "second_p": None, "second_correct": None, "accepted": None}, {**wide[1],
    "first_p": None}, {**wide[2], "first_correct": None}, {**wide[3], "second_correct": None},
               {**wide[4], "first_correct": None, "second_correct": None}, {**wide[5], "item_id": None},
               {**wide[6], "first_p": "x"}]  # fmt: skip
    tall = [
        {
            "item_id": f"q{i // 2}",
            "attempt": 1 + i % 2,
            "confidence": 0.4 + i / 40,
            "correct": i % 3 % 2,
            "cost": 0.1 * i,
            "calls": 2,
            "tokens": 5,
        }
        for i in range(12)
    ]
    odd = [
        *tall,
        {**tall[0], "attempt": 3},
        {**tall[2], "item_id": None},
        {**tall[3], "attempt": 2},
        {"item_id": "z", "attempt": 1, "confidence": 0.5, "correct": 1},
    ]
    given = [
        {
            "item_id": i,
            "confidence": 0.5,
            "correct": i % 2,
            "accepted": i % 2,
            "first_answer": "a",
            "second_answer": "b" if i else None,
            "gold": "a",
            "question": "?",
        }
        for i in range(4)
    ]
    for name, log in (
        ("wide", wide),
        ("lacking", [*wide, *lacking]),
        ("tall", tall),
        ("odd", odd),
        ("given", given),
        ("no second", [{"first_p": 0.5, "first_correct": 1}]),
        ("no first", [{"second_correct": 1}]),
    ):
        hold(HELD / "attempts.json", name, said(lambda log=log: read_attempts(log)))
    hold(HELD / "attempts.json", "graded", said(lambda: read_attempts(given, lambda q, g, a: float(g == a))))
    steps: list[Any] = [
        {"trajectory_id": f"t{i // 3}", "step": i % 3, "confidence": 0.5 + i / 30, "correct": i // 3 % 2,
        "tokens": 5 * i, "logprobs": [-0.1, -0.2], "tool_error": i % 2, "retry": i % 3,
         "agreement": 0.6, "task_id": i // 6, "weight": 1 + i // 3} for i in range(12)
    ]  # fmt: skip
    wrong = [*steps, {"step": 1}, {**steps[0], "step": "x"}, {**steps[0], "step": 1, "correct": 1}, {**steps[1],
    "trajectory_id": "n", "correct": None}, {**steps[2], "trajectory_id": "w", "weight": 0},
             {**steps[3], "trajectory_id": "c", "step": 1}, {**steps[3], "trajectory_id": "c", "step": 2,
             "correct": 0, "confidence": "x", "tokens": -1, "logprobs": "y", "retry": "z"}]  # fmt: skip
    for name, log, options in (
        ("plain", steps, {}), ("wrong", wrong, {}), ("named", steps, {"confidence": "agreement"}), ("unknown",
        steps, {"colour": "x"}), ("no trajectory", [{"step": 1}], {}),
        ("propensity", [{**{k: v for k, v in s.items() if k != "weight"}, "propensity": 0.5} for s in steps],
        {}), ("unordered", [{k: v for k, v in s.items() if k != "step"} for s in steps], {}),
        ("words", [{**s, "correct": "CI"[s["correct"]]} for s in steps], {"right": "C", "wrong": "I"}),
        ("objects", [*steps, 3, None], {}),
    ):  # fmt: skip
        found = said(lambda log=log, o=options: read_steps(log, **o))
        hold(
            HELD / "steps.json",
            name,
            found if isinstance(found, str) else {"log": found, "graded": len(found.graded)},
        )


PEOPLE = [
    {
        "confidence": 0.5 + i % 5 / 10, "correct": i * 7 % 5 > 1,
        "human": (i * 7 % 5 > (i % 9 == 0) + 1) if i % 2 else None,
        "model": "ab"[i % 2 - i // 60], "judge_model": "ab"[i // 3 % 2], "answer": "x" * (1 + i % 4),
        "seen": 0.5, "late": 3 if i % 2 else None,
        "position": i % 2, "task": "st"[i // 60], "cluster": i // 2,
    }
    for i in range(120)
]  # fmt: skip


@pytest.mark.parametrize(("name", "roles", "options"), [
    ("plain", {}, {}), ("with a propensity", {}, {"propensity": "seen"}), ("named", {},
    {"covariates": ["position", "answer"]}),
    ("known where people looked", {}, {"covariates": ["late"]}), ("no column", {}, {"covariates": ["x"]}),
    ("a width", {}, {"width": 0.05}),
    ("by task", {"by": ("task",)}, {}), ("weighted", {"weight": "seen"}, {}), ("clustered",
    {"cluster": "cluster", "tied": ("cluster",)}, {}),
])  # fmt: skip
def test_judged_logs(name: str, roles: dict[str, Any], options: dict[str, Any]) -> None:
    log = [{k: v for k, v in row.items() if k != "cluster" or "cluster" in roles} for row in PEOPLE]
    made = said(
        lambda: judged_log(
            log, Roles(confidence="confidence", correct="correct", **roles), "human", **options
        )
    )
    hold(HELD / "judged.json", name, made if isinstance(made, str) else {
        **{f: getattr(made, f) for f in made.__dataclass_fields__ if f != "groups"},
        "groups": {str(k): one if isinstance(one, str) else one.to_dict() for k, one in made.groups.items()},
    })  # fmt: skip


def test_people_of_a_log() -> None:
    rows = [{k.upper() if k == "answer" else k: v for k, v in row.items()} for row in PEOPLE]
    shorter = [
        {k: v for k, v in row.items() if k not in ("answer", "model")} | {"tokens": 3 + i % 4}
        for i, row in enumerate(PEOPLE)
    ]
    roles = Roles(confidence="confidence", correct="correct")
    found: dict[str, Any] = {}
    for what, log in (
        ("rows", rows),
        ("shorter", shorter),
        ("odd", [{**row, "human": "hmm" if i == 3 else row["human"]} for i, row in enumerate(PEOPLE)]),
    ):
        source = open_source(log)
        people = People.of(source, roles, "human", "seen", apart=["task"])
        reader = Reader(source, roles, also=people.also)
        parsed = reader.whole()
        seen, notes = people.seen(reader, parsed)
        found[what] = [
            people,
            sorted(people.also),
            notes,
            seen.propensity[:2],
            {n: v[:4] for n, v in seen.columns.items()},
            seen.human[:4],
            seen.at(np.array([1, 3])).human,
        ]
    judge, human = np.arange(90) % 3 > 0, np.where(np.arange(90) < 40, np.arange(90) % 7 > 2, np.nan)
    found["unlike"] = [
        unlike(judge * 1.0, human, "human"),
        unlike(judge * 1.0, np.where(judge, 1.0, np.nan), "human"),
        unlike(judge * 1.0, judge * 1.0, "human"),
    ]
    hold(HELD / "judged.json", "people", found)


def test_parts_of_a_group() -> None:
    rows = [{"confidence": 0.5 + i % 5 / 10, "correct": i % 2, "cluster": i // 2} for i in range(40)]
    log = read_log(rows, folds=4)
    assert [one.rows for one in log.parts((), 4)] == [one.rows for one in log.folds[()].values()]
    plain = read_log([{k: v for k, v in row.items() if k != "cluster"} for row in rows], folds=4)
    assert sum(one.rows for one in plain.parts((), 4)) == 40
    assert replace(plain, units={}).scale == "fraction"
    assert math.isclose(plain.groups[()].accuracy, 0.5)
    assert FILES.is_dir()
