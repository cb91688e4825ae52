"""Domains that borrow strength: against exact Gaussian algebra, brute force, known truth; and from log to answer."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import multivariate_normal
from typer.testing import CliRunner

import calibrant
from calibrant import CalibrationMap, MapSet, Tally
from calibrant.asking.assessing import Assessor
from calibrant.auditing import audit
from calibrant.calibrators.pooled import Pooled
from calibrant.cli import app
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.fits import hierarchy
from calibrant.fits.hierarchy import fit_tree
from calibrant.fits.leaves import KINDS, Labelled, Leaf
from calibrant.fitting import fit_log
from calibrant.types import Completion, Fingerprint, Message, Question, Reading, Score

SLOPE, SHIFT = (0.75, 0.2), (-0.5, 0.6)


def domains(count: int, n: int, seed: int) -> tuple[np.ndarray, dict[str, Tally]]:
    rng = np.random.default_rng(seed)
    effects = np.stack([rng.normal(*SLOPE, count), rng.normal(*SHIFT, count)])
    c = rng.beta(5, 1.3, (count, n))
    y = rng.random(c.shape) < truth(effects, c)
    return effects, {f"{i:03}": Tally.of(*pair) for i, pair in enumerate(zip(c, y, strict=True))}


def truth(effects: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return expit(effects[0][:, None] * logit(scores) + effects[1][:, None])


# -- the tree against other arithmetic


def gaussian_leaves(rng: np.random.Generator, leaves: int) -> tuple[Labelled, np.ndarray, np.ndarray]:
    """Leaves whose labels are one Gaussian measurement of (intercept, slope) each."""
    root = rng.normal(size=(leaves, 2, 2))
    precision = root @ root.transpose(0, 2, 1) + 0.5 * np.eye(2)
    seen = rng.normal(size=(leaves, 2))
    labelled = Labelled(
        precision=precision, shift=np.einsum("dij,dj->di", precision, seen),
        loose=rng.uniform(1, 3, leaves),
    )  # fmt: skip
    return labelled, seen, np.linalg.inv(precision)


def test_the_passes_are_the_algebra_of_one_large_normal() -> None:
    """Two levels: means, covariances and the likelihood ratio of two Sigmas, by dense matrices."""
    rng = np.random.default_rng(0)
    parents = (np.array([0, 0, 0]), np.array([0, 0, 1, 2, 2, 2]))
    labelled, seen, noise = gaussian_leaves(rng, 6)
    phi = rng.normal(0, 0.5, (2, 6))
    passes = hierarchy._Passes.of(hierarchy._Shape(parents), labelled, phi)
    found, cavity = passes._down()
    heights = []
    for s in range(2):
        tasks, leaves = passes.sigma[0][s], passes.sigma[1][s]
        same = parents[1][:, None] == parents[1]
        own = np.einsum("ij,d,dkl->dijkl", np.eye(1), np.ones(6), leaves * labelled.loose[:, None, None])[
            :, 0, 0
        ]
        prior = np.kron(np.ones((6, 6)), 4 * np.eye(2)) + np.kron(same, tasks)
        whole = prior.copy()
        for d in range(6):
            at = slice(2 * d, 2 * d + 2)
            whole[at, at] += own[d] + noise[d]
        heights.append(multivariate_normal(np.zeros(12), whole).logpdf(seen.ravel()))
        # A task is tied to its leaves by what they share with it.
        for t in range(3):
            tie = np.kron(np.ones((1, 6)), 4 * np.eye(2)) + np.kron((parents[1] == t)[None], tasks)
            mean = tie @ np.linalg.solve(whole, seen.ravel())
            covariance = 4 * np.eye(2) + tasks - tie @ np.linalg.solve(whole, tie.T)
            np.testing.assert_allclose(found[1][0][s, t], mean, atol=1e-9)
            np.testing.assert_allclose(found[1][1][s, t], covariance, atol=1e-9)
        without = np.arange(2, 12)  # the parent of leaf 0, told by the others
        tie = (np.kron(np.ones((1, 6)), 4 * np.eye(2)) + np.kron((parents[1] == 0)[None], tasks))[:, without]
        mean = tie @ np.linalg.solve(whole[np.ix_(without, without)], seen.ravel()[without])
        np.testing.assert_allclose(cavity.mean[s, 0], mean, atol=1e-9)
    assert passes.evidence[1] - passes.evidence[0] == pytest.approx(heights[1] - heights[0], abs=1e-9)


def test_one_level_in_one_dimension_shrinks_as_james_and_stein() -> None:
    """Known variances: each mean is drawn to the others' by noise / (noise + spread), computed by hand."""
    spread, noise, seen = 0.5, 0.25, np.array([1.0, 0.0, -0.4])
    labelled = Labelled(
        precision=np.tile(np.diag([1 / noise, 1.0]), (3, 1, 1)), shift=np.stack([seen / noise, np.zeros(3)], axis=1),
        loose=np.ones(3),
    )  # fmt: skip
    phi = np.array([[0.5 * np.log(spread), -3.0, 0.0]])
    _, cavity = hierarchy._Passes.of(hierarchy._Shape((np.zeros(3, np.intp),)), labelled, phi)._down()
    # Of the other two, each with variance spread + noise = 0.75: precision 2 / 0.75 + 1 / 4 of the root.
    assert cavity.mean[0, 0, 0] == pytest.approx((0.0 - 0.4) / 0.75 / (2 / 0.75 + 0.25))
    assert cavity.covariance[0, 0, 0, 0] == pytest.approx(1 / (2 / 0.75 + 0.25))


def test_the_posterior_is_that_of_brute_force() -> None:
    """Three domains with six labels each, one all right: 400,000 draws from the prior, weighted by likelihood."""
    z = np.array([-1.5, -0.5, 0.0, 0.4, 0.8, 1.2])
    hits = np.array([[0, 0, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1]], float)
    leaves = [Leaf(np.full(6, 0.3), z, h, np.ones(6)) for h in hits]
    got = fit_tree(leaves, [np.zeros(3, np.intp)])
    rng = np.random.default_rng(1)
    n = 400_000
    sd = hierarchy.SPREAD * np.abs(rng.standard_t(hierarchy.FREEDOM, (n, 2)))
    r = 2 * rng.beta(2, 2, n) - 1
    mu = hierarchy.ROOT * rng.normal(size=(n, 2))
    wide = np.where(rng.random((n, 3)) < KINDS[1][0], KINDS[1][1], 1.0)
    theta, log_w = np.empty((n, 3, 2)), np.zeros(n)
    for d in range(3):
        a, b = rng.normal(size=(2, n))
        theta[:, d, 0] = mu[:, 0] + wide[:, d] * sd[:, 0] * a
        theta[:, d, 1] = mu[:, 1] + wide[:, d] * sd[:, 1] * (r * a + np.sqrt(1 - r**2) * b)
        for k in range(6):
            eta = 0.3 + theta[:, d, 0] + theta[:, d, 1] * z[k]
            log_w += hits[d, k] * eta - np.logaddexp(0, eta)
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    assert 1 / (w**2).sum() > 1000  # enough draws count
    for d in range(3):
        at = np.array([0, 2, 5])
        eta = 0.3 + theta[:, d, :1] + theta[:, d, 1:] * z[at]
        x = np.stack([np.ones(3), z[at]])
        node = got.nodes[-1].mean[d], got.nodes[-1].covariance[d]
        middle, sd = 0.3 + node[0] @ x, np.sqrt(np.einsum("in,ij,jn->n", x, node[1], x))
        points = middle + sd * np.linspace(-6, 6, 401)[:, None]
        density = np.exp(-0.5 * ((points - middle) / sd) ** 2)
        ours = (density * expit(points)).sum(axis=0) / density.sum(axis=0)
        # Where all are right the exact posterior is skewed: a normal of its moments is the more careful.
        np.testing.assert_allclose(ours, w @ expit(eta), atol=0.03 if d != 1 else 0.06)
        if d != 1:
            exact = w @ eta
            np.testing.assert_allclose(middle, exact, atol=0.2)
            np.testing.assert_allclose(sd, np.sqrt(w @ (eta - exact) ** 2), rtol=0.2)


# -- known truth


@pytest.fixture(scope="module")
def simulated() -> dict[str, list[float]]:
    """30 domains of 10 labels, six times: errors to the truth, and how often intervals hold it."""
    grid = np.random.default_rng(9).beta(5, 1.3, 200)
    out: dict[str, list[float]] = {"pooled": [], "own": [], "global": [], "inside": [], "new": []}
    for seed in range(6):
        effects, tallies = domains(30, 10, seed)
        right = truth(effects, grid)
        maps = Pooled().fit_groups(tallies)
        whole = sum(list(tallies.values())[1:], start=tallies["000"])
        from calibrant.plugins import find

        platt = find("calibrators", "platt")()
        found = {
            "pooled": np.stack([maps[k](grid) for k in tallies]),
            "own": np.stack([platt.fit(t)(grid) for t in tallies.values()]),
            "global": platt.fit(whole)(grid)[None],
        }
        for name, p in found.items():
            out[name].append(float(np.sqrt(((p - right) ** 2).mean())))
        low, high = (np.stack(v) for v in zip(*(maps[k].interval(grid) for k in tallies), strict=True))
        out["inside"].append(float(((low <= right) & (right <= high)).mean()))
        rng = np.random.default_rng(seed)
        fresh = truth(np.stack([rng.normal(*SLOPE, 300), rng.normal(*SHIFT, 300)]), grid)
        low, high = maps.find("unseen").interval(grid)
        out["new"].append(float(((low <= fresh) & (fresh <= high)).mean()))
    return out


def test_borrowing_beats_both_extremes(simulated: dict[str, list[float]]) -> None:
    pooled, own, everything = (np.mean(simulated[n]) for n in ("pooled", "own", "global"))
    assert pooled < 0.92 * min(own, everything)


def test_intervals_hold_the_truth_of_seen_and_unseen_domains(simulated: dict[str, list[float]]) -> None:
    assert np.mean(simulated["inside"]) > 0.9
    assert np.mean(simulated["new"]) > 0.88
    # One that says nothing would hold everything.
    assert Pooled().fit_groups(domains(30, 10, 0)[1]).find("unseen").interval([0.9])[0][0] > 0.2


def test_own_labels_count_the_more_the_more_there_are() -> None:
    weights = []
    for n in (5, 30, 200):
        maps = Pooled().fit_groups(domains(12, n, 3)[1])
        weights.append(np.mean([m.statistics["own_weight"] for m in maps.values()]))
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] > 0.8


def test_a_domain_with_plenty_of_labels_follows_its_own_shape() -> None:
    rng = np.random.default_rng(1)
    c = np.round(rng.random(6000), 2)
    bent = Tally.of(c, rng.random(6000) < np.where(c < 0.5, 0.2, 0.9))
    tallies = {**domains(8, 60, 2)[1], "bent": bent}
    grid = np.array([0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(Pooled().fit_groups(tallies)["bent"](grid), [0.2, 0.2, 0.9, 0.9], atol=0.05)


def test_tasks_stand_between_domains_and_all() -> None:
    """A new domain of a task that is mostly right is expected to be mostly right."""
    rng = np.random.default_rng(0)
    tallies = {}
    for task, shift in (("easy", 1.5), ("hard", -1.5), ("middling", 0.0)):
        for d in range(8):
            c = rng.beta(3, 2, 40)
            tallies[task, f"{task}{d}"] = Tally.of(
                c, rng.random(40) < expit(logit(c) + shift + rng.normal(0, 0.2))
            )
    maps = Pooled().fit_groups(tallies)
    assert set(maps.fallbacks) == {(), ("easy",), ("hard",), ("middling",)}
    easy, hard, other = (maps.find((t, "new"))([0.6])[0] for t in ("easy", "hard", "never"))
    assert easy > 0.8 > 0.7 > other > 0.4 > hard
    width = [np.ptp([end[0] for end in maps.find((t, "new")).interval([0.6])]) for t in ("easy", "never")]
    assert width[1] > 1.5 * width[0]


# -- bad and odd input


def test_odd_groups_are_normal() -> None:
    rng = np.random.default_rng(0)
    ends = np.repeat([0.0, 0.5, 1.0], 20)
    tallies = {
        "none": Tally.of([], []), "right": Tally.of([0.9] * 4, [1] * 4), "wrong": Tally.of([0.9] * 4, [0] * 4),
        "one": Tally.of([0.3], [1]), "same": Tally.of([0.8] * 30, [1, 0] * 15),
        "ends": Tally.of(ends, rng.random(60) < 0.2 + 0.6 * ends),
    }  # fmt: skip
    maps = Pooled().fit_groups(tallies)
    grid = np.linspace(0, 1, 101)
    for key in tallies:
        p, (low, high) = maps[key](grid), maps[key].interval(grid)
        assert np.isfinite(p).all()
        assert np.all((low <= p) & (p <= high))
        assert np.diff(p).min() >= -1e-9
        assert p[0] > 0 and p[-1] < 1
        assert CalibrationMap.from_json(maps[key].to_dict()) == maps[key]
    assert maps["none"].statistics["own_weight"] == 0.0
    assert maps["none"](grid) == pytest.approx(maps.find("unseen")(grid), abs=0.05)
    assert maps["wrong"]([0.9])[0] < maps["none"]([0.9])[0] < maps["right"]([0.9])[0]


def test_one_class_only_is_no_certainty() -> None:
    maps = Pooled().fit_groups({str(i): Tally.of([0.9, 0.8], [1, 1]) for i in range(5)})
    assert 0.6 < maps["0"]([0.9])[0] < 1
    assert maps.find("new").interval([0.9])[0][0] < 0.9


def test_scores_that_fall_all_in_all_may_rise_in_a_domain() -> None:
    rng = np.random.default_rng(0)
    c = rng.random(300)
    tallies = {f"falls{i}": Tally.of(c, rng.random(300) < 0.8 - 0.6 * c) for i in range(3)}
    tallies["rises"] = Tally.of(c, rng.random(300) < 0.1 + 0.8 * c)
    p = Pooled().fit_groups(tallies)["rises"](np.array([0.1, 0.9]))
    assert p[1] - p[0] > 0.3


def test_the_order_of_groups_and_rows_is_irrelevant() -> None:
    _, tallies = domains(6, 12, 0)
    there, back = (Pooled().fit_groups(t) for t in (tallies, dict(reversed(tallies.items()))))
    assert all(there[k] == back[k] for k in tallies)


def test_clusters_and_weights_make_labels_count_less() -> None:
    _, tallies = domains(8, 20, 5)
    plain = Pooled().fit_groups(tallies)["000"]
    tied = Pooled().fit_groups({**tallies, "000": replace(tallies["000"], design_effect=10.0)})["000"]
    assert tied.statistics["own_weight"] < plain.statistics["own_weight"]


def test_refuses_what_it_cannot_fit() -> None:
    with pytest.raises(NotEnoughLabels):
        Pooled().fit_groups({"a": Tally.of([], [])})
    with pytest.raises(UnusableInput, match="of one length"):
        Pooled().fit_groups({"a": Tally.of([0.5], [1]), ("b", "c"): Tally.of([0.5], [1])})
    with pytest.raises(UnusableInput, match="one group at a time"):
        calibrant.fit([0.5], [1], "platt", by=["a"])
    with pytest.raises(UnusableInput, match="one group for each"):
        calibrant.fit([0.5, 0.6], [1, 0], "pooled", by=["a"])


def test_many_groups_from_arrays() -> None:
    rng = np.random.default_rng(0)
    c = rng.beta(5, 1.3, 1500)
    maps = calibrant.fit(c, rng.random(1500) < c, "pooled", by=rng.integers(0, 300, 1500))
    assert 290 < len(maps) <= 300
    assert abs(np.mean([m([0.8])[0] for m in maps.values()]) - 0.8) < 0.06


# -- from a log to an answer


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    rows = []
    for task in "ab":
        for d in range(4):
            for c in np.round(rng.beta(5, 1.3, (4, 9, 40, 120)[d]), 2):
                right = rng.random() < expit(
                    0.7 * logit(np.clip(c, 0.01, 0.99)) + (0.8 if task == "a" else -0.8)
                )
                rows.append((task, f"{task}{d}", "m1", c, int(right)))
        rows += [(task, f"{task}-void", "m1", 0.9, None)] * 3
    path = tmp_path_factory.mktemp("logs") / "answers.csv"
    pd.DataFrame(rows, columns=["task", "domain", "model", "confidence", "correct"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def maps(log: Path) -> MapSet:
    out = log.with_name("maps.json")
    done = CliRunner().invoke(
        app, ["fit", str(log), "--calibrator", "pooled", "--by", "task,domain", "-o", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert len(told["groups"]) == 10
    assert {g["n"] for g in told["groups"] if g["by"]["domain"].endswith("void")} == {0}
    assert [f["where"] for f in told["fallbacks"]] == [{}, {"task": "a"}, {"task": "b"}]
    assert told["total"]["after"]["brier"] < told["total"]["before"]["brier"]
    return MapSet.load(out)


def test_unseen_domains_of_a_log_take_their_tasks_map(maps: MapSet, log: Path) -> None:
    rows = [("a", "a3", "m1"), ("a", "new", "m1"), ("c", "x", "m1"), ("b", None, "m1"), ("a", "new", "m2")]
    frame = pd.DataFrame(rows, columns=["task", "domain", "model"]).assign(confidence=0.9)
    source, out = log.with_name("new.csv"), log.with_name("out.jsonl")
    frame.to_csv(source, index=False)
    done = CliRunner().invoke(
        app, ["apply", str(log.with_name("maps.json")), str(source), "-o", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["stood_in"] == {"task a, any domain": 1, "any task, any domain": 1, "task b, any domain": 1}
    got = [json.loads(line) for line in out.read_text().splitlines()]
    fallbacks = {dict(where).get("task"): m.map_id for where, m in maps.fallbacks}
    assert [r["map_id"] for r in got[1:4]] == [fallbacks["a"], fallbacks[None], fallbacks["b"]]
    assert got[0]["map_id"] == maps.find(("a", "a3")).map_id
    assert "stood in" not in got[0]["why"]
    assert "There is no map for exactly this; the one for task a, any domain stood in." in got[1]["why"]
    assert got[1]["p"] > got[2]["p"] > got[3]["p"]
    assert got[4]["p"] is None
    assert "model is 'm2', not 'm1'" in got[4]["uncalibrated"]


def test_the_maps_of_a_file_survive_it_and_old_files_are_read(maps: MapSet) -> None:
    data = json.loads(maps.to_json())
    assert data["version"] == 2
    assert MapSet.from_json(maps.to_json()) == maps
    plain = MapSet(by=maps.by, groups=maps.groups)
    old = json.loads(plain.to_json())
    assert (old["version"], "fallbacks" in old) == (1, False)
    assert MapSet.from_json(plain.to_json()).find(("a", "new")) is None
    with pytest.raises(UnusableInput, match="got version 3"):
        MapSet.from_json(json.dumps({**data, "version": 3}))


def test_an_answer_says_that_its_map_is_for_any_domain(maps: MapSet) -> None:
    reading = Reading(signal="stated", score=Score(0.9))
    assessor = Assessor(model=None, signals={}, maps=maps)  # type: ignore[arg-type]

    def confidence(task: str, domain: str | None, model: str = "m1") -> calibrant.Confidence:
        question = Question(id="q", messages=(Message("user", "?"),), task=task, domain=domain)
        return assessor.confidence(question, Completion(text="!", model=model), (reading,))

    own, other, elsewhere = confidence("a", "a3"), confidence("a", "new"), confidence("zz", "new")
    assert own.fingerprint == Fingerprint(model="m1", signal="stated", task="a", domain="a3")
    assert other.fingerprint == Fingerprint(model="m1", signal="stated", task="a")
    assert elsewhere.fingerprint == Fingerprint(model="m1", signal="stated")
    assert other.verdicts == 173
    assert elsewhere.low < other.low < other.p
    refused = confidence("a", "new", "m2")
    assert refused.p is None
    assert "model is 'm2', not 'm1'" in str(refused.reason)
    assert (own.stand_in, other.stand_in, elsewhere.stand_in) == (
        None,
        "task a, any domain",
        "any task, any domain",
    )
    stand_in = dict(maps.fallbacks)[("task", "a"),]
    assert stand_in.fingerprint.differences(Fingerprint(model="m1", task="b").stated) == [
        "task is 'b', not 'a'"
    ]


def test_no_map_stands_in_for_another_model(log: Path) -> None:
    frame = pd.read_csv(log)
    frame.loc[frame["task"] == "b", "model"] = "m2"
    fitted = fit_log(frame, ["task", "domain"], calibrator="pooled")
    assert [dict(where) for where, _ in fitted.fallbacks] == [{"task": "a"}, {"task": "b"}]
    assert {m.fingerprint.model for _, m in fitted.fallbacks} == {"m1", "m2"}


def test_signals_are_never_pooled(log: Path) -> None:
    frame = pd.concat([pd.read_csv(log).assign(signal=s) for s in ("one", "two")])
    frame.loc[frame["signal"] == "two", "confidence"] /= 2
    fitted = fit_log(frame, ["domain", "signal"], calibrator="pooled")
    alone = fit_log(frame[frame["signal"] == "one"], ["domain"], calibrator="pooled")
    assert [dict(where) for where, _ in fitted.fallbacks] == [{"signal": "one"}, {"signal": "two"}]
    np.testing.assert_allclose(fitted.maps.find(("a3", "one"))([0.9]), alone.maps.find(("a3",))([0.9]))


def test_after_is_measured_on_rows_that_no_map_had_seen() -> None:
    """Verdicts by a coin, for each domain one of its own: an honest measure finds nothing to gain."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"d": np.repeat(np.arange(40), 6), "confidence": rng.random(240), "correct": 0})
    frame["correct"] = rng.integers(0, 2, 240)
    total = fit_log(frame, ["d"], calibrator="pooled").total()
    assert total is not None
    assert total["n"] == 240
    assert 0.245 < total["after"]["brier"] < 0.27


def test_groups_without_verdicts_are_rows_of_every_table(log: Path) -> None:
    found = audit(str(log), ["domain"])
    empty = [g for g in found.groups if not g.tally.rows]
    assert [g.by["domain"] for g in empty] == ["a-void", "b-void"]
    assert empty[0].measures["unusable"] == {"verdict missing": 3}
    assert empty[0].measures["verdict"] == "no usable rows"
    json.dumps(found.to_dict(), allow_nan=False)
    for calibrator in ("auto", "pooled"):
        groups = [g.to_dict() for g in fit_log(str(log), ["domain"], calibrator=calibrator).groups]
        assert len(groups) == 10
        assert [g["n"] for g in groups if "void" in g["by"]["domain"]] == [0, 0]
    for command in (["audit"], ["fit"], ["fit", "--calibrator", "pooled"]):
        done = CliRunner().invoke(app, [*command, str(log), "--by", "domain"])
        assert done.exit_code == 0, done.output
        assert "void" in done.stdout
