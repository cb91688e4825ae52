"""From the steps of a trajectory to the probability that it ends well."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from calibrant.asking.assessing import Assessor
from calibrant.cli import app
from calibrant.errors import ColumnNotFound, ModelError, ModelUnavailable, NotEnoughLabels, UnusableInput
from calibrant.logs.steps import CONTRADICTED, NO_TRAJECTORY, NOT_A_ROW, REPEATED, UNJUDGED, read_steps
from calibrant.maps.calibration import MapSet
from calibrant.models.scripted import Scripted
from calibrant.planning.chains import compare, plan_chain
from calibrant.plans.steps import BASELINES, FEATURES, StepSeen, Trajectory, features_of
from calibrant.plans.trajectories import TrajectoryMap, raw_features
from calibrant.plugins import find
from calibrant.routes.chain import Chain, Move, Taken, ToolResult
from calibrant.routing.trajectories import cluster_folds, cross_fit_trajectories, fit_trajectories
from calibrant.types import Ask, Completion, Fingerprint, Message, Question, Token

NONE: frozenset[str] = frozenset()


def steps_of(*confidences: float | None, **more: object) -> tuple[StepSeen, ...]:
    return tuple(StepSeen(confidence=c, **more) for c in confidences)  # type: ignore[arg-type]


def drawn(
    n: int, seed: int, *, errors: bool = True, trials: int = 1, length: float = 4.0
) -> tuple[list[Trajectory], np.ndarray]:
    """Trajectories whose chance to end well is known: all steps must be right, and tools spoil."""
    rng = np.random.default_rng(seed)
    made, truth = [], np.zeros(n)
    for k in range(n):
        if k % trials == 0:
            ease = rng.normal(2.2, 0.8)
        right, steps = 1.0, []
        for _ in range(1 + rng.poisson(length - 1)):
            chance = float(expit(ease + rng.normal(0, 0.7)))
            failed = bool(rng.random() < 0.05 + 0.5 * (1 - chance))
            right *= chance * (0.6 if failed and errors else 1.0)
            stated = float(expit(0.7 * logit(chance) + 0.9 + rng.normal(0, 0.5)))
            steps.append(
                StepSeen(confidence=round(stated, 2), tokens=40.0, tool_error=failed if errors else None)
            )
        truth[k] = right
        made.append(
            Trajectory(
                id=f"{k:05d}", steps=tuple(steps), correct=float(rng.random() < right),
                cluster=f"task{k // trials}" if trials > 1 else None,
            )
        )  # fmt: skip
    return made, truth


def far(p: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((p - truth) ** 2)))


def test_plain_combinations_are_those_worked_out_by_hand() -> None:
    c = np.array([0.9, 0.6, 0.8])
    found = {name: of(c) for name, of in BASELINES.items()}
    assert found == pytest.approx(
        {
            "product": 0.432,
            "minimum": 0.6,
            "mean": 2.3 / 3,
            "geometric_mean": 0.432 ** (1 / 3),
            "rms": math.sqrt((0.81 + 0.36 + 0.64) / 3),
            "rms_doubt": 1 - math.sqrt((0.01 + 0.16 + 0.04) / 3),
        }
    )


def test_features_are_those_worked_out_by_hand() -> None:
    steps = (
        StepSeen(confidence=0.9, tokens=9, tool_error=False, retry=False, logprobs=(-0.1, -0.3)),
        StepSeen(confidence=0.5, tokens=19, tool_error=True, retry=False),
        StepSeen(confidence=0.8, tokens=2, tool_error=False, retry=True, agreement=0.75),
        StepSeen(),
    )
    found = features_of(steps)
    l9, l8 = math.log(9), math.log(4)  # log-odds of 0.9 and 0.8; those of 0.5 are 0
    expected = {
        "trend": l8 - l9, "largest_drop": l9, "volatility": (l9 + l8) / 2, "reversals": 1.0, "first": l9, "last": l8,
        "lowest": 0.0, "mean": (l9 + l8) / 3, "product": math.log(0.36 / 0.64),
        "geometric": logit(0.36 ** (1 / 3)), "rms_doubt": logit(1 - math.sqrt(0.1)),
        "steps": math.log(4), "unread": 0.25, "tokens_a_step": math.log(11), "longest_step": math.log(20),
        "tool_errors": math.log(2), "error_share": 1 / 3, "error_last": 0.0, "retries": math.log(2),
        "agreement": math.log(3), "least_agreement": math.log(3), "token_mean": -0.2, "token_weakest": -0.3,
        "token_spread": 0.1, "token_skew": 0.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert set(found) == set(FEATURES) == set(expected)


def test_every_family_is_there_and_the_unknown_is_nan() -> None:
    assert {one.family for one in FEATURES.values()} == {"dynamics", "stability", "position", "structure"}
    bare = features_of([StepSeen(), StepSeen()])
    assert {name for name, value in bare.items() if not math.isnan(value)} == {"steps"}


def test_the_map_is_nearer_the_truth_than_what_it_is_made_of() -> None:
    fresh, truth = drawn(1500, 99)
    steps = [one.steps for one in fresh]
    raw = {
        name: np.array([BASELINES[name](np.array([s.confidence for s in one])) for one in steps])
        for name in BASELINES
    }
    for n, seed in ((50, 1), (150, 2), (500, 3)):
        p = fit_trajectories(drawn(n, seed)[0])(steps)
        for name, score in raw.items():
            assert far(p, truth) < far(score, truth) - 0.01, (n, name)
        assert abs(p.mean() - truth.mean()) < {50: 0.16, 150: 0.09, 500: 0.05}[n]


def test_with_many_labels_the_errors_of_tools_count() -> None:
    fresh, truth = drawn(1500, 98)
    steps = [one.steps for one in fresh]
    seen = drawn(700, 5)[0]
    blind = [replace(t, steps=tuple(replace(s, tool_error=None) for s in t.steps)) for t in seen]
    knows, does_not = fit_trajectories(seen), fit_trajectories(blind)
    assert far(knows(steps), truth) < far(does_not(steps), truth)
    assert "tool_errors" in does_not.dropped and "tool_errors" not in knows.dropped
    fine, failed = steps_of(0.9, 0.9, tool_error=False), steps_of(0.9, 0.9, tool_error=True)
    assert knows([fine])[0] > knows([failed])[0] + 0.05


def test_a_large_unpenalised_fit_is_that_of_scikit_learn() -> None:
    seen, _ = drawn(1500, 7, errors=False)
    alone = [replace(t, steps=t.steps[:1]) for t in seen]  # one step: one confidence, no dynamics
    made = fit_trajectories(alone)
    z = np.array([[logit(np.clip(t.steps[0].confidence, 1e-3, 1 - 1e-3))] for t in alone])
    y = [t.correct for t in alone]
    theirs = LogisticRegression(C=1e6).fit(z, y).predict_proba(z)[:, 1]
    # Ours is an average over the log-odds and other shapes of the same confidence.
    assert np.abs(made([t.steps for t in alone]) - theirs).mean() < 0.02


def test_the_interval_holds_what_the_same_fit_says_with_many_labels() -> None:
    steps = [one.steps for one in drawn(300, 96)[0]]
    limit = fit_trajectories(drawn(3000, 95)[0])(steps)
    held = []
    for seed in range(6):
        low, high = fit_trajectories(drawn(150, 100 + seed)[0]).interval(steps)
        held.append(float(np.mean((low <= limit) & (limit <= high))))
    assert np.mean(held) > 0.85


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=6), st.floats(0.1, 2.0))
def test_surer_steps_and_fewer_errors_never_lower_the_probability(c: list[float], by: float) -> None:
    made = MADE
    surer = [float(expit(logit(v) + by)) for v in c]  # all alike, so that the dynamics stay
    plain, better = steps_of(*c, tool_error=True), steps_of(*surer, tool_error=True)
    assert made([better])[0] >= made([plain])[0] - 1e-9
    assert made([steps_of(*c, tool_error=False)])[0] >= made([plain])[0] - 1e-9
    for one in made.features:
        assert one.weight * one.sign >= 0


MADE = fit_trajectories(drawn(300, 11)[0])


def test_json_gives_an_equal_map_and_refuses_an_edited_one() -> None:
    again = TrajectoryMap.from_json(MADE.to_json())
    assert again == MADE and hash(again) == hash(MADE)
    steps = [steps_of(0.9, 0.4), steps_of(0.7)]
    np.testing.assert_array_equal(again(steps), MADE(steps))
    np.testing.assert_array_equal(again.interval(steps), MADE.interval(steps))
    edited = json.loads(MADE.to_json()) | {"intercept": 9.0}
    with pytest.raises(UnusableInput, match="edited or damaged"):
        TrajectoryMap.from_json(json.dumps(edited))
    with pytest.raises(UnusableInput, match="Expected a map of trajectories"):
        TrajectoryMap.from_json('{"format": "other"}')


def test_what_is_not_known_is_named_and_widens_the_interval() -> None:
    whole, part = steps_of(0.8, 0.8, tool_error=False, tokens=40), steps_of(0.8, 0.8)
    assert MADE.missing(whole) == ()
    assert set(MADE.missing(part)) <= {"tool_errors", "error_share", "error_last"} and MADE.missing(part)
    (low, high), (lo, hi) = (np.array(MADE.interval([s]))[:, 0] for s in (whole, part))
    assert logit(hi) - logit(lo) > logit(high) - logit(low)
    told = MADE.confidence(part)
    assert told.p is not None and told.map_id == MADE.map_id and told.verdicts == 300


def test_an_ingredient_known_of_some_only_is_a_feature_of_its_own() -> None:
    seen = drawn(400, 12)[0]
    mixed = [
        replace(t, steps=tuple(replace(s, tool_error=None) for s in t.steps)) if i % 3 == 0 else t
        for i, t in enumerate(seen)
    ]
    made = fit_trajectories(mixed)
    assert {"no_tool_error"} <= {one.name for one in made.features}
    assert next(one.missing for one in made.features if one.name == "tool_errors") == pytest.approx(
        1 / 3, abs=0.01
    )
    assert raw_features([steps_of(0.5), steps_of(0.5, tool_error=True)], ["no_tool_error"]).tolist() == [
        [1, 0]
    ]


def test_nothing_known_is_no_probability() -> None:
    seen = [replace(t, steps=(replace(t.steps[0], tool_error=None, tokens=None),)) for t in drawn(200, 13)[0]]
    made = fit_trajectories(seen)
    told = made.confidence(steps_of(None))
    assert told.p is None and "none of" in str(told.reason)
    assert made.confidence(()).reason == "no steps were taken"


def test_a_map_of_another_model_is_refused() -> None:
    bound = MADE.bound_to(Fingerprint(model="large"))
    assert bound.confidence(steps_of(0.9), Fingerprint(model="large")).p is not None
    refused = bound.confidence(steps_of(0.9), Fingerprint(model="small"))
    assert refused.p is None and "model is 'small', not 'large'" in str(refused.reason)


@pytest.mark.parametrize(("right", "n"), [(1.0, 30), (0.0, 30), (1.0, 3)])
def test_one_class_only_is_neither_0_nor_1(right: float, n: int) -> None:
    seen = [Trajectory(id=str(i), steps=steps_of(0.5 + i / 100), correct=right) for i in range(n)]
    made = fit_trajectories(seen)
    p = made([steps_of(0.9)])[0]
    (low,), (high,) = made.interval([steps_of(0.9)])
    assert p == pytest.approx((n * right + 1) / (n + 2)) and low < p < high


def test_no_verdict_is_an_error_and_bad_values_are_refused() -> None:
    with pytest.raises(NotEnoughLabels):
        fit_trajectories([Trajectory(id="a", steps=steps_of(0.5))])
    for bad in (
        {"confidence": 1.2},
        {"confidence": math.nan},
        {"tokens": -1},
        {"logprobs": (0.5,)},
        {"agreement": -0.1},
    ):
        with pytest.raises(UnusableInput):
            StepSeen(**bad)  # type: ignore[arg-type]
    with pytest.raises(UnusableInput, match="no steps"):
        Trajectory(id="a", steps=())


def test_order_does_not_matter_and_clusters_stay_whole() -> None:
    seen = drawn(100, 14, trials=4)[0]
    shuffled = [seen[i] for i in np.random.default_rng(0).permutation(len(seen))]
    assert fit_trajectories(seen) == fit_trajectories(shuffled)
    fold = cluster_folds(seen, 5, 0)
    assert fold is not None and all(len(set(fold[i : i + 4])) == 1 for i in range(0, 100, 4))
    p = dict(zip([t.id for t in seen], cross_fit_trajectories(seen), strict=True))
    q = dict(zip([t.id for t in shuffled], cross_fit_trajectories(shuffled), strict=True))
    assert p == q
    assert cluster_folds(seen[:36], 5, 0) is None


def test_clusters_widen_the_interval() -> None:
    seen = drawn(240, 15, trials=8, length=2)[0]
    loose = [replace(t, cluster=None) for t in seen]
    tied, apart = fit_trajectories(seen), fit_trajectories(loose)
    at = [steps_of(0.9, 0.8)]
    width = [float(np.ptp(logit(np.array(m.interval(at))[:, 0]))) for m in (tied, apart)]
    assert width[0] > width[1]


ROWS: list[object] = [
    {
        "trajectory_id": "a",
        "step": 2,
        "confidence": "80%",
        "tool_error": "false",
        "correct": None,
        "task_id": "t1",
    },
    {
        "trajectory_id": "a",
        "step": 1,
        "confidence": 0.9,
        "tokens": 12,
        "tool_error": True,
        "correct": "right",
    },
    {"trajectory_id": "a", "step": 1, "confidence": 0.1},
    {"trajectory_id": "b", "step": 1, "confidence": 7, "tool_error": "maybe", "correct": 1},
    {"trajectory_id": "b", "step": 2, "confidence": None, "logprobs": [-0.5, -0.5], "correct": 0},
    {"trajectory_id": "c", "step": 1, "logprobs": "nonsense", "retry": 1},
    {"trajectory_id": "c", "step": "second", "confidence": 0.5},
    {"step": 1, "confidence": 0.5},
    "not a row",
]


def check_rows(log: object) -> None:
    found = read_steps(log)
    a, b, c = found.trajectories
    assert [s.confidence for s in a.steps] == [0.9, 0.8] and [s.tool_error for s in a.steps] == [True, False]
    assert (a.correct, a.cluster, a.steps[0].tokens) == (1.0, "t1", 12.0)
    assert [s.sure for s in b.steps] == [None, pytest.approx(math.exp(-0.5))] and b.correct is None
    assert c.steps[0].retry is True and len(c.steps) == 1
    assert (
        found.unusable[REPEATED]
        == found.unusable[NO_TRAJECTORY]
        == found.unusable["step is not a number"]
        == 1
    )
    assert found.unreadable == {
        "confidence above 1": 1, "tool_error is neither yes nor no": 1,
        "logprobs is not a list of log-probabilities": 1,
    }  # fmt: skip
    assert found.ungraded == {CONTRADICTED: 1, UNJUDGED: 1}
    assert found.used + sum(found.unusable.values()) == found.rows


def test_every_row_is_used_or_counted(tmp_path: Path) -> None:
    check_rows(ROWS)
    assert read_steps(ROWS).unusable[NOT_A_ROW] == 1
    path = tmp_path / "steps.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS[:-1]) + "\n{broken\n\n")
    check_rows(path)
    assert read_steps(path).unusable[NOT_A_ROW] == 1
    frame = pd.DataFrame(ROWS[:-1])
    check_rows(frame)
    for ending in ("csv", "parquet"):
        file = tmp_path / f"steps.{ending}"
        text = frame.map(lambda v: json.dumps(v) if isinstance(v, list) else v).astype("string")
        text.to_csv(file, index=False) if ending == "csv" else text.to_parquet(file)
        check_rows(str(file))


def test_columns_are_found_or_named() -> None:
    rows = [{"run": "a", "sure": 0.5, "won": 1}]
    with pytest.raises(ColumnNotFound, match="--trajectory COLUMN"):
        read_steps(rows)
    found = read_steps(rows, trajectory="run", confidence="sure", correct="won")
    assert found.trajectories[0] == Trajectory(id="a", steps=steps_of(0.5), correct=1.0)
    with pytest.raises(ColumnNotFound):
        read_steps(rows, trajectory="nowhere")
    with pytest.raises(UnusableInput, match="There is no file"):
        read_steps("absent.jsonl")


def test_propensities_weigh() -> None:
    rows = [
        {"trajectory_id": i, "confidence": 0.5, "correct": 1, "propensity": q}
        for i, q in enumerate((0.5, 0, 1))
    ]
    found = read_steps(rows)
    assert [t.weight for t in found.trajectories] == [2.0, 1.0, 1.0] and len(found.graded) == 2


def as_rows(seen: list[Trajectory]) -> list[dict[str, object]]:
    return [
        {"trajectory_id": t.id, "task_id": t.cluster, "step": i, "confidence": s.confidence,
         "tool_error": s.tool_error, "correct": t.correct}
        for t in seen for i, s in enumerate(t.steps)
    ]  # fmt: skip


def test_a_plan_compares_every_method_on_what_it_had_not_seen(tmp_path: Path) -> None:
    seen, _ = drawn(300, 16)
    found = plan_chain(as_rows(seen))
    by = {m.method: m for m in found.methods}
    assert set(by) == {*BASELINES, *(f"{b}+platt" for b in BASELINES), "rate", "trajectory_map"}
    assert by["trajectory_map"].brier.value < min(
        by[name].brier.value for name in ("product", "minimum", "mean", "rate")
    )
    assert by["trajectory_map"].auroc is not None and by["trajectory_map"].auroc.low > 0.5
    grade = np.array([t.correct for t in seen])
    product = np.array([BASELINES["product"](np.array([s.confidence for s in t.steps])) for t in seen])
    assert by["product"].brier.value == pytest.approx(np.mean((product - grade) ** 2))
    assert by["product"].brier.low < by["product"].brier.value < by["product"].brier.high
    assert found.gain.low < found.gain.value < found.gain.high and found.over != "trajectory_map"
    # Noise labels: nothing is to be gained, and no map may claim so.
    rng = np.random.default_rng(3)
    noise = [replace(t, correct=float(rng.random() < 0.5)) for t in seen[:150]]
    assert plan_chain(as_rows(noise)).gain.low < 0


def test_the_command_prints_a_table_or_strict_json(tmp_path: Path) -> None:
    path, maps = tmp_path / "steps.jsonl", tmp_path / "map.json"
    rows = as_rows(drawn(120, 17, trials=2)[0])
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n{broken")
    told = CliRunner().invoke(app, ["plan", "chain", str(path), "--json", "-o", str(maps)])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout, parse_constant=lambda _: pytest.fail("not strict JSON"))
    assert (found["graded"], found["clusters"], found["unusable"]) == (120, 60, {NOT_A_ROW: 1})
    assert {"method", "ece", "brier", "auroc"} <= set(found["methods"][0])
    assert TrajectoryMap.from_json(maps.read_text()).map_id == found["map"]["map_id"]
    path.write_text("\n".join(json.dumps(row) for row in rows[: len(rows) // 3]) + "\n{broken")
    plain = CliRunner().invoke(app, ["plan", "chain", str(path)])
    assert (
        plain.exit_code == 0
        and "trajectory_map" in plain.stdout
        and "1 rows left out: not a JSON object" in plain.stdout
    )


def test_too_few_trajectories_or_clusters_are_an_error() -> None:
    with pytest.raises(NotEnoughLabels):
        compare(read_steps(as_rows(drawn(12, 18)[0])))
    with pytest.raises(NotEnoughLabels):
        compare(read_steps(as_rows(drawn(40, 18, trials=10)[0])))


# The route


def asked(text: str = "Is 91 prime?") -> tuple[Question, Ask]:
    messages = (Message("user", text),)
    return Question(id="q", messages=messages), Ask(messages=messages)


def sure_of(p: float, text: str = "so") -> Completion:
    return Completion(text=text, model="scripted", tokens=(Token(text, math.log(p)),))


def test_fixed_prompts_make_one_conversation_and_one_probability() -> None:
    said = iter([sure_of(0.9, "13 x 7"), sure_of(0.5, "no")])
    heard: list[Ask] = []

    def script(ask: Ask) -> Completion:
        heard.append(ask)
        return next(said)

    seen = [
        replace(t, steps=tuple(replace(s, tool_error=None, tokens=None) for s in t.steps))
        for t in drawn(200, 19)[0]
    ]
    made = fit_trajectories(seen)
    question, ask = asked()
    route = Chain(model=Scripted(script), plan=["Find a factor.", "Answer yes or no."], map=made)
    got = asyncio.run(route.answer(question, ask, NONE))
    assert got.completion.text == "no" and [s.outcome for s in got.steps] == ["13 x 7", "no"]
    assert [m.role for m in heard[1].messages] == ["user", "assistant", "user"] and heard[1].logprobs
    expected = made([[StepSeen(confidence=c, logprobs=(math.log(c),), retry=False) for c in (0.9, 0.5)]])[0]
    assert got.confidence is not None and got.confidence.p == pytest.approx(expected)


def test_a_plan_runs_tools_sees_errors_and_tries_again() -> None:
    def plan(question: Question, ask: Ask):  # type: ignore[no-untyped-def]
        taken: Taken = yield Move(
            ask=ask, name="look up", tool=lambda c: ToolResult("Error: none", error=True)
        )
        assert taken.tool is not None and taken.tool.error and taken.seen.tool_error
        turns = (*ask.messages, Message("assistant", taken.completion.text), Message("user", taken.tool.text))
        taken = yield Move(
            ask=replace(ask, messages=turns), name="look up", retry=True, tool=lambda c: ToolResult("7")
        )
        return replace(taken.completion, text="seven")

    question, ask = asked()
    route = Chain(model=Scripted(lambda ask: sure_of(0.8)), plan=plan)
    got, trajectory = asyncio.run(route.followed(question, ask, NONE, correct=1.0))
    assert got.completion.text == "seven" and "tool failed: Error: none" in got.steps[0].outcome
    assert [(s.tool_error, s.retry) for s in trajectory.steps] == [(True, False), (False, True)]
    assert trajectory.correct == 1.0 and got.confidence is not None and "no map" in str(got.confidence.reason)


def test_a_failed_call_is_tried_again_and_counts_as_a_retry() -> None:
    question, ask = asked()
    down = ModelUnavailable("away")
    route = Chain(model=Scripted(lambda ask: sure_of(0.8), failures=(down,)), plan=["Answer."])
    _, trajectory = asyncio.run(route.followed(question, ask, NONE))
    assert trajectory.steps[0].retry is True
    with pytest.raises(ModelUnavailable):
        asyncio.run(replace(route, model=Scripted({}, failures=(down, down))).answer(question, ask, NONE))


def test_an_assessor_gives_the_steps_their_confidence() -> None:
    model = Scripted(lambda ask: sure_of(0.7))
    signal = find("signals", "mean_logprob")()
    route = Chain(
        model=model, plan=["One.", "Two."],
        assessor=Assessor(model=model, signals={"mean_logprob": signal}, maps=MapSet(by=(), groups=())),
        map=MADE.bound_to(Fingerprint(signal="calibrated")),
    )  # fmt: skip
    question, ask = asked()
    got, trajectory = asyncio.run(route.followed(question, ask, NONE))
    assert [s.confidence for s in trajectory.steps] == [pytest.approx(0.7)] * 2
    assert got.confidence is not None and "signal is 'mean_logprob', not 'calibrated'" in str(
        got.confidence.reason
    )


@pytest.mark.parametrize(
    ("plan", "error"),
    [(lambda q, a: (move for move in ()), UnusableInput), ([], UnusableInput), (None, ModelError)],
)
def test_a_plan_without_steps_or_without_an_end_is_an_error(
    plan: Callable[..., object] | None, error: type
) -> None:
    def endless(question: Question, ask: Ask):  # type: ignore[no-untyped-def]
        while True:
            yield Move(ask=ask)

    question, ask = asked()
    with pytest.raises(error):
        route = Chain(model=Scripted(lambda ask: "x"), plan=plan if plan is not None else endless, most=3)  # type: ignore[arg-type]
        asyncio.run(route.answer(question, ask, NONE))


def test_the_stream_ends_with_what_it_came_to() -> None:
    async def parts() -> list[object]:
        question, ask = asked()
        return [
            p
            async for p in Chain(model=Scripted(lambda a: "no"), plan=["Answer."]).stream(question, ask, NONE)
        ]

    text, last, answered = asyncio.run(parts())
    assert (text.text, last.completion.text, answered.completion.text) == ("no", "no", "no")  # type: ignore[attr-defined]


def test_too_few_chains_say_what_was_left_out() -> None:
    rows = [{"trajectory_id": i % 30, "correct": i // 30 % 2} for i in range(60)]
    with pytest.raises(NotEnoughLabels, match=r"got 0\. Left out: 30 x "):
        plan_chain(rows)
