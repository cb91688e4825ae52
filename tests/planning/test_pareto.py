"""The front of accuracy, calibration and cost: by brute force, on constructed candidates, and honest about noise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.cli import app
from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.metrics import smooth_ece
from calibrant.planning import pareto as room
from calibrant.planning.pareto import front_of, pareto
from calibrant.report.drawing import to_svg
from calibrant.report.pareto import HEIGHT, WIDTH, _labels, _meet, _points, front
from calibrant.tally import Tally

pytest.importorskip("typer")
from typer.testing import CliRunner


def answers(
    models: dict[str, tuple[float, float]], n: int = 600, seed: int = 0, **columns: object
) -> pd.DataFrame:
    """Models by accuracy and stated confidence on the same items, some of which are harder for all."""
    rng = np.random.default_rng(seed)
    ease = rng.random(n)
    frames = []
    for name, (accuracy, said) in models.items():
        luck = np.where(rng.random(n) < 0.5, ease, rng.random(n))
        frames.append(
            pd.DataFrame({"model": name, "item_id": range(n), "confidence": said, "correct": luck < accuracy})
        )
    return pd.concat(frames, ignore_index=True).assign(**columns)


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.2, 0.3])] * 3), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_the_front_is_what_no_other_beats(points: list[tuple[float, ...]]) -> None:
    def beats(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    wanted = [not any(beats(other, one) for other in points) for one in points]
    assert front_of(np.array(points)).tolist() == wanted


def test_a_constructed_front_is_found() -> None:
    found = pareto(answers({
        "best": (0.85, 0.95), "calibrated": (0.75, 0.76), "beaten": (0.65, 0.9), "worst": (0.5, 0.95),
    }), resamples=200)  # fmt: skip
    told = {one.name: one for one in found.candidates}
    assert found.paired
    assert found.axes == ("accuracy", "smooth_ece")
    assert {name for name, one in told.items() if one.on_front} == {"best", "calibrated"}
    assert [told[name].front for name in ("best", "calibrated", "beaten", "worst")] == [
        "on",
        "on",
        "off",
        "off",
    ]
    assert [one.name for one in found.candidates] == ["best", "calibrated", "beaten", "worst"]
    one = told["beaten"]
    assert one.gap.value == pytest.approx(0.9 - one.accuracy.value)
    assert one.raw_brier.value > one.brier.value, "calibrated by maps of other rows it is nearer"
    for measure in (one.accuracy, one.smooth_ece, one.brier, one.raw_brier, one.gap):
        assert measure.low <= measure.value <= measure.high


def test_four_equals_are_seldom_called_beaten() -> None:
    """One or another of three equals beats the fourth in nearly every resample; none of them does so by itself."""
    equal = {name: (0.7, 0.8) for name in "abcd"}
    off = 0
    for seed in range(12):
        found = pareto(answers(equal, 200, seed), resamples=100, calibrator="platt")
        off += sum(one.front == "off" for one in found.candidates)
    assert off <= 3


def test_equals_are_not_told_apart() -> None:
    """Two models of equal skill: one is ahead by chance, and the shares say that it is chance."""
    unclear = 0
    for seed in range(8):
        found = pareto(
            answers({"a": (0.7, 0.8), "b": (0.7, 0.8)}, 300, seed), resamples=100, calibrator="platt"
        )
        unclear += all(0.05 < one.front_share < 1.0 for one in found.candidates)
    assert unclear >= 5


def test_pairing_tells_apart_what_separate_items_cannot() -> None:
    """The better model is right wherever the other is: on shared items that is plain."""
    rng = np.random.default_rng(0)
    ease = rng.random(400)
    frame = pd.concat([
        pd.DataFrame({"model": m, "item_id": range(400), "confidence": 0.7, "correct": ease < a})
        for m, a in (("better", 0.70), ("worse", 0.67))
    ], ignore_index=True)  # fmt: skip
    paired = pareto(frame, resamples=300, calibrator="platt")
    apart = pareto(frame.assign(item_id=range(800)), resamples=300, calibrator="platt")
    assert {one.name: one.front for one in paired.candidates}["better"] == "on"
    share = {one.name: one.front_share for one in apart.candidates}
    assert not apart.paired
    assert share["worse"] > 0.1, "on items of their own a difference of three points is noise"


def test_the_resampled_measure_is_the_one_that_is_reported() -> None:
    """Differential: the batch of smooth ECEs on 256 cells against that of one tally on 4,096."""
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.1, 0.25):
        c = rng.beta(5, 1.3, 2_000)
        right = rng.random(2_000) < np.clip(c - shift, 0, 1)
        cells = np.minimum((c * 256).astype(int), 255)
        residual = np.bincount(cells, right - c, 256) / 2_000
        assert room._smooth(residual[None, :])[0] == pytest.approx(
            smooth_ece(Tally.of(c, right)).value, abs=0.003
        )


def test_candidates_of_other_items_have_numbers_but_no_place_on_the_front() -> None:
    same = answers({"a": (0.8, 0.9), "b": (0.7, 0.72), "c": (0.6, 0.9)})
    other = answers({"easy": (0.99, 0.99)}, 300).assign(item_id=lambda f: f["item_id"] + 10_000)
    tiny = answers({"tiny": (0.9, 0.9)}, 12)
    found = pareto(pd.concat([same, other, tiny], ignore_index=True), resamples=100, calibrator="platt")
    told = {one.name: one for one in found.candidates}
    assert found.items == 600
    assert told["easy"].accuracy.value > 0.9
    assert (told["easy"].on_front, told["easy"].front_share) == (False, None)
    assert "other items" in told["easy"].reason
    assert told["tiny"].accuracy is None
    assert "12 usable rows" in told["tiny"].reason
    assert told["a"].on_front


def test_missing_answers_are_left_out_for_all_and_said_so() -> None:
    frame = answers({"a": (0.8, 0.9), "b": (0.7, 0.72)})
    frame.loc[frame.index[:30], "confidence"] = np.nan  # of the model a
    found = pareto(frame, resamples=50, calibrator="platt")
    assert found.items == 570
    assert {one.n for one in found.candidates} == {570}
    assert found.unusable == {"confidence missing or NaN": 30}
    assert any("30 items are left out" in note for note in found.notes)


def test_cost_is_an_axis_where_all_have_one() -> None:
    frame = answers({"dear": (0.8, 0.8), "cheap": (0.7, 0.95)})
    frame["cost"] = np.where(frame["model"] == "dear", 0.02, 0.001)
    found = pareto(frame, resamples=100, calibrator="platt")
    told = {one.name: one for one in found.candidates}
    assert found.axes == ("accuracy", "smooth_ece", "cost")
    assert told["cheap"].on_front, "it is cheaper, though worse on both counts"
    assert told["dear"].cost.value == pytest.approx(0.02)
    frame.loc[0, "cost"] = None
    again = pareto(frame, resamples=50, calibrator="platt")
    assert again.axes == ("accuracy", "smooth_ece")
    assert any("Cost is no axis" in note for note in again.notes)


def test_any_columns_make_candidates_and_a_missing_one_is_named() -> None:
    frame = answers({"m": (0.7, 0.8)}).assign(posture=["bold", "cautious"] * 300, signal="verbalized")
    found = pareto(frame, ["posture"], resamples=50, calibrator="platt")
    assert {one.of["posture"] for one in found.candidates} == {"bold", "cautious"}
    assert not found.paired
    with pytest.raises(ColumnNotFound, match="prompts"):
        pareto(frame, ["prompts"])
    with pytest.raises(UnusableInput, match="can be used"):
        pareto(frame.assign(correct=None))


@pytest.mark.parametrize("calibrator", ["pooled", "multicalibrated", "blend"])
def test_a_calibrator_of_several_groups_or_signals_is_refused(calibrator: str) -> None:
    with pytest.raises(UnusableInput, match=f"{calibrator} fits several groups or signals together"):
        pareto(answers({"a": (0.8, 0.9), "b": (0.7, 0.75)}, 60), resamples=20, calibrator=calibrator)


def test_weights_count_and_row_order_does_not() -> None:
    frame = answers({"a": (0.8, 0.9), "b": (0.7, 0.75)}, 300)
    frame["weight"] = np.where(frame["correct"], 1.0, 3.0)
    found = pareto(frame, resamples=50, calibrator="platt")
    a = next(one for one in found.candidates if one.name == "a")
    part = frame[frame["model"] == "a"]
    assert a.accuracy.value == pytest.approx(np.average(part["correct"], weights=part["weight"]))
    assert a.n_eff < 300


def test_labels_of_the_chart_do_not_collide() -> None:
    models = {f"a-model-of-some-name-{i}": (0.6 + 0.01 * i, 0.75 + 0.004 * i) for i in range(18)}
    told = pareto(answers(models, 400), resamples=40, calibrator="platt").to_dict()

    rows, _ = _points(told, "smooth_ece")
    texts, _ = _labels(rows, [0.5, 0.9], [0.0, 0.3])
    boxes = [(t["px"], t["py"] - 8, t["px"] + 6.6 * len(t["name"]), t["py"] + 8) for t in texts]
    assert len(boxes) >= 8
    assert not any(_meet(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(x >= 0 and r <= WIDTH and y >= 0 and b <= HEIGHT for x, y, r, b in boxes)
    assert "a-model-of-some-name-" in to_svg(front(told))


def test_the_command(tmp_path: Path) -> None:
    log, chart = tmp_path / "log.csv", tmp_path / "front.svg"
    answers({"a[red]": (0.8, 0.9), "b": (0.7, 0.72), "c": (0.5, 0.9)}).assign(signal="said").to_csv(
        log, index=False
    )
    asked = ["plan", "pareto", str(log), "--resamples", "60", "--calibrator", "platt"]
    done = CliRunner().invoke(app, [*asked, "--chart", str(chart), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout, parse_constant=lambda c: pytest.fail(c))
    assert told["axes"] == ["accuracy", "smooth_ece"]
    for one in told["candidates"]:
        assert {"of", "n", "accuracy", "smooth_ece", "brier", "cost", "on_front", "front_share"} <= set(one)
        assert set(one["of"]) == {"model", "signal"}
        assert 0 <= one["front_share"] <= 1
    assert "<title" in chart.read_text()
    spoken = CliRunner().invoke(app, [*asked, "--calibration", "gap", "--of", "model"])
    assert spoken.exit_code == 0, spoken.output
    assert "On the front: a[red], right on" in spoken.output
    assert re.search(r"^a\[red\] +\d", spoken.output, re.MULTILINE), "names are no markup, in tables too"
