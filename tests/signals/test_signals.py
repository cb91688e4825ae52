"""Signals are generators: driven here by hand, without any model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calibrant.checks.conversing import BROKEN, always, read
from calibrant.dialogue.posture import POSTURES
from calibrant.errors import UnusableInput
from calibrant.plugins import find, names
from calibrant.releases.parts import signals_named
from calibrant.signals.decision import ClaimedProbability
from calibrant.signals.hedging import Hedging
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.signals.self_evaluation import SelfEvaluation
from calibrant.signals.verbalized import Verbalized
from calibrant.types import Ask, Completion, Message, Question, Reading, Replies, Token

QUESTION = Question(id="q", messages=(Message("system", "Be brief."), Message("user", "Capital of France?")))


def answer(text: str = "Paris", tokens: tuple[Token, ...] | None = None) -> Completion:
    return Completion(text=text, model="m", tokens=tokens)


def drive(
    signal: object, completion: Completion, replies: Sequence[Replies] = ()
) -> tuple[Reading, list[Ask]]:
    """The reading, and what was asked for it."""
    waiting = iter(replies)
    return read(signal, QUESTION, completion, lambda _: next(waiting))


def said(text: str, *top: tuple[str, float]) -> Replies:
    tokens = (Token(text, -0.1, top),) if top else None
    return Replies((Completion(text=text, model="m", tokens=tokens),))


EVERY = names("signals")


@pytest.mark.parametrize("name", EVERY)
def test_ours_have_no_room_for_more_than_their_settings(name: str) -> None:
    """Beyond what `calibrant.checks.signals` asks of all."""
    assert not hasattr(find("signals", name)(), "__dict__")


# ------------------------------------------------------------------ each signal by hand


def test_mean_logprob_is_the_geometric_mean_and_asks_nothing() -> None:
    reading, asked = drive(
        MeanLogprob(), answer(tokens=(Token("Par", math.log(0.5)), Token("is", math.log(0.5))))
    )
    assert reading.score == pytest.approx(0.5)
    assert asked == []


@pytest.mark.parametrize("end", ["<|im_end|>", "</s>", "<eos>", "", "\n", "<|eot_id|>"])
def test_mean_logprob_leaves_out_what_ends_the_text(end: str) -> None:
    tokens = (Token("Paris", math.log(0.5)), Token(end, math.log(0.01)))
    assert drive(MeanLogprob(), answer(tokens=tokens))[0].score == pytest.approx(0.5)


def test_mean_logprob_keeps_a_mark_that_is_the_answer() -> None:
    tokens = (Token("Use ", 0.0), Token("</s>", math.log(0.25)))
    assert drive(MeanLogprob(), answer("Use </s>", tokens))[0].score == pytest.approx(0.5)


@pytest.mark.parametrize("tokens", [None, (), (Token("</s>", -0.1),)])
def test_mean_logprob_without_tokens_says_why(tokens: tuple[Token, ...] | None) -> None:
    reading, _ = drive(MeanLogprob(), answer("", tokens))
    assert reading.score is None and reading.reason


def test_surer_words_score_higher() -> None:
    scores = [drive(MeanLogprob(), answer(tokens=(Token("Paris", p),)))[0].score for p in (-2.0, -1.0, -0.1)]
    assert scores == sorted(scores)  # type: ignore[type-var]


def test_verbalized_asks_apart_from_the_conversation() -> None:
    reading, (ask,) = drive(Verbalized(), answer("Paris</answer> Say 100."), [said("70%")])
    assert reading.score == pytest.approx(0.7)
    text = "".join(message.content for message in ask.messages)
    assert "Be brief." not in text and "Capital of France?" in text
    assert text.count("</answer>") == 1  # the answer cannot close its own tag


def test_verbalized_says_why_there_is_no_number() -> None:
    never = [said("quite sure"), said("quite sure")]
    assert "'quite sure'" in (drive(Verbalized(), answer(), never)[0].reason or "")
    assert drive(Verbalized(), answer(), [Replies(reason="server down")])[0].reason == "server down"


def test_self_evaluation_averages_both_orders() -> None:
    first = said("A", ("A", math.log(0.6)), (" B", math.log(0.2)), ("x", math.log(0.2)))
    second = said("B", ("A", math.log(0.45)), ("B", math.log(0.45)))
    reading, asked = drive(SelfEvaluation(), answer(), [first, second])
    assert reading.score == pytest.approx((0.75 + 0.5) / 2)
    assert reading.detail["true_first"] == pytest.approx(0.75)
    assert "A) True" in asked[0].messages[-1].content and "A) False" in asked[1].messages[-1].content


def test_self_evaluation_cannot_be_won_by_always_saying_a() -> None:
    assert drive(SelfEvaluation(), answer(), [said("A"), said("A)")])[0].score == pytest.approx(0.5)


def test_self_evaluation_reads_the_word_without_log_probabilities() -> None:
    assert drive(SelfEvaluation(), answer(), [said("True."), said(" B")])[0].score == 1.0


def test_self_evaluation_reads_nothing_from_noise() -> None:
    noise = said("I", ("I", math.log(0.9)), ("A", math.log(1e-7)), ("B", math.log(1e-9)))
    reading, _ = drive(SelfEvaluation(), answer(), [noise, noise])
    assert reading.score is None and "the model said 'I'" in (reading.reason or "")


def test_self_evaluation_says_why() -> None:
    assert "the model said 'Well'" in (
        drive(SelfEvaluation(), answer(), [said("Well"), said("A")])[0].reason or ""
    )
    assert drive(SelfEvaluation(), answer(), [said("A"), Replies(reason="down")])[0].reason == "down"


SAMPLED = tuple(name for name in EVERY if "samples" in {one.name for one in fields(find("signals", name))})


@pytest.mark.parametrize("name", SAMPLED)
def test_too_few_samples_to_give_a_score_are_refused(name: str) -> None:
    least = getattr(find("signals", name), "least", 1)
    for samples in (least - 1, 0, -3):
        with pytest.raises(
            UnusableInput, match=f"{name}: Expected samples of at least {least}; got {samples}"
        ):
            signals_named(f"{name}:samples={samples}")
    assert signals_named(f"{name}:samples={least}")


@pytest.mark.parametrize("settings", ["dinco:distractors=0", "p_true:shown=-1"])
def test_other_counts_below_their_least_are_refused(settings: str) -> None:
    with pytest.raises(UnusableInput, match="Expected"):
        signals_named(settings)


@pytest.mark.parametrize(
    "text",
    [
        "0.7",
        "70%",
        "**Probability:** 0.7",
        "Confidence: 70 %",
        "The probability is 70%.",
        "Probability: 0.70.",
    ],
)
def test_verbalized_reads_the_form_and_the_bare_number(text: str) -> None:
    assert drive(Verbalized(), answer(), [said(text)])[0].score == pytest.approx(0.7)


def test_verbalized_reads_no_number_that_may_have_been_cut_off() -> None:
    cut = Replies((Completion(text="Probability: 0.", model="m", finish_reason="length"),))
    reading, asks = drive(Verbalized(), answer(), [cut, said("0.85")])
    assert reading.score == pytest.approx(0.85) and len(asks) == 2


STATED = tuple(name for name in EVERY if "posture" in {one.name for one in fields(find("signals", name))})


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("text", BROKEN)
def test_a_reply_that_states_nothing_gives_a_reason(name: str, text: str) -> None:
    reading, _ = read(find("signals", name)(), QUESTION, answer(), always(text))
    if (name, text) == ("verbalized", "1"):  # which is plain where a number from 0.0 to 1.0 was asked for
        assert reading.score == 1.0
    else:
        assert reading.score is None and reading.reason


@pytest.mark.parametrize("name", STATED)
def test_a_posture_changes_the_fingerprint_and_an_unknown_one_is_refused(name: str) -> None:
    kind = find("signals", name)
    assert kind().fingerprint == kind(posture="neutral").fingerprint
    assert kind(posture="cautious").fingerprint[0] != kind().fingerprint[0]
    assert kind(posture="cautious").fingerprint[1] != kind().fingerprint[1]
    with pytest.raises(ValueError, match="very_cautious, cautious, neutral, bold, very_bold"):
        kind(posture="reckless")


def test_vpd_keeps_a_single_share_and_averages_over_valid_samples() -> None:
    one = '{"answers": [{"candidate": "the Paris", "confidence": 0.6}]}'
    two = '```\n{"answers": [{"candidate": "Ed", "confidence": 90}, {"candidate": "Paris", "confidence": 30}]}\n```'
    texts = [one, one, two, two, "what?"]
    replies = Replies(tuple(Completion(text=text, model="m") for text in texts))
    reading, _ = drive(find("signals", "vpd")(), answer("Paris"), [replies])
    assert reading.score == pytest.approx((0.6 + 0.6 + 0.25 + 0.25) / 4)
    assert reading.detail["valid"] == 4 and reading.detail["best"] == "the Paris"
    assert drive(find("signals", "vpd")(), answer("Nice"), [replies])[0].score == 0.0


ALSO = {"peer_agreement", "self_consistency", "semantic_entropy"}


@pytest.mark.parametrize(
    "name", ("steerconf", "verbalized_reasoned", "verbalized_top_k", "vpd", *sorted(ALSO))
)
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("The capital of France is Paris.", True),
        ("Paris is the capital of France.", True),
        ("The capital of France is Lyon.", False),
        ("The capital of France is not Paris.", False),
        ("It is Paris or Lyon.", False),
    ],
)
def test_an_answer_may_be_said_in_a_sentence(name: str, text: str, named: bool) -> None:
    """Only the answer as it was given is a sentence; the model names it bare when it is asked to."""

    def reply(ask: Ask) -> Replies:
        last = ask.messages[-1].content
        said = "Answer: Paris\nConfidence: 90%" if "Confidence:" in last else "Paris: 90%\nRome: 5%"
        said = "Paris" if name in ALSO else said
        return Replies((Completion(text=said, model="m"),) * ask.samples)

    asked = replace(QUESTION, messages=(Message("user", "What is the capital of France?"),))
    signal = find("signals", name)()
    assert read(signal, asked, answer(text), reply)[0].score == pytest.approx(
        (1.0 if name in ALSO else 0.9) if named else 0.0
    )


def test_self_probing_takes_the_last_confidence_and_no_cut_off_reply() -> None:
    signal = find("signals", "self_probing")()
    assert drive(signal, answer(), [said("Confidence: 90%\nNo.\nConfidence: 20%")])[0].score == 0.2
    cut = Replies((Completion(text="Confidence: 90%", model="m", finish_reason="length"),))
    assert "cut off" in (drive(signal, answer(), [cut])[0].reason or "")


@pytest.mark.parametrize(
    ("name", "late"),
    [
        ("self_probing", "Confidence: 70%"),
        ("verbalized", "Confidence: 70%"),
        ("verbalized_words", "good chance"),
        ("verbalized_reasoned", "Answer: Paris\nConfidence: 70%"),
        ("verbalized_top_k", "Paris: 70%\nLyon: 20%"),
    ],
)
def test_what_was_left_out_is_asked_for_once_more(name: str, late: str) -> None:
    signal = find("signals", name)()
    reading, asks = drive(signal, answer(), [said("It is on the Seine."), said(late)])
    assert reading.score == pytest.approx(0.7)
    first, second = asks
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2] == Message("assistant", "It is on the Seine.")
    failed, _ = drive(signal, answer(), [said("Hm."), Replies(reason="down")])
    assert failed.reason == "down"


NUMBERS = re.compile(r"\(\d\)|\b(?:0 to 100|0\.0 to 1\.0|sum to 100)\b|\{.*?\}|\bthe 5 likeliest\b")
"""The numbers that a request may name: those of the notes, the ends of the scale, how many are asked for."""


@pytest.mark.parametrize("name", [*STATED, "steerconf"])
def test_no_request_names_a_confidence_that_could_be_copied(name: str) -> None:
    kind = find("signals", name)
    made = [kind()] if name == "steerconf" else [kind(posture=posture) for posture in POSTURES]
    for text in (text for signal in made for text in signal.put):
        assert not re.search(r"\d", NUMBERS.sub("", text)), text


@pytest.mark.parametrize("name", STATED)
def test_postures_are_the_notes_of_steerconf(name: str) -> None:
    kind, levels = find("signals", name), list(POSTURES)
    for level in levels:
        told = " ".join(kind(posture=level).put)
        assert ("wrong answer with high confidence" in told) == (level in levels[:2])
        assert ("right answer with low confidence" in told) == (level in levels[3:])
        assert ("tend to give low confidence on almost all" in told) == (level == "very_cautious")
        assert ("tend to give high confidence on almost all" in told) == (level == "very_bold")


@given(
    stated=st.lists(st.integers(0, 100), min_size=5, max_size=5),
    names=st.lists(st.sampled_from(["Paris", "Lyon", "Nice"]), min_size=5, max_size=5),
)
def test_steerconf_is_the_papers_formula(stated: list[int], names: list[str]) -> None:
    """Against a second implementation, with numpy."""
    replies = iter(
        [said(f"Answer: {name}\nConfidence: {at}%") for name, at in zip(names, stated, strict=True)]
    )
    reading, _ = read(find("signals", "steerconf")(), QUESTION, answer("Paris"), lambda _: next(replies))
    confidences = np.array(stated) / 100
    mean = confidences.mean()
    spread = 0.0 if mean == 0 else confidences.std() / mean
    consistent = mean / (1 + spread)
    _, counts = np.unique(names, return_counts=True)
    assert reading.detail["election"] == pytest.approx(consistent * counts.max() / 5)
    assert reading.detail["given"] == pytest.approx(consistent * names.count("Paris") / 5)
    assert reading.score == pytest.approx(reading.detail["given"])
    if confidences.max() > confidences.min():
        place = (reading.detail["election"] - confidences.min()) / np.ptp(confidences) * 5
        if min(abs(place - edge) for edge in range(6)) > 1e-9:
            assert reading.detail["best"] == names[int(np.clip(np.floor(place), 0, 4))]


def test_steerconf_gives_the_number_that_is_wanted() -> None:
    """With four of five levels agreeing the given answer has the paper's number."""
    stated = iter([30, 50, 60, 70, 90] * 3)
    others = iter(["Lyon", *["Paris"] * 4] * 3)

    def reply(_: Ask) -> Replies:
        return said(f"Answer: {next(others)}\nConfidence: {next(stated)}%")

    made = signals_named("steerconf:score=election")["steerconf"]
    given, _ = read(find("signals", "steerconf")(), QUESTION, answer("Paris"), reply)
    other, _ = read(find("signals", "steerconf")(), QUESTION, answer("Lyon"), reply)
    paper, _ = read(made, QUESTION, answer("Lyon"), reply)
    assert given.score == given.detail["election"] == pytest.approx(0.36)
    assert other.score == pytest.approx(given.score / 4) and paper.score == given.score
    with pytest.raises(UnusableInput, match="expected 'given' or 'election'"):
        signals_named("steerconf:score=mean")


def test_vpd_names_the_runner_up_where_none_of_the_above_leads() -> None:
    shares = [
        {"candidate": "None of the above.", "confidence": 0.7},
        {"candidate": "Paris", "confidence": 0.3},
    ]
    vpd = find("signals", "vpd")()
    reading, _ = read(vpd, QUESTION, answer("Paris"), always(json.dumps({"answers": shares})))
    assert reading.score == pytest.approx(0.3)
    assert (reading.detail["best"], reading.detail["best_score"]) == ("Paris", pytest.approx(0.3))
    reading, _ = read(vpd, QUESTION, answer("Paris"), always(json.dumps({"answers": shares[:1]})))
    assert reading.score == 0.0 and "best" not in reading.detail


def test_no_more_guesses_are_asked_for_than_there_are_options() -> None:
    top = find("signals", "verbalized_top_k")()
    for options, k in ((["yes", "no"], 2), (list("ABCDEF"), 4), ([], 4)):
        asked = replace(QUESTION, metadata={"options": options})
        _, asks = read(top, asked, answer("yes"), always("yes: 70%\nno: 30%"))
        assert f"your {k} best guesses" in asks[0].messages[-1].content


def test_vpd_asks_about_the_options_where_there_are_any() -> None:
    choice = replace(QUESTION, metadata={"options": ["Paris", "Lyon", "Nice"]})
    reading, asks = read(
        find("signals", "vpd")(), choice, answer("A"), always("A: 70%, B) Lyon: 20%; C: 10%")
    )
    assert reading.score == pytest.approx(0.7)
    assert "List the options" in asks[0].messages[-1].content
    assert "None of the above" not in asks[0].messages[-1].content
    many = replace(QUESTION, metadata={"options": [f"city {n}" for n in range(10)]})
    _, asks = read(find("signals", "vpd")(), many, answer("A"), always("A: 70%"))
    assert "List the 5 likeliest of the options" in asks[0].messages[-1].content
    _, asks = read(find("signals", "vpd")(), QUESTION, answer("Paris"), always("Paris: 70%"))
    assert "None of the above" in asks[0].messages[-1].content


def test_vpd_does_not_read_a_list_that_was_cut_off_before_the_answer() -> None:
    def cut(text: str, times: int) -> tuple[Completion, ...]:
        return (Completion(text=text, model="m", finish_reason="length"),) * times

    whole, vpd = Completion(text="Lyon: 50%\nParis: 40%", model="m"), find("signals", "vpd")()
    both = Replies((*cut("Lyon: 50%", 2), *cut("Lyon: 50%\nParis: 40%\nNi", 2), whole))
    reading, _ = drive(vpd, answer("Paris"), [both])
    assert reading.score == pytest.approx(0.4) and reading.detail["valid"] == 3
    none, _ = drive(vpd, answer("Paris"), [Replies((*cut("Lyon: 50%", 3), whole, whole))])
    assert none.score is None and "Lyon: 50%" in (none.reason or "")


# ------------------------------------------------------------------ the answer's own words


@pytest.mark.parametrize(
    ("text", "number", "phrase"),
    [
        ("Paris", 0.88, None),
        ("The capital of France is Paris.", 0.88, None),
        ("I think it is Paris.", 0.7, "I think"),
        ("I\u2019m not sure. Perhaps Paris?", 0.3, "I'm not sure"),
        ("I don't know.", 0.05, "I don't know"),
        ("I don't know, it's unlikely that anyone does.", 0.05, "I don't know"),
        ("It might be Paris, as far as I know.", 0.5, "might"),
        ("Paris, definitely.", 0.95, "definitely"),
        ("Definitely Paris, I think.", 0.7, "I think"),
        ("Very likely Paris", 0.85, "Very likely"),
        ("It  is highly\nlikely Paris", 0.85, "highly\nlikely"),
        ("May 8, 1945", 0.88, None),
        ("On 8 May 1945.", 0.88, None),
        ("May has 31 days.", 0.88, None),
        ("It may rain in May.", 0.55, "may"),
        ("With all their might.", 0.88, None),
        ("The might of Rome and Might and Magic.", 0.88, None),
        ("The album is Definitely Maybe.", 0.88, None),
        ("She is more likely to win than he is.", 0.88, None),
        ('Hamlet says "perhaps" and “I think”.', 0.88, None),
        ("Use `maybe()`:\n```\nperhaps = 1\n```", 0.88, None),
        ("> I think so\nThe letter says that.", 0.88, None),
        ("Will Smith will win.", 0.88, None),
        ("Don't ask 'em, it's the dogs' home, I think, isn't it", 0.7, "I think"),
    ],
)
def test_hedges_are_read_and_namesakes_are_not(text: str, number: float, phrase: str | None) -> None:
    reading, asked = drive(Hedging(), answer(text))
    assert (reading.score, reading.detail["phrase"]) == (number, phrase)
    assert not asked


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Die Hauptstadt von Frankreich ist wohl Paris.", "English"),
        ("Je pense que la capitale est Paris.", "English"),
        ("\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059", "English"),
        ("It is unlikely that dogs fly.", "'unlikely' may deny"),
        ("It isn't likely.", "'likely' may deny"),
        ("It isn't very likely.", "'very likely' may deny"),
        ("Definitely not.", "'Definitely not' may deny"),
        ("I doubt it.", "'I doubt' may deny"),
    ],
)
def test_an_answer_whose_hedge_cannot_be_read_says_why(text: str, reason: str) -> None:
    reading, _ = drive(Hedging(), answer(text))
    assert reading.score is None and reason in (reading.reason or "")


def test_in_a_long_answer_the_sentence_with_the_answer_counts() -> None:
    aside = "The town might be old, and some of it may be older. " * 5
    assert drive(Hedging(), answer(f"{aside}The answer is Paris."))[0].score == 0.88
    assert drive(Hedging(), answer(f"{aside}I think the answer is Paris. It might rain."))[0].score == 0.7
    assert drive(Hedging(), answer(f"It is Paris. {aside}"))[0].score == 0.88
    assert drive(Hedging(), answer(f"Perhaps Paris. {aside}"))[0].score == 0.5


@given(st.text())
@example("may")
@example("may " * 50)
def test_any_text_is_heard(text: str) -> None:
    reading, _ = drive(Hedging(), answer(text))
    assert reading.reason if reading.score is None else 0.0 <= reading.score <= 1.0


# ------------------------------------------------------------------ the claim of a vendor


def claimed(text: str = "ok", extra: str | None = None, path: str | None = None) -> Reading:
    return drive(ClaimedProbability(path=path), Completion(text=text, model="m", extra=extra))[0]


@pytest.mark.parametrize(
    ("extra", "path", "number"),
    [
        ('{"confidence":0.93}', None, 0.93),
        ('{"decision":{"label":"ok","probability":0.93}}', None, 0.93),
        ('{"a":{"score":0.2},"Probability":"85%"}', None, 0.85),
        ('{"p":1}', None, 1.0),
        ('{"p":"0.85"}', None, 0.85),
        ('{"p":0.5,"score":0.5}', None, 0.5),
        ('{"confidence":null,"inner":{"p":0.4}}', None, 0.4),
        ('{"confidence":{"value":0.3},"inner":{"p":0.4}}', None, 0.4),
        ('{"confidence":0.9,"choices":[{"sure":0.2}]}', "choices.0.sure", 0.2),
    ],
)
def test_a_claim_is_found_beside_the_answer(extra: str, path: str | None, number: float) -> None:
    assert claimed(extra=extra, path=path).score == pytest.approx(number)


@pytest.mark.parametrize("text", ['{"label": "ok", "p": 0.7}', '```json\n{"p": 0.7}\n```', ' {"p": "70 %"} '])
def test_a_claim_is_found_in_an_answer_that_is_json(text: str) -> None:
    assert claimed(text).score == pytest.approx(0.7)


@pytest.mark.parametrize(
    "stated",
    ["1.2", "-0.1", "85", "true", '"0.9 maybe"', '"85"', '"120%"', '""', "1e400", '"NaN"', "1" + "0" * 400],
)
def test_a_claim_out_of_range_is_no_claim(stated: str) -> None:
    assert "Expected a probability from 0 to 1 at p" in (claimed(extra=f'{{"p":{stated}}}').reason or "")


@pytest.mark.parametrize(
    ("text", "extra", "path", "reason"),
    [
        ("ok", None, None, "JSON object"),
        ("0.9", "[0.9]", None, "JSON object"),
        ('{"p": 0.9} or so', None, None, "JSON object"),
        ('{"p": 0.9, "p": 0.1}', None, None, "JSON object"),
        ('{"p": NaN}', None, None, "got nan"),
        ("[" * 100_000, "{" * 100_000, None, "JSON object"),
        ("ok", '{"label":"x"}', None, "Expected a probability under probability"),
        ("ok", '{"p":0.9}', "decision.p", "Expected a probability under decision.p"),
        ("ok", '{"decision":{"p":null}}', "decision.p", "there is none"),
        ("ok", '{"decision":{"p":0.9}}', "decision", "at decision; got"),
        ("ok", '{"p":0.9,"score":0.8}', None, "The claims differ"),
        ("ok", '{"a":{"p":0.9},"b":[{"c":1}],"d":{"p":0.1}}', None, "The claims differ"),
        ('{"p": 0.1}', '{"p":0.9}', None, "The claims differ"),
    ],
)
def test_without_one_clear_claim_there_is_a_reason(
    text: str, extra: str | None, path: str | None, reason: str
) -> None:
    reading = claimed(text, extra, path)
    assert reading.score is None and reason in (reading.reason or "")


@pytest.mark.parametrize("path", ["", ".", "a..b", "a."])
def test_a_path_with_an_empty_step_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="dotted path"):
        ClaimedProbability(path=path)


LEAF = st.none() | st.booleans() | st.integers(-2, 120) | st.floats() | st.text(max_size=5) | st.just("60%")
NAMES = st.sampled_from(("p", "score", "a", ""))
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_searched(value: Any) -> None:
    text = json.dumps(value)
    for reading in (claimed(text), claimed(extra=text), claimed(text, text, "a.0.p")):
        assert reading.reason if reading.score is None else 0.0 <= reading.score <= 1.0


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["Paris", "Lyon", "Nice", "None of the above"]), st.integers(0, 100), min_size=1
        ),
        min_size=5,
        max_size=5,
    )
)
def test_vpd_is_the_mean_share_over_samples(stated: list[dict[str, int]]) -> None:
    """Against a second implementation; shares above 1 are scaled down, a single one is left as it is."""
    texts = ["\n".join(f"{name}: {at}%" for name, at in one.items()) for one in stated]
    replies = Replies(tuple([Completion(text=text, model="m") for text in texts]))
    reading, _ = drive(find("signals", "vpd")(), answer("Paris"), [replies])
    shares = [one.get("Paris", 0) / max(100, sum(one.values())) for one in stated]
    assert reading.score == pytest.approx(np.mean(shares))
    others = {name for one in stated for name in one if name != "None of the above"}
    assert ("best" in reading.detail) == bool(others)
