"""What is said of small tallies that look odd, on both sides of each limit; and what names make of them.

What is expected lies in `expected/doubts.json`, a name for each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from calibrant.logs.doubts import doubts, tells_the_verdict
from calibrant.logs.roles import Roles
from calibrant.logs.values import NO_VERDICT
from calibrant.tally import Tally

from ..holding import hold

HELD = Path(__file__).parent / "expected/doubts.json"
ROLES = Roles(confidence="sure it is", correct="ok")
Cells = list[tuple[float, float, float]]


def tally(cells: Cells, weight: float | list[float] | None = None) -> Tally:
    """Of a score, so many right and so many wrong; each cell with its own weight where there are several."""
    score, grade, weights = [], list[float](), []
    for i, (at, right, wrong) in enumerate(cells):
        score += [at] * int(right + wrong)
        grade += [1.0] * int(right) + [0.0] * int(wrong)
        weights += [weight[i] if isinstance(weight, list) else weight or 1.0] * int(right + wrong)
    return Tally.of(score, grade, weights if weight else None)


def graded(*cells: tuple[float, float, int]) -> Tally:
    """Of a score and a grade, so many."""
    pairs = [(score, grade) for score, grade, n in cells for _ in range(n)]
    return Tally.of([score for score, _ in pairs], [grade for _, grade in pairs])


SAME: dict[str, Tally] = {
    "too few": tally([(1.0, 10, 0), (0.0, 0, 9)]),
    "twenty": tally([(1.0, 10, 0), (0.0, 0, 10)]),
    "grades": graded((0.2, 0.2, 10), (0.8, 0.8, 10)),
    "grades nearly": graded((0.2, 0.20009, 10), (0.8, 0.8, 10)),
    "grades not quite": graded((0.2, 0.20011, 10), (0.8, 0.8, 10)),
    "grades within a tenth": graded((0.5, 0.5, 10), (0.59, 0.59, 10)),
    "grades beyond a tenth": graded((0.5, 0.5, 10), (0.61, 0.61, 10)),
    "calibrated": tally([(0.2, 2, 8), (0.8, 8, 2)]),
    "calibrated, spread": graded((0.2, 0.1, 5), (0.2, 0.3, 5), (0.8, 0.8, 10)),
    "grades a little spread": graded((0.2, 0.199, 5), (0.2, 0.201, 5), (0.8, 0.8, 10)),
    "one score": tally([(0.5, 10, 10)]),
    "one score, right": tally([(1.0, 30, 0)]),
    "five wrong": tally([(0.9, 20, 0), (0.3, 0, 5)]),
    "four wrong": tally([(0.9, 20, 0), (0.3, 0, 4)]),
    "five right": tally([(0.9, 5, 0), (0.3, 0, 20)]),
    "four right": tally([(0.9, 4, 0), (0.3, 0, 20)]),
    "five wrong, heavy": tally([(0.9, 20, 0), (0.3, 0, 5)], 3.0),
    "five wrong, light": tally([(0.9, 20, 0), (0.3, 0, 5)], [2.0, 1.0]),
    "four wrong, heavy": tally([(0.9, 20, 0), (0.3, 0, 4)], [1.0, 2.0]),
    "one mistake": tally([(0.9, 20, 1), (0.3, 0, 9)]),
    "a mistake below": tally([(0.9, 20, 0), (0.3, 1, 9)]),
    "the other way": tally([(0.3, 10, 0), (0.9, 0, 10)]),
    "three on a side": tally([(0.5, 0, 5), (0.6, 5, 0), (0.7, 5, 0), (0.8, 5, 0)]),
    "in turns, five each": tally([(0.2, 5, 0), (0.4, 0, 5), (0.6, 5, 0), (0.8, 0, 5)]),
    "in turns, four each": tally([(0.2, 5, 0), (0.4, 0, 5), (0.6, 5, 0), (0.8, 0, 4)]),
    "in turns, five and a half each": tally([(0.2, 6, 0), (0.4, 0, 5), (0.6, 5, 0), (0.8, 0, 6)]),
    "in turns, of unlike weights": tally([(0.2, 5, 0), (0.4, 0, 5), (0.6, 5, 0), (0.8, 0, 5)], [1.0, 2.0, 1.0, 2.0]),
    "touching": tally([(0.4, 0, 6), (0.5, 6, 0), (0.6, 0, 8)]),
}  # fmt: skip


def test_scores_that_tell_the_verdict() -> None:
    hold(HELD, "tells", {name: tells_the_verdict(one) for name, one in SAME.items()})


GROUPS: dict[str, Tally] = {
    "0 and 1, shares": graded((0.0, 0.3, 10), (1.0, 0.7, 10)),
    "0 and 1, shares, too few": graded((0.0, 0.3, 10), (1.0, 0.7, 9)),
    "0 and 1, hardly shares": graded((0.0, 0.97, 10), (1.0, 0.985, 10)),
    "0 and 1, less than shares": graded((0.0, 0.99, 10), (1.0, 0.985, 10)),
    "0 and 1, mostly whole": graded((0.0, 0.0, 10), (1.0, 1.0, 17), (1.0, 0.5, 3)),
    "0 and 1 and between": graded((0.0, 0.3, 10), (1.0, 0.7, 10), (0.5, 0.5, 2)),
    "0 alone, shares": graded((0.0, 0.3, 20)),
    "wrong is surer": tally([(0.5, 30, 10), (0.9, 10, 30)]),
    "wrong is a little surer": tally([(0.5, 30, 20), (0.9, 20, 30)]),
    "wrong is surer, by 0.38": tally([(0.5, 62, 38), (0.9, 38, 62)]),
    "wrong is surer, by 0.41": tally([(0.5, 295, 205), (0.9, 205, 295)]),
    "wrong is surer, by 0.39": tally([(0.5, 305, 195), (0.9, 195, 305)]),
    "wrong is surer, of few": tally([(0.5, 9, 2), (0.9, 2, 9)]),
    "wrong is surer, of nineteen": tally([(0.5, 9, 0), (0.9, 1, 9)]),
    "wrong is surer, of twenty": tally([(0.5, 10, 1), (0.9, 0, 9)]),
    "wrong is surer, three scores": tally([(0.5, 20, 2), (0.7, 10, 10), (0.9, 2, 20)]),
    "wrong is surer, four scores": tally([(0.45, 20, 6), (0.6, 14, 9), (0.7, 9, 14), (0.9, 6, 20)]),
    "wrong is surer, five wrong": tally([(0.5, 100, 0), (0.6, 1, 0), (0.9, 1, 5)]),
    "wrong is surer, four wrong": tally([(0.5, 100, 0), (0.6, 1, 0), (0.9, 1, 4)]),
    "wrong is surer, five right": tally([(0.5, 5, 1), (0.9, 0, 100)]),
    "wrong is surer, weighted": tally([(0.5, 30, 10), (0.9, 10, 30)], [1.0, 3.0]),
    "right is surer": tally([(0.5, 10, 30), (0.9, 30, 10)]),
    "low and wrong": tally([(0.1, 1, 9), (0.3, 3, 7), (0.8, 8, 2), (0.9, 9, 1)]),
    "low and wrong, too few": tally([(0.1, 1, 4), (0.3, 1, 3), (0.8, 4, 1), (0.9, 4, 1)]),
    "low and right": tally([(0.1, 9, 1), (0.3, 7, 3), (0.8, 8, 2), (0.9, 9, 1)]),
    "low, 40 of 100 right": tally([(0.1, 4, 6), (0.3, 4, 6), (0.8, 8, 2), (0.9, 9, 1)]),
    "low, 45 of 100 right": tally([(0.1, 4, 6), (0.3, 5, 5), (0.8, 8, 2), (0.9, 9, 1)]),
    "low, 50 of 100 right": tally([(0.1, 5, 5), (0.3, 5, 5), (0.8, 8, 2), (0.9, 9, 1)]),
    "low, 55 of 100 right": tally([(0.1, 6, 4), (0.3, 5, 5), (0.8, 8, 2), (0.9, 9, 1)]),
    "a quarter low": tally([(0.1, 1, 9), (0.8, 24, 6)]),
    "not quite a quarter low": tally([(0.1, 1, 9), (0.8, 25, 6)]),
    "a tenth low": tally([(0.1, 1, 9), (0.8, 70, 20)]),
    "not quite a tenth low": tally([(0.1, 1, 9), (0.8, 70, 21)]),
    "low, none below 0.2": tally([(0.3, 3, 17), (0.8, 16, 4)]),
    "low, a twentieth below 0.2": tally([(0.1, 0, 2), (0.3, 3, 15), (0.8, 16, 4)]),
    "low, less than a twentieth below 0.2": tally([(0.1, 0, 2), (0.3, 3, 15), (0.8, 17, 4)]),
    "low at 0.2": tally([(0.2, 2, 18), (0.8, 16, 4)]),
    "at 0.4": tally([(0.1, 0, 1), (0.4, 8, 12), (0.8, 16, 4)]),
    "at 0.4 and below": tally([(0.1, 0, 9), (0.4, 8, 12), (0.8, 16, 4)]),
    "all low": tally([(0.1, 3, 17), (0.3, 7, 13)]),
    "above is hardly better": tally([(0.1, 3, 7), (0.3, 3, 7), (0.8, 8, 13)]),
    "above is better by 0.1": tally([(0.1, 3, 7), (0.3, 3, 7), (0.8, 8, 12)]),
    "above is better": tally([(0.1, 3, 7), (0.3, 3, 7), (0.8, 9, 11)]),
    "low and wrong, weighted": tally([(0.1, 1, 9), (0.3, 3, 7), (0.8, 8, 2), (0.9, 9, 1)], [0.1, 0.1, 2.0, 2.0]),
    "all right": tally([(0.6, 10, 0), (0.9, 10, 0)]),
    "all right of forty": tally([(0.6, 20, 0), (0.9, 20, 0)]),
    "all right of nineteen": tally([(0.6, 9, 0), (0.9, 10, 0)]),
    "all wrong": tally([(0.6, 0, 10), (0.9, 0, 10)]),
    "all but one right": tally([(0.6, 9, 1), (0.9, 10, 0)]),
    "all half right": graded((0.6, 0.5, 20)),
    "zeros, right": tally([(0.0, 6, 4), (0.8, 20, 10)]),
    "zeros, half right": tally([(0.0, 5, 5), (0.8, 20, 10)]),
    "zeros, a fifth": tally([(0.0, 6, 4), (0.8, 25, 15)]),
    "zeros, less than a fifth": tally([(0.0, 6, 4), (0.8, 25, 16)]),
    "zeros, weighted": tally([(0.0, 6, 4), (0.8, 20, 10)], [1.0, 3.0]),
    "nearly zeros, right": tally([(0.001, 6, 4), (0.8, 20, 10)]),
    "a thousand": tally([(0.6, 1200, 0)]),
}  # fmt: skip
TALLIES = {**GROUPS, **{f"tells: {name}": one for name, one in SAME.items()}}


def begun(notes: list[str]) -> list[str]:
    """The beginnings of notes that stand whole elsewhere."""
    return [note[:64] for note in notes]


@pytest.mark.parametrize("name", TALLIES)
def test_doubtful_tallies(name: str) -> None:
    one = TALLIES[name]
    found = {
        "as they are": doubts({(): one}, ROLES, {}),
        "of a group": doubts({("a b", None): one}, ROLES, {("a b", None): {NO_VERDICT: 2}}),
        "of a forecast": doubts({(): one}, Roles(confidence="p rain", correct="outcome"), {(): {NO_VERDICT: 1}}),
        "with empty ones": doubts({(): one}, ROLES, {(): {NO_VERDICT: 1_200, "no answer": 7}}),
        "with other gaps": doubts({(): one}, ROLES, {(): {"no answer": 50}, ("x",): {NO_VERDICT: 50}}),
    }  # fmt: skip
    whole = found["as they are"]
    hold(HELD, name, {
        way: notes if way == "as they are" or whole == [] or way == "of a group" else begun(notes)
        for way, notes in found.items() if way == "as they are" or notes != whole
    })  # fmt: skip


CHANCES = [
    "p", "P", "p_rain", "rain_p", "x.p.y", "x p", "x-p", "prob", "probs", "a_prob", "probability", "Probability(yes)",
    "proba", "y_proba", "forecast", "forecasts", "my forecast", "prediction", "predictions", "chance", "chances", "map",
    "pp", "probably", "improbable", "confidence", "", "prob where prediction is 0", "p_cat where y is cat", "p2", "p:x",
]  # fmt: skip
HAPPENED = [
    "outcome", "Outcome", "outcomes", "the_outcome", "label", "labels", "label.x", "target", "event", "events", "y",
    "Y", "y_true", "x-y", "happened", "occurred", "resolved", "resolution", "realized", "realised", "unresolved",
    "correct",    "yes", "relabel", "", "did it (event)", "key",
]  # fmt: skip


def test_names_of_forecasts() -> None:
    one = GROUPS["a tenth low"]
    named = {c: bool(doubts({(): one}, Roles(confidence=c, correct="outcome"), {})) for c in CHANCES}
    other = {c: bool(doubts({(): one}, Roles(confidence="prob", correct=c), {})) for c in HAPPENED}
    hold(HELD, "names", {"of chances": named, "of what happened": other})


def test_notes_of_several_groups() -> None:
    groups = {
        ("a",): GROUPS["low and wrong"], ("b", "c"): GROUPS["zeros, right"], (None,): GROUPS["all right"],
        ("d",): GROUPS["0 and 1, shares"], ("e",): SAME["twenty"], ("f",): GROUPS["right is surer"],
    }  # fmt: skip
    roles = Roles(confidence="my sure", correct="it's ok")
    hold(HELD, "groups", doubts(groups, roles, {(None,): {NO_VERDICT: 1}, ("d",): {}}))
