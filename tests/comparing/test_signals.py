"""Which signal works where: golden numbers, other people's numbers, and logs that are not as they should be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from calibrant.comparing.answers import read_answers
from calibrant.comparing.gains import Rows, dealt, difference, out_of_fold
from calibrant.comparing.signals import Compared, SignalTable, compare_signals
from calibrant.comparing.verdicts import holm
from calibrant.errors import ColumnNotFound, UnknownName, UnusableInput
from calibrant.metrics.ranking import ranking, ranking_effect
from calibrant.phrasing.signals import sentences
from calibrant.report.drawing import to_svg
from calibrant.report.signals import ranking_chart
from calibrant.tally import Tally


def answers(n: int, seed: int = 0, **noises: float) -> pd.DataFrame:
    """Wide: a column for each signal, the noisier the worse; a negative noise turns it round."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    scores = {
        name: expit(np.sign(noise) * odds + abs(noise) * rng.normal(size=n)) for name, noise in noises.items()
    }
    right = rng.random(n) < expit(0.3 + 1.5 * odds)
    domain = np.where(np.arange(n) % 2 == 0, "law", "art")
    return pd.DataFrame({"item_id": np.arange(n), "domain": domain, "correct": right, **scores})


def long(wide: pd.DataFrame, *signals: str) -> pd.DataFrame:
    """The same with a row for each answer and signal."""
    kept = [name for name in wide.columns if name not in signals]
    return wide.melt(kept, list(signals), "signal", "score")


def of(found: SignalTable, signal: str, **by: str) -> Compared:
    return next(one for one in found.signals if one.signal == signal and one.by == by)


def test_the_numbers_of_a_small_log_by_hand() -> None:
    scores = [0.9, 0.8, 0.8, 0.1] * 25
    right = [1, 1, 0, 0] * 25
    frame = pd.DataFrame({"mean_logprob": scores, "p_true": [0.5] * 90 + [None] * 10, "correct": right})
    found = compare_signals(frame)
    one, flat = of(found, "mean_logprob"), of(found, "p_true")
    assert found.free == "mean_logprob" and one.free and one.against == "base rate"
    assert one.auroc is not None and one.auroc.value == 0.875
    assert (one.n, one.asked, one.coverage, one.accuracy) == (100, 100, 1.0, 0.5)
    assert (flat.n, flat.asked, flat.coverage, flat.gain_n) == (90, 100, 0.9, 90)
    assert one.brier == pytest.approx(0.125, abs=0.02)  # right at .9, wrong at .1, a coin at .8
    assert one.gain is not None and one.gain.value == pytest.approx(0.25 - one.brier, abs=0.01)
    assert (one.verdict, flat.verdict) == ("helps", "useless") and "same score" in flat.reason
    assert (one.calls, flat.calls) == (0.0, 2.0)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [60, 800])
def test_auroc_and_its_interval_against_scikit_learn_and_a_plain_bootstrap(n: int, ties: bool) -> None:
    rng = np.random.default_rng(n)
    right = rng.random(n) < 0.6
    score = expit(right + rng.normal(size=n))
    score = np.round(score * 5) / 5 if ties else score
    found = ranking(Tally.of(score, right))
    assert found is not None and found.value == pytest.approx(roc_auc_score(right, score), abs=1e-12)
    draws = []
    for _ in range(2000):
        at = rng.integers(0, n, n)
        if 0 < right[at].sum() < n:
            draws.append(_auroc(right[at], score[at]))
    low, high = np.quantile(draws, [0.025, 0.975])
    one, loose = found.interval(), 0.03 if n < 100 else 0.006
    assert one.low == pytest.approx(low, abs=loose) and one.high == pytest.approx(high, abs=loose)


def _auroc(right: Any, score: Any) -> float:
    from scipy.stats import rankdata

    n, ranks = right.sum(), rankdata(score)
    return float((ranks[right].sum() - n * (n + 1) / 2) / n / (len(right) - n))


def test_a_perfect_ranking_of_few_rows_is_not_a_certainty() -> None:
    found = ranking(Tally.of(np.linspace(0, 1, 20), np.arange(20) >= 10))
    assert found is not None and found.value == 1.0
    assert 0.6 < found.interval().low < 0.9 and found.interval().high == 1.0


def test_weights_and_grades_move_the_auroc_as_repeating_rows_would() -> None:
    rng = np.random.default_rng(0)
    score, right = rng.random(200), rng.random(200) < 0.5
    times = rng.integers(1, 4, 200)
    weighted = ranking(Tally.of(score, right, times.astype(float)))
    repeated = ranking(Tally.of(np.repeat(score, times), np.repeat(right, times)))
    assert weighted is not None and repeated is not None
    assert weighted.value == pytest.approx(repeated.value)
    assert weighted.error > 1.2 * repeated.error  # a weight is no number of rows
    half = ranking(Tally.of(np.r_[score, score], np.r_[np.full(200, 0.5), np.full(200, 0.5)]))
    assert half is not None and half.value == pytest.approx(0.5)


def test_answers_to_one_item_are_one_cluster_and_widen_every_interval() -> None:
    wide = answers(300, mean_logprob=1.5, p_true=0.5)
    thrice = pd.concat([wide.assign(record_id=wide.item_id + 1000 * k) for k in range(3)])
    once, more = (
        compare_signals(long(wide, "mean_logprob", "p_true")),
        compare_signals(long(thrice, "mean_logprob", "p_true")),
    )
    for name in ("mean_logprob", "p_true"):
        a, b = of(once, name), of(more, name)
        assert a.auroc and b.auroc and a.gain and b.gain and b.n == 3 * a.n
        assert b.auroc.high - b.auroc.low == pytest.approx(a.auroc.high - a.auroc.low, rel=0.1)
        assert b.gain.high - b.gain.low > 0.8 * (a.gain.high - a.gain.low)
    effect = ranking_effect(np.tile(wide.p_true, 3), np.tile(wide.correct, 3).astype(float), None,
                            np.tile(np.arange(300), 3))  # fmt: skip
    assert effect == pytest.approx(3, rel=0.02)


def test_a_gain_is_paired_and_agrees_with_a_bootstrap_of_the_same_differences() -> None:
    wide = answers(600, mean_logprob=1.5, p_true=0.7)
    found = of(compare_signals(wide), "p_true")
    items = read_answers(wide).cluster
    rows = Rows(wide.correct.to_numpy(float), np.ones(600), items, dealt(items))
    p, q = (out_of_fold(wide[name].to_numpy(), rows) for name in ("p_true", "mean_logprob"))
    apart = (q - rows.grade) ** 2 - (p - rows.grade) ** 2
    rng = np.random.default_rng(1)
    draws = [apart[rng.integers(0, 600, 600)].mean() for _ in range(4000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.gain is not None and found.gain.value == pytest.approx(apart.mean())
    assert found.gain.low == pytest.approx(low, abs=1e-3) and found.gain.high == pytest.approx(high, abs=1e-3)
    unpaired = 1.96 * np.sqrt(((p - rows.grade) ** 2).var() / 600 + ((q - rows.grade) ** 2).var() / 600)
    assert found.gain.high - found.gain.value < 0.9 * unpaired


def test_no_row_is_predicted_by_a_map_that_saw_it() -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(200), 2)
    right = np.repeat(rng.random(200) < 0.5, 2).astype(float)
    score = np.repeat(
        rng.random(200), 2
    )  # tells the cluster, and so the answer, to whoever saw its other row
    rows = Rows(right, np.ones(400), cluster, dealt(cluster))
    loss = ((out_of_fold(score, rows) - right) ** 2).mean()
    assert loss > 0.24
    changed = Rows(np.where(rows.fold == 0, 1 - right, right), rows.weight, cluster, rows.fold)
    before, after = out_of_fold(score, rows), out_of_fold(score, changed)
    assert np.array_equal(before[rows.fold == 0], after[rows.fold == 0])
    assert not np.array_equal(before[rows.fold == 1], after[rows.fold == 1])


def test_every_verdict_is_given_where_it_is_due() -> None:
    wide = answers(3000, mean_logprob=1.2, better=0.3, equal=1.25, turned=-0.8)
    wide["coin"] = np.random.default_rng(5).random(3000)
    names = ["mean_logprob", "better", "equal", "turned", "coin"]
    found = compare_signals(wide, scores=names)
    assert {one.signal: one.verdict for one in found.signals} == {
        "mean_logprob": "helps", "better": "helps", "equal": "no better than the free one", "turned": "reversed",
        "coin": "useless",
    }  # fmt: skip
    assert found.signals[0].signal == "better" and found.signals[-1].signal == "turned"
    few = compare_signals(wide.head(29), scores=names)
    assert {one.verdict for one in few.signals} == {"too few"}
    assert "29 answers" in few.signals[0].reason and all(one.brier is None for one in few.signals)


def test_reversed_in_one_group_is_said_loudly() -> None:
    wide = answers(2000, mean_logprob=1.5, p_true=0.3)
    law = wide.domain == "law"
    wide.loc[law, "p_true"] = 1 - wide.p_true[law]
    found = compare_signals(wide, ["domain"])
    assert (of(found, "p_true", domain="law").verdict, of(found, "p_true", domain="art").verdict) == (
        "reversed", "helps",
    )  # fmt: skip
    assert any("REVERSED" in line and "p_true in law" in line for line in found.sentences)
    assert sum("REVERSED" in line for line in sentences(compare_signals(wide[~law]))) == 0


def test_long_and_wide_logs_give_the_same() -> None:
    wide = answers(400, mean_logprob=1.0, p_true=0.5)
    wide.loc[:30, "p_true"] = None
    one, other = (
        compare_signals(wide, ["domain"]),
        compare_signals(long(wide, "mean_logprob", "p_true"), ["domain"]),
    )
    assert [s.to_dict() for s in one.signals] == [s.to_dict() for s in other.signals]
    assert [c.to_dict() for _, c in one.budgets] == [c.to_dict() for _, c in other.budgets]


def test_without_a_free_token_signal_all_are_held_against_the_base_rate() -> None:
    found = compare_signals(answers(500, p_true=0.5, verbalized=3.0))
    assert found.free is None and {one.against for one in found.signals} == {"base rate"}
    assert any("no free token signal" in note for note in found.notes)
    assert of(found, "p_true").verdict == "helps"
    named = compare_signals(answers(500, p_true=0.5, verbalized=3.0), against="verbalized")
    assert of(named, "p_true").against == "verbalized"


def test_the_free_signal_is_chosen_without_a_look_at_the_verdicts() -> None:
    wide = answers(400, joint_logprob=0.2, mean_logprob=2.0, choice_logprob=1.0)
    wide.loc[:250, "choice_logprob"] = None  # less than half
    assert compare_signals(wide).free == "mean_logprob"
    assert compare_signals(wide.assign(correct=~wide.correct)).free == "mean_logprob"
    assert compare_signals(wide.drop(columns="mean_logprob")).free == "joint_logprob"


def test_a_signal_of_other_answers_than_the_free_one_is_held_against_the_base_rate() -> None:
    wide = answers(400, mean_logprob=1.0, p_true=0.5)
    rows = long(wide, "mean_logprob", "p_true")
    apart = rows[(rows.signal == "p_true") == (rows.item_id < 200)]
    found = of(compare_signals(apart), "p_true")
    assert (found.against, found.gain_n, found.verdict) == ("base rate", 200, "helps")


def test_what_is_wrong_with_rows_is_counted() -> None:
    wide = answers(200, mean_logprob=1.0, p_true=0.5)
    rows = long(wide, "mean_logprob", "p_true").astype({"correct": object, "score": object})
    rows.loc[0, "score"], rows.loc[1, "correct"], rows.loc[2, "correct"] = 1.7, not rows.correct[1], "perhaps"
    rows = pd.concat([rows, rows.iloc[[5]], rows.iloc[[6]].assign(signal=None)])
    found = compare_signals(rows)
    assert found.unusable == {
        "confidence above 1": 1, "verdict is neither right nor wrong nor in [0, 1]": 1,
        "the rows of one answer disagree on the verdict": 2, "a further row of the same answer and signal": 1,
        "the row names no signal": 1,
    }  # fmt: skip
    assert (found.answers, found.judged, found.rows) == (200, 199, 402)
    assert (of(found, "mean_logprob").n, of(found, "p_true").n) == (198, 199)


def test_rows_that_cannot_be_paired_are_not_paired() -> None:
    rows = long(answers(200, mean_logprob=1.0, p_true=0.5), "mean_logprob", "p_true").drop(columns="item_id")
    found = compare_signals(rows)
    assert found.free is None and found.answers == 400 and of(found, "p_true").n == 200
    assert any("neither record_id nor item_id" in note for note in found.notes)


def test_one_kind_of_answer_alone_is_said_and_no_crash() -> None:
    found = compare_signals(answers(100, mean_logprob=1.0, p_true=0.5).assign(correct=True))
    assert {one.verdict for one in found.signals} == {"too few"} and found.signals[0].auroc is None
    assert "are right" in found.signals[0].reason and all(
        choice.signal is None for _, choice in found.budgets
    )
    with pytest.raises(UnusableInput, match="too few answers"):
        ranking_chart(found)


def test_errors_say_what_to_do() -> None:
    wide = answers(50, mean_logprob=1.0)
    with pytest.raises(UnusableInput, match="leave signal out"):
        compare_signals(long(wide, "mean_logprob"), ["signal"])
    with pytest.raises(UnknownName, match="mean_logprob"):
        compare_signals(wide, against="mean_logprop")
    with pytest.raises(ColumnNotFound, match="nothing"):
        compare_signals(wide, scores=["nothing"])
    with pytest.raises(UnusableInput, match="has a usable verdict"):
        compare_signals(wide.assign(correct=None))
    with pytest.raises(UnusableInput, match="no rows"):
        compare_signals(wide.head(0))


def test_propensities_weigh_as_in_an_audit() -> None:
    wide = answers(2000, mean_logprob=1.0)
    kept = np.where(wide.correct, 0.25, 1.0)  # right answers were judged one time in four
    seen = wide.assign(propensity=kept)[np.random.default_rng(2).random(2000) < kept]
    whole, part = of(compare_signals(wide), "mean_logprob"), of(compare_signals(seen), "mean_logprob")
    assert whole.accuracy == pytest.approx(part.accuracy, abs=0.05) and part.n_eff < part.n
    assert whole.brier == pytest.approx(part.brier, abs=0.02)


def test_models_part_a_log_into_wholes() -> None:
    one, other = (
        answers(300, seed=1, mean_logprob=1.0, p_true=0.5),
        answers(300, seed=2, mean_logprob=1.0, p_true=0.5),
    )
    both = pd.concat([one.assign(model="a"), other.assign(model="b")])
    found = compare_signals(both, ["model", "domain"])
    assert found.tops == [{"model": "a"}, {"model": "b"}] and len(found.signals) == 2 * (2 + 4)
    assert any("2 models are pooled" in note for note in compare_signals(both).notes)
    assert found.sentences[0].startswith("a: ")


def test_budgets_take_the_cheapest_unless_a_dearer_one_is_surely_better() -> None:
    wide = answers(1500, mean_logprob=1.2, p_true=1.21, steerconf=0.3)
    budgets = {choice.budget: choice for _, choice in compare_signals(wide).budgets}
    assert {name: one.signal for name, one in budgets.items()} == {
        "0": "mean_logprob", "1-2": "mean_logprob", "3+": "steerconf", "any": "steerconf",
    }  # fmt: skip
    assert not budgets["1-2"].separable and "take the cheapest" in budgets["1-2"].reason
    assert budgets["3+"].separable and budgets["3+"].against == "mean_logprob"
    wide["vpd"] = expit(
        np.log(wide.steerconf / (1 - wide.steerconf))
    )  # equal to the best, and sorted behind it
    again = {choice.budget: choice.signal for _, choice in compare_signals(wide).budgets}
    assert again["any"] == "steerconf"
    coins = answers(300, mean_logprob=50.0, p_true=50.0)
    assert {choice.signal for _, choice in compare_signals(coins).budgets} == {None}


def test_missing_scores_cost_a_signal_in_the_budgets() -> None:
    wide = answers(1500, mean_logprob=1.2, p_true=0.3)
    wide.loc[np.arange(1500) % 10 > 0, "p_true"] = None
    budgets = {choice.budget: choice for _, choice in compare_signals(wide).budgets}
    assert budgets["1-2"].signal == "mean_logprob"


def test_holm_holds_its_level_and_shares_it() -> None:
    assert holm([0.01, 0.02, 0.2], [1, 1, 1]) == [True, True, False]
    assert holm([0.02, 0.02, 0.2], [1, 1, 1]) == [False, False, False]
    assert holm([0.02, *[0.5] * 99], [0.5, *[0.5 / 99] * 99])[0]
    assert holm([], []) == []
    rng = np.random.default_rng(0)
    wrong = np.mean([any(holm(list(rng.random(40)), [1.0] * 40)) for _ in range(2000)])
    assert 0.035 < wrong < 0.065


def test_a_table_of_signals_that_gain_nothing_seldom_says_helps() -> None:
    """Five signals as good as the free one, in three groups; `benchmarks/which_signal.py` has the rates."""
    rng = np.random.default_rng(7)
    names, wrong, turned = ["mean_logprob", *(f"s{k}" for k in range(5))], 0, 0
    for _ in range(20):
        odds = rng.normal(size=240)
        columns = {name: expit(odds + rng.normal(size=240)) for name in names}
        right, domain = rng.random(240) < expit(1.2 * odds), rng.integers(0, 3, 240).astype(str)
        frame = pd.DataFrame({**columns, "correct": right, "domain": domain})
        found = compare_signals(frame, ["domain"], scores=names)
        wrong += any(one.verdict == "helps" for one in found.signals if not one.free)
        turned += any(one.verdict == "reversed" for one in found.signals)
    assert wrong <= 4 and turned <= 1  # one time in a hundred there are more at a rate of .05


def test_json_has_stable_fields_and_is_strict() -> None:
    told = compare_signals(answers(300, mean_logprob=1.0, p_true=0.5), ["domain"]).to_dict()
    text = json.dumps(told, allow_nan=False)
    assert set(json.loads(text)) == {
        "source", "rows", "answers", "judged", "unusable", "by", "free", "signals", "budgets", "sentences", "notes",
    }  # fmt: skip
    assert set(told["signals"][0]) == {
        "signal", "by", "answers", "asked", "n", "n_eff", "coverage", "accuracy", "auroc", "brier", "brier_gain",
        "calls", "tokens", "dollars", "free", "verdict", "reason",
    }  # fmt: skip
    assert set(told["signals"][0]["brier_gain"]) == {"value", "low", "high", "n", "against"}
    assert set(told["budgets"][0]) == {
        "by", "budget", "most_calls", "signal", "n", "brier", "gain", "against", "separable", "candidates", "reason",
    }  # fmt: skip
    assert [one["most_calls"] for one in told["budgets"]] == [0.0, 2.0, None, None]


def test_the_chart_holds_every_signal_and_group_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = answers(3000, mean_logprob=1.0, p_true=0.5).assign(
        domain=[f"domain {k}" for k in rng.integers(0, 7, 3000)]
    )
    svg = to_svg(ranking_chart(compare_signals(wide, ["domain"])))
    assert all(svg.count(f">domain {k}<") == 1 for k in range(7))
    assert svg.count(">mean_logprob<") == 2  # the first panel of each of two lines
    assert all(f">{verdict}<" in svg for verdict in ("helps", "no better", "useless", "reversed", "too few"))


def test_costs_are_those_of_the_log_where_it_says() -> None:
    wide = answers(200, mean_logprob=1.0, p_true=0.5)
    rows = long(wide, "mean_logprob", "p_true")
    rows["calls"] = np.where(rows.signal == "p_true", 4, 0)
    rows["tokens"] = np.where(rows.signal == "p_true", 150.0, 0)
    found = of(compare_signals(rows), "p_true")
    assert (found.calls, found.tokens, found.dollars) == (4.0, 150.0, None)


def test_answers_without_a_verdict_count_for_no_signal() -> None:
    wide = answers(120, mean_logprob=0.5, p_true=1.0)
    wide["correct"] = wide.correct.astype(float).where(wide.item_id % 3 > 0)
    found = compare_signals(wide)
    assert {one.n for one in found.signals} == {80}


def test_a_single_cluster_has_no_p_value() -> None:
    alone = Rows(np.ones(1), np.ones(1), np.zeros(1, int), np.zeros(1, int))
    assert difference(np.array([1.0]), np.array([0.5]), alone).p == 0.5


def test_the_chart_has_a_line_for_each_signal_whose_name_begins_alike() -> None:
    names = [f"likelihood_semantic_entropy:samples={k}:same=judge" for k in range(1, 19)]
    wide = answers(400, **{name: 0.5 + 0.1 * k for k, name in enumerate(names)})
    wide["domain"] = np.where(wide.item_id % 2 == 0, "professional_law_and_jurisprudence: set 1", "art")
    chart = ranking_chart(compare_signals(wide, ["domain"], scores=names))
    panel = chart.to_dict()["vconcat"][0]["hconcat"][0]
    assert panel["height"] >= 17 * 18
    svg = to_svg(chart)
    assert all(svg.count(f"samples={k}:same=judge<") == 1 for k in range(1, 19))
    assert "set 1<" in svg and ">professional_law_and_<" in svg and "Thick line across: 95 % interval" in svg


def test_a_signal_surely_worse_and_not_shown_to_rank_is_not_said_to_rank() -> None:
    wide = answers(120, mean_logprob=0.1, p_true=5.0, vpd=1.0)
    found = compare_signals(wide)
    worse, ranks = of(found, "p_true"), of(found, "vpd")
    assert worse.gain is not None and worse.gain.high < 0 and worse.auroc is not None
    assert worse.auroc.low < 0.5 and worse.verdict == "no better than the free one"
    assert ranks.auroc is not None and ranks.auroc.low > 0.5
    assert "It ranks without a gain: vpd." in found.sentences
    assert "It is not shown to rank, and is worse than mean_logprob: p_true." in found.sentences


def test_a_reversed_signal_is_not_said_to_be_of_no_use_as_well() -> None:
    said = " ".join(compare_signals(answers(1000, mean_logprob=1.0, p_true=-0.5), ["domain"]).sentences)
    assert "REVERSED" in said and "of no use" not in said and "Too few" not in said


def test_a_budget_says_what_is_known_of_the_others() -> None:
    found = {c.budget: c for _, c in compare_signals(answers(900, mean_logprob=0.3, p_true=9.0)).budgets}
    assert found["1-2"].reason == "the other is not surely better: take the cheapest."
    right = compare_signals(answers(100, mean_logprob=1.0).assign(correct=True)).budgets[0][1]
    assert right.reason == "all 100 answers are right, so there is nothing to choose on."
    one = compare_signals(answers(1, mean_logprob=1.0))
    assert "1 answers" not in json.dumps(one.to_dict()) and "1 judged answer " in one.budgets[0][1].reason


def test_columns_of_numbers_that_were_not_read_are_named_and_scores_that_are_none_counted() -> None:
    wide = answers(100, mean_logprob=1.0).assign(my_score=0.5, text="a", seen=True)
    wide.loc[:9, "mean_logprob"] = None
    found = compare_signals(wide, ["domain"])
    assert "Columns of numbers that were not read: my_score." in found.notes
    assert found.unusable == {"mean_logprob: confidence missing or NaN": 10}
    assert compare_signals(long(wide, "mean_logprob")).unusable == {"confidence missing or NaN": 10}
