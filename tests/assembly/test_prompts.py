"""A prompt from a file: in a configuration, in its release, around questions, and in the fingerprint of scores."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibrant.asking.asker import Asker
from calibrant.asking.elicit import read
from calibrant.assembly.config import parse
from calibrant.dialogue.prompts import SEED, Prompt
from calibrant.errors import UnusableInput
from calibrant.models.scripted import Scripted
from calibrant.records.plain import question_from_dict, question_to_dict
from calibrant.releases.live import Live
from calibrant.releases.release import Release
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.types import Ask, Completion, Message, Question, Token

MODEL = {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"}
BRIEF = Prompt(name="brief", system="Be brief.", origin="file")
SAID = Completion(text="4", model="m", tokens=(Token("4", -0.1),))


def question(*turns: Message) -> Question:
    return Question(id="q", messages=turns or (Message("user", "2 + 2?"),))


def live(release: Release) -> Live:
    return Live.of(release, {"model": Scripted(lambda ask: SAID)})


def test_a_configured_prompt_travels_in_the_release_and_stands_around_what_clients_send(
    tmp_path: Path,
) -> None:
    (tmp_path / "brief.txt").write_text("Be brief.")
    told = {"model": MODEL, "task": {"sums": {"prompt": "brief.txt"}}}
    release = parse(told, {}, tmp_path).release
    same = Release.from_json(release.to_json())
    assert same.way("sums").prompt == BRIEF and same.way(None).prompt is None
    assert same.release_id == release.release_id != parse({"model": MODEL}, {}, tmp_path).release.release_id
    asked = question(Message("system", "You do sums."), Message("user", "2 + 2?"))
    put, ask = live(same).way("sums").put(asked, Ask(messages=asked.messages, max_tokens=9))
    assert [turn.content for turn in ask.messages] == ["You do sums.\nBe brief.", "2 + 2?"]
    assert (put.messages, ask.max_tokens, put.put_by) == (ask.messages, 9, BRIEF.digest)
    other, _ = live(same).way(None).put(replace(asked, put_by=BRIEF.digest), ask)
    assert other.put_by is None  # whatever a client states


def test_a_prompt_that_reasons_is_refused_where_the_whole_reply_is_the_answer(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"name": "r", "suffix": "Think.", "reasoning": 64}))
    with pytest.raises(UnusableInput, match="reasons before it answers"):
        parse({"model": MODEL, "confidence": {"prompt": "p.json"}}, {}, tmp_path)


def test_scores_under_another_prompt_have_another_fingerprint_and_records_keep_it() -> None:
    def parameters(asked: Question) -> object:
        got = asyncio.run(read({"s": MeanLogprob()}, asked, SAID, Asker(Scripted(lambda ask: SAID))))
        return got[0].detail["parameters"]

    plain, brief = question(), BRIEF.around(question())
    assert parameters(plain) == parameters(SEED.around(plain)) != parameters(brief)
    assert parameters(brief) != parameters(replace(BRIEF, system="Be long.").around(plain))
    assert parameters(brief) == parameters(replace(BRIEF, name="another name").around(plain))
    assert question_from_dict(question_to_dict(brief)) == brief
    assert "put_by" not in question_to_dict(plain)
