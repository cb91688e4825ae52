"""Words for a confidence: the reading nearest the number, no more precise than the evidence, never past a threshold."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.applying import apply
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.gateway.given import confidence_body
from calibrant.logs.values import PHRASES
from calibrant.maps.track_record import TrackRecord
from calibrant.phrasing.english import ENGLISH
from calibrant.phrasing.phrases import Phrase, Phrasebook, phrase_of, step_of
from calibrant.policies.bands import Bands
from calibrant.tally import Tally
from calibrant.types import Action, Completion, Confidence, Decision, Message, Probability, Question, Record

BANDS = Bands().edges
probability = st.floats(0, 1, allow_nan=False)
evidence = st.sampled_from([0, 5, 400, 1_000, 1_001, 50_000])
width = st.sampled_from([0.0, 0.04, 0.09, 0.2, 0.24, 0.5])
edges = st.lists(st.floats(0.01, 1), max_size=4).map(tuple)


def confidence(p: float, wide: float = 0.0, verdicts: int = 400) -> Confidence:
    low, high = max(p - wide / 2, 0.0), min(p + wide / 2, 1.0)
    return Confidence(p=Probability(p), low=low, high=high, verdicts=verdicts)


def texts(said: Phrase) -> str:
    return " ".join(filter(None, (said.text, said.said, said.frequency, said.record, said.action)))


# ------------------------------------------------------------------ properties


@given(probability, evidence, width, edges)
@settings(max_examples=400, deadline=None)
def test_a_number_is_never_certain_nor_finer_than_its_evidence(
    p: float, n: int, wide: float, at: tuple[float, ...]
) -> None:
    made = confidence(p, wide, n)
    said = phrase_of(made, edges=at)
    assert said.percent is not None
    assert said.step is not None
    assert 1 <= said.percent <= 99
    assert said.percent % said.step == 0
    assert said.step >= (5 if n <= 1_000 else 1)
    assert said.step == 10 or made.high - made.low <= 0.25 + 1e-9
    assert not re.search(r"\b(0|100) %", texts(said))


@given(probability, evidence, width, edges)
@settings(max_examples=400, deadline=None)
def test_neither_number_nor_phrase_passes_a_threshold_that_the_probability_did_not(
    p: float, n: int, wide: float, at: tuple[float, ...]
) -> None:
    said = phrase_of(confidence(p, wide, n), edges=at)
    assert said.percent is not None
    assert said.reading is not None
    under = "under" in said.text
    assert under == (
        p * 100 < said.percent and said.percent == said.step and "about" not in said.text.split("(")[1]
    )
    for edge in at:
        if p <= edge and said.percent / 100 > p + 1e-9 and not under:
            assert said.percent / 100 < edge
        if p <= edge and said.words != "highly unlikely":  # the lowest phrase there is
            assert said.reading <= edge


@given(st.tuples(probability, probability).map(sorted), evidence, edges)
@settings(max_examples=400, deadline=None)
def test_a_surer_answer_is_never_said_to_be_less_sure(
    pair: list[float], n: int, at: tuple[float, ...]
) -> None:
    low, high = (phrase_of(confidence(p, 0.0, n), edges=at) for p in pair)
    assert low.reading <= high.reading
    assert low.percent <= high.percent


@given(probability)
def test_without_thresholds_the_phrase_is_the_one_read_nearest(p: float) -> None:
    allowed = {name: number for name, number in PHRASES.items() if name not in ("possible", "uncertain")}
    said = phrase_of(confidence(p))
    assert said.words in allowed
    assert said.reading == allowed[said.words]
    assert abs(said.reading - p) == pytest.approx(min(abs(number - p) for number in allowed.values()))


@given(st.text(), st.sampled_from([None, *Action]))
def test_without_a_calibrated_probability_there_is_no_number_and_a_person_is_sent_for(
    reason: str, action: Action | None
) -> None:
    said = phrase_of(Confidence(p=None, reason=reason or "none"), action=action)
    assert not re.search(r"\d", texts(said))
    assert (said.percent, said.frequency, said.record, said.words) == (None, None, None, None)
    assert "person should check" in said.text
    assert "person should check" in said.said


# ------------------------------------------------------------------ golden


@pytest.mark.parametrize(
    ("p", "wide", "verdicts", "text", "frequency"),
    [
        (0.76, 0.10, 400, "likely right (about 75 %)", "About 15 in 20 answers like this were right."),
        (0.813, 0.10, 400, "likely right (about 80 %)", "About 8 in 10 answers like this were right."),
        (0.873, 0.02, 5_000, "highly likely right (about 87 %)", "About 87 in 100 answers like this were right."),
        (0.999, 0.001, 90_000, "almost certainly right (about 99 %)", "About 99 in 100 answers like this were right."),
        (0.999, 0.001, 90, "almost certainly right (about 95 %)", "About 19 in 20 answers like this were right."),
        (0.84, 0.10, 400, "likely right (about 80 %)", "About 8 in 10 answers like this were right."),
        (0.61, 0.10, 400, "somewhat likely right (about 60 %)", "About 6 in 10 answers like this were right."),
        (0.59, 0.10, 400, "about even between right and wrong (about 55 %)", "About 11 in 20 answers like this were "
         "right."),
        (0.31, 0.10, 400, "somewhat unlikely to be right (about 30 %)", "About 3 in 10 answers like this were right."),
        (0.01, 0.01, 400, "highly unlikely to be right (under 5 %)", "Fewer than 1 in 20 answers like this were "
         "right."),
        (0.62, 0.40, 12, "somewhat likely right (about 60 %)", "About 6 in 10 answers like this were right; few have "
         "been checked, so it could be 4 to 9."),
    ],
)  # fmt: skip
def test_golden_phrases_under_the_default_bands(
    p: float, wide: float, verdicts: int, text: str, frequency: str
) -> None:
    said = phrase_of(confidence(p, wide, verdicts), edges=BANDS)
    assert (said.text, said.frequency) == (text, frequency)


def test_sentences_in_the_first_person() -> None:
    sure, unsure = phrase_of(confidence(0.75)), phrase_of(confidence(0.62), action=Action.REVIEW)
    assert sure.chat == "I'm fairly confident: likely right (about 75 %)."
    assert unsure.said == "I'm not sure, but this is somewhat likely right (about 60 %)."
    assert unsure.chat.startswith(unsure.said + " I'm not sure enough to leave it at that")
    assert phrase_of(confidence(0.95), action=Action.ANSWER).action == ""
    assert all(phrase_of(confidence(0.5), action=a).action for a in Action if a is not Action.ANSWER)


def test_precision_follows_the_evidence() -> None:
    assert [step_of(n, 0.70, 0.74) for n in (10, 1_000, 1_001)] == [5, 5, 1]
    assert [step_of(9_999, 0.5, high) for high in (0.6, 0.65, 0.8)] == [1, 5, 10]
    assert step_of(5_000, None, None) == 1


def test_another_language_is_data() -> None:
    words = tuple(replace(w, said=f"wahr-{w.reading:.0%}" if w.said else "", lead="") for w in ENGLISH.words)
    german = replace(ENGLISH, words=words, about="etwa {n} %", phrase="{said}: {number}")
    assert phrase_of(confidence(0.76), language=german).text == "wahr-75%: etwa 75 %"


# ------------------------------------------------------------------ track record


def test_a_track_record_counts_its_band_and_says_where() -> None:
    tally = Tally.of([0.80] * 100 + [0.899] * 114 + [0.9] * 5, [1] * 171 + [0] * 43 + [1] * 5)
    record = TrackRecord.of(tally)
    said = phrase_of(confidence(0.84), record=record, domain="law")
    assert said.record == "Of the 214 answers in law that were given 80 to 90 %, 171 were right."
    assert said.band is not None
    assert said.band.share_low < 171 / 214 < said.band.share_high
    assert phrase_of(confidence(0.93), record=record).record is None, "five answers tell nothing"
    assert phrase_of(confidence(0.1), record=record).record is None


def test_the_ends_of_the_scale_are_no_certainties() -> None:
    record = TrackRecord.of(Tally.of([0.95] * 50 + [0.05] * 50, [1] * 50 + [0] * 50))
    assert phrase_of(confidence(0.97), record=record).record == (
        "Of the 50 answers that were given over 90 %, 50 were right."
    )
    assert str(phrase_of(confidence(0.02), record=record).record).endswith("given under 10 %, 0 were right.")


def test_track_records_add_and_survive_json() -> None:
    rng = np.random.default_rng(0)
    p, right = rng.random(600), rng.random(600) < 0.7
    whole = TrackRecord.of(Tally.of(p, right))
    halves = TrackRecord.of(Tally.of(p[:300], right[:300])) + TrackRecord.of(Tally.of(p[300:], right[300:]))
    assert halves.to_dict() == whole.to_dict()
    assert TrackRecord.from_dict(whole.to_dict()) == whole
    assert TrackRecord.from_dict(None) is None
    with pytest.raises(UnusableInput, match="Fit the map again"):
        TrackRecord.from_dict({"weight": [1]})


def test_weighted_and_graded_answers_are_not_counted_as_if_they_were_neither() -> None:
    weighted = TrackRecord.of(Tally.of([0.85] * 60, [1] * 30 + [0] * 30, [3.0] * 30 + [1.0] * 30))
    said = phrase_of(confidence(0.85), record=weighted).record
    assert said is not None
    assert "75 % were right (as sure as from 48 drawn at random)" in said  # (30 x 3 + 30)^2 / (30 x 9 + 30)
    graded = TrackRecord.of(Tally.of([0.85] * 40, [0.5] * 40))
    assert "mean grade of 50 %" in str(phrase_of(confidence(0.85), record=graded).record)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    c = np.round(rng.beta(5, 1.5, 1_600), 2).clip(0.01, 0.99)
    domain = np.where(np.arange(1_600) % 2 == 0, "law", "art")
    return pd.DataFrame({"confidence": c, "correct": rng.random(1_600) < c**2, "domain": domain})


def test_fit_keeps_a_track_record_of_rows_that_no_map_had_seen(frame: pd.DataFrame) -> None:
    fitted = fit_log(frame, ["domain"])
    for group in fitted.groups:
        assert group.after is not None
        kept = group.map.statistics["track_record"]
        assert kept == TrackRecord.of(group.after).to_dict()
        assert sum(kept["weight"]) == pytest.approx(800)
        assert sum(kept["hits"]) == pytest.approx(
            frame[frame["domain"] == group.by["domain"]]["correct"].sum()
        )


def test_a_phrasebook_knows_the_maps_evidence_and_record(frame: pd.DataFrame, tmp_path) -> None:
    maps = fit_log(frame, ["domain"]).maps
    law = maps.find(["law"])
    assert law is not None
    book = Phrasebook.of(maps, Bands())
    made = Confidence(p=Probability(0.86), low=0.83, high=0.88, map_id=law.map_id, verdicts=10**6)
    said = book.phrase(made, Bands().decide(made))
    assert said.step == 5, "the map rests on 800 answers, whatever the confidence says"
    assert " in law that were given 80 to 90 %" in str(said.record)
    source, out = tmp_path / "log.csv", tmp_path / "out.csv"
    frame.to_csv(source, index=False)
    apply(maps, source, out, Bands())
    written = pd.read_csv(out)
    assert written["phrase"].str.contains(r"\((?:about|under) \d+ %\)").all()


def test_the_gateway_says_it(frame: pd.DataFrame) -> None:
    maps = fit_log(frame, ["domain"]).maps
    art = maps.find(["art"])
    assert art is not None
    question = Question(id="q", messages=(Message("user", "?"),))
    record = Record(
        id="r", time=0.0, question=question, completion=Completion(text="4", model="m"),
        confidence=Confidence(p=Probability(0.66), low=0.62, high=0.7, map_id=art.map_id, verdicts=800),
        decision=Decision(action=Action.DISCLAIM, threshold=0.6, why="because"),
    )  # fmt: skip
    body = confidence_body(record, book=Phrasebook.of(maps, Bands()))
    assert body["phrase"] == "somewhat likely right (about 65 %)"
    assert body["frequency"] == "About 13 in 20 answers like this were right."
    assert body["said"].endswith("please check this before you rely on it.")
    record_told = body["track_record"]
    assert record_told["low"] <= 0.66 < record_told["high"]
    assert str(record_told["right"]) in record_told["text"]
    assert (
        record_told["share_low"] <= record_told["right"] / record_told["answers"] <= record_told["share_high"]
    )
    none = replace(record, confidence=Confidence(p=None, reason="map 12 does not fit"), decision=None)
    body = confidence_body(none)
    assert (body["frequency"], body["track_record"]) == (None, None)
    assert not re.search(r"\d", body["phrase"] + body["said"])
