"""What a command asks with: the models that its options name, within their limits, and how a run of calls ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer

from calibrant.asking.asker import Asker, Budget, Spending
from calibrant.asking.batches import Elicitor
from calibrant.asking.documents import read_documents, with_passages
from calibrant.asking.elicit import ElicitSummary
from calibrant.asking.estimates import estimate
from calibrant.asking.questions import read_questions
from calibrant.asking.sinks import JsonlLog, Sink, StoreSink
from calibrant.assembly.config import secret
from calibrant.assembly.named import gives_several_named, model_named, price_named, served
from calibrant.dialogue.asks import ANSWER_TOKENS, limited
from calibrant.dialogue.forms import BY_KIND, FREE, formed
from calibrant.errors import BudgetSpent, Misuse, ModelUnavailable, UnusableInput
from calibrant.files.writing import check_writable
from calibrant.http.throttle import Throttle
from calibrant.plugins import find, names, require
from calibrant.protocols import Grader, Model, Signal
from calibrant.records.opening import open_store
from calibrant.types import Price, Question, digest

from .options import ManyCalls, OneModel
from .tables.asked import estimate_sentence, print_estimate, print_stopped
from .terminal import err, progress

__all__ = ["Session", "calls_beside", "model_of", "questions_of", "sink_of"]

Found = TypeVar("Found")
Advance = Callable[[int], None]


class Session:
    """The models of a command that makes many calls, and what they may use.

    Parameters
    ----------
    given : what its options say
    as_json : whether it prints JSON and nothing else
    """

    def __init__(self, given: ManyCalls, *, as_json: bool) -> None:
        self.given, self.as_json = given, as_json
        self.workers = max(16, given.concurrency)
        """How many questions are looked at at once."""
        self._further = _further(given)
        self._prices = {role: _price_of(role, one) for role, one in self._further.items()}

    def begin(
        self,
        questions: Sequence[Question],
        signals: Mapping[str, Signal],
        grader: Grader | None = None,
        *,
        folder: Path | None = None,
        files: Sequence[Path | None] = (),
    ) -> None:
        """Check that all can be asked and kept, and say what it costs at the most; with --estimate that is the end.

        The results go to `folder`, which is made, and to `files`, each None where it is not wanted. Raises
        `UnusableInput` where one of them cannot be written, so that nothing is paid for and lost, where a model is
        missing, or the price that a limit in dollars needs.
        """
        given = self.given
        _check_roles(signals, grader, self._further)
        _check_same(given.same, signals, grader, self._further)
        if given.max_dollars is not None:
            self._check_prices()
        expected = estimate(
            questions, signals.values(), price=price_named(given.price), grader=grader,
            gives_several=gives_several_named(given.model, url=given.url, api=given.api),
            others=self._prices,
        )  # fmt: skip
        if given.estimate_only:
            print_estimate(expected, self.as_json)
            raise typer.Exit
        _check_targets(folder, [one for one in files if one])
        if not self.as_json:
            err.print(estimate_sentence(expected))

    def run(
        self,
        work: Callable[[Asker, Advance], Awaitable[Found]],
        *,
        total: int,
        calls: str | Path | None,
        keep: str,
    ) -> tuple[Found, Spending]:
        """What the work gives, and what it used; `work` tells how much of `total` is done.

        Answered calls are kept in the file `calls`; `keep` is the option that names one. Where the work has to have
        all and a limit or a server that is away ends it early, that is said and the command ends with status 1.
        """
        if calls is not None:
            _make_folder(Path(calls).parent)
            check_writable(calls)
        bar = progress(self.as_json)
        task = bar.add_task("asking", total=total)

        async def watched() -> tuple[Found | str, Spending]:
            async with self._asker(calls) as asker:
                try:
                    found: Found | str = await work(asker, lambda done: bar.update(task, completed=done))
                except (BudgetSpent, ModelUnavailable) as error:
                    found = str(error)
            return found, sum(asker.spendings.values(), Spending())

        with bar:
            found, spent = asyncio.run(watched())
        if isinstance(found, str):
            done = int(bar.tasks[0].completed)
            print_stopped(found, done, total, spent, calls, keep=keep, as_json=self.as_json)
            raise typer.Exit(1)
        return found, spent

    def check_spread(self) -> None:
        """Refuse limits that no one machine of several can keep, and say how Ray is installed where it is not."""
        for name in ("max_calls", "max_tokens", "max_dollars", "requests_per_minute", "tokens_per_minute"):
            if getattr(self.given, name) is not None:
                raise Misuse(
                    f"--{name.replace('_', '-')} cannot be kept by batches that run apart: leave it out, or --ray."
                )
        require("ray.data", "--ray", "ray")

    def spread(
        self, questions: Sequence[Question], *, at_once: int, sink: Sink, calls: str, **settings: Any
    ) -> ElicitSummary:
        """What comes of the questions in batches on Ray; answered calls are kept in the folder `calls`."""
        from calibrant.asking.spread import spread

        _make_folder(Path(calls))
        elicitor = Elicitor(
            model=partial(model_of, self.given), concurrency=self.given.concurrency, calls=Path(calls).resolve(),
            others={role: partial(model_of, one, role) for role, one in self._further.items()}, **settings,
        )  # fmt: skip
        with progress(self.as_json) as bar:
            task = bar.add_task("asking", total=len(questions))
            return spread(
                elicitor, questions, sink=sink, at_once=at_once,
                progress=lambda s: bar.update(task, completed=s.recorded + s.skipped + s.unfinished),
            )  # fmt: skip

    @asynccontextmanager
    async def _asker(self, calls: str | Path | None) -> AsyncIterator[Asker]:
        given = self.given
        llm, others = model_of(given), {role: model_of(one, role) for role, one in self._further.items()}
        throttle = Throttle(
            given.concurrency, requests_per_minute=given.requests_per_minute,
            tokens_per_minute=given.tokens_per_minute,
        )  # fmt: skip
        budget = Budget(calls=given.max_calls, tokens=given.max_tokens, dollars=given.max_dollars)
        asker = Asker(llm, concurrency=throttle, budget=budget, others=others, call_log=calls)
        try:
            yield asker
        finally:
            await asker.close()
            for one in (llm, *others.values()):
                await one.close()

    def _check_prices(self) -> None:
        given = self.given
        lacking = ["--price"] if given.price is None and (given.url or served(given.model)) else []
        lacking += [f"--{role}-price" for role, price in self._prices.items() if price is None]
        if lacking:
            raise Misuse(f"--max-dollars cannot be kept without a price: add {lacking[0]} PROMPT,COMPLETION.")


def model_of(given: OneModel, role: str = "model") -> Model:
    """The model that a command names with the option of that role; the caller closes it."""
    lead = "--" if role == "model" else f"--{role}-"
    return model_named(
        given.model, url=given.url, api=given.api, api_key=secret(given.api_key, f"{lead}api-key"),
        price=price_named(given.price, f"{lead}price"), timeout=given.timeout, option=f"--{role}",
    )  # fmt: skip


def _check_targets(folder: Path | None, files: Sequence[Path]) -> None:
    """Make the folder, and refuse what cannot be written in it or elsewhere."""
    if folder:
        _make_folder(folder)
    for file in files:
        check_writable(file)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableInput(f"Cannot make the folder {folder}: {error.strerror}. Name another.") from error


def _further(given: ManyCalls) -> dict[str, OneModel]:
    """The models beside the first, by their roles; options without a model to belong to are refused."""
    found = {}
    for role in ("peer", "judge"):
        name, api, key, price = (
            getattr(given, role + end, None) for end in ("", "_api", "_api_key", "_price")
        )
        if name is not None:
            found[role] = OneModel(
                model=name, api=api or "chat", api_key=key, price=price, timeout=given.timeout
            )
        elif key is not None or price is not None:
            raise Misuse(
                f"--{role}-api-key and --{role}-price belong to --{role}: add it, or leave them out."
            )
    return found


def _price_of(role: str, one: OneModel) -> Price | None:
    """What runs here is free, else the price may be unknown."""
    return (
        price_named(one.price, f"--{role}-price") if served(one.model) else Price(prompt=0.0, completion=0.0)
    )


def _check_roles(
    signals: Mapping[str, Signal], grader: Grader | None, further: Mapping[str, OneModel]
) -> None:
    """Refuse a run that would leave readings or grades out for want of a model, before anything is asked."""
    lone = [name for name, signal in signals.items() if "peer" in signal.needs]
    if lone and "peer" not in further:
        raise Misuse(f"{lone[0]} asks a second model: add --peer NAME@URL, or --peer embedded.")
    asks = getattr(grader, "model", None) == "judge" and getattr(grader, "same", None) is None
    if asks and "judge" not in further:
        raise Misuse(
            "--grader judge asks a model whether each answer is right: add --judge NAME@URL, or --judge embedded."
        )
    compares = "judge" in (getattr(one, "same", None) for one in (*signals.values(), grader))
    if "judge" in further and not asks and not compares:
        raise Misuse("--judge is asked with --grader judge or --same judge: add one, or leave --judge out.")


def _check_same(
    same: str | None, signals: Mapping[str, Signal], grader: Grader | None, further: Mapping[str, OneModel]
) -> None:
    """Refuse a run in which nothing asks who `--same` names, or in which that model is not there."""
    asked = {getattr(one, "same", None) for one in (*signals.values(), grader)}
    if same is not None and same not in asked:
        raise Misuse(
            f"Neither {', '.join(signals)} nor the grader compares answers in a way that --same changes: leave it out."
        )
    for role in ("peer", "judge"):
        if role in asked and role not in further:
            raise Misuse(
                f"{role!r} is to say which answers are the same: add --{role} NAME@URL, or --{role} embedded."
            )


def questions_of(
    source: str,
    limit: int | None,
    answer_tokens: int = ANSWER_TOKENS,
    documents: Path | None = None,
    *,
    free_form: bool = False,
) -> list[Question]:
    """The questions of a data set or a file, at most `limit`, with what their answers may be long, and their passages.

    The form of their answers is asked for by kind, or with `free_form` not at all; a question may state one itself.
    """
    form = FREE if free_form else BY_KIND
    if source in names("datasets"):
        asked = [formed(one, form) for one in find("datasets", source)().questions()]
    else:
        asked = list(read_questions(source, format=form))
    if not asked:
        raise UnusableInput(
            f"{source} holds no questions. Expected a column question and one row a question."
        )
    asked = asked[:limit] if limit else asked
    if documents:
        asked = with_passages(asked, read_documents(documents))
    return asked if answer_tokens == ANSWER_TOKENS else [limited(one, answer_tokens) for one in asked]


def calls_beside(log: str) -> str:
    """The file that keeps answered calls, so that none is paid for twice."""
    return f"{digest(log)}.calls" if "://" in log else f"{log}.calls"


def sink_of(log: str) -> JsonlLog | StoreSink:
    """Where records go: a file of JSON lines, or a store."""
    if log.endswith(".jsonl"):
        return JsonlLog(log)
    if "://" in log or Path(log).suffix in (".db", ".sqlite", ".sqlite3"):
        return StoreSink(open_store(log))
    raise Misuse(f"Records cannot go to {log}: expected an ending .jsonl or .db, or a store URL.")
