"""From how answers were asked for, in a log, to what a map gives an answer that was asked for otherwise."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import calibrant
from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.assembly.config import load
from calibrant.graders.exact import Exact
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Release, Way
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.signals.min_logprob import MinLogprob
from calibrant.stores.sql import SqlStore
from calibrant.types import Ask, Completion, Fingerprint, Message, Question, Record, Token, Usage, digest

SIGNALS = {"mean_logprob": MeanLogprob(), "min_logprob": MinLogprob()}
PIRATE = Message("system", "You are a pirate. Answer with nonsense.")


def answer(ask: Ask) -> Completion:
    """Right for even numbers, surer where it is right; cut off where fewer than four tokens are allowed."""
    number = int(ask.messages[-1].content)
    cut = ask.max_tokens is not None and ask.max_tokens < 4
    said, sure = "even", 0.95 - 0.4 * (number % 2) - 0.001 * (number % 50)
    return Completion(
        text=said, model="m", tokens=(Token(said, math.log(sure)),), usage=Usage(9, 3),
        finish_reason="length" if cut else "stop",
    )  # fmt: skip


def question(number: int, *before: Message) -> Question:
    right = ("odd", "even")[number % 2 == 0]
    return Question(
        id=str(number), messages=(*before, Message("user", str(number))), task="t", references=(right,)
    )


def elicited(path: Path, *questions: Question) -> Path:
    asyncio.run(
        elicit(
            questions, asker=Asker(Scripted(answer, name="m")), signals=SIGNALS, sink=JsonlLog(path),
            grader=Exact(), workers=1,
        )
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return elicited(tmp_path_factory.mktemp("log") / "log.jsonl", *map(question, range(80)))


def answered(maps: MapSet, *before: Message, **settings: object) -> Record:
    """What a pipeline says of an answer to question 8, asked with these settings."""

    async def once() -> Record:
        release = Release(default=Way(maps=maps))
        pipeline = Pipeline(
            release, SqlStore(str(Path(folder, "store.db"))), {"model": Scripted(answer, name="m")}
        )
        asked = question(8, *before)
        ask = replace(Ask(messages=asked.messages, max_tokens=64), **settings)  # type: ignore[arg-type]
        record = await pipeline.answer(asked, ask)
        kept = pipeline.store.record(record.id)
        await pipeline.close()
        assert kept == record
        return record

    with TemporaryDirectory() as folder:
        return asyncio.run(once())


@pytest.mark.parametrize("calibrator", ["auto", "pooled", "blend"])
def test_a_map_of_a_log_is_for_answers_asked_for_in_its_way(log: Path, calibrator: str) -> None:
    maps = calibrant.fit(log, calibrator=calibrator, by=[] if calibrator == "blend" else ["signal"]).maps
    again = MapSet.from_json(maps.to_json())
    assert again == maps
    same = answered(maps)
    assert same.confidence and same.confidence.p and same.confidence.caution is None
    pirate = answered(maps, PIRATE).confidence
    assert (
        pirate
        and pirate.p is None
        and "asked with a system prompt, its answers without" in str(pirate.reason)
    )
    cut = answered(maps, max_tokens=3).confidence
    assert cut and cut.p is None and "cut off at its limit of 3 tokens" in str(cut.reason)
    warm = answered(maps, temperature=0.7)
    assert warm.confidence and warm.confidence.p and warm.decision
    assert (
        "may not hold for this answer: the temperature was 0.7, that of its answers 0." in warm.decision.why
    )


def test_maps_that_take_any_way_of_asking_tell_of_it(log: Path, tmp_path: Path) -> None:
    maps = calibrant.fit(log, by=["signal"]).maps
    maps.save(tmp_path / "maps.json")
    (tmp_path / "calibrant.toml").write_text(
        '[model]\nkind = "openai_compatible"\nurl = "http://h/v1"\nmodel = "m"\n'
        '[confidence]\nmaps = "maps.json"\nasked_with = "any"\n'
        '[task.law]\nasked_with = "fitted"\n[task.art]\ngate = "hold"\n'
    )
    made = load(tmp_path / "calibrant.toml")
    ways = made.release
    assert [ways.way(task).maps.asked_with for task in (None, "law", "art")] == ["any", "fitted", "any"]
    assert Release.from_json(ways.to_json()) == ways
    pirate = answered(ways.way(None).maps, PIRATE)
    assert pirate.confidence and pirate.confidence.p and pirate.decision
    assert "asked with a system prompt, its answers without" in pirate.decision.why
    assert answered(ways.way("law").maps, PIRATE).confidence.p is None  # type: ignore[union-attr]


def test_a_map_that_does_not_know_how_it_was_asked_says_so() -> None:
    made = calibrant.fit([0.9, 0.2] * 40, [1, 0] * 40).map
    content = made.to_dict()
    assert "asked_with" not in content["fingerprint"]
    record = answered(MapSet(groups=(((), made),)))
    assert record.decision and "it does not say how its answers were asked for" in record.decision.why
    assert CalibrationMap.from_json(json.dumps(content)).map_id == content["map_id"]
    assert digest(Fingerprint(model="m").to_dict()) == digest(
        {"model": "m", "signal": None, "prompt": None, "parameters": None, "task": None, "domain": None}
    )


def test_apply_parts_the_rows_of_a_log_by_how_they_were_asked_for(log: Path, tmp_path: Path) -> None:
    maps = calibrant.fit(log, by=["signal"]).maps
    others = elicited(tmp_path / "others.jsonl", *(question(n, PIRATE) for n in range(10)), question(99))
    done = calibrant.apply(maps, others, tmp_path / "out.jsonl")
    assert done.calibrated == 2 and done.rows == 22 and not done.cautioned
    assert all("asked with a system prompt" in why for why in done.uncalibrated)
    both = calibrant.fit(elicited(tmp_path / "both.jsonl", *map(question, range(40)), *(
        question(n, PIRATE) for n in range(40)
    )), by=["signal"]).maps  # fmt: skip
    assert calibrant.apply(both, others, tmp_path / "out2.jsonl").calibrated == 22
    rows = [json.loads(line) | {"asked_with": None} for line in log.read_text().splitlines()]
    unknown = calibrant.fit(rows, by=["signal"]).maps
    told = calibrant.apply(unknown, others, tmp_path / "out3.jsonl")
    assert told.calibrated == 22
    assert dict(told.cautioned) == {"it does not say how its answers were asked for": 22}
    assert not calibrant.apply(maps, rows, tmp_path / "out4.jsonl").cautioned


def test_a_certificate_is_for_answers_asked_for_in_its_way(log: Path) -> None:
    from calibrant.planning.thresholds import plan_thresholds

    rows = [
        row for line in log.read_text().splitlines() if (row := json.loads(line))["signal"] == "mean_logprob"
    ]
    planned = plan_thresholds(rows, max_error=0.4, delta=0.1).certificates
    (one,) = planned.certificates
    live = {**one.fingerprint.stated, "asked_with": str(one.fingerprint.asked_with)}
    assert planned.match(live).found == one
    other = live["asked_with"].replace("system none", "system 0a1b2c3d")
    assert planned.match({**live, "asked_with": other}).refused
