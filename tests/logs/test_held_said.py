"""What is said of rows that nobody judged, that hold no answer, or that sum others up, at each limit of saying it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs import attempts, events, panels, people, pivots, steps, unanswered, unseen, wide
from calibrant.logs.partial import Partial
from calibrant.logs.roles import Roles
from calibrant.logs.sources import rows_source
from calibrant.logs.unjudged import Unjudged
from calibrant.logs.unseen import Unseen
from calibrant.logs.values import scores, texts
from calibrant.logs.verdicts import verdicts
from calibrant.tally import Tally

from ..holding import hold, said

HELD = Path(__file__).parent / "expected" / "said.json"
Rows = list[tuple[int, float, float, bool]]
"""So many rows of a weight and a score, judged or not."""
WEIGHED: dict[str, list[Rows]] = {
    "chances": [[(40, 2.0, 0.8, True), (40, 2.0, 0.8, False), (20, 50.0, 0.9, False)]],
    "few beyond": [[(500, 2.0, 0.8, True), (498, 2.0, 0.8, False), (5, 50.0, 0.9, False)]],
    "more beyond": [[(500, 2.0, 0.8, True), (494, 2.0, 0.8, False), (6, 50.0, 0.9, False)]],
    "many expected": [[(40, 2.0, 0.8, True), (40, 2.0, 0.8, False), (20, 2.5, 0.9, False)]],
    "hardly fewer expected": [[(40, 2.0, 0.8, True), (40, 2.0, 0.8, False), (13, 2.0, 0.9, False), (20, 2.9, 0.9,
    False)]],
    "too light": [[(40, 1.5, 0.8, True), (60, 1.5, 0.8, False)]], "light, with others": [[(40, 1.5, 0.8, True), (60,
    9.0, 0.8, False)]],
    "no chances": [[(40, 0.5, 0.8, True), (60, 0.5, 0.8, False)]], "all one": [[(40, 1.0, 0.8, True), (60, 1.0, 0.8,
    False)]],
    "alike and alone": [[(40, 3.0, 0.8, True)]], "alone, not alike": [[(40, 3.0, 0.8, True), (1, 4.0, 0.8, True)]],
    "none judged": [[(40, 3.0, 0.8, False)]], "none": [[]], "blocks": [[(20, 2.0, 0.8, True), (20, 2.0, 0.8,
    False)], [(20, 2.0, 0.7, True), (20, 2.0, 0.8, False), (9, 60.0, 0.5, False)]],
    "half a cell": [[(50, 2.0, 0.8, True), (50, 2.0002, 0.8, False)]], "three below": [[(90, 1.2, 0.8, True), (10,
    1.2, 0.8, False), (3, 90.0, 0.1, False)]],
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHED)
def test_rows_of_which_none_was_judged(name: str) -> None:
    seen, judged = Unseen(), 0
    for block in WEIGHED[name]:
        many = [one for n, *one in block for _ in range(n)]
        weight, score, told = (
            (np.array(column) for column in zip(*many, strict=True)) if many else (np.zeros(0),) * 3
        )
        judged += int(told.sum())
        known = np.arange(len(many)) != 3
        seen.see(
            [("a",), ("b",)],
            np.zeros(len(many), int),
            score.astype(float),
            weight.astype(float),
            known,
            told.astype(bool),
        )
    tally = Tally.of([0.8] * 40, [1] * 30 + [0] * 10, [2.0] * 40)
    of = seen.of(("a",), tally)
    group = seen._groups.get(("a",), unseen._Group())
    hold(HELD, f"unseen, {name}", [
        judged, of.unseen, of.unseen_score, seen.of(("b",), tally) is tally, seen.largest(("a",)),
        seen.largest(("b",)), seen.notes("w"), seen.notes(None),
        [group.rows, group.judged, group.stated, group.total, group.noise, group.least, group.most, group.lacking,
        group.chances, group.heavier, len(group.beyond)],
    ])  # fmt: skip


JUDGED: dict[str, tuple[list[tuple[float, int]], list[tuple[float, int]]]] = {
    "high": ([(0.6, 50)], [(0.95, 100)]), "low": ([(0.6, 50)], [(0.02, 100)]), "between": ([(0.2, 50), (0.9, 50)],
    [(0.52, 100)]),
    "two sides": ([(0.5, 100)], [(0.1, 100), (0.93, 60)]), "few": ([(0.6, 50)], [(0.95, 19)]), "just": ([(0.6, 50)],
    [(0.95, 20)]),
    "a twentieth": ([(0.6, 400)], [(0.95, 20)]), "a twentieth and one": ([(0.6, 380)], [(0.95, 20)]),
    "four known": ([(0.6, 50), (0.95, 4)], [(0.95, 100)]),
    "five known": ([(0.6, 50), (0.95, 5)], [(0.95, 100)]), "one in fifty": ([(0.6, 500), (0.95, 9)], [(0.95, 500)]),
    "alike": ([(0.7, 200)], [(0.7, 200)]),
    "apart": ([(0.6, 100), (0.7, 100)], [(0.7, 200), (0.6, 60)]), "apart, fewer": ([(0.6, 99), (0.7, 10)], [(0.7,
    99), (0.6, 9)]), "apart by less": ([(0.6, 200), (0.64, 5)], [(0.64, 200), (0.6, 5)]),
    "ones": ([(0.5, 60)], [(1.0, 60)]), "on an end": ([(0.65, 60)], [(0.15, 60), (0.3, 60)]), "none": ([], []),
    "all judged": ([(0.7, 90)], []),
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_rows_without_a_verdict(name: str) -> None:
    known, others = JUDGED[name]
    score = np.array([s for s, n in [*known, *others] for _ in range(n)], float)
    told = np.arange(len(score)) < sum(n for _, n in known)
    one, two = Unjudged(), Unjudged()
    one.see(score, told)
    for at in (slice(0, None, 2), slice(1, None, 2)):
        two.see(score[at], told[at])
    assert one.notes(weighted=False) == two.notes(weighted=False)
    hold(
        HELD,
        f"unjudged, {name}",
        [said(lambda: one.notes(weighted=True)), said(lambda: one.notes(weighted=False))],
    )


def test_partial_verdicts_and_events() -> None:
    found: dict[str, Any] = {}
    for name, grades in {"last": [1.0] * 12 + [0.7], "first": [0.7] + [1.0] * 12, "half": [1.0] * 12 + [0.5],
    "twelve": [1.0] * 11 + [0.7], "two": [1.0] * 38 + [0.2, 0.7],
                         "two of thirty-nine": [1.0] * 37 + [0.2, 0.7], "many": [0.2] * 2000 + [1.0] * 38000,
                         "of many": [1.0] * 39999 + [0.7]}.items():  # fmt: skip
        one = Partial()
        for at in np.array_split(np.arange(len(grades)), 3):
            one.see(at, np.array(grades)[at])
        found[name] = one.note(len(grades))
    happened = events.Events()
    turned = happened.turned(
        np.array([0.2, 0.5, 0.9, np.nan, 0.4]),
        np.array([0.0, 1, 0.25, 1, np.nan]),
        np.array([1.0, 2, 3, 1, 1]),
        np.array([True, True, True, False, True]),
    )
    found["events"] = [turned, happened.notes("p"), events.Events().notes("p")]
    found["one"] = [
        said(lambda s=scale, m=many: events.one_answer_a_row(s, m))
        for scale in ("event", "fraction", None)
        for many in (True, False)
    ]
    hold(HELD, "partial", found)


def test_rows_without_an_answer() -> None:
    def column(held: list[Any], name: str = "answer", taken: str = "p", **more: Any) -> Any:
        source = rows_source("log", [name, "p"], lambda: [{name: one, "p": 0.9} for one in held])
        object.__setattr__(source, "roles", more)
        return unanswered.answer_column(source, Roles(confidence=taken))

    def apart(blocks: list[tuple[list[Any], list[float] | None]]) -> Any:
        one = unanswered.Unanswered("answer")
        found = [
            one(
                np.array(held, object),
                np.array([0.9, np.nan, 0.8, 0.7][: len(held)]),
                None if grades is None else np.array(grades),
            )
            for held, grades in blocks
        ]
        return [found, one.column, one.note]

    hold(HELD, "unanswered", {
        "columns": [column(["A", "A", "A", " "]), column(["A", " "]), column(["A", "A", None]), column(["A"] * 3),
        column([1.0, 2.0, np.nan]), column(["A", "A", ""], taken="answer"), column(["A", "A", ""], name="x"),
                    column(["A", "A", ""], name="x", answer="x"), column(["A", "A", ""], name="x", prediction="x"),
                    column(["A", "A", ""], name="x", prediction="q"), column([1, 2, 3])],
        "wrong": apart([(["A", "", None, " "], [1, 0, 0, 0])]), "right": apart([(["A", "", None, " "], [1, 1, 0,
        0])]), "later": apart([(["A", "", None, " "], [1, 0, 0, 0]), (["", ""], [1, 0])]),
        "none judged": apart([(["A", "", None, " "], None)]), "unjudged": apart([(["", "", "B", "C"], [np.nan, 0, 0,
        1])]), "all there": apart([(["A", "B"], [0, 1])]),
    })  # fmt: skip


def test_people_unlike_a_judge() -> None:
    def doubt(seen: int, there: float, elsewhere: float, n: int = 200) -> str:
        human = np.r_[np.ones(seen), np.full(n - seen, np.nan)]
        judge = np.r_[np.arange(seen) < there * seen, np.arange(n - seen) < elsewhere * (n - seen)].astype(
            float
        )
        return people.unlike(judge, human, "expert")

    whole, half = np.arange(40, dtype=float), np.array([*range(20), *[np.nan] * 20])
    words = np.array(["a", "b"] * 10 + [None] * 20, object)
    seen = np.arange(40) < 20

    def known(columns: dict[str, Any], at: Any, named: bool) -> Any:
        kept, notes = people._known_of_all(columns, at, named)
        return [list(kept), notes]

    columns = {
        "whole": whole,
        "half": half,
        "words": words,
        "one": np.ones(40),
        "all words": np.array(["a", "b"] * 20, object),
        "most": np.where(np.arange(40) < 30, whole, np.nan),
    }
    hold(HELD, "people", {
        "unlike": [doubt(20, 1, 0.5), doubt(19, 1, 0), doubt(100, 0.9, 0.5), doubt(100, 0.7, 0.6), doubt(181, 1, 0),
        doubt(180, 1, 0), doubt(100, 0.5, 0.9), doubt(100, 0.8, 0.56), doubt(100, 0.8, 0.54)],
        "known": [said(lambda s=s, n=n: known(columns, s, n)) for s in (seen, ~seen, np.ones(40, bool), np.zeros(40,
        bool)) for n in (True, False)],
        "own": [{k: v.tolist() for k, v in people._own({name: np.array(held, object) for name,
        held in one.items()}).items()} for one in (
            {"model": ["a", "b", None], "Judge_Model": ["a", "a", "a"]}, {"model": ["a", "a"], "judge_model": ["a",
            "a"]}, {"model": ["a", "b"]}, {"model": ["a", "b"], "judge_model": ["b", "a"]})],
        "columns": [people._column(np.array(one, object)).tolist() for one in ([1, "2", None], [1] * 19 + ["x"],
        [1] * 18 + ["x", "y"], [None], [])],
        "lengths": people._lengths(np.array(["abc", None, "", 12], object)),
    })  # fmt: skip


LONG: dict[str, list[dict[str, Any]]] = {
    "plain": [{"item_id": i, "model": m, "confidence": 0.5 + i / 10, "correct": (i + j) % 2, "answer": f"{m}{i}",
    "cost": 0.1 * j} for i in range(3) for j, m in enumerate("ab")],
    "gaps": [{"item_id": 1, "model": "a", "confidence": None, "correct": 1, "answer": None}, {"item_id": 1,
    "model": "a", "confidence": 0.7, "correct": None, "answer": "x"}, {"item_id": 1, "model": "a",
    "confidence": 0.9, "correct": 0, "answer": "y"},
             {"item_id": None, "model": "a", "confidence": 0.7, "correct": 1, "answer": "z"}, {"item_id": 1,
             "model": "b", "confidence": "high?", "correct": 1, "answer": "x"}, {"item_id": 2, "model": "c",
             "confidence": 0.7, "correct": "tbd", "answer": "x"}],
    "signals": [{"item_id": i, "model": m, "signal": s, "confidence": 0.5 + i / 10 + k / 20, "correct": i % 2,
    "task": "t", "weight": 2, "question": f"q{i}"} for i in range(3) for m in "ab" for k, s in enumerate("uv")],
    "apart": [{"item_id": i, "model": m, "confidence": 0.6, "correct": 1,
    "task": m} for i in range(2) for m in "ab"], "no items": [{"item_id": None, "model": m, "confidence": 0.6,
    "correct": i} for i in (0, 1) for m in "ab"],
    "no confidence": [{"item_id": i, "model": m, "correct": i % 2, "latency": 1.5} for i in range(2) for m in "ab"],
    "no model": [{"item_id": 1, "confidence": 0.5, "correct": 1}], "no item": [{"model": "a", "confidence": 0.5,
    "correct": 1}],
    "bad weights": [{"item_id": i, "model": m, "confidence": 0.6, "correct": i % 2, "weight": [1, -1,
    None][i]} for i in range(3) for m in "ab"],
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_models_and_signals_side_by_side(name: str) -> None:
    log = LONG[name]
    found: dict[str, Any] = {
        str(models): said(lambda m=models: panels.read_panel(log, m))
        for models in ("a", ["a", "b"], ["b", "a"], ["a", "a"], ["a", "zz"])
    }
    if not isinstance(panel := found["['a', 'b']"], str):
        found["one"], found["length"] = panel.of(np.array([0])), len(panel)

    def pivot(**more: Any) -> Any:
        made = pivots.pivot(log, **more)
        return [made.keys, made.group, made.scores, made.grade, made.weight, made.row, made.kind, made.stated,
        made.unusable, made.used, made.notes, made.unseen,
                {str(k): v for k, v in made.asked.items()}, [[at, told] for at, told in made.alike()]]  # fmt: skip

    found["pivot"] = [said(pivot), said(lambda: pivot(by="model"))]
    hold(HELD, f"side by side, {name}", found)


TRIES: dict[str, list[dict[str, Any]]] = {
    "both": [{"first_p": 0.3, "first_correct": 0, "second_p": 0.8, "second_correct": 1, "second_cost": 0.5,
    "second_calls": 2, "second_tokens": 7, "id": "x"}, {"first_p": None, "first_correct": 0, "second_p": 0.8,
    "second_correct": 1},
             {"first_p": 0.4, "second_p": 0.8}, {"first_p": 0.4, "first_correct": 1, "second_p": 0.8},
             {"first_p": 0.9, "first_correct": 1}],
    "accepted": [{"confidence": 0.3, "correct": 1, "accepted": a, "second_answer": s, "refused": r,
    "cluster": "c"} for a, s, r in ((True, "x", False), (False, "x", True), (False, None, False), (None, None,
    None))],
    "graded": [{"confidence": 0.3, "correct": 1, "accepted": a, "first_answer": "x", "second_answer": "y",
    "gold": g, "question": q} for a, g, q in ((True, "y", "q"), (False, "y", None), (False, None, "q"), (True, "?",
    "q"))],
    "rows": [{"item_id": i, "attempt": n, "confidence": 0.1 * (n or 0) + 0.2, "correct": (n or 0) % 2, "cost": n} for i,
    n in (("a", 2), ("a", 1), ("b", 1), ("c", 1), ("c", 1), ("d", 1), ("d", 2), ("d", 3), (None, 1), ("e", None))],
    "nothing": [{"confidence": 0.5, "correct": 1}], "no first": [{"second_answer": "x", "correct": 1}],
}  # fmt: skip


@pytest.mark.parametrize("name", TRIES)
def test_answers_given_again(name: str) -> None:
    def grade(question: str, gold: str, answer: str) -> float | None:
        return None if gold == "?" else float(gold == answer) if question else 0.25

    hold(
        HELD,
        f"again, {name}",
        [said(lambda g=g: attempts.read_attempts(TRIES[name], g)) for g in (None, grade)],
    )


WALKS: dict[str, list[Any]] = {
    "plain": [{"trajectory_id": t, "step": s, "confidence": 0.5 + s / 10, "correct": t == "a", "tokens": 5 * s,
    "is_error": s == 2, "retry": s % 2, "task_id": "k"} for t in "ab" for s in (2, 1)],
    "faults": [{"trajectory_id": "a", "step": 1, "confidence": "x", "correct": 1, "agreement": "most"},
    {"trajectory_id": "a", "step": 1, "confidence": 0.5}, {"trajectory_id": None, "step": 1}, {"trajectory_id": "a",
    "step": "z"}, 5, {"trajectory_id": "b", "step": 1, "correct": None}, {"trajectory_id": "c", "step": 1,
    "correct": 1}, {"trajectory_id": "c", "step": 2, "correct": 0}],
    "weights": [{"run_id": t, "propensity": w, "correct": 1, "logprobs": [-0.1]} for t, w in (("a", 0.5), ("b", 0),
    ("c", None), ("c", 0.25))], "none": [{"step": 1}],
}  # fmt: skip


@pytest.mark.parametrize("name", WALKS)
def test_steps(name: str) -> None:
    hold(
        HELD,
        f"steps, {name}",
        [
            said(lambda: steps.read_steps(WALKS[name])),
            said(lambda: steps.read_steps(WALKS[name], right="0", wrong="1")),
            said(lambda: steps.read_steps(WALKS[name], mood="x")),
        ],
    )


def test_wide_logs() -> None:
    known: Any = {
        "sure": (("sure", "conf"), scores),
        "right": (("right",), verdicts),
        "what": (("what",), texts),
    }
    logs: dict[str, list[dict[str, Any]]] = {
        "plain": [{"conf": "90%", "right": "yes"}, {"conf": "high?", "right": 0}, {"conf": "", "right": None}],
        "records": [{"record_id": r, "sure": 0.5, "what": r} for r in ("a", "b", "a", None, None)],
        "weights": [{"sure": 0.5, "propensity": w} for w in (0.5, 0, None)], "no weights": [{"sure": 0.5,
        "weight": w} for w in (-1, None)], "none": [],
    }  # fmt: skip
    hold(
        HELD,
        "wide",
        {
            name: [
                said(lambda o=one: wide.read_wide(o, known)),
                said(lambda o=one: wide.read_wide(o, known, right="right", sure="conf")),
            ]
            for name, one in logs.items()
        },
    )
