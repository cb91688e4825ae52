"""Was it the documents or the model? What features tell, from logs where it is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from calibrant.errors import ColumnNotFound, NotEnoughLabels
from calibrant.planning.documents import plan_documents
from calibrant.planning.ranking import auroc_by_cluster


def world(n: int, seed: int = 0, tells: bool = True) -> list[dict[str, Any]]:
    """Half of the passages lack the answer; `answering` knows which, `sure` only whether the answer is right."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        held = i % 2
        right = rng.random() < (0.7 if held else 0.2)
        sure = float(np.clip(rng.normal(0.4 + 0.3 * right, 0.15), 0, 1))
        rows.append({
            "item_id": f"q{i}", "held": held, "correct": int(right), "sure": sure,
            "answering": float(np.clip(rng.normal(0.3 + 0.4 * held * tells, 0.2), 0, 1)), "agreement": rng.random(),
        })  # fmt: skip
    return rows


def test_what_tells_right_from_wrong_need_not_tell_the_causes_apart() -> None:
    found = plan_documents(world(400))
    told = {one.name: one for one in found.features}
    assert told["sure"].right is not None and told["sure"].right.low > 0.8
    assert told["sure"].verdict == "does not tell" and told["answering"].verdict == "tells"
    assert found.bad_retrieval + found.bad_generation == 400 - found.right and found.unknown == 0
    assert found.combined is not None and found.combined.low > 0.7
    assert found.rule is not None and found.majority is not None and found.rule.value > found.majority
    assert "does not tell bad retrieval from bad generation" in found.sentences()[1]
    low = found.below[0]
    assert low.advice == "retrieve more" and low.retrieval is not None and low.retrieval.low > 0.5
    assert (
        sum(one.n for one in found.below) == 400
        and sum(one.wrong for one in found.below) == 400 - found.right
    )
    assert found.fitted is not None and found.fitted.rows == 400
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_feature_that_tells_the_other_way_is_called_reversed() -> None:
    rows = [{**row, "answering": 1 - row["answering"]} for row in world(400)]
    assert {one.name: one.verdict for one in plan_documents(rows).features}["answering"] == "reversed"


def test_few_wrong_answers_say_nothing_however_clear_they_look() -> None:
    rows = [{"confidence": 0.9, "correct": 1}] * 30
    rows += [{"confidence": 0.1 + 0.8 * held, "correct": 0, "held": held} for held in (0, 1)]
    (found,) = plan_documents(rows).features
    assert found.cause is not None and found.cause.value == 1.0 and found.verdict == "too few"


def test_what_a_log_lacks_is_said() -> None:
    found = plan_documents([{"sure": 0.1 * (i % 10), "correct": i % 2} for i in range(40)])
    assert found.unknown == 20 and any("--held" in note for note in found.notes)
    assert found.features[0].cause is None and all(one.advice is None for one in found.below)
    assert found.confidence == "sure"
    assert plan_documents([{"same": 1, "correct": 1}, {"same": 0, "correct": 0}]).confidence == "same"
    named = plan_documents([{"sure": 0.5, "p": 0.7, "correct": 1}], confidence="p")
    assert [one.name for one in named.features] == ["confidence", "sure"]
    with pytest.raises(ColumnNotFound, match="correct"):
        plan_documents([{"sure": 0.5}])
    with pytest.raises(ColumnNotFound, match="confidence"):
        plan_documents([{"correct": 1}])
    with pytest.raises(NotEnoughLabels):
        plan_documents([{"sure": 0.5, "correct": None}])


def test_the_rows_of_one_question_are_tied() -> None:
    rows = world(100)
    many = [{**row, "sure": row["sure"]} for row in rows for _ in range(6)]
    tied, apart = (
        plan_documents([{k: v for k, v in row.items() if k != drop} for row in many]).features[0].right
        for drop in ("", "item_id")
    )
    assert tied is not None and apart is not None and tied.high - tied.low > 1.5 * (apart.high - apart.low)


def test_the_interval_of_an_auroc() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(60):
        grade = (rng.random(80) < 0.5).astype(float)
        made = auroc_by_cluster(rng.normal(grade, 1.0), grade, np.ones(80), np.arange(80))
        assert made is not None
        held += made.low <= 0.7602 <= made.high  # Phi(1 / sqrt 2)
    assert held >= 51
    assert auroc_by_cluster(np.ones(3), np.ones(3), np.ones(3), np.arange(3)) is None
