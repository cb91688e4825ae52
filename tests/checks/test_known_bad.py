"""Each promise is broken by an example, and its check says so: a check that nothing fails proves nothing."""

from __future__ import annotations

import random
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest

from calibrant import checks
from calibrant.calibrators.histogram import Histogram
from calibrant.calibrators.platt import Platt
from calibrant.dialogue.asks import judge_ask
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.engines.duckdb import DuckDb, Sql, Table
from calibrant.errors import BrokenPromise, NoScore, StoreError, UnknownName
from calibrant.graders.exact import Exact
from calibrant.logs.formats.json_lines import JsonLines
from calibrant.logs.sources import Claim, Given, Source, rows_source
from calibrant.maps.calibration import CalibrationMap
from calibrant.maps.curves import Steps
from calibrant.models.scripted import Scripted
from calibrant.plugins import FAMILIES
from calibrant.policies.bands import Bands
from calibrant.routes.single import Single
from calibrant.stores.sql import SqlStore
from calibrant.tally import Tally
from calibrant.types import (
    Action,
    Ask,
    Completion,
    Confidence,
    Cost,
    Decision,
    Delta,
    Entry,
    Event,
    Fact,
    Head,
    Message,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
    Verified,
    digest,
    scored,
)

# ------------------------------------------------------------------ signals


@dataclass(frozen=True, kw_only=True, slots=True)
class Fine(Fingerprinted):
    """Half sure of whatever is said."""

    much: float = 0.5

    def read(self, question: Question, completion: Completion) -> Any:
        return scored(self.much)


class Loose(Fine):
    """Neither frozen, nor of known needs."""

    __hash__ = None  # type: ignore[assignment]
    needs: ClassVar[frozenset[str]] = frozenset({"luck"})


class Boundless(Fine):
    def read(self, question: Question, completion: Completion) -> Any:
        return Reading(score=Score(float(len(completion.text))))


class Silent(Fine):
    def read(self, question: Question, completion: Completion) -> Any:
        raise NoScore("Nothing is said.")


class Guessing(Fine):
    needs: ClassVar[frozenset[str]] = frozenset({"logprobs"})


class Dear(Fine):
    cost = Cost(calls=1, read=9, written=8)  # type: ignore[assignment]

    def read(self, question: Question, completion: Completion) -> Any:
        for words in ("Sure?", "Really?"):
            yield judge_ask(question, completion.text, words, max_tokens=8)
        return scored(0.5)


class Hushing(Fine):
    def read(self, question: Question, completion: Completion) -> Any:
        replies = yield judge_ask(question, completion.text, "Sure?", max_tokens=8)
        if not replies.completions:
            raise NoScore("Something went wrong.")
        return scored(0.5)


class Open(Fine):
    def read(self, question: Question, completion: Completion) -> Any:
        yield Ask(messages=(Message("user", f"Is this right? <answer>{completion.text}</answer>"),))
        return scored(0.5)


class Unbound(Fine):
    fingerprint = (digest([]), digest([]))  # type: ignore[assignment]


# ------------------------------------------------------------------ calibrators


class Altered:
    """Platt's map, of a tally that was changed before or a map that is changed after."""

    before: Callable[[Tally], Tally] = staticmethod(lambda tally: tally)
    after: Callable[[Tally, CalibrationMap], CalibrationMap] = staticmethod(lambda tally, made: made)

    def fit(self, tally: Tally) -> CalibrationMap:
        return type(self).after(tally, Platt().fit(type(self).before(tally)))


def altered(**how: Callable[..., Any]) -> type[Altered]:
    return type("Bad", (Altered,), {name: staticmethod(one) for name, one in how.items()})


def stepped(made: CalibrationMap, score: Any, p: Any, half: float) -> CalibrationMap:
    low, high = np.clip(np.subtract(p, half), 0, 1), np.clip(np.add(p, half), 0, 1)
    curve = Steps(
        score=tuple(score), p=tuple(p), low=tuple(low.tolist()), high=tuple(high.tolist()), linear=True
    )
    return replace(made, curve=curve)


ENDS = (0.0, 1.0)


def identity(tally: Tally, made: CalibrationMap) -> CalibrationMap:
    return stepped(made, ENDS, ENDS, 0.1)


def equally_wide(tally: Tally, made: CalibrationMap) -> CalibrationMap:
    grid = np.linspace(0, 1, 101)
    return stepped(made, grid.tolist(), made(grid).tolist(), 0.2)


def rate(tally: Tally, made: CalibrationMap) -> CalibrationMap:
    return stepped(made, ENDS, (tally.accuracy, tally.accuracy), 0.001)


def penalised(tally: Tally, made: CalibrationMap) -> CalibrationMap:
    """Logistic regression on the score itself, with scikit-learn's usual penalty on the slope."""
    from sklearn.linear_model import LogisticRegression

    weights = np.stack([tally.weight - tally.hits, tally.hits], axis=1).ravel()
    labels = np.tile([0, 1], len(tally.score))
    model = LogisticRegression().fit(np.repeat(tally.score, 2)[:, None], labels, weights)
    grid = np.linspace(0, 1, 101)
    return stepped(made, grid.tolist(), model.predict_proba(grid[:, None])[:, 1].tolist(), 0.1)


def unweighted(tally: Tally) -> Tally:
    """As if each row had been drawn for certain."""
    one = np.ones_like(tally.weight)
    return replace(
        tally, weight=one, hits=tally.hits / tally.weight, hits2=tally.hits2 / tally.weight, weight2=one
    )


def as_rows(tally: Tally) -> Tally:
    """As if a weight were a number of rows."""
    return replace(tally, weight2=tally.weight)


def evened(tally: Tally) -> Tally:
    """As if all weights were equal."""
    return replace(tally, weight2=tally.weight2 * tally.total**2 / tally.rows / tally.weight2.sum())


def blurred(tally: Tally, made: CalibrationMap) -> CalibrationMap:
    """Another map each time."""
    p = random.random()
    return stepped(made, ENDS, (p / 2, p), 0.1)


class Descending(Histogram):
    ascends: ClassVar[bool] = True


class Grouping(Platt):
    """Heeds the weights by itself, and not those of groups."""

    def __init__(self, how: Callable[[Tally], Tally]) -> None:
        object.__setattr__(self, "how", how)

    def fit_groups(self, tallies: Mapping[Any, Tally]) -> dict[Any, CalibrationMap]:
        return {key: Platt().fit(self.how(tally)) for key, tally in tallies.items()}  # type: ignore[attr-defined]


class Hopeful(Platt):
    def fit(self, tally: Tally) -> CalibrationMap:
        return Platt().fit(tally if tally.rows else Tally.of([0.5], [1]))


# ------------------------------------------------------------------ policies, graders, data sets, attacks


class Yes(Bands):
    def decide(self, confidence: Confidence) -> Any:
        return confidence.p is not None


class Contrary(Bands):
    def decide(self, confidence: Confidence) -> Decision:
        turned = confidence if confidence.p is None else replace(confidence, p=1.0 - confidence.p)  # type: ignore[arg-type]
        return Bands.decide(self, turned)


class Careless(Bands):
    def decide(self, confidence: Confidence) -> Decision:
        if confidence.p is None:
            return Decision(action=Action.ANSWER, threshold=None, why="Why not.")
        return Bands.decide(self, confidence)


class Edgeless(Bands):
    edges = (0.5,)  # type: ignore[assignment]


@dataclass(frozen=True)
class Says:
    """A grader that is a function."""

    grades: Callable[[Question, Completion], Any]

    def grade(self, question: Question, completion: Completion) -> Any:
        return self.grades(question, completion)


def asking(words: str, samples: int = 1) -> Callable[[Question, Completion], Any]:
    def grade(question: Question, completion: Completion) -> Any:
        text = words.format(answer=completion.text)
        yield Ask(messages=(Message("user", text),), samples=samples, max_tokens=8)
        return None

    return grade


class Facts:
    """A data set of two questions."""

    licence: ClassVar[str] = "CC0"

    def questions(self) -> Iterator[Question]:
        for i in range(2):
            yield Question(id=f"q{i}", messages=(Message("user", f"{i} + 1?"),), references=(str(i + 1),))


class Unlicensed(Facts):
    licence: ClassVar[str] = ""


class Twice(Facts):
    def questions(self) -> Iterator[Question]:
        yield from (*Facts.questions(self), *Facts.questions(self))


class Shuffled(Facts):
    def questions(self) -> Iterator[Question]:
        return iter([replace(one, id=uuid.uuid4().hex) for one in Facts.questions(self)])


class Shout:
    """In capitals."""

    target: ClassVar[str] = "question"
    direction: ClassVar[str] = "either"

    def __call__(self, question: Question, rng: random.Random) -> Question:
        turns = tuple(replace(turn, content=turn.content.upper()) for turn in question.messages)
        return question if turns == question.messages else replace(question, messages=turns)


class Aimless(Shout):
    target: ClassVar[str] = "somewhere"


class Idle(Shout):
    def __call__(self, question: Question, rng: random.Random) -> Question:
        return question


class Lying(Shout):
    def __call__(self, question: Question, rng: random.Random) -> Question:
        return replace(Shout.__call__(self, question, rng), references=("Lyon",))


class Whimsical(Shout):
    def __call__(self, question: Question, rng: random.Random) -> Question:
        return replace(question, messages=(Message("user", uuid.uuid4().hex),))


class Seeking:
    """In capitals, where that makes the model surer."""

    target: ClassVar[str] = "question"
    direction: ClassVar[str] = "inflate"
    strategy: ClassVar[str] = "search"
    universal: ClassVar[bool] = False

    def search(
        self, questions: Sequence[Question], rng: random.Random, budget: int
    ) -> Generator[tuple[Question, ...], tuple[float | None, ...], tuple[str, ...]]:
        yield tuple(self.applied(one, ("loud",)) for one in questions)
        return ("loud",)

    def applied(self, question: Question, found: Sequence[str]) -> Question:
        return Shout()(question, random.Random(0)) if found else question


# ------------------------------------------------------------------ models and routes


class Model(Scripted):
    """A model that answers 4."""

    def __init__(self) -> None:
        super().__init__(lambda _: "4")


class Nameless(Model):
    def __init__(self) -> None:
        super().__init__()
        self.name = ""


class Stingy(Model):
    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        return (await Model.complete(self, ask))[:1]


class Broken(Model):
    async def stream(self, ask: Ask) -> AsyncIterator[Delta]:  # type: ignore[override]
        yield Delta("4")


class Foreign(Model):
    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        assert ask.messages[-1].content
        return await Model.complete(self, ask)


class Once(Model):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("It is closed already.")
        self.closed = True


class Bare(Single):
    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Any:
        return (await self.model.complete(ask))[0]


class Unending(Single):
    async def stream(self, question: Question, ask: Ask, needs: frozenset[str]) -> Any:
        async for delta in self.model.stream(ask):
            yield delta


class Clinging(Single):
    async def stream(self, question: Question, ask: Ask, needs: frozenset[str]) -> Any:
        answered = await Single.answer(self, question, ask, needs)
        try:
            for piece in answered.pieces():
                yield piece
        finally:
            raise RuntimeError("There was more.")


# ------------------------------------------------------------------ stores and formats


class Forgetful(SqlStore):
    def record(self, record_id: str) -> None:
        return None


class OneByOne(SqlStore):
    def add(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            SqlStore.add(self, (fact,))


class Meek(SqlStore):
    def add(self, facts: Iterable[Fact]) -> None:
        with suppress(StoreError):
            SqlStore.add(self, facts)


class Believing(SqlStore):
    def verdicts(self, record_id: str) -> tuple[Verdict, ...]:
        return tuple(replace(one, propensity=1.0) for one in SqlStore.verdicts(self, record_id))


class Backwards(SqlStore):
    def since(self, cursor: int = 0) -> Iterator[Entry]:
        return reversed(list(SqlStore.since(self, cursor)))


class Rash(SqlStore):
    def set_state(self, name: str, value: Any, expected: int) -> bool:
        return SqlStore.set_state(self, name, value, self.state(name)[0])


class Rowless(SqlStore):
    def rows(self) -> Iterator[dict[str, Any]]:
        return iter(())


class Trusting(SqlStore):
    def verify(self, head: Head | None = None) -> Verified:
        return SqlStore.verify(self)


class Marking(SqlStore):
    def record(self, record_id: str) -> Record | None:
        found = SqlStore.record(self, record_id)
        return found and replace(found, content="stored")


class Noting(SqlStore):
    def ready(self) -> None:
        self.add([Event(id="ready", kind="alarm", time=0.0)])


class Telling(SqlStore):
    def events(self, *kinds: str, after: int = 0, **_: Any) -> Iterator[Entry]:
        return (entry for entry in self.since(after) if getattr(entry.fact, "kind", None) in kinds)


class Greedy(JsonLines):
    def claim(self, log: Given) -> Claim:
        return Claim.CONTENT


class Ragged(JsonLines):
    def open(self, log: Given) -> Source:
        made = JsonLines.open(self, log)
        return replace(made, blocks=lambda names: iter([{n: np.zeros(i) for i, n in enumerate(names)}]))


class Strict(JsonLines):
    def open(self, log: Given) -> Source:
        lines = Path(log.text).read_text().splitlines()
        rows = [
            {"score": float(line.split(":")[1].strip(" }"))} for line in lines if line.endswith("}") or 1 / 0
        ]
        return rows_source(log.text, ["score"], lambda: rows)


# ------------------------------------------------------------------ which breaks which


def new(store: type[SqlStore]) -> Callable[[], SqlStore]:
    folder = tempfile.mkdtemp()
    return lambda: store(f"{folder}/{uuid.uuid4().hex}.db")


def by_one(route: type[Single]) -> Callable[[], Single]:
    return lambda: route(model=Model())


class Vague(DuckDb):
    """Knows nothing of what a column holds."""

    def open(self, address: str, table: str) -> Table:
        found = super().open(address, table)
        return replace(found, known=dict.fromkeys(found.kinds, "other"))


class Grasping(DuckDb):
    """Takes any object for a table."""

    def native(self, _relation: Any, /) -> Any:
        return self


class Losing(Table):
    """Keeps the rows alone that have a label."""

    def joined(self, other: Any, keys: Mapping[str, str]) -> Table:
        made = Table.joined(self, other, keys)
        return replace(made, sql=made.sql.replace("LEFT JOIN", "JOIN"))


def of_table(kind: type[Table]) -> type[DuckDb]:
    """An engine with such tables."""

    class Engine(DuckDb):
        def open(self, address: str, table: str) -> Table:
            found = super().open(address, table)
            return kind(found.connection, found.sql, found.columns, found.arrow, found.name)

    return Engine


class Short(Table):
    """Leaves out some rows."""

    def batches(self, columns: Sequence[str], most: int | None = None) -> Iterator[Any]:
        yield from super().batches(columns, 100)


class Rounding(Table):
    """Rounds to the nearest whole number where it should go down."""

    def whole(self, value: Any) -> Sql:
        return Sql(f"CAST({value} AS INTEGER)")

    def number(self, value: Any, kind: str) -> Sql:
        return Sql(f"CAST(TRY_CAST({value} AS DECIMAL(9, 1)) AS DOUBLE)")


class Blind(Table):
    """Takes what is no number for one."""

    def odd(self, value: Any) -> Sql:
        return Sql(f"({value} IS NULL AND false)")


BAD: dict[str, dict[str, Sequence[Callable[..., Any]]]] = {
    "signals": {
        "is_a_value_that_says_what_it_is_and_needs": [Loose],
        "gives_a_score_or_a_reason_whatever_comes_back": [Boundless],
        "gives_a_score_where_all_is_well": [Silent],
        "gives_none_without_what_it_needs": [Guessing],
        "asks_for_no_more_than_it_states": [Dear],
        "hands_a_refusal_on_as_it_came": [Hushing],
        "lets_nothing_that_is_judged_close_its_tags": [Open],
        "has_a_fingerprint_that_follows_every_setting": [Unbound],
    },
    "calibrators": {
        "calibrates_fresh_data": [altered(after=identity)],
        "is_unbiased_at_the_ends_when_labels_are_few": [altered(after=penalised)],
        "ascends_with_the_score": [Descending],
        "has_an_interval_that_holds_the_probability_and_narrows": [altered(after=equally_wide)],
        "is_unsure_of_one_class": [altered(after=rate)],
        "takes_no_score_for_a_certainty": [altered(after=identity)],
        "fits_weighted_rows_without_bias": [altered(before=unweighted), lambda: Grouping(unweighted)],
        "sees_no_more_evidence_in_larger_weights": [altered(before=as_rows), lambda: Grouping(as_rows)],
        "is_less_sure_where_weights_differ": [altered(before=evened), lambda: Grouping(evened)],
        "gives_the_same_map_of_the_same_rows_and_from_its_json": [altered(after=blurred)],
        "needs_labels": [Hopeful],
        "stays_within_its_interval_at_every_score": [Descending],
    },
    "policies": {
        "decides_at_every_probability_and_says_why": [Yes],
        "is_no_more_careful_of_a_surer_answer": [Contrary],
        "is_most_careful_where_nothing_is_known": [Careless],
        "tells_the_edges_at_which_its_action_changes": [Edgeless],
    },
    "graders": {
        "gives_a_grade_or_none_whatever_is_said": [lambda: Says(lambda _, done: len(done.text) / 4)],
        "tells_right_from_wrong": [lambda: Says(lambda question, _: 1.0 if question.references else None)],
        "gives_none_without_a_reference": [
            lambda: Says(lambda question, done: Exact().grade(question, done) or 0.0)
        ],
        "asks_for_no_more_than_it_states": [lambda: Says(asking("Is it right?", samples=2))],
        "lets_nothing_that_is_judged_close_its_tags": [lambda: Says(asking("<answer>{answer}</answer>"))],
    },
    "datasets": {
        "has_a_licence": [Unlicensed],
        "gives_labelled_questions": [Twice],
        "gives_the_same_questions_in_the_same_order": [Shuffled],
    },
    "attacks": {
        "says_where_it_works_and_which_way_it_pushes": [Aimless],
        "changes_a_question_that_has_all_it_may_work_on": [Idle],
        "keeps_the_right_answer_and_tells_apart_what_it_changed": [Lying],
        "is_the_same_for_the_same_random_numbers": [Whimsical],
        "tries_no_more_than_its_budget": [Seeking],  # not even one, where it may try none
    },
    "models": {
        "has_a_name_and_says_whether_it_gives_log_probabilities": [Nameless],
        "gives_as_many_completions_as_it_is_asked_for": [Stingy],
        "streams_what_it_answers": [Broken],
        "fails_with_a_model_error": [Foreign],
        "can_be_closed_twice": [Once],
    },
    "routes": {
        "answers_as_a_whole": [by_one(Bare)],
        "streams_what_it_answers": [by_one(Unending)],
        "lets_go_of_a_stream_that_nobody_reads_on": [by_one(Clinging)],
    },
    "stores": {
        "keeps_what_it_is_given": [new(Forgetful)],
        "keeps_all_of_what_is_added_or_nothing": [new(OneByOne)],
        "refuses_what_cannot_be_true": [new(Meek)],
        "issues_propensities_by_assignment": [new(Believing)],
        "has_one_order_that_can_be_followed": [new(Backwards)],
        "gives_events_by_their_kind": [new(Telling)],
        "sets_a_state_only_where_nobody_else_did": [new(Rash)],
        "gives_the_rows_of_a_log": [new(Rowless)],
        "proves_that_nothing_was_changed": [new(Trusting)],
        "erases_content_and_nothing_else": [new(Marking)],
        "says_whether_it_can_be_written": [new(Noting)],
    },
    "log_formats": {
        "claims_what_is_its_own_and_nothing_else": [Greedy],
        "gives_its_columns_in_blocks": [Ragged],
        "reads_a_broken_log_or_says_why_not": [Strict],
    },
    "engines": {
        "opens_what_is_there_and_says_what_is_not": [Vague],
        "is_known_by_its_package": [Grasping],
        "gives_its_rows_as_they_are": [of_table(Short)],
        "counts_what_reading_its_rows_counts": [of_table(Rounding), of_table(Blind)],
        "joins_the_labels_of_a_second_table": [of_table(Losing)],
    },
}


def wanted(family: str, sample: Path) -> dict[str, Any]:
    """What the checks of a family want beside an extension."""

    def put(table: Any) -> tuple[str, str]:
        pq.write_table(table, sample.with_name("answers.parquet"))
        return str(sample.with_name("answers.parquet")), ""

    return {"log_formats": {"logs": [sample]}, "engines": {"holds": put}}.get(family, {})


EVERY = [(family, promise) for family in FAMILIES for promise in checks.promises(family)]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text('{"score": 0.9}\n' * 3)
    return path


@pytest.mark.parametrize(("family", "promise"), EVERY)
def test_each_promise_is_broken_by_an_example(family: str, promise: str, sample: Path) -> None:
    given = wanted(family, sample)
    for bad in BAD[family][promise]:
        found = {one.promise: one.says for one in checks.findings(family, bad, **given)}
        assert promise in found, found


GOOD: dict[str, Callable[..., Any]] = {
    "signals": Fine, "calibrators": Platt, "policies": Bands, "graders": Exact, "datasets": Facts, "attacks": Shout,
    "models": Model, "routes": by_one(Single), "stores": new(SqlStore), "log_formats": JsonLines,
    "engines": DuckDb,
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_bad_examples_were_made_of_breaks_nothing(family: str, sample: Path) -> None:
    checks.check(family, GOOD[family], **wanted(family, sample))


def test_a_broken_promise_says_who_breaks_what_and_how() -> None:
    with pytest.raises(BrokenPromise, match=re.escape("Boundless breaks what signals promise")) as caught:
        checks.signal(Boundless)
    assert "given 'Paris' and answers in reply" in str(caught.value) and "5.0" in str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert {promise for promise, _ in caught.value.broken} <= set(checks.promises("signals"))
    with pytest.raises(UnknownName, match="Did you mean 'signals'"):
        checks.promises("signal")


def test_a_format_without_a_log_to_look_at_is_not_passed() -> None:
    with pytest.raises(BrokenPromise, match="no log of its own was given"):
        checks.log_format(JsonLines)
