"""Questions from files: what each column becomes, and what is refused with the row's number."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.answers.kinds import kind_of, options_of
from calibrant.asking.questions import read_questions
from calibrant.dialogue.asks import ANSWER, put
from calibrant.dialogue.forms import LINES
from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.graders.by_kind import ByKind
from calibrant.types import Completion, Message, Question, Sampling

KNOWN = "known are max_tokens, temperature, seed, stop, extra, format"
CITIES = ["Rome", "Paris", "Oslo"]


def wrote(tmp_path: Path, ending: str, rows: list[Any]) -> Path:
    """A file of those rows; in CSV lists and objects are JSON text."""
    path = tmp_path / f"questions.{ending}"
    if ending == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif ending == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in rows:
                writer.writerow(
                    {n: json.dumps(v) if isinstance(v, list | dict) else v for n, v in row.items()}
                )
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def one(tmp_path: Path, row: dict[str, Any], ending: str = "jsonl") -> Question:
    (question,) = read_questions(wrote(tmp_path, ending, [row]))
    return question


def grade(question: Question, text: str) -> float | None:
    return ByKind().grade(question, Completion(text=text, model="m"))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_every_column_in_every_format(tmp_path: Path, ending: str) -> None:
    row = {
        "item_id": "7", "question": "Which city?", "gold": "B", "task": "cities", "domain": "geography",
        "kind": "choice", "options": CITIES, "context": "A country's capital.", "aliases": ["Lutetia"],
        "metadata": {"source": "a book"},
    }  # fmt: skip
    question = one(tmp_path, row, ending)
    assert (question.id, question.task, question.domain) == ("7", "cities", "geography")
    assert question.references == ("B",)
    assert dict(question.metadata) == {
        "source": "a book",
        "kind": "choice",
        "context": "A country's capital.",
        "options": CITIES,
        "aliases": ["Lutetia"],
    }
    assert question.text == "Which city?\nA) Rome\nB) Paris\nC) Oslo"
    assert [grade(question, text) for text in ("B", "Paris", "Rome")] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_that_are_empty_say_nothing(tmp_path: Path, ending: str) -> None:
    full = {"question": "a?", "gold": "x", "kind": "text", "options": "A|B", "context": "c", "aliases": "y|z"}
    bare, empty = dict.fromkeys(full), dict.fromkeys(full, "")
    rows = [full, bare | {"question": "b?"}, empty | {"question": "c?"}]
    _, *others = read_questions(wrote(tmp_path, ending, rows))
    assert [(q.text, q.references, dict(q.metadata)) for q in others] == [("b?", (), {}), ("c?", (), {})]


@pytest.mark.parametrize(
    "options",
    [
        CITIES,
        json.dumps(CITIES),
        "Rome|Paris|Oslo",
        " Rome | Paris | Oslo ",
        {"A": "Rome", "C": "Oslo", "B": "Paris"},
    ],
)
@pytest.mark.parametrize("column", ["options", "choices"])
def test_options_in_every_writing(tmp_path: Path, column: str, options: Any) -> None:
    question = one(tmp_path, {"question": "Which?", column: options, "gold": "Paris"})
    assert options_of(question) == tuple(CITIES)
    assert kind_of(question) == "choice"
    assert question.text.endswith("\nA) Rome\nB) Paris\nC) Oslo")


@pytest.mark.parametrize("options", [None, "", [], "[]", " | ", ["", ""]])
def test_options_that_are_none(tmp_path: Path, options: Any) -> None:
    question = one(tmp_path, {"question": "Which?", "options": options, "gold": "Paris"})
    assert (question.text, kind_of(question)) == ("Which?", "text")


@pytest.mark.parametrize(
    "shown",
    [
        "Which?\nA) Rome\nB) Paris\nC) Oslo",
        "Which?\n(A) Rome (B) Paris (C) Oslo",
        "Which? A. Rome B. Paris C. Oslo",
    ],
)
def test_options_that_are_shown_already_are_not_added(tmp_path: Path, shown: str) -> None:
    question = one(tmp_path, {"question": shown, "options": CITIES, "gold": "B"})
    assert question.text == shown
    assert grade(question, "Paris") == 1.0


def test_letters_of_only_some_options_do_not_count_as_shown(tmp_path: Path) -> None:
    question = one(tmp_path, {"question": "Vitamin A: where is it found?", "options": CITIES})
    assert question.text.endswith("C) Oslo")


@pytest.mark.parametrize("options", [["Yes", "No"], ["True", "False"], ["yes", "no", "maybe"]])
def test_yes_and_no_need_no_letters(tmp_path: Path, options: list[str]) -> None:
    question = one(tmp_path, {"question": "Does it float?", "options": options, "gold": options[1]})
    assert question.text == "Does it float?"
    assert [grade(question, text) for text in ("No, it sinks.", "Yes.")] == [1.0, 0.0]


def test_options_go_below_the_last_user_turn(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": "It is"},
    ]
    question = one(tmp_path, {"messages": turns, "options": CITIES})
    assert [message.content for message in question.messages] == [
        "Be brief.",
        "Which?\nA) Rome\nB) Paris\nC) Oslo",
        "It is",
    ]


@pytest.mark.parametrize("gold", ["B", "b", "Paris", "(B)", ["Paris"], "B | Lutetia"])
def test_gold_is_a_letter_or_a_text(tmp_path: Path, gold: Any) -> None:
    question = one(tmp_path, {"question": "Which?", "options": CITIES, "gold": gold})
    assert [grade(question, text) for text in ("B", "paris", "The answer is (B).", "C", "Rome")] == [
        1,
        1,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("aliases", "metadata", "references"),
    [
        ("Myanmar|Union of Burma", {"aliases": ["Myanmar", "Union of Burma"]}, ("Burma",)),
        (["Myanmar"], {"aliases": ["Myanmar"]}, ("Burma",)),
        ([["Burma", "Myanmar"], ["a", "b"]], {"aliases": [["Burma", "Myanmar"], ["a", "b"]]}, ("Burma",)),
        ({"correct": ["Myanmar"], "incorrect": ["Laos"]}, {"incorrect": ["Laos"]}, ("Burma", "Myanmar")),
        ({"correct": ["Burma", " "]}, {}, ("Burma",)),
        ({"other": ["x"]}, {}, ("Burma",)),
        ("", {}, ("Burma",)),
        (None, {}, ("Burma",)),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_aliases(
    tmp_path: Path, ending: str, aliases: Any, metadata: dict[str, Any], references: tuple[str, ...]
) -> None:
    question = one(tmp_path, {"question": "Which?", "gold": "Burma", "aliases": aliases}, ending)
    assert dict(question.metadata) == metadata
    assert question.references == references


def test_columns_stand_before_what_the_metadata_say(tmp_path: Path) -> None:
    row = {"question": "Which?", "metadata": {"kind": "date", "ask": {"stop": ["."]}}, "kind": "number"}
    found = one(tmp_path, row)
    assert dict(found.metadata) == {"kind": "number"}
    assert found.settings == Sampling(stop=(".",))


def test_how_a_question_is_asked_becomes_its_ask(tmp_path: Path) -> None:
    stated = {"max_tokens": 5, "temperature": 1, "seed": None, "stop": ".", "extra": {"b": 1, "a": [2]}}
    asked = put(one(tmp_path, {"question": "Which?", "metadata": {"ask": stated}}), ANSWER)
    assert asked == replace(
        ANSWER,
        messages=(Message("user", f"Which?\n\n{LINES['short']}"),),
        max_tokens=5,
        temperature=1,
        stop=(".",),
        extra='{"a":[2],"b":1}',
    )
    assert len(asked.address) == 16


@pytest.mark.parametrize("kind", ["text", "number", "date", "long"])
def test_a_kind_is_kept(tmp_path: Path, kind: str) -> None:
    assert kind_of(one(tmp_path, {"question": "Which?", "kind": kind})) == kind


JUNK: list[tuple[Any, str]] = [
    ("a text", "not a JSON object"),
    (["a", "list"], "not a JSON object"),
    ({"question": ""}, "no question in it"),
    ({"question": None}, "no question in it"),
    ({"messages": [{"role": "user"}]}, "no question in it"),
    ({"messages": [{"content": 3}]}, "no question in it"),
    ({"question": "Which?", "metadata": "a text"}, "metadata is not a JSON object"),
    ({"question": "Which?", "metadata": [1]}, "metadata is not a JSON object"),
    *[
        ({"question": "Which?", "metadata": {"ask": ask}}, f"metadata.ask{reason}")
        for ask, reason in [
            ("x", " is not a JSON object"),
            ([], " is not a JSON object"),
            (0, " is not a JSON object"),
            ({"foo": 1}, f" has an unknown setting 'foo'; {KNOWN}"),
            ({"messages": []}, f" has an unknown setting 'messages'; {KNOWN}"),
            ({"max_tokens": "many"}, ".max_tokens is not a whole number from 1 on"),
            ({"max_tokens": True}, ".max_tokens is not a whole number from 1 on"),
            ({"max_tokens": 0}, ".max_tokens is not a whole number from 1 on"),
            ({"temperature": -1}, ".temperature is not a number from 0 on"),
            ({"temperature": float("nan")}, ".temperature is not a number from 0 on"),
            ({"seed": 1.5}, ".seed is not a whole number"),
            ({"stop": [1]}, ".stop is not a text or a list of texts"),
            ({"stop": {"a": 1}}, ".stop is not a text or a list of texts"),
            ({"extra": [1]}, ".extra is not a JSON object"),
            ({"extra": {"a": float("inf")}}, ".extra is not a JSON object"),
        ]
    ],
    ({"question": "Which?", "kind": "essay"}, "kind is none of text, number, choice, date, long"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "reason"), JUNK)
def test_junk_is_refused_with_its_row_or_counted(tmp_path: Path, row: Any, reason: str) -> None:
    path = wrote(tmp_path, "jsonl", [{"question": "a?"}, row, {"question": "b?"}])
    with pytest.raises(UnusableInput, match=f"row 2: {reason}"):
        list(read_questions(path))
    unusable: Counter[str] = Counter()
    assert [q.text for q in read_questions(path, unusable=unusable)] == ["a?", "b?"]
    assert unusable == {reason: 1}


def test_a_line_that_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(b'{"question": "a?"}\n\n{broken\n\xff\xfe\n')
    unusable: Counter[str] = Counter()
    assert [q.text for q in read_questions(path, unusable=unusable)] == ["a?"]
    assert unusable == {"not a JSON object": 2}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"kind": 7}, None),
        ({"kind": "choice"}, None),
        ({"options": 7}, ("7",)),
        ({"options": {"A": None}}, ("None",)),
        ({"options": [["a"], {"b": 1}]}, ("['a']", "{'b': 1}")),
        ({"options": "[broken"}, ("[broken",)),
        ({"options": "[" * 100_000}, ("[" * 100_000,)),
        ({"aliases": 7}, ()),
        ({"gold": {"a": 1}}, ()),
        ({"context": ["a"]}, ()),
        ({"metadata": {"options": 7}}, ("7",)),
        ({"metadata": {"options": "Rome|Paris"}}, ("Rome", "Paris")),
        ({"metadata": {"options": ["Rome"]}, "options": None}, ("Rome",)),
        ({"metadata": {"options": ["Rome"], "kind": "choice"}}, ("Rome",)),
        ({"metadata": {"kind": ["choice"]}}, None),
        ({"metadata": {"correct": True, "aliases": 7, "incorrect": None}}, ()),
    ],
)
def test_strange_values_never_crash(
    tmp_path: Path, row: dict[str, Any], wanted: tuple[str, ...] | None
) -> None:
    """None: the row is counted as unusable."""
    unusable: Counter[str] = Counter()
    path = wrote(tmp_path, "jsonl", [{"question": "Which?"} | row])
    questions = list(read_questions(path, unusable=unusable))
    found = [options_of(question) for question in questions]
    for question in questions:
        assert grade(question, "Paris") in (None, 0.0)
    assert found == ([] if wanted is None else [wanted])
    assert unusable.total() == (wanted is None)


def test_a_file_without_a_question_column(tmp_path: Path) -> None:
    with pytest.raises(ColumnNotFound, match="'question'"):
        list(read_questions(wrote(tmp_path, "csv", [{"text": "a?"}])))


@pytest.mark.parametrize(("name", "message"), [("none.jsonl", "there is none"), ("some.txt", "ends in")])
def test_a_file_that_is_not_there_or_not_known(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "some.txt").write_text("x")
    with pytest.raises(UnusableInput, match=message):
        list(read_questions(tmp_path / name))


# Recorded questions. They are found through CALIBRANT_DATA; without it these tests skip.

DATA = Path(os.environ["CALIBRANT_DATA"]) / "qa" if "CALIBRANT_DATA" in os.environ else None
FILES = sorted(DATA.glob("*.parquet")) if DATA else [Path("none")]


@pytest.mark.skipif(DATA is None, reason="set CALIBRANT_DATA to the folder of the recorded logs to run these")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_questions(path: Path) -> None:
    """The gold answer is right and another option wrong, by letter and by text, but for options that stand twice."""
    right = total = 0
    for question in read_questions(path):
        total += 1
        gold, options = question.references[0], options_of(question)
        position = ord(gold) - ord("A") if options and len(gold) == 1 else None
        texts = [gold] if position is None else [gold, options[position], f"Hm.\nThe answer is ({gold})."]
        wrong = [one for one in options if one != texts[min(1, len(texts) - 1)]]
        graded = [grade(question, text) for text in texts], [grade(question, text) for text in wrong]
        duplicates = len({one.casefold() for one in options}) < len(options)
        right += duplicates or (set(graded[0]) == {1.0} and 1.0 not in graded[1])
    assert total >= 300
    assert right >= 0.99 * total
