"""What a command asks with: the models that its options name, the limits they set, and how a run of calls ends.

A command takes them as one `grouped` argument, annotated with `OneModel`, `Session` or `Judged`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

import typer

from calibrant.asking.asker import Asker, Budget, Spending
from calibrant.asking.estimates import estimate
from calibrant.assembly.config import secret
from calibrant.assembly.named import Api, gives_several_named, model_named, price_named, served
from calibrant.errors import BudgetSpent, ModelUnavailable, UnusableInput
from calibrant.http.throttle import Throttle
from calibrant.protocols import Grader, Model, Signal
from calibrant.types import Price, Question

from .shared import finite
from .tables.asked import estimate_sentence, print_estimate, print_stopped
from .terminal import err, progress

__all__ = ["Judged", "OneModel", "Session"]

Found = TypeVar("Found")
Advance = Callable[[int], None]
KEY = "env:NAME: where the key of that server is."


@dataclass(frozen=True, kw_only=True, slots=True)
class OneModel:
    """A model, as a command names it."""

    model: Annotated[str, typer.Option(help="embedded, a .gguf file, or a model name with --url.")] = (
        "embedded"
    )
    url: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server.")] = None
    api: Annotated[Api, typer.Option(help="What the server at --url speaks.")] = "chat"
    api_key: Annotated[str | None, typer.Option(help=KEY)] = None
    price: Annotated[
        str | None, typer.Option(help="PROMPT,COMPLETION: US dollars per million tokens, with --url.")
    ] = None
    timeout: Annotated[
        float, typer.Option(min=0.1, callback=finite, help="Seconds to wait for an answer.")
    ] = 60.0

    def made(self) -> Model:
        """The model itself; the caller closes it."""
        return model_named(
            self.model, url=self.url, api=self.api, api_key=secret(self.api_key, "--api-key"),
            price=price_named(self.price), timeout=self.timeout,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Session(OneModel):
    """Many calls, within limits."""

    peer: Annotated[
        str | None, typer.Option(help="A second model, for peer_agreement: like --model, or NAME@URL.")
    ] = None
    peer_api: Annotated[Api, typer.Option(help="What the server of --peer speaks.")] = "chat"
    peer_api_key: Annotated[str | None, typer.Option(help=KEY)] = None
    peer_price: Annotated[str | None, typer.Option(help="As --price, of --peer.")] = None
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8
    requests_per_minute: Annotated[
        float | None, typer.Option(min=0.01, callback=finite, help="No more calls than this.")
    ] = None
    tokens_per_minute: Annotated[
        float | None, typer.Option(min=1, callback=finite, help="No more tokens than this.")
    ] = None
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop after so many calls.")] = None
    max_tokens: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many tokens, read and written, of all calls.")
    ] = None
    max_dollars: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="Stop after spending so much.")
    ] = None
    estimate_only: Annotated[
        bool, typer.Option("--estimate", help="Say what it would cost at the most, and ask nothing.")
    ] = False

    @property
    def workers(self) -> int:
        """How many questions are looked at at once."""
        return max(16, self.concurrency)

    roles: ClassVar[tuple[str, ...]] = ("peer",)

    @property
    def further(self) -> dict[str, _Further]:
        """The models beside the first, by their roles."""
        named = {
            role: _Further.of(
                role, *(getattr(self, role + end) for end in ("", "_api", "_api_key", "_price"))
            )
            for role in self.roles
        }
        return {role: one for role, one in named.items() if one is not None}

    def begin(
        self,
        questions: Sequence[Question],
        signals: Mapping[str, Signal],
        *,
        as_json: bool,
        grader: Grader | None = None,
    ) -> None:
        """Check that all can be asked, and say what it costs at the most; with --estimate that is the end.

        Raises `UnusableInput` where a model is missing, or the price that a limit in dollars needs.
        """
        further = self.further
        _check_roles(signals, grader, further)
        if self.max_dollars is not None:
            self._check_prices(further)
        expected = estimate(
            questions, signals.values(), price=price_named(self.price), grader=grader,
            gives_several=gives_several_named(self.model, url=self.url, api=self.api),
            others={role: one.price for role, one in further.items()},
        )  # fmt: skip
        if self.estimate_only:
            print_estimate(expected, as_json)
            raise typer.Exit
        if not as_json:
            err.print(estimate_sentence(expected))

    def run(
        self,
        work: Callable[[Asker, Advance], Awaitable[Found]],
        *,
        total: int,
        calls: str | Path | None,
        as_json: bool,
        keep: str,
    ) -> tuple[Found, Spending]:
        """What the work gives, and what it used; `work` tells how much of `total` is done.

        Answered calls are kept in the file `calls`; `keep` is the option that names one. Where the work has to have
        all and a limit or a server that is away ends it early, that is said and the command ends with status 1.
        """
        bar = progress(as_json)
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
            print_stopped(found, done, total, spent, calls, keep=keep, as_json=as_json)
            raise typer.Exit(1)
        return found, spent

    @asynccontextmanager
    async def _asker(self, calls: str | Path | None) -> AsyncIterator[Asker]:
        llm, others = self.made(), {role: one.made(self.timeout) for role, one in self.further.items()}
        throttle = Throttle(
            self.concurrency, requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
        )  # fmt: skip
        budget = Budget(calls=self.max_calls, tokens=self.max_tokens, dollars=self.max_dollars)
        asker = Asker(llm, concurrency=throttle, budget=budget, others=others, call_log=calls)
        try:
            yield asker
        finally:
            await asker.close()
            for one in (llm, *others.values()):
                await one.close()

    def _check_prices(self, further: Mapping[str, _Further]) -> None:
        lacking = ["--price"] if self.price is None and (self.url or served(self.model)) else []
        lacking += [f"--{role}-price" for role, one in further.items() if one.price is None]
        if lacking:
            raise UnusableInput(
                f"--max-dollars cannot be kept without a price: add {lacking[0]} PROMPT,COMPLETION."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged(Session):
    """Many calls, and a model that grades the answers."""

    judge: Annotated[
        str | None, typer.Option(help="The model that grades with --grader judge: like --model, or NAME@URL.")
    ] = None
    judge_api: Annotated[Api, typer.Option(help="What the server of --judge speaks.")] = "chat"
    judge_api_key: Annotated[str | None, typer.Option(help=KEY)] = None
    judge_price: Annotated[str | None, typer.Option(help="As --price, of --judge.")] = None

    roles: ClassVar[tuple[str, ...]] = ("peer", "judge")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Further:
    """A further model of a run, as its options say; what runs here is free, else the price may be unknown."""

    role: str
    name: str
    api: Api
    key: str | None
    price: Price | None

    @classmethod
    def of(cls, role: str, name: str | None, api: Api, key: str | None, price: str | None) -> _Further | None:
        """None where none is named; options without a model to belong to are refused."""
        if name is None:
            if key is not None or price is not None:
                raise UnusableInput(
                    f"--{role}-api-key and --{role}-price belong to --{role}: add it, or leave them out."
                )
            return None
        its = price_named(price, f"--{role}-price") if served(name) else Price(prompt=0.0, completion=0.0)
        return cls(role=role, name=name, api=api, key=secret(key, f"--{role}-api-key"), price=its)

    def made(self, timeout: float) -> Model:
        """The model itself."""
        return model_named(
            self.name, api=self.api, api_key=self.key, price=self.price, timeout=timeout, option=f"--{self.role}"
        )  # fmt: skip


def _check_roles(
    signals: Mapping[str, Signal], grader: Grader | None, further: Mapping[str, _Further]
) -> None:
    """Refuse a run that would leave readings or grades out for want of a model, before anything is asked."""
    lone = [name for name, signal in signals.items() if "peer" in signal.needs]
    if lone and "peer" not in further:
        raise UnusableInput(f"{lone[0]} asks a second model: add --peer NAME@URL, or --peer embedded.")
    asks = getattr(grader, "model", None) == "judge"
    if asks and "judge" not in further:
        raise UnusableInput(
            "--grader judge asks a model whether each answer is right: add --judge NAME@URL, or --judge embedded."
        )
    if "judge" in further and not asks:
        raise UnusableInput("--judge is asked with --grader judge only: add that, or leave --judge out.")
