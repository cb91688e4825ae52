"""Signals from samples and other calls: by hand, against known worlds, and against a second implementation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from calibrant.checks.conversing import always, conversed, read
from calibrant.dialogue.samples import certainty, entropy, pool
from calibrant.signals.cisc import Cisc, weighted_shares
from calibrant.signals.dinco import Dinco, nvc, weights_of
from calibrant.signals.likelihood_semantic_entropy import LikelihoodSemanticEntropy
from calibrant.signals.p_true import PTrue
from calibrant.signals.peer_agreement import PeerAgreement
from calibrant.signals.self_consistency import SelfConsistency
from calibrant.signals.self_evaluation import SelfEvaluation
from calibrant.signals.semantic_entropy import SemanticEntropy
from calibrant.types import Ask, Completion, Message, Question, Reading, Replies, Token

QUESTION = Question(id="q", messages=(Message("user", "Capital of France?"),))
ALL = [SelfConsistency(), Cisc(), Cisc(weight="judge"), SemanticEntropy(), LikelihoodSemanticEntropy(), Dinco(),
       PeerAgreement(), PTrue(), PTrue(shown=3)]  # fmt: skip


def said(text: str, p: float = 1.0, **top: float) -> Completion:
    tokens = (Token(text, math.log(p), tuple((w, math.log(q)) for w, q in top.items())),)
    return Completion(text=text, model="m", tokens=tokens)


def drive(signal: Any, reply: Callable[[Ask], Replies], answer: str = "Paris") -> tuple[Reading, list[Ask]]:
    return read(signal, QUESTION, Completion(text=answer, model="m"), reply)


def world(samples: list[Completion], beliefs: dict[str, float], others: str = "") -> Callable[[Ask], Replies]:
    """Samples for the question itself, P(Yes) or P(True) for a judged answer, lines where others are asked for."""

    def reply(ask: Ask) -> Replies:
        text = ask.messages[-1].content
        if "<answer>" not in text:
            return Replies(tuple(samples[: ask.samples]))
        if "Name " in text:
            return Replies((Completion(text=others, model="m"),))
        answer = text.split("<answer>")[1].split("</answer>")[0]
        p, yes, no = beliefs[answer], "Yes", "No"
        if "A)" in text:
            yes, no = ("A", " B") if "A) True" in text else ("(B", "A")
        return Replies((said(yes, max(p, 1e-9), **{yes: max(p, 1e-9), no: max(1 - p, 1e-9)}),))

    return reply


FIVE = [said("Paris", 0.9), said("paris.", 0.7), said("", 0.5), said("Lyon", 0.8), said("Paris", 0.9)]
WORLD = world(FIVE, {"Paris": 0.9, "Lyon": 0.6, "Nice": 0.3}, "1. Nice\n2. Paris\n- lyon\n")


def test_self_consistency_by_hand() -> None:
    reading, (ask,) = drive(SelfConsistency(samples=5), WORLD)
    assert reading.score == pytest.approx(3 / 5)  # the empty one counts against
    assert (reading.detail["best"], reading.detail["best_score"]) == ("Paris", pytest.approx(0.6))
    assert ask.samples == 5 and ask.temperature == 1.0 and ask.messages == QUESTION.messages
    assert drive(SelfConsistency(samples=5), WORLD, "Nice")[0].score == 0.0


def test_cisc_by_hand() -> None:
    weights = [math.exp(c / 0.1) for c in (0.9, 0.7, 0.8, 0.9)]
    reading, asked = drive(Cisc(samples=5), WORLD)
    assert reading.score == pytest.approx((weights[0] + weights[1] + weights[3]) / sum(weights))
    assert len(asked) == 1 and asked[0].logprobs
    judged, asked = drive(Cisc(samples=5, weight="judge"), WORLD)
    weights = [math.exp(c / 0.1) for c in (0.9, 0.9, 0.6, 0.9)]
    assert judged.score == pytest.approx(1 - weights[2] / sum(weights)) and len(asked) == 3
    with pytest.raises(ValueError, match="softness above 0"):
        Cisc(softness=0.0)


def test_semantic_entropy_by_hand_and_outside_the_largest_group() -> None:
    reading, _ = drive(SemanticEntropy(samples=5), WORLD)
    whole = 1 + (0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4)
    assert reading.score == pytest.approx(whole)
    lyon, _ = drive(SemanticEntropy(samples=5), WORLD, "Lyon")
    assert lyon.score == pytest.approx(0.25) and lyon.detail["certainty"] == pytest.approx(whole)
    nice, _ = drive(SemanticEntropy(samples=5), WORLD, "Nice")
    assert nice.score == 0.0 and nice.detail["certainty"] == pytest.approx(whole)


def test_likelihood_semantic_entropy_by_hand() -> None:
    reading, _ = drive(LikelihoodSemanticEntropy(samples=5), WORLD)
    p = 2.5 / 3.3
    assert reading.score == pytest.approx(1 + (p * math.log(p) + (1 - p) * math.log(1 - p)) / math.log(4))
    lyon, _ = drive(LikelihoodSemanticEntropy(samples=5), WORLD, "Lyon")
    assert lyon.score == pytest.approx(min(0.8 / 3.3, lyon.detail["certainty"]))


def test_dinco_by_hand() -> None:
    reading, asked = drive(Dinco(), WORLD)
    assert reading.detail["nvc"] == pytest.approx(0.9 / 1.8)  # Paris, Lyon, Nice
    assert reading.detail["consistency"] == pytest.approx(4 / 6)
    assert reading.score == pytest.approx((0.5 + 4 / 6) / 2)
    judged = [ask.messages[-1].content for ask in asked if "Yes or No" in ask.messages[-1].content]
    assert len(judged) == 3 and not any("Paris" in text and "Lyon" in text for text in judged)


def test_dinco_sets_an_option_against_the_others_in_their_own_words() -> None:
    asked = replace(QUESTION, metadata={"options": ["Paris", "Lyon", "Nice", "Bonn", "Rome", "Oslo"]})
    beliefs = {"Paris": 0.9, "Lyon": 0.2, "Nice": 0.3, "Bonn": 0.1, "Oslo": 0.5, "Bern": 0.8}
    reply = world([said("A"), said("F"), said("Oslo."), said("(a)"), said("B")], beliefs)
    reading, asks = read(Dinco(), asked, Completion(text="A", model="m"), reply)
    named = [one["answer"] for one in reading.detail["beliefs"]]
    assert named == ["Paris", "Oslo", "Lyon", "Nice", "Bonn"]  # the samples' first, four rivals in all
    assert len(asks) == 1 + 5 and not any("Name " in ask.messages[-1].content for ask in asks)
    assert reading.detail["nvc"] == pytest.approx(0.9 / (0.9 + 0.5 + 0.2 + 0.3 + 0.1))
    assert reading.detail["consistency"] == pytest.approx(3 / 6)
    other, _ = read(Dinco(distractors=2), asked, Completion(text="Bern", model="m"), reply)
    assert [one["answer"] for one in other.detail["beliefs"]] == ["Bern", "Paris", "Oslo"]  # itself no option
    yes, _ = read(
        Dinco(),
        replace(QUESTION, metadata={"options": ["yes", "no"]}),
        Completion(text="Yes.", model="m"),
        world([said("Yes")] * 5, {"yes": 0.9, "no": 0.6}),
    )
    assert yes.detail["nvc"] == pytest.approx(0.6) and len(yes.detail["beliefs"]) == 2


def test_dinco_is_the_papers_formula_when_entailment_is_saying_the_same() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        meanings = [0, *rng.integers(1, 4, size=5).tolist()]  # distractors of which some say the same
        belief = rng.uniform(size=4)
        p = [belief[m] for m in meanings]
        beta = p[0]
        for i in range(1, len(p)):
            entails = [float(m == meanings[i]) for j, m in enumerate(meanings) if j != i]
            degree = 1 + sum(entails)
            beta += p[i] * 1.0 / (degree - 0.0)
        assert nvc([belief[m] for m in dict.fromkeys(meanings)]) == pytest.approx(p[0] / max(1.0, beta))


def test_dinco_weighs_as_the_paper_does_whatever_the_entailments() -> None:
    rng = np.random.default_rng(6)
    for n in (1, 2, 5):
        p, half = rng.uniform(size=n), rng.uniform(size=(n, n))
        entails = (half + half.T) / 2
        beta = p[0]
        for i in range(1, n):
            degree = 1 + sum(max(0.0, entails[j][i]) for j in range(n) if j != i)
            contradicts = 1 - entails[0][i]
            beta += p[i] * contradicts / (degree - entails[0][i])
        assert nvc(p.tolist(), weights_of(entails.tolist())) == pytest.approx(p[0] / max(1.0, beta))


def test_p_true_by_hand_and_with_samples_shown() -> None:
    reading, asked = drive(PTrue(), WORLD)
    assert reading.score == pytest.approx(0.9) and len(asked) == 2
    shown, asked = drive(PTrue(shown=5), WORLD)
    assert shown.score == pytest.approx(0.9) and "<idea>Lyon</idea>" in asked[1].messages[-1].content
    blunt, _ = drive(PTrue(), lambda ask: Replies((Completion(text="A", model="m"),)))
    assert blunt.score is None and "log-probabilities" in (blunt.reason or "")


@pytest.mark.parametrize("signal", [PTrue(), Dinco(), Cisc(weight="judge"), SelfEvaluation()])
@pytest.mark.parametrize("top", [True, False])
def test_a_judgement_without_alternatives_is_not_taken_for_certainty(signal: Any, top: bool) -> None:
    """A model that is undecided, .51 to .49, on a server that gives `top_logprobs` or the said token's alone."""
    told = world(FIVE, dict.fromkeys(("Paris", "Lyon", "Nice"), 0.51), "Nice")

    def undecided(ask: Ask) -> Replies:
        replies = told(ask)
        if top or "<answer>" not in ask.messages[-1].content:
            return replies
        (one,) = replies.completions
        return Replies((replace(one, tokens=tuple(t._replace(top=()) for t in one.tokens or ())),))

    reading, _ = drive(signal, undecided)
    if top:
        assert reading.score is not None and reading.score < 0.8
    elif isinstance(signal, SelfEvaluation):
        assert reading.score == 1.0  # the word alone, as without any log-probabilities
    else:
        assert reading.score is None and "top_logprobs" in (reading.reason or "")


def test_p_true_cannot_be_won_by_always_saying_a() -> None:
    assert drive(PTrue(), lambda ask: Replies((said("A", 0.9, A=0.9, B=0.1),)))[0].score == pytest.approx(0.5)


def test_peer_agreement_asks_another_model() -> None:
    reading, (ask,) = drive(PeerAgreement(), WORLD)
    assert reading.score == 1.0 and ask.model == "peer" and ask.temperature == 0.0
    several, (ask,) = drive(PeerAgreement(samples=5), WORLD)
    assert several.score == pytest.approx(3 / 5) and ask.temperature == 1.0


@pytest.mark.parametrize("signal", ALL, ids=repr)
@pytest.mark.parametrize("reply", [Replies(reason="down"), Replies((Completion(text="", model="m"),) * 10)])
def test_nothing_readable_has_a_reason(signal: Any, reply: Replies) -> None:
    reading, _ = drive(signal, lambda ask: reply)
    assert reading.score is None and reading.reason


@pytest.mark.parametrize("signal", [one for one in ALL if not isinstance(one, PeerAgreement)], ids=repr)
def test_the_order_of_samples_does_not_matter(signal: Any) -> None:
    seen = set()
    for order in list(permutations(FIVE))[::17]:
        reading, _ = drive(signal, world(list(order) * 2, {"Paris": 0.9, "paris.": 0.9, "Lyon": 0.6}))
        seen.add(round(reading.score or -1.0, 9))
    assert len(seen) == 1 and -1.0 not in seen


@pytest.mark.parametrize("signal", ALL, ids=repr)
def test_cost_is_not_exceeded(signal: Any) -> None:
    different = [said(f"City {i}", 0.5) for i in range(10)]
    beliefs = {one.text: 0.5 for one in different} | {"Paris": 0.5}
    _, asked = drive(signal, world(different, beliefs))
    judged = [ask for ask in asked if "<answer>" in ask.messages[-1].content or ask.model]
    drawn = [ask for ask in asked if ask not in judged]
    assert sum(ask.samples for ask in judged) <= signal.cost.calls
    assert max((ask.samples for ask in drawn), default=0) == signal.cost.samples
    assert sum(ask.max_tokens * ask.samples for ask in judged) <= signal.cost.written


# ------------------------------------------------------------------ known worlds


def test_shares_and_entropy_come_to_the_truth() -> None:
    rng = np.random.default_rng(7)
    truth = np.array([0.6, 0.3, 0.1])
    names = np.array(["Paris", "Lyon", "Nice"])
    runs = [list(map(str, rng.choice(names, p=truth, size=10))) for _ in range(2000)]
    pools = [conversed(pool(QUESTION, "Paris", run), always("A"))[0] for run in runs]
    found = np.mean([made.agreeing / len(run) for made, run in zip(pools, runs, strict=True)])
    assert abs(found - 0.6) < 4 * math.sqrt(0.24 / 20_000)
    many = Counter(map(str, rng.choice(names, p=truth, size=200_000)))
    shares = [count / 200_000 for count in many.values()]
    assert entropy(shares) == pytest.approx(-(truth * np.log(truth)).sum(), abs=0.005)
    assert certainty(shares, 200_000) == pytest.approx(1 - entropy(shares) / math.log(200_000))


def test_a_weight_that_tells_right_from_wrong_makes_the_vote_better() -> None:
    rng = np.random.default_rng(11)
    plain = weighted = 0
    for _ in range(1000):
        right = rng.random(7) < 0.5
        sure = np.clip(rng.normal(np.where(right, 0.75, 0.65), 0.1), 0, 1)
        groups = right.astype(int).tolist()
        plain += np.mean(right) > 0.5
        weighted += weighted_shares(groups, sure.tolist(), 0.1).get(1, 0.0) > 0.5
    assert weighted > plain + 100
