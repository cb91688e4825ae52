"""The line that asks for an answer which can be read: which, where, and when there is none."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit, read
from calibrant.asking.questions import read_questions
from calibrant.asking.sinks import JsonlLog
from calibrant.dialogue.asks import answer_ask, put, sample_ask
from calibrant.dialogue.forms import (
    BY_KIND,
    FORMATS,
    FREE,
    LINES,
    form_of,
    formed,
    line_of,
    lined,
    mark_of,
    shaped,
)
from calibrant.dialogue.prompts import SEED
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.plugins import find, names
from calibrant.records.opening import open_store
from calibrant.records.plain import question_from_dict, question_to_dict
from calibrant.refining.prompts import TEMPLATES
from calibrant.releases.live import Live
from calibrant.releases.parts import signals_named
from calibrant.releases.release import Part, Release, Way
from calibrant.types import Ask, Completion, Message, Question, Record, Sampling, Token

PLANETS = ["Mars", "Venus", "Jupiter"]


def asked(text: str, *, by: str | None = BY_KIND, system: str | None = None, **given: Any) -> Question:
    settings = given.pop("settings", Sampling())
    references = given.pop("references", ())
    lead = () if system is None else (Message("system", system),)
    return Question(
        id="q", messages=(*lead, Message("user", text)), metadata=given, references=references, settings=settings,
        format=by,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "form"),
    [
        (asked("Which planet is red?\nA) Mars\nB) Venus\nC) Jupiter", options=PLANETS), "letter"),
        (asked("Which planet is red? A. Mars B. Venus C. Jupiter", options=PLANETS), "letter"),
        (asked("Which planet is red?", options=PLANETS), "option"),
        (asked("Is Mars red?", options=["Yes", "No"]), "option"),
        (asked("Ist der Mars rot?", options=["ja", "nein"]), "option"),
        (asked("How many moons has Mars?", kind="number"), "number"),
        (asked("When was Mars seen first?", kind="date"), "date"),
        (asked("Which planet is red?"), "short"),
        (asked("Welcher Planet ist rot?"), "short"),
        (asked("哪颗行星是红色的？"), "short"),
        (asked("Explain why Mars is red.", kind="text"), "short"),
        (asked("Who and how old?", references=('{"name": "Ada", "age": 36}',)), "json"),
        (asked("Which planet is red?", kind="long"), None),
        (asked("Explain why Mars is red."), None),
        (asked("Please describe Mars."), None),
        (asked("Which planet is red? Answer with one word."), None),
        (asked("Which planet is red? Reply with the name only."), None),
        (asked("Is Mars red? Answer yes or no."), None),
        (asked("Which planet is red? Respond in JSON."), None),
        (asked("Which planet is red? Think step by step."), None),
        (asked("Which planet is red?", system="Answer in exactly two sentences."), None),
        (asked("Which planet is red?", system="You are helpful."), "short"),
        (asked("Q: Which planet is red?\nA:"), None),
        (asked("哪颗行星是红色的？\n答案："), None),
        (asked("Which?", settings=Sampling(extra='{"response_format":{"type":"json_object"}}')), None),
        (asked("Which?", settings=Sampling(extra='{"top_p":0.9}', stop=("\n",), max_tokens=8)), "short"),
        (
            asked(
                f"<evidence>{'Answer with one word. ' * 3}{'It is red. ' * 60}</evidence>Which planet is red?"
            ),
            "short",
        ),
        (asked(" "), None),
        (asked("Which planet is red?", by=FREE), None),
        (asked("Which planet is red?", by=None), None),
        (asked("Explain why. Answer with one word.", by="date"), "date"),
    ],
)
def test_the_form_follows_from_the_kind_unless_the_question_has_its_own(
    question: Question, form: str | None
) -> None:
    assert form_of(question) == form
    line = line_of(question)
    assert (line is None) == (form is None) and bool(mark_of(question)) == (form is not None)
    assert lined(question, question.messages)[:-1] == question.messages[:-1]
    said = put(question, Ask(messages=())).messages[-1].content
    assert said == (question.text if line is None else f"{question.text}\n\n{line}")


def test_turns_of_an_assistant_show_how_to_answer() -> None:
    shown = (
        Message("user", "Capital of France?"),
        Message("assistant", "Paris"),
        Message("user", "Of Spain?"),
    )
    assert form_of(Question(id="q", messages=shown, format=BY_KIND)) is None
    for question in list(find("datasets", "world_facts")().questions())[:5]:
        assert form_of(formed(question, BY_KIND)) is None


def test_lines_are_short_and_hold_what_they_ask_for() -> None:
    assert all(len(line) <= 60 and "\n" not in line for line in LINES.values())
    assert (
        line_of(asked("Red?", options=["yes", "no", "maybe"]))
        == "Reply with the right option alone: yes, no or maybe."
    )
    long = ["the first of two very long options", "the second of two very long options"]
    assert line_of(asked("Which?", options=long)) == "Reply with the right option alone."
    assert "name, age" in str(line_of(asked("Who?", references=('{"name": "Ada", "age": 36}',))))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnusableInput, match="by_kind, free, letter"):
        formed(asked("Which?", by=None), "haiku")
    with pytest.raises(UnusableInput, match="'haiku'"):
        form_of(asked("Which?", by="haiku"))


def test_a_file_asks_by_kind_and_a_row_may_say_otherwise(tmp_path: Path) -> None:
    rows = [{"question": "Which?"}, {"question": "Which?", "metadata": {"ask": {"format": "free", "max_tokens": 9}}},
            {"question": "Which?", "metadata": '{"ask": {"format": "number"}}'}]  # fmt: skip
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [q.format for q in read_questions(path)] == [BY_KIND, FREE, "number"]
    assert [q.format for q in read_questions(path, format=None)] == [None, FREE, "number"]
    path.write_text('{"question": "Which?", "metadata": {"ask": {"format": "haiku"}}}')
    unusable: Counter[str] = Counter()
    assert list(read_questions(path, unusable=unusable)) == []
    assert unusable == {f"metadata.ask.format is none of {', '.join(FORMATS)}": 1}


def test_a_format_survives_records_and_its_absence_changes_none() -> None:
    with_one, without = asked("Which?"), asked("Which?", by=None)
    assert question_from_dict(json.loads(json.dumps(question_to_dict(with_one)))) == with_one
    assert "format" not in question_to_dict(without)


def test_answer_and_samples_carry_the_line_and_no_other_call_does() -> None:
    question = replace(
        asked("Which planet is red?"), metadata={"context": "Mars is rusty."}, references=("Mars",)
    )
    line, sent = LINES["short"], list[Ask]()
    own = {answer_ask(question, ()).messages, sample_ask(question, 3).messages}
    assert own == {lined(question, question.messages)}

    def answers(ask: Ask) -> str:
        sent.append(ask)
        return "Mars"

    token = Token("Mars", -0.1, (("Mars", -0.1),))
    done = Completion(text="Mars", model="m", tokens=(token,))
    for name in names("signals"):
        signals = signals_named(name)
        asyncio.run(
            read(signals, question, done, Asker(Scripted(answers), others={"peer": Scripted(answers)}))
        )
    asked_for = [ask for ask in sent if any(line in turn.content for turn in ask.messages)]
    assert asked_for and {ask.messages for ask in asked_for} <= own
    assert len(asked_for) < len(sent), "those that judge, or ask for a form of their own"


def said(ask: Ask) -> Completion:
    number = int(re.findall(r"\d+", ask.messages[-1].content)[0])
    sure = Token("yes", -0.1 * (1 + number % 7))
    return Completion(text="no" if number % 3 == 0 else "yes", model="scripted", tokens=(sure,))


def test_a_map_is_for_scores_with_the_line_or_for_those_without(tmp_path: Path) -> None:
    def run(log: str, by: str) -> Path:
        questions = [
            formed(replace(asked(f"Which, {i}?", by=None), id=f"q{i}", references=("yes",)), by)
            for i in range(60)
        ]
        at = tmp_path / log
        asker = Asker(Scripted(said))
        signals, grader = signals_named("mean_logprob"), find("graders", "exact")()
        asyncio.run(elicit(questions, asker=asker, signals=signals, sink=JsonlLog(at), grader=grader))
        return at

    with_line, without = (fit_log(str(run(f"{by}.jsonl", by)), []).maps for by in (BY_KIND, FREE))

    def told(maps: Any, format: str | None) -> Any:
        question = asked("Which, 8?", by=None)
        return answered(Way(maps=maps, format=format), Scripted(said), question, tmp_path).confidence

    assert told(with_line, BY_KIND).p is not None and told(without, None).p is not None
    for refused in (told(with_line, None), told(without, BY_KIND)):
        assert refused.p is None and "format:" in refused.reason


def answered(way: Way, model: Scripted, question: Question, folder: Path, extra: str | None = None) -> Record:
    async def work() -> Record:
        live = Live.of(Release(default=way), {"model": model})
        pipeline = Pipeline(live, open_store(str(folder / "records.db")), {"model": model})
        try:
            return await pipeline.answer(question, Ask(messages=question.messages, extra=extra))
        finally:
            await pipeline.close()

    return asyncio.run(work())


def test_a_pipeline_puts_a_line_only_where_its_way_says_so(tmp_path: Path) -> None:
    question = asked("Which planet is red?", by=None)

    def put_by(way: Way, extra: str | None = None) -> str:
        sent = list[Ask]()
        answered(way, Scripted(lambda ask: sent.append(ask) or "Mars"), question, tmp_path, extra)
        return sent[0].messages[-1].content

    assert put_by(Way()) == question.text
    assert put_by(Way(format="letter")).endswith(LINES["letter"])
    assert put_by(Way(format=BY_KIND)).endswith(LINES["short"])
    assert shaped('{"tools":[]}') and put_by(Way(format=BY_KIND), '{"tools":[]}') == question.text
    steps = Part(kind="chain", settings={"plan": ["Step by step."]})
    assert put_by(Way(format=BY_KIND, route=steps)) == f"{question.text}\n\nStep by step."
    own = replace(question, format="date")
    sent = list[Ask]()
    for messages in (own.messages, lined(own, own.messages)):
        answered(
            Way(), Scripted(lambda ask: sent.append(ask) or "Mars"), replace(own, messages=messages), tmp_path
        )
    assert len({ask.messages for ask in sent}) == 1 and sent[0].messages[-1].content.count(LINES["date"]) == 1
    assert "format" not in Way().to_dict() and Way.from_dict(Way(format="date").to_dict()).format == "date"


def test_a_prompt_that_reasons_asks_for_its_own_last_line() -> None:
    question = asked("Which planet is red?")
    assert line_of(SEED.around(question)) == LINES["short"]
    reasoning = [prompt for prompt in TEMPLATES if prompt.reasoning]
    assert reasoning and all(line_of(prompt.around(question)) is None for prompt in reasoning)
