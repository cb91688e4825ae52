"""The extension points. Fulfil one in a file of its family's folder and it is found by the file's name.

That of engines stands beside the tables that they open, in `calibrant.engines._relation`.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from .types import (
    Answered,
    Ask,
    Completion,
    Confidence,
    Cost,
    Decision,
    Delta,
    Entry,
    Erased,
    Fact,
    Head,
    Question,
    Reading,
    Record,
    Verdict,
    Verified,
    Which,
)

if TYPE_CHECKING:
    import random

    from .asking.assessing import Assessor
    from .logs.sources import Claim, Given, Source
    from .maps.calibration import CalibrationMap, MapSet
    from .tally import Tally


class Parts(Protocol):
    """What an extension may be made of beside its settings: see `Made`."""

    @property
    def models(self) -> Mapping[str, Model]:
        """The models of its way, by the names that its route has for them; of a route of one, "model"."""
        ...

    @property
    def signals(self) -> Mapping[str, Signal]:
        """The signals of its way; empty where none is read."""
        ...

    @property
    def maps(self) -> MapSet:
        """The maps of its way."""
        ...

    @property
    def folder(self) -> Path:
        """Where a path in the settings of a store or a model starts."""
        ...

    def assessor(self, model: Model) -> Assessor:
        """Says how sure an answer of this model is, by the signals and maps of its way."""
        ...


class Made(Protocol):
    """How a route, policy, store or model is made of its settings; all of it is optional.

    Without `from_settings` the constructor is called: its arguments are the settings, by name and checked by their
    types. Of a route the arguments `model`, `models` and `assessor` are no settings but what `Parts` holds.
    """

    files: ClassVar[Mapping[str, Any]]
    """Settings that name a file, and the class that `load`s it; its `to_dict` travels in the release."""

    @classmethod
    def roles(cls, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Of a route: the names that must be among its models, () for any two or more, None where it asks one.

        Without it, a route whose constructor takes `models` asks any two or more.
        """
        ...

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], parts: Parts) -> Any:
        """Make one; `settings` were checked against the constructor, and files are loaded.

        Raises `UnusableInput` for what does not fit together.
        """
        ...


class Model(Protocol):
    """A language model that can be asked. Foreign errors leave as `ModelError`, nothing else does.

    One that may need several calls for an Ask has two members more, so that an Asker can limit, count and
    keep each call by itself: `once(ask)`, which makes one call and gives the samples that came of it, at
    least one, and `gives_several`, False where that is never more than one, None while not known. With
    `streams_several` a stream gives all samples of an Ask, apart by `Delta.index`.

    For the command line a class may say which format its servers speak (`speaks = "chat"`, for `--api`; else the name
    of its kind) or how the files end that it runs (`endings = (".gguf",)`).
    """

    @property
    def name(self) -> str:
        """The name that fingerprints carry."""
        ...

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether it gives log-probabilities; None while that is not known."""
        ...

    async def complete(self, ask: Ask) -> tuple[Completion, ...]:
        """Answer an Ask with `ask.samples` completions."""
        ...

    def stream(self, ask: Ask) -> AsyncIterator[Delta]:
        """Answer piece by piece; the last Delta carries the whole Completion."""
        ...

    async def close(self) -> None:
        """Give back connections, processes and memory."""
        ...


class Signal(Protocol):
    """One way of telling how sure a model is. Does no I/O: it yields Asks and is sent Replies.

    `needs` is what must be at hand, known before anything is run: "logprobs" and "top_logprobs" of the
    answer's own tokens, "reply_logprobs" of the signal's further calls, "peer" for a second model.
    Without it the reading has no score, and a reason. `calibrant.dialogue.fingerprinted.Fingerprinted` has
    everything but `read`, for a frozen dataclass whose fields are its settings.
    """

    needs: ClassVar[frozenset[str]]

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        ...

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompts and of the parameters, which a map is bound to."""
        ...

    def read(
        self, question: Question, completion: Completion
    ) -> Reading | Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """Return the Reading (`calibrant.types.scored`), or raise `NoScore` with the reason why there is none.

        A signal that must ask is a generator: it yields the Asks that are wanted. An Ask is answered by its
        Replies, and a tuple of Asks, which are made at the same time, by a tuple of Replies in their order
        (`calibrant.dialogue.asks.together`): for calls none of which needs another.
        """
        ...


class Calibrator(Protocol):
    """Fits a map from scores to probabilities on labelled scores.

    A weight is 1 / the probability with which a row came to be labelled. It moves estimates: rows drawn with
    unequal probabilities give the map of all rows. It is no number of rows: all weights times a constant change
    nothing, and evidence is the tally's `n_eff`, so that of two fits with equal rates the one whose weights differ
    more has the wider intervals. One whose map need not ascend says so by `ascends = False`, one that stretches
    log-odds but cannot shift them by `shifts = False`.
    """

    def fit(self, tally: Tally) -> CalibrationMap:
        """Return a new immutable map; raises `NotEnoughLabels` when nothing can be said at all."""
        ...


class Route(Protocol):
    """A way to an answer. `needs` is what the signals want the answer to carry ("logprobs").

    A route that looks at its answers' confidence hands it on; one that fails raises `ModelError`. One that derives
    from this class, and cannot say anything before the whole answer is there, need not have a `stream` of its own.
    """

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The whole answer."""
        ...

    async def stream(
        self, question: Question, ask: Ask, needs: frozenset[str]
    ) -> AsyncGenerator[Delta | Answered, None]:
        """The answer piece by piece as Deltas, then what it came to. Closing it stops the models."""
        for piece in (await self.answer(question, ask, needs)).pieces():
            yield piece


@runtime_checkable
class Several(Protocol):
    """A route that has `ask.samples` answers from one call where it can; its `stream` then gives as many."""

    async def several(self, question: Question, ask: Ask, needs: frozenset[str]) -> tuple[Answered, ...]:
        """As many answers as the Ask has samples."""


class Policy(Protocol):
    """From a confidence to an action. One that also tells `edges`, the probabilities at which its action changes, has
    its answers worded so that no rounded number or phrase lies beyond an edge that the probability did not pass."""

    def decide(self, confidence: Confidence) -> Decision:
        """Decide; without a probability the most careful action, with the reason."""
        ...


Grade = float | None
"""A grade in [0, 1], or None where the answer cannot be judged: no reference, or a judge that wavers."""


class Grader(Protocol):
    """Is the answer right?

    One that asks a model may say which, by a role in `model` (None for the model that answered), and what a grade
    takes at the most, by a `cost` as signals have; then an estimate counts it.
    """

    def grade(
        self, question: Question, completion: Completion
    ) -> Grade | Generator[Ask | tuple[Ask, ...], Any, Grade]:
        """The grade; a grader that must ask a model yields its Asks, as signals do, and returns it."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A grader that says why it gives no grade."""

    def why(self, question: Question, completion: Completion) -> str | None:
        """The reason, as it stands behind "for"; None where there is a grade."""
        ...


class Dataset(Protocol):
    """Labelled questions, with their licence."""

    licence: ClassVar[str]

    def questions(self) -> Iterator[Question]:
        """The questions, always the same and in the same order."""
        ...


class Store(Protocol):
    """Where records, assignments, verdicts and events are kept, and what is folded over them.

    Append-only. What goes wrong leaves as `StoreError`: as `StoreRefused` where another try gives the same. A store of
    another package that is named like the scheme of its addresses ("redis" for redis://...) is found by them.
    """

    def add(self, facts: Iterable[Fact]) -> None:
        """All or nothing, durable when this returns; adding what is there already changes nothing.

        A verdict gets the propensity of the assignment it cites. Refused is a verdict or an assignment on what is
        not there, a verdict that says otherwise than its assignment, and an id that is taken by something else.
        """

    def record(self, record_id: str) -> Record | None:
        """The record of that id."""

    def verdicts(self, record_id: str) -> tuple[Verdict, ...]:
        """All verdicts on a record, the earliest first."""

    def since(self, cursor: int = 0) -> Iterator[Entry]:
        """What came after a position, in the one order: what is committed late never stands before what was seen."""

    def events(
        self, *kinds: str, after: int = 0, about: str | None = None, lacking: str | None = None, newest: bool = False
    ) -> Iterator[Entry]:  # fmt: skip
        """Events of these kinds after a position, in the one order, or the `newest` first, without the facts between.

        With `about` those that happened to it; with `lacking` those about something of which none of that kind tells.
        """

    def state(self, name: str) -> tuple[int, Any]:
        """Version and value of a state, 0 and None where nothing was set."""

    def set_state(self, name: str, value: Any, expected: int) -> bool:
        """Set a state (JSON) if its version is the expected one, which then counts up; else False."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """One flat row per record and signal, joined with the verdict that counts: the columns of a log."""

    def verify(self, head: Head | None = None) -> Verified:
        """Whether all that was added is there unchanged, and still leads to a `head` that somebody kept."""

    def erase(
        self, which: Which, *, time: float, new_id: Callable[[], str], why: str, wipe: bool = True
    ) -> Erased:
        """Erase content, of records and of verdicts' words; an event says so. Scores, decisions and verdicts stay."""

    def ready(self) -> None:
        """Return where something can be written now, else raise `StoreError` within seconds."""

    def close(self) -> None:
        """Give back connections."""


class LogFormat(Protocol):
    """A kind of log that somebody writes. It looks into what it is given; a name is a hint.

    The surest format opens the log, and one of another package whenever it claims it. `calibrant.logs.sources` has
    what a source is made of: `rows_source` makes one of rows that come one by one. Of a pattern such as `logs/*.csv`
    each file is opened by itself, unless a format opens them as one and says so by `patterns = True`. One that says
    `parts = True` is given what stands behind a `#` as `part`, such as a sheet.
    """

    def claim(self, log: Given) -> Claim:
        """How surely this is a log of its kind; never raises."""
        ...

    def open(self, log: Given) -> Source:
        """Its columns, and blocks of them; raises `UnusableInput` where it cannot be read after all."""
        ...


class LogTable(Protocol):
    """A table that some tool writes, whatever file or frame it comes in, known by its columns.

    A class in the family of log formats that has these two, beside or in place of those of `LogFormat`.
    """

    def knows(self, columns: Sequence[str]) -> bool:
        """Whether these are the columns of its table."""
        ...

    def read(self, source: Source) -> Source:
        """The table with what its columns are; raises `UnusableInput` where it cannot be read after all."""
        ...


class Attack(Protocol):
    """A way to move a confidence: pure, and the same for the same question and state of `rng`.

    `target` says where it works ("question", "context", "earlier turn", "system prompt"), `direction`
    which way it pushes ("inflate", "deflate", "either"). Where there is nothing to change the question comes
    back as it is.
    """

    target: ClassVar[str]
    direction: ClassVar[str]

    def __call__(self, question: Question, rng: random.Random) -> Question:
        """The attacked question; its references stay."""
        ...


class Search(Protocol):
    """An attack that looks for its change on the model at hand: it tries questions and is told how sure answers are.

    A class in the family of attacks that has `search` in place of the call; it is made with a `direction` ("inflate" or
    "deflate") and a `strategy`: "search", or "chance", which spends the same budget on changes drawn at random
    and is what the search is held against. One that is `universal` looks for one change on several
    questions at once, and is measured on others; any other is given one question and measured on fresh answers to it.
    """

    target: ClassVar[str]
    universal: ClassVar[bool]

    @property
    def direction(self) -> str:
        """Which way it pushes."""
        ...

    @property
    def strategy(self) -> str:
        """By "search" or by "chance"."""
        ...

    def search(
        self, questions: Sequence[Question], rng: random.Random, budget: int
    ) -> Generator[tuple[Question, ...], tuple[float | None, ...], tuple[str, ...]]:
        """Yield questions to try, all at once, and be sent the confidence of each answer, None where none was read.

        Returns what was found, in words; nothing where nothing was. Never tries more than `budget` questions.
        """
        ...

    def applied(self, question: Question, found: Sequence[str]) -> Question:
        """A question with what was found; its references stay."""
        ...
