"""Which column plays which part: logs of a few rows whose columns are called, or filled, in ever other ways."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import ColumnNotFound
from calibrant.logs import finding, roles
from calibrant.logs.foreign import whole_rows
from calibrant.logs.opening import labelled, open_log
from calibrant.logs.sources import Source, rows_source
from calibrant.logs.vocabulary import Named

from ..holding import hold, said

HELD = Path(__file__).parent / "expected" / "found.json"
P = [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
YES = ["yes", "no"] * 4
BITS = [1, 0, 1, 1, 0, 1, 0, 1]
CITIES = ["Rome", "Oslo", "Bern", "Lima", "Rome", "Oslo", "Bern", "Kyiv"]


def log(columns: dict[str, list[Any]], **more: Any) -> Source:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return replace(rows_source("log.csv", list(columns), lambda: rows), **more)


def found(source: Source, by: tuple[str, ...] = (), needed: Any = roles.NEEDED, **named: Any) -> Any:
    """The parts, the columns that were made with their values, and what was said."""

    def read() -> list[Any]:
        made, parts, notes = open_log(source, by, named, needed=needed)
        new = [name for name in made.columns if name not in source.columns]
        values = {name: [row[name] for row in whole_rows(made)] for name in new}
        return [
            parts.told,
            list(parts.by),
            parts.inverse,
            list(parts.tied),
            parts.untied,
            parts.words.told,
            values,
            notes,
        ]

    one = said(read)
    return (
        re.sub(r"looked for confidence, conf, .*?; the log", "...; the log", one)
        if isinstance(one, str)
        else one
    )


MANY = [f"answer {i}" for i in range(24)]
C: dict[str, list[Any]] = {"confidence": P, "correct": YES}
PLAIN: dict[str, tuple[Source, list[dict[str, Any]]]] = {
    "plain": (log(C), [{}, {"right": "no"}, {"correct": "confidence == correct"}, {"correct": "a == b"},
    {"weight": "n"}]),
    "plain beside answers": (log({**C, "prediction": YES}), [{}]),
    "gold in place of verdicts": (log({"confidence": P, "correct": CITIES, "answer": CITIES}), [{},
    {"right": "Rome"}]),
    "three values": (log({"confidence": P, "correct": ["1", "0", "0.5"] * 2 + ["1"] * 2, "pred": ["1", "0",
    "0.5"] * 2 + ["0"] * 2}), [{}]),
    "four values": (log({"confidence": P, "correct": ["1", "0", "0.5", "0.25"] * 2, "pred": ["1", "0", "0.5",
    "0.25"] * 2}), [{}]),
    "few are shared": (log({"confidence": P, "correct": YES, "answer": ["a", "b", "yes", "c"] * 2}), [{}]),
    "one of three shared": (log({"confidence": P, "correct": YES, "answer": ["a", "c", "b", "yes"] * 2}), [{}]),
    "none given": (log({**C, "prediction": [None] * 8}), [{}]),
    "gold beside": (log({**C, "prediction": YES, "label": YES}), [{}]),
    "accuracy": (log({"confidence": P, "acc": BITS}), [{}]),
    "two measures": (log({"confidence": P, "acc": BITS, "exact_match": BITS}), [{}]),
    "four measures": (log({"confidence": P, "acc": BITS, "exact_match": BITS, "em": BITS, "match": BITS}), [{}]),
    "a dotted measure": (log({"confidence": P, "m.Acc": BITS, "x": BITS}), [{}]),
    "label": (log({"confidence": P, "label": BITS}), [{}]), "label of words": (log({"confidence": P,
    "label": CITIES}), [{}]),
    "label and target": (log({"confidence": P, "label": BITS, "target": BITS}), [{}]),
    "label and gold": (log({"confidence": P, "label": BITS, "gold": CITIES, "answer": CITIES}), [{}]),
    "gold alone": (log({"confidence": P, "gold": CITIES}), [{}]),
    "label and prediction": (log({"confidence": P, "label": CITIES, "prediction": CITIES[::-1]}), [{}]),
    "label and two predictions": (log({"confidence": P, "label": CITIES, "y_pred": CITIES, "yhat": CITIES}), [{}]),
    "label and answers": (log({"confidence": P, "label": CITIES, "answer": CITIES}), [{}]),
    "bits and bits": (log({"confidence": P, "label": BITS, "prediction": BITS}), [{}]),
    "bits and bits answered": (log({"confidence": P, "label": BITS, "answer": BITS}), [{}]),
    "bits and words answered": (log({"confidence": P, "label": BITS, "answer": CITIES}), [{}]),
    "bits and words predicted": (log({"confidence": P, "label": BITS, "prediction": CITIES}), [{}]),
    "bits and two words": (log({"confidence": P, "label": BITS, "answer": ["a", "b"] * 4}), [{}]),
    "target and bits": (log({"confidence": P, "target": BITS, "answer": BITS}), [{}]),
    "numbers of classes": (log({"confidence": P, "target": [3, 4, 5, 6] * 2, "prediction": [1, 2, 7, 8] * 2}), [{}]),
    "numbers of classes answered": (log({"confidence": P, "target": [3, 4, 5, 6] * 2, "answer": [1, 2, 7, 8] * 2}),
    [{}]),
    "free answers": (log({"confidence": [0.7] * 24, "label": [1, 0] * 12, "answer": MANY}), [{}]),
    "free answers to words": (log({"confidence": [0.7] * 24, "label": MANY[::-1], "answer": MANY}), [{}]),
    "a fifth shared": (log({"confidence": P[:5], "label": list("vwxyz"), "answer": ["v", "two", "three", "four",
    "five"]}), [{}]),
    "a sixth shared": (log({"confidence": P[:6], "label": list("uvwxyz"), "answer": ["v", "two", "three", "four",
    "five", "six"]}), [{}]),
    "gold and empty answers": (log({"confidence": P, "gold": CITIES, "answer": [None] * 8}), [{}]),
    "letters": (log({"confidence": P[:4], "gold": ["A", "b", "C", "D"],
                "answer": ["The answer is A", "(B).", "my final choice: c", "D is it"]}), [{},
                {"correct": "answer == gold"}]),
    "words and letters": (log({"confidence": P[:3], "gold": ["A", "Bo", "C"], "answer": ["Answer: A", "Bo", None]}),
    [{}]),
    "of a format": (log({**C, "target": BITS}, roles={"correct": "target"}), [{}, {"correct": "correct"}]),
    "to choose": (log({"a": P, "b": P, "c": P, "d": P, "ok": YES}, choices={"confidence": ("a", "b", "c", "d")}),
    [{}, {"confidence": "b", "correct": "ok"}]),
    "to choose verdicts": (log({"confidence": P, "x y": YES, "z": YES}, choices={"correct": ("x y", "z")}), [{},
    {"correct": "z"}]),
    "lacking": (log({"q": P, "correct": YES}, kind="a run", lacking={"confidence": "Write it down."}), [{},
    {"confidence": "q"}]),
    "beside": (log({"confidence": P, "m": P, "ok": YES}, roles={"correct": "ok"}, beside={"ok": "m"}), [{},
    {"confidence": "confidence"}]),
    "no columns": (Source(name="none.csv", columns=[], blocks=lambda names: iter(())), [{}]),
    "one column": (log({"a;b|c": P}), [{}]), "one plain column": (log({"abc": P}), [{}]),
    "neither": (log({"a": CITIES, "b": MANY[:8]}), [{}]),
    "no verdict": (log({"confidence": P, "fine": YES}), [{}]), "no confidence": (log({"sure": P, "n_tokens": P,
    "correct": YES}), [{}]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_verdicts(name: str) -> None:
    source, several = PLAIN[name]
    hold(HELD, name, [found(source, **named) for named in several])


def test_needed_parts_alone() -> None:
    source = log({"confidence": P, "label": BITS, "prediction": CITIES})
    bare = log({"x": CITIES})
    hold(HELD, "needed", [
        found(source, needed=("confidence",)), found(source, needed=()), found(source, needed=("correct",)),
        found(bare, needed=("confidence",)), found(bare, needed=("correct",)), found(bare, needed=()),
    ])  # fmt: skip


SPELT = [
    "Confidence (%)", "modelConfidence", "llm_confidence", "self-reported confidence", "confidence_pct",
    "Certainty", "prob_",
    "Final Confidence Score", "confidence_0_100", "Sicherheit", "max prob", "p(correct)", "confident",
    "my_confidence",
    "confidence_reason", "uncertainty", "raw_score", "P", "answer.Confidence Level",
]  # fmt: skip
JUDGED = [
    "is right?", "isCorrect", "Correct?", "correct_flag", "human_verdict", "was_correct", "Judgement", "pass",
    "right",
    "Exact", "correctly", "model_correct_binary", "incorrect", "right_wrong", "label_correct", "richtig", "a.Right",
]  # fmt: skip


def test_spellings() -> None:
    told_so = {name: found(log({name: P, "correct": YES})) for name in SPELT}
    told_so |= {f"{name}, judged": found(log({"confidence": P, name: YES})) for name in JUDGED}
    hold(
        HELD,
        "spellings",
        {name: one if isinstance(one, str) else [one[0], one[-1]] for name, one in told_so.items()},
    )


def test_spellings_of_several() -> None:
    four = {f"{n} confidence": P for n in ("model", "llm", "ai", "final")}
    hold(HELD, "several spellings", [
        found(log({**four, "correct": YES})), found(log({**four, "confidence": P, "correct": YES})),
        found(log({"model confidence": P, "llm confidence": P, "correct": YES}), by=("model confidence",)),
        found(log({"model confidence": P, "llm confidence": P, "correct": YES}), weight="llm confidence"),
        found(log({"confidence": P, "isCorrect": YES, "wasCorrect": YES})),
        found(log({"score": P, "Model Confidence": P, "label": BITS, "Is Right": YES})),
        found(log({"Model Confidence": P, "correct": YES}, lacking={"confidence": "None."}, kind="a run")),
        found(log({"Model Confidence": P, "x": P, "correct": YES}, choices={"confidence": ("x", "y")})),
        finding.found_by_spelling(log({"Model Confidence": P, "Is Right": YES}), {"correct": None}, ("confidence",)),
        finding.found_by_spelling(log({"Model Confidence": P}, beside={"a": "b"}), {}, ("confidence",)),
    ])  # fmt: skip


WRONG: dict[str, list[Any]] = {
    "yes and no": YES, "yes": ["yes"] * 8, "no": ["no"] * 8, "bits": BITS, "truths": [True, False] * 4,
    "grades": [0.1, 0.5, 1, 0, 0.2, 1e-3, 2, 7],
    "words": ["typo", "none", "slip", "typo"] * 2, "letters": ["y", "n", "t", "f"] * 2, "some empty": ["yes", None,
    "no", None] * 2,
    "a word among": ["yes", "no", "maybe", "no"] * 2, "empty": [None] * 8, "numbers and a word": [1, 2, "x", 3] * 2,
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_columns_called_after_what_is_wrong(name: str) -> None:
    source = log({"confidence": P, "is error": WRONG[name], "hallucinated": WRONG[name], "fine": WRONG[name]})

    def asked(column: str, words: Named, of: Source = source) -> Any:
        return said(lambda: finding.require_sense(of, column, words))

    known = replace(source, roles={"correct": "is error"})
    hold(HELD, f"wrong, {name}", [
        asked("is error", Named()), asked("is error", Named.of(right="no")), asked("fine", Named()), asked("",
        Named()),
        asked("is error", Named(), known), asked("hallucinated", Named(), known), asked("is error == fine", Named()),
        finding.candidates(source, "correct", ["fine"]), finding.candidates(source, "correct", [None]),
    ])  # fmt: skip


def test_columns_that_may_be_meant() -> None:
    columns: dict[str, list[Any]] = {
        "n": P, "tokens": P, "run id": P, "latency_s": P, "my log": [-1.5, -0.1, -2, -3, -0.5, -4, -1, -0.2],
        "sureness x": [50, 60, 70, 80, 90, 99, 75, 65], "entropy": P, "two": [0.5, 0.7] * 4, "to 101": [*P[:7], 101],
        "to 100": [*P[:7], 100], "half text": [*P[:4], *"abcd"], "more text": [*P[:3], *"abcde"], "flags": [True,
        False] * 4,
        "a == b": P, "graded": [1, 0, 0.5, 1] * 2, "six": [1, 0, 0.5, "yes", "no", "half", 1, 0], "seven": [1, 0,
        "yes", "no", "half", "true", "false", 1],
        "matched": YES, "one side": ["yes"] * 8, "third": [0.3, 1, 0, 1] * 2, "one in eight": [*YES[:7], "tbd"],
        "zeros": [0.0] * 7 + [0.5],
    }  # fmt: skip
    source = log(columns)
    each = {
        name: [finding.candidates(log({name: held}), role, []) for role in roles.NEEDED]
        for name, held in columns.items()
    }
    tenth = log({"v": [*(["yes", "no"] * 9), "tbd", "yes"]}), log({"v": [*(["yes", "no"] * 9), "tbd", "tbd"]})
    hold(HELD, "candidates", {
        "all": [finding.candidates(source, role, ["n"]) for role in roles.NEEDED], **each,
        "tenths": [finding.candidates(one, "correct", []) for one in tenth],
        "shown": [finding.inverted("a b", ["y", "0"]), finding.inverted("c", [], wrong=False), finding.inverted("c",
        ["true"])],
    })  # fmt: skip


W = [1.0, 2.0] * 4
ROLES: dict[str, tuple[Source, list[dict[str, Any]]]] = {
    "weight and cluster": (log({**C, "weight": W, "cluster": CITIES}), [{}, {"cluster": "none"},
    {"weight": "confidence"}]),
    "propensity": (log({**C, "Propensity": [0.5] * 8}), [{}]), "ipw": (log({**C, "ipw": W, "cluster_id": CITIES}),
    [{}, {"cluster": "ipw"}]),
    "empty weight": (log({**C, "weight": [None] * 8, "sample_weight": W, "cluster": [""] * 8}), [{},
    {"weight": "weight"}]),
    "all empty": (log({**C, "weight": [None] * 8, "ipw": [None] * 8}), [{}]),
    "tied": (log({**C, "task": CITIES, "item": CITIES}), [{"cluster": "task, item"}, {"cluster": "task"},
    {"cluster": "task,x"}, {"cluster": "None"}]),
    "none is a column": (log({**C, "none": CITIES}), [{"cluster": "none"}]),
    "by": (log({**C, "m": CITIES}), [{"by": ("m",)}, {"by": ("m", "x", "y")}]),
    "not there": (log(C), [{"confidence": "conf"}, {"correct": "Correct"}, {"weight": "w"},
    {"confidence": "CONFIDENCE"}]),
    "words": (log(C), [{"right": "no", "wrong": "yes", "partly": "half"}, {"right": "a", "wrong": "a"}]),
    "notes": (log(C, notes=("It is so.",)), [{}]), "capitals": (log({"CONF": P, "conf": P, "Correct": YES}), [{}]),
    "within": (log({"a": CITIES, "a.Confidence": P, "correct": YES}, inside=frozenset({"a.Confidence"})), [{}]),
    "within several": (log({"a.confidence": P, "b c.confidence": P, "correct": YES},
    inside=frozenset({"a.confidence", "b c.confidence"})), [{}]),
    "within, vague": (log({"a.score": P, "correct": YES}, inside=frozenset({"a.score"})), [{}]),
    "within and plain": (log({"a.confidence": P, "prob": P, "correct": YES}, inside=frozenset({"a.confidence"})),
    [{}]),
    "within, both": (log({"a.conf": P, "a.correct": YES}, inside=frozenset({"a.conf", "a.correct"})), [{}]),
    "lacks a weight": (log({**C, "weight": W}, lacking={"weight": "None."}), [{}, {"weight": "weight"}]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROLES)
def test_roles(name: str) -> None:
    source, several = ROLES[name]
    hold(HELD, f"roles, {name}", [found(source, **named) for named in several])


def test_parts_by_signal() -> None:
    records = {"record_id": CITIES, "signal": ["a", "b"] * 4, "model": ["m"] * 8, "task": ["t", "u"] * 4}
    sources = {
        "records": log(records), "one signal": log({**records, "signal": ["a"] * 8}),
        "no record": log({"signal": ["a", "b"] * 4}),
        "apart": log(records, apart=("model", "task")), "apart, one": log(records, apart=("model",)),
        "bare": log({"x": P}),
        "some unnamed": log({**records, "signal": ["b", None] * 4}),
    }  # fmt: skip
    hold(HELD, "by signal", {
        name: [[roles.parted_by_signal(one, by), roles.mixed_signals(one, by)] for by in ((), ("signal",), ("task",))]
        for name, one in sources.items()
    })  # fmt: skip


def test_what_rows_share() -> None:
    asked = {"system none; tokens 4", "system none; tokens 8"}
    hold(HELD, "shared", [
        [roles.shared(name, held) for held in (set(), {"a"}, {"a", "b"}, {None}, asked, {*asked, None})]
        for name in ("model", "asked_with")
    ] + [
        roles.matched(["B", "b", "a"], {"x": ("b", "a"), "y": ("b", "a"), "z": ("q",)}, {}),
        said(lambda: roles.matched(["B", "a"], {"x": ("a",)}, {"x": "b"})), said(lambda: roles.matched(["B"],
        {"x": ("a",)}, {"x": "c"})),
        roles.Roles(confidence="p", tied=("t", "p"), by=("b",)).names, roles.Roles(confidence="p", weight="w",
        cluster="c").told,
    ])  # fmt: skip


def test_apart_is_something_else() -> None:
    source = log({**C, "score": P, "cluster": CITIES})
    hold(HELD, "apart", [
        said(lambda a=a, n=n: open_log(source, (), n, apart=a)[1]) for a in ("confidence", "cluster", None)
        for n in ({}, {"confidence": "confidence"})
    ])  # fmt: skip
    with pytest.raises(ColumnNotFound, match="weight"):
        open_log(source, (), {"weight": "w"})


def test_labels_named_without_a_file() -> None:
    source = log(C)
    assert labelled(source, {"on": "id", "labels": "none.csv"}) is source
    hold(HELD, "labels", [
        said(lambda: labelled([{"a": 1}], {"on": "a"})), labelled([{"a": 1}], {}).columns,
        labelled([{"a": 1}], {"labels": [{"a": 1, "ok": 1}], "on": "a"}).columns,
    ])  # fmt: skip
